package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"filippo.io/age"
)

// scryptWork is the work factor of a new identity file: 2^18, about a second. Opening
// accepts up to maxScryptWork: more would let a file that somebody planted stall us.
const maxScryptWork = 20

var scryptWork = 18 // lower in tests

const redacted = "[secret]"

// atRest is U, the key of everything at rest: an age hybrid identity. The function keeps
// it out of what fmt prints of a struct that holds one.
type atRest struct{ id func() *age.HybridIdentity }

func hide(id *age.HybridIdentity) atRest {
	return atRest{func() *age.HybridIdentity { return id }}
}

func (atRest) Format(f fmt.State, _ rune)   { io.WriteString(f, redacted) }
func (atRest) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (atRest) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func newAtRest() (atRest, error) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return atRest{}, fmt.Errorf("drawing the at-rest key: %w", err)
	}
	return hide(id), nil
}

// parseAtRest reads the text of an identity file: comments, and one key. It names no
// content in its errors.
func parseAtRest(text []byte) (atRest, error) {
	var key string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if key != "" {
			return atRest{}, fmt.Errorf("%w: more than one key", ErrDamaged)
		}
		key = line
	}
	id, err := age.ParseHybridIdentity(key)
	if err != nil {
		return atRest{}, fmt.Errorf("%w: no at-rest key", ErrDamaged)
	}
	return hide(id), nil
}

// text is the content of identity.txt. Stock age reads it.
func (u atRest) text() []byte {
	return []byte("# espace-git at-rest key: whoever reads this reads all spaces of this user\n" + u.id().String() + "\n")
}

// protect is the content of identity.age: U under a passphrase. Stock age reads it.
func (u atRest) protect(passphrase []byte) ([]byte, error) {
	if err := checkPassphrase(passphrase); err != nil {
		return nil, err
	}
	r, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, err
	}
	r.SetWorkFactor(scryptWork)
	return encrypt(u.text(), r)
}

// unprotect opens identity.age. Whether the passphrase is wrong or the header was
// changed can't be told: both are ErrPassphrase.
func unprotect(file, passphrase []byte) (atRest, error) {
	if err := checkPassphrase(passphrase); err != nil {
		return atRest{}, err
	}
	id, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return atRest{}, ErrPassphrase
	}
	id.SetMaxWorkFactor(maxScryptWork)
	text, err := decrypt(file, maxIdentity, id)
	if err != nil {
		return atRest{}, err
	}
	return parseAtRest(text)
}

func checkPassphrase(p []byte) error {
	if len(p) == 0 {
		return fmt.Errorf("%w: it is empty", ErrPassphrase)
	}
	if len(p) > maxPassphrase {
		return fmt.Errorf("%w: passphrase of %d bytes, limit %d", ErrTooBig, len(p), maxPassphrase)
	}
	return nil
}

// seal encrypts to U.
func (u atRest) seal(plaintext []byte) ([]byte, error) { return encrypt(plaintext, u.id().Recipient()) }

// open decrypts what seal made, at most max bytes.
func (u atRest) open(file []byte, max int) ([]byte, error) { return decrypt(file, max, u.id()) }

func encrypt(plaintext []byte, to age.Recipient) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	if _, err := w.Write(plaintext); err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	return out.Bytes(), nil
}

// decrypt drops age's words: they can quote what a file holds, and a file that was
// mistaken for another can hold a key.
func decrypt(file []byte, max int, id age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(file), id)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, ErrPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("%w: not a file that this key opens", ErrDamaged)
	}
	plaintext, err := io.ReadAll(io.LimitReader(r, int64(max)+1))
	if err != nil {
		return nil, fmt.Errorf("%w: truncated or changed", ErrDamaged)
	}
	if len(plaintext) > max {
		return nil, fmt.Errorf("%w: limit %d bytes", ErrTooBig, max)
	}
	return plaintext, nil
}
