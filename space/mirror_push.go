package space

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
)

// whose says what a remote holds at the place of our ledger.
type whose int

const (
	nobodys whose = iota // nothing, or what hosts put into a new repository
	ours                 // our ledger, however far
	rival                // another branch of our ledger
	foreign              // something else: another space, somebody's code
)

// relation of what a remote shows to what was verified here.
type relation int

const (
	same     relation = iota
	absent            // the remote has nothing there
	behind            // what was verified stands on what is shown
	ahead             // what is shown stands on what was verified
	diverged          // neither
)

// relate compares without reading all of a long history: it looks a little way back
// from either side, then further.
func (s *Space) relate(verified, shown wire.ObjectID) relation {
	switch {
	case verified == shown:
		return same
	case shown.IsZero():
		return absent
	}
	for limit := 64; ; limit = min(16*limit, maxCommits) {
		up, upAll := s.standsOn(verified, shown, limit)
		down, downAll := s.standsOn(shown, verified, limit)
		switch {
		case up:
			return behind
		case down:
			return ahead
		case upAll && downAll, limit == maxCommits:
			return diverged
		}
	}
}

// standsOn reports whether base is among the ancestors of tip; all: as far as they go.
func (s *Space) standsOn(tip, base wire.ObjectID, limit int) (yes, all bool) {
	commits, err := s.repo.Commits([]wire.ObjectID{tip}, known(base), limit)
	if err != nil {
		return false, false
	}
	return slices.ContainsFunc(commits, func(c gitstore.CommitRef) bool { return slices.Contains(c.Parents, base) }), true
}

// whose looks at the ledger that a remote shows. met: it held ours before, so that
// what can't be read there now is damage and not somebody else's.
func (r *round) whose(shown *display, met bool) (whose, error) {
	s, ref := r.s, r.s.refs.Ledger
	at, tip := shown.at(ref), r.tips[r.s.refs.Ledger]
	switch {
	case at.IsZero():
		return nobodys, nil
	case at == tip:
		return ours, nil
	case shown.failed[ref] != nil && met:
		return ours, nil
	case shown.failed[ref] != nil:
		return foreign, fmt.Errorf("%s can't be read: %w", ref, shown.failed[ref])
	}
	if r.rivals(at, tip) {
		return rival, fmt.Errorf("%s shows another branch of the ledger", ref)
	}
	if s.relate(tip, at) != diverged || s.holdsUs(shown) {
		return ours, nil
	}
	if err := s.vacant(shown); err != nil {
		return foreign, fmt.Errorf("%s holds something else than this space", ref)
	}
	return nobodys, nil
}

// rivals: among what is new in a ledger stands a signed entry for a place where we
// have another. One that its author declared lost to a race is none.
func (r *round) rivals(at, tip wire.ObjectID) bool {
	commits, err := r.s.repo.Commits([]wire.ObjectID{at}, known(tip), maxCommits)
	if err != nil {
		return false
	}
	lr := &ledgerReader{repo: r.s.repo, ledger: r.ledger.clone(), space: r.s.id, blobs: map[wire.ObjectID]bool{}}
	lr.read(commits)
	for _, f := range lr.forks {
		if !f.Declared {
			return true
		}
	}
	return lr.split != nil
}

// heldRefs is where all refs of the space stand, as far as they were verified here. Of
// the epochs that are over the closing commits hold the lanes and orders, and what
// was released is not brought back (DESIGN 1, 6).
func (s *Space) heldRefs(ctx context.Context) (map[string]wire.ObjectID, error) {
	out := map[string]wire.ObjectID{}
	err := s.look(ctx, func(r *round) error {
		for past, err := range r.v.Each(bucketPast, nil) {
			if err != nil {
				return err
			}
			n, ok := s.refs.Parse(string(past.Key))
			if ok && n.Kind != wire.RefLane && n.Kind != wire.RefOrder && !r.released(n) {
				out[string(past.Key)] = wire.ObjectID(past.Value)
			}
		}
		maps.Copy(out, r.tips)
		return nil
	})
	return out, err
}

// released: nobody keeps the epoch of this ref any more.
func (r *round) released(n wire.RefName) bool {
	number, _, _ := strings.Cut(n.EpochName, "-")
	epoch, err := strconv.ParseUint(number, 10, 64)
	return err != nil || r.roster() != nil && epoch < r.roster().Kept()
}

// lacking plans what a remote gets: whatever it lacks of what was verified, forward
// or under a lease on what it shows. What stands on it there is left: reading takes
// what is signed of it.
func (r *round) lacking(refs map[string]wire.ObjectID, shown *display) (updates []gitstore.RefUpdate) {
	for ref, tip := range refs {
		at := shown.at(ref)
		if !r.s.repo.Has(tip) {
			continue // damage of this disk (repair.go)
		}
		if shown.failed[ref] == nil {
			if rel := r.s.relate(tip, at); rel == same || rel == ahead {
				continue
			}
		}
		updates = append(updates, gitstore.RefUpdate{Name: ref, Old: at, New: tip})
	}
	slices.SortFunc(updates, func(a, b gitstore.RefUpdate) int { return strings.Compare(a.Name, b.Name) })
	return updates
}

