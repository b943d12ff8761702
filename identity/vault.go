package identity

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	protectedName   = "identity.age"
	unprotectedName = "identity.txt"
)

// Vault is a user's home, unlocked. It prints as "[secret]". Methods are safe for
// concurrent use by several goroutines and processes.
type Vault struct {
	home string
	key  atRest
	disk disk
}

// Format keeps the key out of whatever prints a Vault.
func (Vault) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// Unlock says how OpenVault may get at the at-rest key.
type Unlock struct {
	// Passphrase asks the user; it is called at most once, and only if need be. What it
	// returns is overwritten. Without it a locked vault is ErrLocked.
	Passphrase func() ([]byte, error)
	// NoAgent says that no agent and no system keyring is asked or told.
	NoAgent bool
	// Agent is the command that runs RunAgent in a process of its own: SelfAgent, for
	// a program that has that verb. Empty, none is started: a library must not
	// re-execute a program that does not know it.
	Agent []string
}

// VaultExists reports whether home holds an at-rest key.
func VaultExists(home string) bool {
	return exists(filepath.Join(home, protectedName)) || exists(filepath.Join(home, unprotectedName))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// CreateVault draws an at-rest key and stores it under a passphrase, or unprotected if
// passphrase is nil. Errors: ErrExists, *PermissionError. It takes about a second.
func CreateVault(home string, passphrase []byte) (*Vault, error) {
	v, err := createVault(home, passphrase, disk{})
	if err != nil {
		return nil, fmt.Errorf("creating keys: %w", err)
	}
	return v, nil
}

func createVault(home string, passphrase []byte, d disk) (*Vault, error) {
	if err := makeDir(home); err != nil {
		return nil, err
	}
	u, err := newAtRest()
	if err != nil {
		return nil, err
	}
	v := &Vault{home: home, key: u, disk: d}
	name, content, err := v.identityFile(passphrase)
	if err != nil {
		return nil, err
	}
	return v, locked(home, func() error {
		if VaultExists(home) {
			return fmt.Errorf("%s: %w", home, ErrExists)
		}
		sweep(home)
		return d.write(filepath.Join(home, name), content)
	})
}

// identityFile is the name and content of the file that holds U.
func (v *Vault) identityFile(passphrase []byte) (name string, content []byte, err error) {
	if passphrase == nil {
		return unprotectedName, v.key.text(), nil
	}
	content, err = v.key.protect(passphrase)
	return protectedName, content, err
}

// OpenVault unlocks home. Errors: ErrNotFound, ErrLocked, ErrPassphrase, ErrDamaged,
// *PermissionError, and what opts.Passphrase returned.
func OpenVault(home string, opts Unlock) (*Vault, error) {
	v, err := openVault(home, opts)
	if err != nil {
		return nil, fmt.Errorf("unlocking: %w", err)
	}
	return v, nil
}

func openVault(home string, opts Unlock) (*Vault, error) {
	if err := checkDir(home); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", home, ErrNotFound)
	} else if err != nil {
		return nil, err
	}
	file, _, err := readFile(filepath.Join(home, protectedName), maxIdentity)
	if errors.Is(err, fs.ErrNotExist) {
		return openUnprotected(home)
	}
	if err != nil {
		return nil, err
	}
	return openProtected(home, file, opts)
}

func openUnprotected(home string) (*Vault, error) {
	text, _, err := readFile(filepath.Join(home, unprotectedName), maxIdentity)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", home, ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	u, err := parseAtRest(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", unprotectedName, err)
	}
	return &Vault{home: home, key: u}, nil
}

func openProtected(home string, file []byte, opts Unlock) (*Vault, error) {
	keeper := keeperOf(home, file, opts)
	if u, ok := keeper.ask(); ok {
		return protectedVault(home, u)
	}
	if opts.Passphrase == nil {
		return nil, ErrLocked
	}
	passphrase, err := opts.Passphrase()
	if err != nil {
		return nil, err
	}
	defer clear(passphrase)
	u, err := unprotect(file, passphrase)
	if err != nil {
		return nil, err
	}
	keeper.tell(u)
	return protectedVault(home, u)
}

// protectedVault finishes what a crash in Rekey left: while the protected file stands,
// the same key must not lie beside it unprotected.
func protectedVault(home string, u atRest) (*Vault, error) {
	v := &Vault{home: home, key: u}
	path := filepath.Join(home, unprotectedName)
	if !exists(path) {
		return v, nil
	}
	return v, locked(home, func() error {
		if !exists(path) || !exists(filepath.Join(home, protectedName)) {
			return nil
		}
		return v.disk.remove(path)
	})
}

// Rekey changes the passphrase; nil stores U unprotected. U and what is encrypted to it
// stay: who learned U before keeps it. The agent is locked. A crash leaves the old
// state, or both files; of those the protected one counts until it is gone.
func (v *Vault) Rekey(passphrase []byte) error {
	name, content, err := v.identityFile(passphrase)
	if err != nil {
		return fmt.Errorf("changing the passphrase: %w", err)
	}
	other := unprotectedName
	if name == unprotectedName {
		other = protectedName
	}
	err = locked(v.home, func() error {
		sweep(v.home)
		if err := v.disk.write(filepath.Join(v.home, name), content); err != nil {
			return err
		}
		if path := filepath.Join(v.home, other); exists(path) {
			return v.disk.remove(path)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("changing the passphrase: %w", err)
	}
	return Lock(v.home)
}

// Protected reports whether a passphrase guards home.
func Protected(home string) bool { return exists(filepath.Join(home, protectedName)) }
