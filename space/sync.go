package space

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/view"
)

// SyncResult is what one Sync did.
type SyncResult struct {
	Fetched  int      `json:"fetched"`  // ledger and lane entries that were new here
	Pushed   int      `json:"pushed"`   // transactions of this device that are on the host now
	Refused  int      `json:"refused"`  // transactions of others that broke a rule, or refs that the host refused
	Sealed   bool     `json:"sealed"`   // this device sealed an epoch, because it was due
	LetIn    []string `json:"let_in"`   // members whose devices were let in; never null
	Warnings []string `json:"warnings"` // never null

	upload  int64 // bytes of chunks that waited at the beginning
	refused error // why the host did not take the own lane, the last time
}

// maxTries bounds how often a round is begun anew because somebody was faster.
const maxTries = 40

// Sync exchanges what is new with the host: fetch, verify, fold, push. It lets
// newcomers in, puts back what the host lost, and keeps evidence of what was
// taken back or wrongly signed. With such evidence the result is complete and the
// error is ErrViolation; it is ErrRefused when the host did not take this device's
// lane, whose transactions then go on waiting.
func (s *Space) Sync(ctx context.Context) (*SyncResult, error) {
	res := &SyncResult{LetIn: []string{}, Warnings: []string{}}
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return res, err
	}
	defer unlock()
	defer s.mirrorRefs(ctx)
	if err := s.finishLocked(ctx); err != nil {
		return res, classify(err)
	}
	as := s.askMirrors(ctx)
	err = s.syncLocked(ctx, res)
	if err == nil {
		err = s.syncMerged(ctx, res)
	}
	found, err := s.hearMirrors(ctx, res, as, err)
	if err == nil && len(found) == 0 {
		err = s.sealIfDue(ctx, res)
	}
	s.keepMirrors(ctx, res, as)
	s.sweep(ctx)
	s.tidy(ctx)
	if gone := s.tellGone(ctx); gone != nil && !errors.Is(err, ErrViolation) {
		err = gone // whatever the host says to who was removed
	}
	return res, withViolations(found, err)
}

// syncLocked runs rounds until nothing is left to do, for who holds the lock.
func (s *Space) syncLocked(ctx context.Context, res *SyncResult) error {
	if err := s.greet(ctx); err != nil {
		return classify(err)
	}
	var found []string
	for tries, looks := 0, 0; ; looks++ {
		if looks > maxLooks*maxTries {
			return withViolations(found, errLooks)
		}
		next, violations, err := s.syncOnce(ctx, res)
		found = append(found, violations...)
		if err != nil {
			return withViolations(found, classify(err))
		}
		if next == allDone {
			break
		}
		if next == raceLost {
			tries++
		}
		if next == someDone {
			looks = 0 // there is an end to what waits here
		}
		if tries > maxTries {
			return withViolations(found, join(ErrConflict, errors.New("the host kept changing: try again")))
		}
		if err := s.giveWay(ctx, tries); err != nil {
			return withViolations(found, err)
		}
	}
	if res.refused != nil {
		return withViolations(found, fmt.Errorf("what waits here was not pushed: %w", res.refused))
	}
	return withViolations(found, nil)
}

// withViolations: what was caught is told whatever else failed. Else a host could
// keep it quiet by refusing the push that follows.
func withViolations(found []string, err error) error {
	if len(found) == 0 {
		return err
	}
	caught := errors.New(strings.Join(found, "; "))
	if err != nil {
		caught = fmt.Errorf("%w; and then: %w", caught, err)
	}
	return join(ErrViolation, caught)
}

// outcome of one round.
type outcome int

const (
	allDone   outcome = iota
	someDone          // it landed, and there is more: the journal holds more than one push carries
	lookAgain         // what was read says that there is more to read: a seal
	raceLost          // somebody was faster somewhere
)