// showAll fetches the refs of everything that was verified, of all epochs, and
// whatever stands in their way.
func (s *Space) showAll(ctx context.Context, remote gitstore.Remote, tips map[string]wire.ObjectID) (*display, error) {
	patterns := map[string]bool{s.refs.Ledger: true, s.refs.Ledger + "/*": true}
	for ref := range tips {
		if n, ok := s.refs.Parse(ref); ok && n.Kind != wire.RefLedger {
			if n.Kind == wire.RefFiles { // never those of others: they are large
				patterns[ref], patterns[ref+"/*"], patterns[path.Dir(ref)] = true, true, true
				continue
			}
			epoch := s.refs.Prefix + n.EpochName
			top, _, _ := strings.Cut(strings.TrimPrefix(ref, epoch+"/"), "/")
			patterns[epoch], patterns[path.Join(epoch, top)], patterns[path.Join(epoch, top)+"/*"] = true, true, true
		}
	}
	var list []string
	for p := range patterns {
		list = append(list, p)
	}
	slices.Sort(list)
	got, err := remote.Fetch(ctx, gitstore.FetchRequest{Patterns: list})
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	return &display{refs: got.Refs, failed: got.Failed}, nil
}

// brought is what a remote was given.
type brought struct {
	refs    []string // that moved
	refused []string // ref: why
}

// err: what a remote did not take.
func (b *brought) err() error {
	if len(b.refused) == 0 {
		return nil
	}
	return join(ErrRefused, fmt.Errorf("%d refs were not taken: %s", len(b.refused), b.refused[0]))
}

// bring gives a remote everything that it lacks of what was verified here, by whoever
// signed it. Nothing is pushed where something else stands than this space.
func (s *Space) bring(ctx context.Context, remote gitstore.Remote, met bool) (*brought, error) {
	refs, err := s.heldRefs(ctx)
	if err != nil {
		return nil, err
	}
	shown, err := s.showAll(ctx, remote, refs)
	if err != nil {
		return nil, err
	}
	var updates []gitstore.RefUpdate
	err = s.look(ctx, func(r *round) error {
		updates = r.lacking(refs, shown)
		_, err := r.whose(shown, met)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := clearTheWay(ctx, remote, updates, shown); err != nil {
		return nil, fmt.Errorf("pushing: %w", err)
	}
	return s.give(ctx, remote, updates)
}

// give pushes all as one: a host that checks pushes wants the ledger together with
// what it allows. Where that is not possible, or the host refuses a part, the rest
// goes by itself, the ledger last: without it there is no space, and with it there
// must be all of it.
func (s *Space) give(ctx context.Context, remote gitstore.Remote, updates []gitstore.RefUpdate) (*brought, error) {
	rest, files := s.longFiles(updates)
	out, err := s.giveRest(ctx, remote, rest)
	if err != nil {
		return out, err
	}
	return out, s.giveFiles(ctx, remote, files, out)
}

func (s *Space) giveRest(ctx context.Context, remote gitstore.Remote, updates []gitstore.RefUpdate) (*brought, error) {
	out := new(brought)
	if len(updates) == 0 {
		return out, nil
	}
	pushed, err := remote.Push(ctx, updates, gitstore.PushOptions{Atomic: true})
	if err == nil && pushed.OK() {
		out.note(updates, pushed)
		return out, nil
	}
	if err != nil && !errors.Is(err, gitstore.ErrNoAtomic) {
		return out, fmt.Errorf("pushing: %w", err)
	}
	isMain := func(u gitstore.RefUpdate) bool { return u.Name == s.refs.Ledger }
	rest := slices.DeleteFunc(slices.Clone(updates), isMain)
	main := slices.DeleteFunc(slices.Clone(updates), func(u gitstore.RefUpdate) bool { return !isMain(u) })
	no, err := out.push(ctx, remote, rest)
	if err != nil {
		return out, err
	}
	if noMain, err := out.push(ctx, remote, main); err != nil || len(main) == 0 || len(noMain) > 0 || len(no) == 0 {
		return out, err
	}
	out.refused = nil
	_, err = out.push(ctx, remote, no) // what is taken only after the ledger
	return out, err
}

// push moves each ref by itself, and gives those that did not.
func (b *brought) push(ctx context.Context, remote gitstore.Remote, updates []gitstore.RefUpdate) (no []gitstore.RefUpdate, err error) {
	if len(updates) == 0 {
		return nil, nil
	}
	pushed, err := remote.Push(ctx, updates, gitstore.PushOptions{})
	if err != nil {
		return nil, fmt.Errorf("pushing: %w", err)
	}
	return b.note(updates, pushed), nil
}

func (b *brought) note(updates []gitstore.RefUpdate, pushed *gitstore.Pushed) (no []gitstore.RefUpdate) {
	for _, u := range updates {
		if err := pushed.Results[u.Name]; err != nil {
			b.refused = append(b.refused, fmt.Sprintf("%s: %v", u.Name, err))
			no = append(no, u)
		} else {
			b.refs = append(b.refs, u.Name)
		}
	}
	return no
}
