package wire

import (
	"crypto/ed25519"
	"encoding/base32"
	"fmt"

	"filippo.io/edwards25519"
)

// shortEncoding prints device and member IDs: it survives case-folding file
// systems and ref names, and has no sign that a shell or a chat would change.
var shortEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// DeviceID is the first 16 bytes of the SHA-256 of a device's signing key. The
// ledger refuses a second key with the same short form, so within a space it
// names one key (spec/encodings.md).
type DeviceID [16]byte

// DeviceIDOf is the ID of the device that signs with key.
func DeviceIDOf(key ed25519.PublicKey) DeviceID {
	h := DeviceKeyHash(key)
	return DeviceID(h[:16])
}

// DeviceKeyHash is the full SHA-256 of a signing key: what keys are derived for.
func DeviceKeyHash(key ed25519.PublicKey) Hash { return Sum(key) }

// String is 26 characters of lower-case base32.
func (d DeviceID) String() string { return shortEncoding.EncodeToString(d[:]) }

// IsZero reports whether d names no device.
func (d DeviceID) IsZero() bool { return d == DeviceID{} }

// MarshalText is the form that device IDs have in JSON.
func (d DeviceID) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText accepts what MarshalText prints and nothing else.
func (d *DeviceID) UnmarshalText(b []byte) error {
	v, err := ParseDeviceID(string(b))
	*d = v
	return err
}

// ParseDeviceID reads what String prints.
func ParseDeviceID(s string) (DeviceID, error) {
	id, err := ParseShort(s)
	if err != nil {
		return DeviceID{}, fmt.Errorf("device ID: %w", err)
	}
	return DeviceID(id), nil
}

// MemberID is the ID of a member's first device, for ever.
type MemberID [16]byte

// MemberIDOf is the ID of the member whose first device is d.
func MemberIDOf(d DeviceID) MemberID { return MemberID(d) }

// String is 26 characters of lower-case base32.
func (m MemberID) String() string { return DeviceID(m).String() }

// IsZero reports whether m names no member.
func (m MemberID) IsZero() bool { return m == MemberID{} }

// MarshalText is the form that member IDs have in JSON.
func (m MemberID) MarshalText() ([]byte, error) { return DeviceID(m).MarshalText() }

// UnmarshalText accepts what MarshalText prints and nothing else.
func (m *MemberID) UnmarshalText(b []byte) error { return (*DeviceID)(m).UnmarshalText(b) }

// ParseMemberID reads what String prints.
func ParseMemberID(s string) (MemberID, error) {
	id, err := ParseShort(s)
	if err != nil {
		return MemberID{}, fmt.Errorf("member ID: %w", err)
	}
	return MemberID(id), nil
}

// Short prints 16 bytes as device IDs are printed; recipients are named so.
func Short(b [16]byte) string { return shortEncoding.EncodeToString(b[:]) }

// ParseShort reads 26 characters of lower-case base32, trailing bits zero.
func ParseShort(s string) ([16]byte, error) {
	var out [16]byte
	if len(s) != 26 {
		return out, fmt.Errorf("%w: %d characters, want 26", ErrMalformed, len(s))
	}
	b, err := shortEncoding.DecodeString(s)
	if err != nil || len(b) != 16 || shortEncoding.EncodeToString(b) != s {
		return out, fmt.Errorf("%w: not canonical base32", ErrMalformed)
	}
	return [16]byte(b), nil
}

// CheckSigningKey accepts the canonical encoding of an Ed25519 point of large
// order. For a point of small order one signature fits every message, and
// crypto/ed25519 does not refuse it (attack small-order-key).
func CheckSigningKey(b []byte) (ed25519.PublicKey, error) {
	if len(b) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: signing key has %d bytes, want %d", ErrMalformed, len(b), ed25519.PublicKeySize)
	}
	p, err := new(edwards25519.Point).SetBytes(b)
	if err != nil {
		return nil, fmt.Errorf("%w: signing key is no point of the curve", ErrMalformed)
	}
	if string(p.Bytes()) != string(b) {
		return nil, fmt.Errorf("%w: signing key is not canonical", ErrMalformed)
	}
	if new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return nil, fmt.Errorf("%w: signing key has small order", ErrMalformed)
	}
	return ed25519.PublicKey(append([]byte(nil), b...)), nil
}
