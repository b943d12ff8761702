package hooks

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// Rule names what refused a push. The names are permanent.
type Rule string

// The rules.
const (
	UnknownRef     Rule = "unknown-ref"     // a name that no chain of the open epoch has
	Deletion       Rule = "deletion"        // a ref would go that nothing else holds
	Sealed         Rule = "sealed"          // a lane, the order or keys of an epoch that has ended
	OutsideSeal    Rule = "outside-seal"    // a closing commit without the entry that seals, or another's
	NoClose        Rule = "no-close"        // a sealing entry without its closing commit
	Cut            Rule = "cut"             // the cut is not there, or a ref does not stand at its place in it
	Released       Rule = "released"        // of an epoch that the space no longer keeps
	NotForward     Rule = "not-forward"     // what was there is not below what is pushed
	Twice          Rule = "named-twice"     // one push, one value
	TooMuch        Rule = "too-much"        // a limit of limits.go
	Malformed      Rule = "malformed"       // a commit that is not of the one form
	OtherPlace     Rule = "other-place"     // a commit of another kind, space or epoch
	OtherLane      Rule = "other-lane"      // a lane's commit by another device
	Signature      Rule = "signature"       // not signed by the device it names
	NotPermitted   Rule = "not-permitted"   // the ledger does not let this device write here
	LedgerEntry    Rule = "ledger-entry"    // not the next valid entry
	LedgerPosition Rule = "ledger-position" // not on main, or lower than before
	Tree           Rule = "tree"            // files that do not belong there, or were taken out
	Log            Rule = "log"             // length or root is not that of the entries
	Forked         Rule = "forked"          // two branches lie there already: nothing until one is named
	Adds           Rule = "adds"            // not the files that were signed
	Recipient      Rule = "recipient"       // a wrap for nobody, or under another's name
	NoLedger       Rule = "no-ledger"       // no space here, and the push founds none
	OtherSpace     Rule = "several-geneses" // more than one space is founded on this branch
	Unreadable     Rule = "host-unreadable" // the host's own objects cannot be read
)

// Limits of one push. Beyond: TooMuch.
const (
	maxUpdates    = 1 << 12 // refs
	maxNewCommits = 1 << 14 // commits new on one ref
	maxWrap       = 1 << 17 // bytes of a wrap; one with 1,000 secrets has 36 kB
	maxUpdateLine = 2*40 + 2 + gitstore.MaxRefName
)

