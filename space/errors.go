package space

import (
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// The errors that a caller may match. Every other error is a plain failure.
var (
	// ErrNoSpace: there is no space in this directory or above it.
	ErrNoSpace = errors.New("no space here")
	// ErrConflict: someone was faster, or another process is at it. Try again.
	ErrConflict = errors.New("busy")
	// ErrTaken: another row has the value that has to differ, in a table that is
	// `ordered`. It is an ErrConflict, but trying again does not help.
	ErrTaken = schema.ErrTaken
	// ErrNotMine: no key that this device has opens it.
	ErrNotMine = errors.New("no key of this device opens it")
	// ErrUpgrade: the space requires what this program does not know. Reading what is
	// here goes on.
	ErrUpgrade = errors.New("upgrade needed")
	// ErrWaiting: no member's device has let this one in yet.
	ErrWaiting = errors.New("waiting to be let in")
	// ErrNotPermitted: the caller's role, or a rule, does not allow it.
	ErrNotPermitted = errors.New("not permitted")
	// ErrNotFound: there is no such table, row, member or invite.
	ErrNotFound = errors.New("not found")
	// ErrViolation: signed evidence that a member or the host did what it must
	// not. The evidence is kept.
	ErrViolation = errors.New("violation")
	// ErrUsage: the caller gave a value that can't be.
	ErrUsage = errors.New("invalid")
	// ErrNameless: a newcomer's link was used without a name; a further device of the
	// own needs none.
	ErrNameless = errors.New("a newcomer needs a name for the others to see")
	// ErrLink: the text is no join link, or was changed on its way.
	ErrLink = membership.ErrLink
	// ErrLocalGit: the space's own git repository, below its folder, is lost. Rescue
	// makes it anew; nothing that was written is lost with it.
	ErrLocalGit = errors.New("the local git repository is lost or damaged")
	// ErrLocked and ErrPassphrase: the keys of this user are locked; the
	// passphrase is wrong.
	ErrLocked     = identity.ErrLocked
	ErrPassphrase = identity.ErrPassphrase
	// ErrUnreachable, ErrAuth, ErrNotRepository and ErrRefused: what the host
	// answered, or that it did not.
	ErrUnreachable   = gitstore.ErrUnreachable
	ErrAuth          = gitstore.ErrAuth
	ErrNotRepository = gitstore.ErrNotRepository
	ErrRefused       = gitstore.ErrRefused
	// ErrAddress: the remote's URL is of a kind that is not used.
	ErrAddress = gitstore.ErrURL
	// ErrDamaged and ErrStoreKey: the local store is broken; it does not open with
	// the key that this home has for it, being damaged or another's.
	ErrDamaged  = view.ErrCorrupt
	ErrStoreKey = view.ErrKey
)

// classify lets callers match the errors of the packages below by this package's
// names.
func classify(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrConflict):
		return err
	case errors.Is(err, gitstore.ErrConflict), errors.Is(err, view.ErrBusy), errors.Is(err, membership.ErrConflict):
		return join(ErrConflict, err)
	case errors.Is(err, membership.ErrNotPermitted):
		return join(ErrNotPermitted, err)
	}
	return err
}

// both is an error of class as that reads like err.
type both struct{ class, err error }

func join(class, err error) error {
	if errors.Is(err, class) {
		return err
	}
	return both{class, err}
}

func (b both) Error() string   { return b.err.Error() }
func (b both) Unwrap() []error { return []error{b.class, b.err} }

func usage(format string, args ...any) error {
	return join(ErrUsage, fmt.Errorf(format, args...))
}

func notFound(format string, args ...any) error {
	return join(ErrNotFound, fmt.Errorf(format, args...))
}

func notPermitted(format string, args ...any) error {
	return join(ErrNotPermitted, fmt.Errorf(format, args...))
}
