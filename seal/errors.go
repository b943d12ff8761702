package seal

import (
	"errors"

	"github.com/espace-git/espace-git/internal/wire"
)

var (
	// ErrNotMine says that the key does not open the bytes: they are for somebody
	// else, of another place, or were changed. These can't be told apart.
	ErrNotMine = errors.New("no key opens it")
	// ErrMalformed says that the bytes have not the one form that they must have.
	// Where a box did open, whoever held its key made it so.
	ErrMalformed = wire.ErrMalformed
	// ErrTooBig says that a limit of DESIGN 11 is exceeded; the error names it.
	ErrTooBig = errors.New("too big")
	// ErrWrongBytes says that bytes are not the ones that their SHA-256 names.
	ErrWrongBytes = errors.New("not the bytes that were named")
)

// Limits of this package. All are checked before anything is allocated for the bytes.
const (
	maxWrap    = 1 << 20   // bytes of a wrap file: 15,000 epochs, 280 years of weekly seals
	maxSecrets = 15000     // secrets in one wrap
	maxMail    = 128 << 10 // bytes of a mail's plaintext; what carries it has its own limit

	// WrapsPerWrapper is how many wraps one device may make for one recipient in one
	// epoch: the index in a wrap's path is below it.
	WrapsPerWrapper = 16
)
