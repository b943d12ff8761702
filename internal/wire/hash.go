package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// ErrMalformed is wrapped by every decoding error of this package.
var ErrMalformed = errors.New("malformed")

// Hash is a SHA-256 sum. Security rests on it, never on a git object name.
type Hash [32]byte

// Sum is the SHA-256 of the concatenation of parts.
func Sum(parts ...[]byte) Hash {
	if len(parts) == 1 {
		return sha256.Sum256(parts[0])
	}
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	var out Hash
	h.Sum(out[:0])
	return out
}

// String is the hash in lower-case hexadecimal, 64 digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether h is 32 zero bytes, the predecessor of a genesis entry.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText is the form that hashes have in JSON.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText accepts what MarshalText prints and nothing else.
func (h *Hash) UnmarshalText(b []byte) error {
	v, err := ParseHash(string(b))
	*h = v
	return err
}

// ParseHash reads 64 lower-case hexadecimal digits.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if err := parseHex(h[:], s); err != nil {
		return Hash{}, fmt.Errorf("hash: %w", err)
	}
	return h, nil
}

// ObjectID is the name that git gives an object (SHA-1). It is an address on a
// host or on disk and is never trusted: what it names is checked by Hash.
type ObjectID [20]byte

// String is the name in lower-case hexadecimal, 40 digits.
func (id ObjectID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether id names no object.
func (id ObjectID) IsZero() bool { return id == ObjectID{} }

// MarshalText is the form that object names have in JSON.
func (id ObjectID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText accepts what MarshalText prints and nothing else.
func (id *ObjectID) UnmarshalText(b []byte) error {
	v, err := ParseObjectID(string(b))
	*id = v
	return err
}

// ParseObjectID reads 40 lower-case hexadecimal digits.
func ParseObjectID(s string) (ObjectID, error) {
	var id ObjectID
	if err := parseHex(id[:], s); err != nil {
		return ObjectID{}, fmt.Errorf("object name: %w", err)
	}
	return id, nil
}

// parseHex is strict: the exact length, lower case only.
func parseHex(dst []byte, s string) error {
	if len(s) != 2*len(dst) {
		return fmt.Errorf("%w: %d digits, want %d", ErrMalformed, len(s), 2*len(dst))
	}
	for i := range dst {
		hi, lo := hexDigit(s[2*i]), hexDigit(s[2*i+1])
		if hi < 0 || lo < 0 {
			return fmt.Errorf("%w: not lower-case hexadecimal", ErrMalformed)
		}
		dst[i] = byte(hi<<4 | lo)
	}
	return nil
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}
