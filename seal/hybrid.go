package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"

	"github.com/espace-git/espace-git/internal/wire"
)

// hybridStanza is the one kind of recipient stanza that is accepted.
const hybridStanza = "mlkem768x25519"

// Opener opens an age file that has exactly one hybrid stanza, at most max bytes of
// plaintext. A device of package identity is one, a PrivateKey another. An Opener
// reports ErrNotMine for a file to somebody else.
type Opener interface {
	Open(file []byte, max int) ([]byte, error)
}

// PrivateKey opens what was encrypted to its recipient: an age hybrid identity
// (ML-KEM-768 + X25519), made from a seed of 32 bytes. It prints as "[secret]".
type PrivateKey struct {
	hidden
	identity func() *age.HybridIdentity // a function, as in hidden
}

// NewPrivateKey draws a private key.
func NewPrivateKey(rand io.Reader) (PrivateKey, error) {
	h, err := readHidden(rand)
	if err != nil {
		return PrivateKey{}, err
	}
	return PrivateKeyFrom(h.raw())
}

// PrivateKeyFrom is the private key with this 32-byte seed. The age library has no
// constructor from a seed, so the seed takes the way through its text form.
func PrivateKeyFrom(seed []byte) (PrivateKey, error) {
	h, err := hiddenFrom(seed)
	if err != nil {
		return PrivateKey{}, err
	}
	id, err := age.ParseHybridIdentity(strings.ToUpper(bech32("age-secret-key-pq-", seed)))
	if err != nil {
		return PrivateKey{}, errors.New("making a hybrid identity") // age's words could quote the key
	}
	return PrivateKey{h, func() *age.HybridIdentity { return id }}, nil
}

// Recipient is the public half, `age1pq1…`, 1959 characters.
func (k PrivateKey) Recipient() string { return k.identity().Recipient().String() }

// Open implements Opener.
func (k PrivateKey) Open(file []byte, max int) ([]byte, error) {
	if limit := ageLimit(max); len(file) > limit {
		return nil, fmt.Errorf("opening: %w: %d bytes, limit %d", ErrTooBig, len(file), limit)
	}
	r, err := age.Decrypt(bytes.NewReader(file), oneStanza{k.identity()})
	if err != nil {
		return nil, fmt.Errorf("opening: %w", ageError(err))
	}
	plaintext, err := io.ReadAll(io.LimitReader(r, int64(max)+1))
	if err != nil {
		return nil, fmt.Errorf("opening: %w: truncated or changed", ErrMalformed)
	}
	if len(plaintext) > max {
		return nil, fmt.Errorf("opening: %w: more than %d bytes", ErrTooBig, max)
	}
	return plaintext, nil
}

// CheckRecipient accepts the one text of a hybrid recipient: Bech32 in lower case. Two
// spellings of one key would have two names.
func CheckRecipient(recipient string) error {
	_, err := parseRecipient(recipient)
	return err
}

func parseRecipient(recipient string) (*age.HybridRecipient, error) {
	if len(recipient) > maxRecipient {
		return nil, fmt.Errorf("%w: recipient of %d characters", ErrMalformed, len(recipient))
	}
	r, err := age.ParseHybridRecipient(recipient)
	if err != nil {
		return nil, fmt.Errorf("%w: recipient is no hybrid key", ErrMalformed)
	}
	return r, nil
}

// maxRecipient bounds the text of a recipient: 1216 key bytes in base 32.
const maxRecipient = 2048

// encryptTo makes an age file with exactly one hybrid stanza. age draws the file key
// from the system's randomness, and there is no other.
func encryptTo(recipient string, plaintext []byte) ([]byte, error) {
	r, err := parseRecipient(recipient)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Grow(ageLimit(len(plaintext)))
	w, err := age.Encrypt(&out, r)
	if err != nil { // a key of small order: the exchange with it gives zero
		return nil, fmt.Errorf("%w: nobody can encrypt to this recipient", ErrMalformed)
	}
	if _, err := w.Write(plaintext); err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	return out.Bytes(), nil
}

// ageLimit is the size of the greatest age file with one hybrid stanza and max bytes of
// plaintext: a header of 1659 bytes, a nonce, and 16 bytes for each 64 KiB.
func ageLimit(max int) int { return 2048 + max + (max/(64<<10)+1)*16 }

// oneStanza lets age open only files with exactly one stanza, a hybrid one. A second
// one could be to somebody who must not read, or not be post-quantum; more cost work.
type oneStanza struct{ *age.HybridIdentity }

func (o oneStanza) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) != 1 || stanzas[0].Type != hybridStanza {
		return nil, errNotOneStanza
	}
	return o.HybridIdentity.Unwrap(stanzas)
}

var errNotOneStanza = fmt.Errorf("%w: not exactly one hybrid stanza", ErrMalformed)

// ageError classes age's errors. Their words are dropped: they quote what the host sent.
func ageError(err error) error {
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return ErrNotMine
	case errors.Is(err, errNotOneStanza):
		return errNotOneStanza
	}
	return fmt.Errorf("%w: no age file of the one accepted form", ErrMalformed)
}

// sealMail encrypts body, labelled with its kind and padded, to one recipient. age has
// no associated data: the label within keeps the kinds apart.
func sealMail(recipient, kind string, body []byte) ([]byte, error) {
	return encryptTo(recipient, frame(wire.AD(kind, body), wire.MinPrivate))
}

// openMail opens what sealMail made, at most max bytes of it.
func openMail(o Opener, kind string, file []byte, max int) ([]byte, error) {
	label := wire.AD(kind)
	framed, err := o.Open(file, Padme(lengthSize+len(label)+max, wire.MinPrivate))
	if err != nil {
		return nil, err
	}
	labelled, err := unframe(framed)
	if err != nil {
		return nil, err
	}
	body, ok := bytes.CutPrefix(labelled, label)
	if !ok {
		return nil, fmt.Errorf("%w: not a %s", ErrMalformed, kind)
	}
	if len(body) > max {
		return nil, fmt.Errorf("%w: %s of %d bytes, limit %d", ErrTooBig, kind, len(body), max)
	}
	return body, nil
}
