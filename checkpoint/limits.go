package checkpoint

import (
	"errors"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

var (
	// ErrOrder says that a record does not come after the one before it.
	ErrOrder = errors.New("records out of order")
	// ErrWrong is a violation: the checkpoint is not the state that it claims to
	// be, or none at all. Its author made it so; no host can.
	ErrWrong = errors.New("wrong checkpoint")
	// ErrMalformed is wrapped by every decoding error.
	ErrMalformed = wire.ErrMalformed
	// ErrTooBig says that a limit is exceeded; the error names it.
	ErrTooBig = seal.ErrTooBig
)

// Limits of the format (DESIGN 11). Beyond them building fails with ErrTooBig, and
// what others made is malformed.
const (
	MaxKey   = 1 << 10       // bytes of a record's key; at least 1
	MaxValue = wire.MaxChunk // bytes of a record's value
	MaxPages = 100_000       // in a manifest: 6 GB of small records

	// BigValue is the size in bytes from which on a value stands in a page of its
	// own, and about which pages end.
	BigValue = 64 << 10
	// PageEnd bounds the records of a page in bytes as encoded, but for one of its own.
	PageEnd = 256 << 10

	maxPage = 16 + MaxKey + MaxValue // bytes of a page's plaintext
)