// Refusal says which rule refused which ref, and so the push.
type Refusal struct {
	Ref  string
	Rule Rule
	Err  error
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s: %s: %v", r.Ref, r.Rule, r.Err) }

func (r *Refusal) Unwrap() error { return r.Err }

func refuse(ref string, rule Rule, format string, args ...any) *Refusal {
	return &Refusal{Ref: ref, Rule: rule, Err: fmt.Errorf(format, args...)}
}

// Check says whether a host may take a push, all of it: nil, or a *Refusal for
// the first ref that may not move. It changes nothing but the memo, which may be
// nil. That each ref still stands at its old value is git's to check.
func Check(repo Repo, refs wire.Refs, updates []gitstore.RefUpdate, memo Memo) error {
	c := &check{repo: repo, refs: refs, memo: memo, stands: map[string]bool{}, steps: maxSteps}
	if err := c.push(updates); err != nil {
		return err // not a nil *Refusal in an error
	}
	return nil
}

// check is one push under examination.
type check struct {
	repo   Repo
	refs   wire.Refs
	memo   Memo
	before *membership.Roster   // what lies there; nil without a space
	after  *membership.Roster   // with the entries that the push adds
	epochs map[string]epoch     // by name, as they are after the push
	closed map[wire.Hash]closed // by O of the epoch that stands on it
	moves  map[string]gitstore.RefUpdate
	stands map[string]bool // which of them go from their place in the cut
	steps  int             // through trees that are left
}

func (c *check) push(updates []gitstore.RefUpdate) *Refusal {
	if r := c.names(updates); r != nil {
		return r
	}
	if r := c.main(); r != nil {
		return r
	}
	c.listEpochs()
	if r := c.seals(); r != nil {
		return r
	}
	for _, u := range updates {
		if u.Name == c.refs.Ledger {
			continue
		}
		if r := c.ref(u); r != nil {
			return r
		}
	}
	return nil
}

// names takes in what is to move.
func (c *check) names(updates []gitstore.RefUpdate) *Refusal {
	if len(updates) > maxUpdates {
		return refuse(updates[0].Name, TooMuch, "%d refs in one push, limit %d", len(updates), maxUpdates)
	}
	c.moves = make(map[string]gitstore.RefUpdate, len(updates))
	for _, u := range updates {
		if _, again := c.moves[u.Name]; again {
			return refuse(u.Name, Twice, "the push names this ref twice")
		}
		c.moves[u.Name] = u
	}
	return nil
}

// main comes first: its entries say who may do the rest.
func (c *check) main() *Refusal {
	if u, ok := c.moves[c.refs.Ledger]; ok {
		if u.New.IsZero() {
			return refuse(u.Name, Deletion, "the ledger is never deleted")
		}
		return c.ledger(u)
	}
	tip, _, err := c.repo.Ref(c.refs.Ledger)
	if err != nil {
		return refuse(c.refs.Ledger, Unreadable, "%w", err)
	}
	l, r := c.ledgerBefore(tip)
	if r != nil {
		return r
	}
	if r := c.forked(l); r != nil {
		return r
	}
	if c.before, c.after = l.roster, l.roster; c.after == nil {
		return refuse(c.refs.Ledger, NoLedger, "there is no space in this repository")
	}
	return nil
}

func (c *check) ref(u gitstore.RefUpdate) *Refusal {
	if u.New.IsZero() {
		return c.deletion(u)
	}
	name, ok := c.refs.Parse(u.Name)
	e, opened := c.epochs[name.EpochName]
	log := name.Kind == wire.RefLane || name.Kind == wire.RefOrder
	switch {
	case !ok || !opened:
		return refuse(u.Name, UnknownRef, "not a ref of this space; the open epoch is %s", c.after.Epoch().Name())
	case log && e.next != nil:
		return c.end(u, name, e) // also where the seal itself releases the epoch
	case log:
		return c.log(u, name, e)
	case e.Number < c.after.Kept():
		return refuse(u.Name, Released, "epochs before %d are no longer kept", c.after.Kept())
	}
	switch name.Kind {
	case wire.RefKeys:
		return c.keys(u, e)
	case wire.RefClose:
		return c.closing(u, e)
	}
	return c.stored(u, name, e)
}

// ParseUpdates reads what git gives a pre-receive hook: lines "<old> <new> <ref>".
func ParseUpdates(in io.Reader) ([]gitstore.RefUpdate, error) {
	var out []gitstore.RefUpdate
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 512), maxUpdateLine+1)
	for lines.Scan() {
		u, err := parseUpdate(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("reading the push: line %d: %w", len(out)+1, err)
		}
		if out = append(out, u); len(out) > maxUpdates {
			return nil, fmt.Errorf("reading the push: more than %d refs", maxUpdates)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the push: %w", err)
	}
	return out, nil
}

func parseUpdate(line string) (u gitstore.RefUpdate, err error) {
	old, rest, _ := strings.Cut(line, " ")
	id, name, _ := strings.Cut(rest, " ")
	if u.Old, err = wire.ParseObjectID(old); err != nil {
		return u, err
	}
	if u.New, err = wire.ParseObjectID(id); err != nil {
		return u, err
	}
	if u.Name = name; !strings.HasPrefix(name, "refs/") {
		return u, fmt.Errorf("%w: not a ref", wire.ErrMalformed)
	}
	return u, nil
}
