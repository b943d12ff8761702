package identity

import (
	"fmt"
	"io"

	"github.com/espace-git/espace-git/seal"
)

// itemNextReading holds the encryption key that comes next.
const itemNextReading = "reading-next"

// NextReading draws this device's next encryption key and stores it durably beside
// the one in use, unless one waits already: an entry with its recipient may be in the
// ledger, whatever became of the program that made it. It returns the recipient.
func (k *Keyring) NextReading(rand io.Reader) (recipient string, err error) {
	err = k.update(func(c *content) (bool, error) {
		if waiting, ok := c.items[itemNextReading]; ok {
			key, err := seal.PrivateKeyFrom(waiting())
			recipient = recipientOf(key, err)
			return false, err
		}
		var seed [32]byte
		defer clear(seed[:])
		if _, err := io.ReadFull(rand, seed[:]); err != nil {
			return false, err
		}
		key, err := seal.PrivateKeyFrom(seed[:])
		c.items[itemNextReading], recipient = newItem(seed[:]), recipientOf(key, err)
		return true, err
	})
	if err != nil {
		return "", fmt.Errorf("drawing an encryption key: %w", err)
	}
	return recipient, nil
}

func recipientOf(key seal.PrivateKey, err error) string {
	if err != nil {
		return ""
	}
	return key.Recipient()
}

// AdoptReading makes the key that waits this device's encryption key, if it has that
// recipient, and destroys the one before. It is called once the ledger names the
// recipient. False: it is no key that is here.
func (k *Keyring) AdoptReading(recipient string) (bool, error) {
	adopted := false
	err := k.update(func(c *content) (bool, error) {
		if c.device.recipient == recipient {
			adopted = true // another process did it
			return false, nil
		}
		waiting, ok := c.items[itemNextReading]
		if !ok {
			return false, nil
		}
		signing, _ := c.device.seeds()
		defer clear(signing[:])
		dev, err := newDevice(signing[:], waiting())
		if err != nil || dev.recipient != recipient {
			return false, err
		}
		c.device, adopted = dev, true
		delete(c.items, itemNextReading)
		return true, nil
	})
	if err != nil {
		return false, fmt.Errorf("changing the encryption key: %w", err)
	}
	return adopted, nil
}