// syncOnce is one round.
func (s *Space) syncOnce(ctx context.Context, res *SyncResult) (next outcome, violations []string, err error) {
	host, err := s.host()
	if err != nil {
		return allDone, nil, err
	}
	s.opts.Progress(Progress{Phase: "fetching"})
	shown, err := s.fetchAll(ctx, host)
	if err != nil {
		return allDone, nil, err
	}
	batch := s.repo.Batch()
	var updates []gitstore.RefUpdate
	var waits, more bool
	s.opts.Progress(Progress{Phase: "verifying"})
	err = s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, res)
		if err != nil {
			return err
		}
		for ref, why := range shown.failed {
			r.warn("%s: the host does not have what it names: %v", ref, why)
		}
		if err := r.read(ctx, shown); err != nil {
			return err
		}
		violations = r.found
		if more, err = r.moreToRead(shown); more || err != nil {
			return err
		}
		if updates, err = r.write(batch, shown); err != nil {
			return err
		}
		if waits, err = r.moreWaits(updates); err != nil {
			return err
		}
		if err := r.remember(); err != nil {
			return err
		}
		// What is signed is on disk, in git and in the outbox, before it is pushed.
		return batch.Flush()
	})
	switch {
	case err != nil:
		return allDone, violations, err
	case more:
		return lookAgain, violations, nil
	case len(updates) == 0:
		return allDone, violations, nil
	}
	s.opts.Progress(Progress{Phase: "pushing"})
	if err := clearTheWay(ctx, host, updates, shown); err != nil {
		return allDone, violations, fmt.Errorf("pushing: %w", err)
	}
	updates, long := s.longFiles(updates)
	pushed, err := host.Push(ctx, updates, gitstore.PushOptions{})
	if err != nil {
		return allDone, violations, fmt.Errorf("pushing: %w", err)
	}
	before := res.Pushed
	slower, own, err := s.afterPush(ctx, res, updates, pushed)
	moved := s.filesMoved(updates, pushed)
	if err == nil && len(long) > 0 {
		var more bool
		more, err = s.restoreFiles(ctx, res, host, long)
		moved = moved || more
	}
	switch violations = append(violations, own...); {
	case slower:
		next = raceLost
	case waits && res.Pushed > before, moved:
		next = someDone
	}
	return next, violations, err
}

// filesMoved: chunks are on the host that waited, and so may what names them.
func (s *Space) filesMoved(updates []gitstore.RefUpdate, pushed *gitstore.Pushed) bool {
	return slices.ContainsFunc(updates, func(u gitstore.RefUpdate) bool { return s.isFiles(u) && pushed.Results[u.Name] == nil })
}

// write decides what to push: what the host lost, wraps for newcomers, and what
// waits in the journal.
func (r *round) write(b *gitstore.Batch, shown *display) ([]gitstore.RefUpdate, error) {
	var updates []gitstore.RefUpdate
	host := maps.Clone(shown.refs)
	for _, u := range r.repairs {
		if u.Name == r.s.refs.Ledger && len(r.branches) > 0 {
			brought, err := r.bringLedger(b, u.Old)
			if err != nil {
				return nil, err
			}
			if brought.Name != "" {
				updates = append(updates, brought)
			}
			continue
		}
		updates = append(updates, u)
		r.warn("%s: putting back what the host had taken back", u.Name)
		host[u.Name] = u.New
	}
	if r.me.Role == "" {
		return nil, nil
	}
	ask, err := r.askIn(b, host)
	if err != nil {
		return nil, err
	}
	if ask.Name != "" {
		ask.Old = shown.at(ask.Name)
		updates = append(updates, ask)
	}
	if r.behind() || r.hidden != "" {
		return updates, nil // nothing is pushed under an epoch known to be sealed
	}
	for _, make := range []func(*gitstore.Batch, map[string]wire.ObjectID) (gitstore.RefUpdate, error){r.keysUpdate, r.stateUpdate, r.filesUpdate, r.laneUpdate, r.orderUpdate} {
		u, err := make(b, host)
		if err != nil {
			return nil, err
		}
		if u.Name == "" {
			continue
		}
		u.Old = shown.at(u.Name) // what the host really shows is what the lease is on
		updates = slices.DeleteFunc(updates, func(old gitstore.RefUpdate) bool { return old.Name == u.Name })
		updates = append(updates, u)
	}
	return updates, nil
}

// moreToRead: what was read moved this device on, and there are refs that the host
// was not asked for.
func (r *round) moreToRead(shown *display) (bool, error) {
	if len(shown.patterns) == 0 {
		return false, nil
	}
	wanted, err := r.s.wanted(r.v, r.me, r.roster())
	return !slices.Equal(shown.patterns, wanted), err
}

