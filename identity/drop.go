package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/espace-git/espace-git/internal/wire"
)

// DropKeyring removes the keys of a space that came to nothing: one that could
// not be founded, or a join that never reached the host. Whoever calls it for a
// space that others know throws this device's standing away for good.
func (v *Vault) DropKeyring(space wire.Hash) error {
	err := os.RemoveAll(spaceDir(v.home, space))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the keys of a space: %w", err)
	}
	return nil
}
