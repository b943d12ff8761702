package membership

import (
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// The classes of refusal, for errors.Is.
var (
	// ErrConflict: the entry is not the next one; somebody was faster, or the
	// reader lacks entries. Read again and make the entry anew.
	ErrConflict = errors.New("not the next entry of this ledger")
	// ErrForeign: the entry belongs to another space.
	ErrForeign = errors.New("entry of another space")
	// ErrNotPermitted: the roster does not allow it to this author.
	ErrNotPermitted = errors.New("not permitted")
	// ErrSignature: no key of this ledger made the signature.
	ErrSignature = errors.New("signature does not verify")
	// ErrUnknownKind: a kind of entry that this program does not know.
	ErrUnknownKind = errors.New("unknown kind of entry")
	// ErrMalformed: the bytes are not the one form of any entry.
	ErrMalformed = wire.ErrMalformed
	// ErrLink: a text that is no join link, or a damaged one.
	ErrLink = errors.New("not a valid join link")
	// ErrWords: words that are no recovery words, or with a mistake in them.
	ErrWords = errors.New("not valid recovery words")
)

// RuleError says which rule refused an entry.
type RuleError struct {
	Rule   string        // "invite-used-up": permanent names, see spec/ledger.md
	Kind   string        // as claimed; empty when not even that could be read
	Number uint64        // as claimed
	Signer wire.DeviceID // the device whose signature over it was verified; zero if none:
	// only then a refused entry says something about anybody (DESIGN 2.3)
	Err error // wraps one of the classes above
}

func (e *RuleError) Error() string {
	return fmt.Sprintf("ledger entry %d (%q): rule %s: %v", e.Number, e.Kind, e.Rule, e.Err)
}

func (e *RuleError) Unwrap() error { return e.Err }

// broken is what a rule returns before Judge adds which entry broke it.
func broken(class error, rule, format string, args ...any) error {
	return &RuleError{Rule: rule, Err: fmt.Errorf("%w: "+format, append([]any{class}, args...)...)}
}

func denied(rule, format string, args ...any) error {
	return broken(ErrNotPermitted, rule, format, args...)
}

func malformed(rule, format string, args ...any) error {
	return broken(ErrMalformed, rule, format, args...)
}

// ruleError completes err with the entry that it is about.
func ruleError(err error, u *Unverified, signer wire.DeviceID) error {
	var re *RuleError
	if !errors.As(err, &re) {
		re = &RuleError{Rule: "well-formed", Err: err}
	}
	out := *re
	out.Kind, out.Number, out.Signer = u.Kind, u.Number, signer
	return &out
}
