package identity

import (
	"errors"
	"fmt"
	"io/fs"
)

var (
	// ErrLocked says that the keys need a passphrase and none can be asked for.
	ErrLocked = errors.New("the keys are locked")
	// ErrPassphrase says that the passphrase does not open the keys.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrPermissions is wrapped by PermissionError.
	ErrPermissions = errors.New("others could read the keys")
	// ErrNotFound says that there are no keys here: no vault, or no keyring of a space.
	ErrNotFound = errors.New("no keys here")
	// ErrExists says that there are keys already; they are never overwritten.
	ErrExists = errors.New("there are keys already")
	// ErrDamaged says that a file of keys does not decode: truncated or changed.
	ErrDamaged = errors.New("damaged")
	// ErrBusy says that another process held a lock for too long.
	ErrBusy = errors.New("another process is busy with the keys")
	// ErrWillNotSign says that a message is none of those that a device key signs.
	ErrWillNotSign = errors.New("a device key does not sign this")
	// ErrTooBig says that a limit is exceeded; the error names it.
	ErrTooBig = errors.New("too big")
)

// Limits of this package.
const (
	maxIdentity   = 16 << 10 // bytes of identity.age or identity.txt
	maxPassphrase = 1 << 10  // bytes
	maxKeyring    = 8 << 20  // bytes of a keyring, decoded
	maxItem       = 1 << 20  // bytes of one extra item in a keyring
	maxItemName   = 128      // bytes of its name
	maxLocation   = 64 << 10 // bytes of location.json
)

// PermissionError says that a file or directory is open to others. It wraps
// ErrPermissions.
type PermissionError struct {
	Path  string
	Mode  fs.FileMode // its permission bits
	Want  fs.FileMode // at most these
	Owner bool        // it belongs to another user
}

func (e *PermissionError) Error() string {
	if e.Owner {
		return fmt.Sprintf("%s: %v: it belongs to another user", e.Path, ErrPermissions)
	}
	return fmt.Sprintf("%s: %v: mode %04o, at most %04o is accepted", e.Path, ErrPermissions, e.Mode, e.Want)
}

func (e *PermissionError) Unwrap() error { return ErrPermissions }

// Hint is a command that puts it right.
func (e *PermissionError) Hint() string {
	if e.Owner {
		return fmt.Sprintf("chown \"$(id -u)\" '%s'", e.Path)
	}
	return fmt.Sprintf("chmod %o '%s'", e.Want, e.Path)
}