// moreWaits: the journal holds more than this round's commit carries.
func (r *round) moreWaits(updates []gitstore.RefUpdate) (bool, error) {
	lane := r.s.refs.Lane(r.epoch(), r.me.Device)
	if !slices.ContainsFunc(updates, func(u gitstore.RefUpdate) bool { return u.Name == lane }) {
		return false, nil
	}
	var out outbox
	if _, err := getValue(r.v, bucketOutbox, []byte{0}, &out); err != nil {
		return false, err
	}
	total, err := r.v.PendingCount()
	if err != nil {
		return false, err
	}
	return total > out.Count, nil
}

// afterPush notes what landed. The own lane is then read like everybody else's:
// one way in for every entry. lost says that somebody was faster somewhere.
func (s *Space) afterPush(ctx context.Context, res *SyncResult, updates []gitstore.RefUpdate, pushed *gitstore.Pushed) (lost bool, violations []string, err error) {
	shown := map[string]wire.ObjectID{}
	for _, u := range updates {
		switch err := pushed.Results[u.Name]; {
		case err == nil:
			shown[u.Name] = u.New
		case errors.Is(err, gitstore.ErrConflict):
			lost = true
		default:
			res.Refused++
			res.warn("%s: %v", u.Name, err)
		}
	}
	err = s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, res)
		if err != nil {
			return err
		}
		res.refused = cmp.Or(pushed.Results[r.s.refs.Lane(r.epoch(), r.me.Device)], pushed.Results[r.s.refs.Files(r.epoch(), r.me.Device)])
		if errors.Is(res.refused, gitstore.ErrConflict) {
			res.refused = nil
		}
		before, err := v.PendingCount()
		if err != nil {
			return err
		}
		if err := r.readOwn(ctx, shown); err != nil {
			return err
		}
		violations = r.found
		after, err := v.PendingCount()
		res.Pushed += max(0, before-after)
		return err
	})
	return lost, violations, err
}

// readOwn reads back what this device pushed.
func (r *round) readOwn(ctx context.Context, shown map[string]wire.ObjectID) error {
	fetched := r.res.Fetched
	defer func() { r.res.Fetched = fetched }() // nothing came from others
	for ref, tip := range shown {
		n, _ := r.s.refs.Parse(ref)
		switch {
		case n.Kind == wire.RefKeys:
			for _, e := range epochsToRead(r.me, r.roster()) {
				if r.s.refs.Keys(e) != ref {
					continue
				}
				if err := r.newKeys(e, ref, tip); err != nil {
					return err
				}
			}
		case n.Kind == wire.RefLane && n.Device == r.me.Device:
			if err := r.readOwnLane(ctx, ref, tip); err != nil {
				return err
			}
		case n.Kind == wire.RefFiles && n.EpochName == r.epoch().Name():
			if err := r.readFilesTip(ref, tip); err != nil {
				return err
			}
		case n.Kind == wire.RefOrder:
			if err := r.followOrder(ref, tip); err != nil {
				return err
			}
			if err := r.settled(ctx); err != nil {
				return err
			}
		default:
			if err := r.moveTip(ref, tip); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *round) readOwnLane(ctx context.Context, ref string, tip wire.ObjectID) error {
	d, ok := r.roster().Device(r.me.Device)
	if !ok {
		return nil
	}
	l, err := r.loadLane(d)
	if err != nil {
		return err
	}
	r.lanes[d.ID], r.order = l, []wire.DeviceID{d.ID}
	if err := r.readLane(l, ref, tip); err != nil {
		return err
	}
	if err := r.applyAll(ctx); err != nil {
		return err
	}
	return r.settled(ctx)
}

// remember keeps what status shows until the next sync.
func (r *round) remember() error {
	if err := putValue(r.v, bucketMeta, []byte("warnings"), r.res.Warnings); err != nil {
		return err
	}
	return putValue(r.v, bucketMeta, []byte("synced"), r.now.UnixMilli())
}

// tidy keeps the local repository fast; failing at it harms nothing.
func (s *Space) tidy(ctx context.Context) { _ = s.repo.Consolidate(ctx) }

// look runs fn on a round that reads the local store only.
func (s *Space) look(ctx context.Context, fn func(*round) error) error {
	return classify(s.db.View(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, &SyncResult{})
		if err != nil {
			return err
		}
		return fn(r)
	}))
}
