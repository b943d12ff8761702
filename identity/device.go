package identity

import (
	"fmt"
	"io"

	"github.com/espace-git/espace-git/seal"
)

// Device holds the two private keys that make this device known to one space: it signs
// with one, and opens with the other what was wrapped for it (seal.Opener). Keys are
// fresh for each space, so spaces can't be linked by them. It prints as "[secret]".
type Device struct {
	Signer
	reading   seal.PrivateKey
	recipient string // of reading; computing it costs an ML-KEM key generation
}

// NewDevice draws the keys of this device for one space. They are lost unless
// CreateKeyring stores them.
func (v *Vault) NewDevice(rand io.Reader) (*Device, error) {
	var seeds [64]byte
	if _, err := io.ReadFull(rand, seeds[:]); err != nil {
		return nil, fmt.Errorf("drawing device keys: %w", err)
	}
	defer clear(seeds[:])
	d, err := newDevice(seeds[:32], seeds[32:])
	if err != nil {
		return nil, fmt.Errorf("drawing device keys: %w", err)
	}
	return d, nil
}

func newDevice(signing, reading []byte) (*Device, error) {
	key, err := seal.PrivateKeyFrom(reading)
	if err != nil {
		return nil, err
	}
	return &Device{Signer: newSigner(signing), reading: key, recipient: key.Recipient()}, nil
}

// Recipient is what others encrypt to: an age hybrid recipient, `age1pq1…`.
func (d *Device) Recipient() string { return d.recipient }

// Open opens an age file with exactly one hybrid stanza, made for this device, at most
// max bytes of it. Errors: those of package seal.
func (d *Device) Open(file []byte, max int) ([]byte, error) { return d.reading.Open(file, max) }

// seeds are what a keyring stores of d.
func (d *Device) seeds() (signing, reading [32]byte) {
	return [32]byte(d.key().Seed()), [32]byte(d.reading.Bytes())
}
