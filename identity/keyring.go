package identity

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

const keyringName = "keyring.age"

// Keyring holds the keys of one space on this device: an encrypted file, replaced as a
// whole at each change. Several processes and goroutines may use it at once: writers
// take turns and start from what is on disk, readers see what others wrote. It prints
// as "[secret]".
type Keyring struct {
	vault *Vault
	space wire.Hash
	dir   string

	mu   sync.Mutex
	now  *content
	seen fs.FileInfo // the version of the file that now was read from
}

// Format keeps keys out of whatever prints a Keyring.
func (*Keyring) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// CreateKeyring stores dev's keys as this device's for the space, with a new random
// store key. They are on disk when it returns. ErrExists: there is a keyring already.
func (v *Vault) CreateKeyring(space wire.Hash, dev *Device) (*Keyring, error) {
	k := v.keyring(space)
	if err := k.create(dev); err != nil {
		return nil, fmt.Errorf("creating keyring: %w", err)
	}
	return k, nil
}

func (k *Keyring) create(dev *Device) error {
	if err := makeDir(filepath.Dir(k.dir)); err != nil {
		return err
	}
	if err := makeDir(k.dir); err != nil {
		return err
	}
	c := newContent(dev)
	var err error
	if c.storeKey, err = seal.NewKey(rand.Reader); err != nil {
		return err
	}
	return locked(k.dir, func() error {
		if exists(k.path()) {
			return ErrExists
		}
		return k.store(c)
	})
}

// OpenKeyring reads the keyring of a space. Errors: ErrNotFound, ErrDamaged (also when it
// was encrypted to another at-rest key), *PermissionError.
func (v *Vault) OpenKeyring(space wire.Hash) (*Keyring, error) {
	k := v.keyring(space)
	if err := k.load(); err != nil {
		return nil, fmt.Errorf("opening keyring: %w", err)
	}
	return k, nil
}

func (v *Vault) keyring(space wire.Hash) *Keyring {
	return &Keyring{vault: v, space: space, dir: spaceDir(v.home, space)}
}

func (k *Keyring) path() string { return filepath.Join(k.dir, keyringName) }

// Space is the space whose keys these are.
func (k *Keyring) Space() wire.Hash { return k.space }

// Device is this device in the space. It does not change while the keyring lives.
func (k *Keyring) Device() *Device {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now.device
}

// StoreKey is the key of the space's local store: 32 random bytes.
func (k *Keyring) StoreKey() [32]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return [32]byte(k.now.storeKey.Bytes())
}

// Secret is a copy of the secret of the epoch with identity o. A secret that another
// process added is found too.
func (k *Keyring) Secret(o wire.Hash) ([]byte, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.now.secrets[o]
	if !ok && k.refresh() == nil {
		s, ok = k.now.secrets[o]
	}
	if !ok {
		return nil, false
	}
	return s.Bytes(), true
}

// Epochs lists the epochs whose secrets are here, in the order of their identities.
func (k *Keyring) Epochs() ([]wire.Hash, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(); err != nil {
		return nil, fmt.Errorf("reading keyring: %w", err)
	}
	return sortedHashes(k.now.secrets), nil
}

// AddSecret stores an epoch's secret, 32 bytes, durably. The caller has checked it
// against the commitment in the verified ledger: two openings of one number have two
// identities, and both secrets are kept (attack fork-keyring). ErrExists: the epoch has
// another secret, which stays.
func (k *Keyring) AddSecret(o wire.Hash, secret []byte) error {
	s, err := seal.SecretFrom(secret)
	if err != nil {
		return fmt.Errorf("adding a secret: %w", err)
	}
	err = k.update(func(c *content) (bool, error) {
		old, ok := c.secrets[o]
		if ok && !old.Equal(s) {
			return false, fmt.Errorf("%w: epoch %s has another secret", ErrExists, o)
		}
		c.secrets[o] = s
		return !ok, nil
	})
	if err != nil {
		return fmt.Errorf("adding a secret: %w", err)
	}
	return nil
}

// Put stores a small item under a name, durably; nil removes it.
func (k *Keyring) Put(name string, value []byte) error {
	if name == "" || len(name) > maxItemName || len(value) > maxItem {
		return fmt.Errorf("storing %.32q: %w: name 1 to %d bytes, value at most %d", name, ErrTooBig, maxItemName, maxItem)
	}
	err := k.update(func(c *content) (bool, error) {
		old, ok := c.items[name]
		if value == nil {
			delete(c.items, name)
			return ok, nil
		}
		c.items[name] = newItem(value)
		return !ok || !bytes.Equal(old(), value), nil
	})
	if err != nil {
		return fmt.Errorf("storing %q: %w", name, err)
	}
	return nil
}

// Get is a copy of the item as it is on disk now.
func (k *Keyring) Get(name string) (value []byte, ok bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(); err != nil {
		return nil, false, fmt.Errorf("reading keyring: %w", err)
	}
	i, ok := k.now.items[name]
	if !ok {
		return nil, false, nil
	}
	return bytes.Clone(i()), true, nil
}

// update changes the keyring: under the lock, starting from what is on disk.
func (k *Keyring) update(change func(*content) (changed bool, err error)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return locked(k.dir, func() error {
		if err := k.load(); err != nil {
			return err
		}
		next := k.now.clone()
		if changed, err := change(next); err != nil || !changed {
			return err
		}
		return k.store(next)
	})
}

// store writes c; the caller holds the lock. When it fails, what is on disk is either
// version, so the next use reads it again.
func (k *Keyring) store(c *content) error {
	k.seen = nil
	file, err := k.encode(c)
	if err != nil {
		return err
	}
	sweep(k.dir)
	if err := k.vault.disk.write(k.path(), file); err != nil {
		return err
	}
	k.now = c
	k.seen, _ = os.Stat(k.path()) // unknown is safe: the next use reads the file
	return nil
}

// refresh reads the file again if another version of it is there.
func (k *Keyring) refresh() error {
	info, err := os.Stat(k.path())
	if err == nil && sameFile(info, k.seen) {
		return nil
	}
	return k.load()
}

func (k *Keyring) load() error {
	if err := checkDir(k.dir); err != nil {
		return notFound(err)
	}
	file, info, err := readFile(k.path(), maxKeyring+maxKeyring/64)
	if err != nil {
		return notFound(err)
	}
	c, err := k.decode(file)
	if err != nil {
		return fmt.Errorf("%s: %w", k.path(), err)
	}
	k.now, k.seen = c, info
	return nil
}

func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}
