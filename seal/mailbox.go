package seal

import (
	"crypto/rand"
	"fmt"
)

// NewMailbox makes the mailbox of an invite. The recipient stands in the invite's
// entry; private, a seed of 32 bytes, in its private part, so that every member can
// read the newcomer's name (DESIGN 6).
func NewMailbox() (recipient string, private []byte, err error) {
	k, err := NewPrivateKey(rand.Reader)
	if err != nil {
		return "", nil, fmt.Errorf("making a mailbox: %w", err)
	}
	return k.Recipient(), k.Bytes(), nil
}

// SealTo encrypts plaintext to a mailbox, padded to at least wire.MinPrivate. Nothing in
// it says who wrote it: the join that carries it signs its hash.
func SealTo(recipient string, plaintext []byte) ([]byte, error) {
	if len(plaintext) > maxMail {
		return nil, fmt.Errorf("sealing mail: %w: %d bytes, limit %d", ErrTooBig, len(plaintext), maxMail)
	}
	file, err := sealMail(recipient, mailKind, plaintext)
	if err != nil {
		return nil, fmt.Errorf("sealing mail: %w", err)
	}
	return file, nil
}

// OpenMail opens what SealTo made, with the mailbox's private seed, at most max bytes.
func OpenMail(private, file []byte, max int) ([]byte, error) {
	k, err := PrivateKeyFrom(private)
	if err != nil {
		return nil, fmt.Errorf("opening mail: %w", err)
	}
	body, err := openMail(k, mailKind, file, min(max, maxMail))
	if err != nil {
		return nil, fmt.Errorf("opening mail: %w", err)
	}
	return body, nil
}
