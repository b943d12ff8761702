package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/espace-git/espace-git/internal/wire"
)

// DropKeyring removes the keys and the location of a space that came to nothing: one
// that could not be founded, or a join that never reached the host. Whoever calls it for
// a space that others know throws this device's standing away for good. That there is
// nothing to remove is no error.
func (v *Vault) DropKeyring(space wire.Hash) error {
	dir := spaceDir(v.home, space)
	err := locked(dir, func() error {
		sweep(dir)
		return errors.Join(v.dropFile(dir, keyringName), v.dropFile(dir, locationName))
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the keys of a space: %w", err)
	}
	return nil
}

// dropFile leaves the directory and its lock: who waits for that lock must find it there.
func (v *Vault) dropFile(dir, name string) error {
	err := v.disk.remove(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
