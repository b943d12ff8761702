package seal

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"

	"github.com/espace-git/espace-git/internal/wire"
)

// redacted is what a secret prints as.
const redacted = "[secret]"

// hidden holds 32 secret bytes. They stand behind a function because fmt ignores the
// methods of unexported fields, and follows a plain pointer where the verb does not fit:
// so a struct that holds a secret shows an address, whatever the verb.
type hidden struct{ get func() *[32]byte }

func hide(b [32]byte) hidden { return hidden{func() *[32]byte { return &b }} }

func (hidden) Format(f fmt.State, _ rune)   { io.WriteString(f, redacted) }
func (hidden) String() string               { return redacted }
func (hidden) GoString() string             { return redacted }
func (hidden) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (hidden) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// IsZero reports whether there is no secret.
func (h hidden) IsZero() bool { return h.get == nil }

// Bytes is a copy of the 32 bytes; nil if there is no secret. It is for the keyring
// and for wraps: nothing else may write it anywhere.
func (h hidden) Bytes() []byte {
	if h.get == nil {
		return nil
	}
	return append([]byte(nil), h.get()[:]...)
}

// raw is the bytes themselves; using a zero secret is a programming error that must
// not turn into a key of zeros.
func (h hidden) raw() []byte {
	if h.get == nil {
		panic("seal: use of a secret that was never set")
	}
	return h.get()[:]
}

func readHidden(rand io.Reader) (hidden, error) {
	var b [32]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return hidden{}, fmt.Errorf("drawing a key: %w", err)
	}
	return hide(b), nil
}

func hiddenFrom(b []byte) (hidden, error) {
	if len(b) != 32 {
		return hidden{}, fmt.Errorf("%w: key has %d bytes, want 32", ErrMalformed, len(b))
	}
	return hide([32]byte(b)), nil
}

// Secret is the secret S of one epoch (DESIGN 6). The keys of everything that is
// written in the epoch derive from it. It prints as "[secret]".
type Secret struct{ hidden }

// NewSecret draws a secret. A sealing attempt that did not land must draw anew: a
// refused push leaves its wraps readable on the host (DESIGN 5).
func NewSecret(rand io.Reader) (Secret, error) {
	h, err := readHidden(rand)
	return Secret{h}, err
}

// SecretFrom is the secret with these 32 bytes.
func SecretFrom(b []byte) (Secret, error) {
	h, err := hiddenFrom(b)
	return Secret{h}, err
}

// Equal compares in constant time.
func (s Secret) Equal(t Secret) bool {
	return !s.IsZero() && !t.IsZero() && subtle.ConstantTimeCompare(s.raw(), t.raw()) == 1
}

// Commitment is what the entry that opens epoch n says about its secret; p is the
// hash of that entry's predecessor. It binds the secret to one attempt.
func (s Secret) Commitment(n uint64, p wire.Hash) wire.Hash {
	return wire.KDF(s.raw(), "commit", wire.U64(n), p[:])
}

// Matches reports whether the verified ledger committed to s. A secret that does not
// match must not be used, whoever handed it over.
func (s Secret) Matches(commitment wire.Hash, n uint64, p wire.Hash) bool {
	if s.IsZero() {
		return false
	}
	c := s.Commitment(n, p)
	return subtle.ConstantTimeCompare(c[:], commitment[:]) == 1
}

// LaneKey is the key of one device's lane in epoch o; dev is wire.DeviceKeyHash of
// the device's signing key.
func (s Secret) LaneKey(o, dev wire.Hash) Key { return s.derive("lane", o[:], dev[:]) }

// OrderKey is the key of one device's entries in the order of epoch o.
func (s Secret) OrderKey(o, dev wire.Hash) Key { return s.derive("order", o[:], dev[:]) }

// LedgerKey is the key of the private part of the ledger entry whose predecessor has
// hash p. s is the secret of the epoch in force after that entry.
func (s Secret) LedgerKey(p wire.Hash) Key { return s.derive("ledger", p[:]) }

// ManifestKey is the key of the manifests in the state with which epoch o starts.
func (s Secret) ManifestKey(o wire.Hash) Key { return s.derive("manifest", o[:]) }

func (s Secret) derive(label string, ctx ...[]byte) Key {
	return Key{hide(wire.KDF(s.raw(), label, ctx...))}
}
