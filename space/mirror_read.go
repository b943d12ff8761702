package space

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/view"
)

// errNotOrdered takes back what a mirror alone said about the ledger.
var errNotOrdered = errors.New("the primary has not ordered it")

// took is what reading a mirror brought.
type took struct {
	refs  map[string]wire.ObjectID // further on than before
	found []string                 // violations
}

// readMirror reads what a mirror shows beyond what is known here, by the same rules
// as what the primary shows. What it shows less of is only behind.
//
// primary: it was read in this same sync, so at a place where both have an entry the
// primary's was there first. Without it a mirror's longer ledger is taken only where
// it names a new primary: else one who signs an entry for the mirror alone could lead
// this device onto a branch of its own (DESIGN 4, "one primary remote orders").
func (s *Space) readMirror(ctx context.Context, res *SyncResult, a *asked, primary bool) (*took, error) {
	t, err := s.takeFrom(ctx, res, a, primary, true)
	if errors.Is(err, errNotOrdered) {
		t, err = s.takeFrom(ctx, res, a, primary, false)
	}
	return t, err
}

func (s *Space) takeFrom(ctx context.Context, res *SyncResult, a *asked, primary, ledger bool) (*took, error) {
	t := &took{refs: map[string]wire.ObjectID{}}
	sub := new(SyncResult)
	err := s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, sub)
		if err != nil || r.roster() == nil {
			return err
		}
		if a.holds, a.err = r.whose(a.shown, a.Met); a.holds != ours {
			return r.otherBranch(a, t)
		}
		before, length := maps.Clone(r.tips), r.ledger.len()
		further := r.further(a.shown)
		if !ledger {
			further.hide(s.refs.Ledger)
		}
		if !r.goesOn(further) {
			return nil
		}
		if err := r.read(ctx, further); err != nil {
			return err
		}
		if !primary && r.ledger.len() > length {
			if moves, err := r.namesPrimary(); err != nil || !moves {
				return errors.Join(err, errNotOrdered)
			}
		}
		for ref, tip := range r.tips {
			if before[ref] != tip {
				t.refs[ref] = tip
			}
		}
		t.found = r.found
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, w := range sub.Warnings {
		if !slices.Contains(res.Warnings, w) { // it is not about the mirror then
			res.warn("mirror %s: %s", a.Name, w)
		}
	}
	res.Fetched += sub.Fetched
	return t, nil
}

// goesOn: something of it is not known yet.
func (r *round) goesOn(shown *display) bool {
	for ref, at := range shown.refs {
		if r.tips[ref] != at {
			return true
		}
	}
	return false
}

// further is what a remote shows that goes on from what was verified, or is new. It
// was asked for no more than that: what a mirror lacks it did not take back.
func (r *round) further(shown *display) *display {
	out := &display{refs: map[string]wire.ObjectID{}, failed: map[string]error{}}
	for ref, at := range shown.refs {
		last := r.tips[ref]
		if _, known := r.s.refs.Parse(ref); !known || shown.failed[ref] != nil {
			continue
		}
		if last.IsZero() {
			out.show(ref, at)
		} else if rel := r.s.relate(last, at); rel == same || rel == ahead {
			out.show(ref, at)
		}
	}
	return out
}

func (d *display) show(ref string, at wire.ObjectID) {
	d.refs[ref] = at
	d.patterns = append(d.patterns, ref)
}

func (d *display) hide(ref string) {
	delete(d.refs, ref)
	d.patterns = slices.DeleteFunc(d.patterns, func(p string) bool { return p == ref })
}

// otherBranch keeps what a mirror shows of another branch of the ledger as evidence.
// Nothing else of that mirror is read.
func (r *round) otherBranch(a *asked, t *took) error {
	if a.holds != rival {
		return nil
	}
	at := a.shown.at(r.s.refs.Ledger)
	commits, err := r.s.repo.Commits([]wire.ObjectID{at}, known(r.tips[r.s.refs.Ledger]), maxCommits)
	if err != nil {
		return err
	}
	lr := &ledgerReader{repo: r.s.repo, ledger: r.ledger.clone(), space: r.s.id, blobs: map[wire.ObjectID]bool{}}
	lr.read(commits)
	for _, f := range lr.forks {
		if err := r.ledgerFork(f); err != nil {
			return err
		}
	}
	t.found = r.found
	rivals, err := r.rivalEnvelopes()
	if err != nil || lr.split != nil {
		return err
	}
	return r.keepRivals(append(rivals, lr.all...)) // an owner can drop it, too
}

// hides compares what came from a mirror with what the primary shows after it was
// read: what is missing there is told, kept as evidence, and pushed. From a remote
// that was primary once it is only told: who has not heard yet pushes there first.
func (s *Space) hides(ctx context.Context, res *SyncResult, a *asked, t *took) (found []string, err error) {
	host, err := s.host()
	if err != nil {
		return nil, err
	}
	shown, err := s.showAll(ctx, host, t.refs)
	if err != nil {
		return nil, err
	}
	var updates []gitstore.RefUpdate
	err = s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, res)
		if err != nil {
			return err
		}
		updates = r.lacking(t.refs, shown)
		for _, u := range updates {
			if err := r.tellHidden(a, u); err != nil {
				return err
			}
		}
		found = r.found
		return nil
	})
	if err != nil || len(updates) == 0 {
		return found, err
	}
	if err := clearTheWay(ctx, host, updates, shown); err != nil {
		return found, err
	}
	b, err := s.give(ctx, host, updates)
	for _, why := range b.refused {
		res.warn("%s", why)
	}
	return found, err
}

// kindHidden: it was put right, as what was taken back is.
const kindHidden = "hidden"

// tellHidden: the primary shows less of a chain than a mirror.
func (r *round) tellHidden(a *asked, u gitstore.RefUpdate) error {
	if a.Former {
		r.warn("somebody still pushed %s to %s, which is not primary any more: it is brought to the host", r.chainName(u.Name), a.Name)
		return nil
	}
	text := fmt.Sprintf("the host hides what the mirror %s shows of %s (%s)", a.Name, r.chainName(u.Name), u.Name)
	e := evidence{Kind: kindHidden, Text: text, Ref: u.Name, Before: u.New.String(), Shown: u.Old.String()}
	if n, ok := r.s.refs.Parse(u.Name); ok && !n.Device.IsZero() {
		e.Device = n.Device.String()
	}
	if raw, err := r.s.repo.CommitBytes(u.New); err == nil {
		e.Signed = [][]byte{raw}
	}
	return r.newViolation(e)
}

// chainName is for people.
func (r *round) chainName(ref string) string {
	n, _ := r.s.refs.Parse(ref)
	if n.Device.IsZero() {
		return "the " + string(n.Kind)
	}
	return "the " + string(n.Kind) + " of " + r.deviceName(n.Device)
}
