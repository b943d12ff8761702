package space

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/view"
)

// SyncResult is what one Sync did.
type SyncResult struct {
	Fetched  int      `json:"fetched"`  // ledger and lane entries that were new here
	Pushed   int      `json:"pushed"`   // transactions of this device that are on the host now
	Refused  int      `json:"refused"`  // transactions of others that broke a rule, or refs that the host refused
	Warnings []string `json:"warnings"` // never null
}

// maxTries bounds how often a round is begun anew because somebody was faster.
const maxTries = 6

// Sync exchanges what is new with the host: fetch, verify, fold, push. It lets
// newcomers in, puts back what the host lost, and keeps evidence of what was
// taken back or wrongly signed. With such evidence the result is complete and the
// error is ErrViolation.
func (s *Space) Sync(ctx context.Context) (*SyncResult, error) {
	res := &SyncResult{Warnings: []string{}}
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return res, err
	}
	defer unlock()
	var found []string
	for try := 0; ; try++ {
		again, violations, err := s.syncOnce(ctx, res)
		found = append(found, violations...)
		if err != nil {
			return res, classify(err)
		}
		if !again {
			break
		}
		if try == maxTries {
			return res, join(ErrConflict, errors.New("the host kept changing: try again"))
		}
	}
	s.tidy(ctx)
	if len(found) > 0 {
		return res, join(ErrViolation, errors.New(strings.Join(found, "; ")))
	}
	return res, nil
}

// syncOnce is one round. again says that there is more to push, or that somebody
// was faster.
func (s *Space) syncOnce(ctx context.Context, res *SyncResult) (again bool, violations []string, err error) {
	host, err := s.host()
	if err != nil {
		return false, nil, err
	}
	s.opts.Progress(Progress{Phase: "fetching"})
	shown, failed, err := s.fetchAll(ctx, host)
	if err != nil {
		return false, nil, fmt.Errorf("fetching: %w", err)
	}
	batch := s.repo.Batch()
	var updates []gitstore.RefUpdate
	var more bool
	err = s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, res)
		if err != nil {
			return err
		}
		for ref, why := range failed {
			r.warn("%s: the host does not have what it names: %v", ref, why)
		}
		if err := r.read(ctx, shown); err != nil {
			return err
		}
		violations = r.found
		if updates, err = r.write(batch, shown); err != nil {
			return err
		}
		if more, err = r.moreWaits(updates); err != nil {
			return err
		}
		if err := r.remember(); err != nil {
			return err
		}
		// What is signed is on disk, in git and in the outbox, before it is pushed.
		return batch.Flush()
	})
	if err != nil {
		return false, violations, err
	}
	if len(updates) == 0 {
		return false, violations, nil
	}
	s.opts.Progress(Progress{Phase: "pushing"})
	pushed, err := host.Push(ctx, updates, gitstore.PushOptions{})
	if err != nil {
		return false, violations, fmt.Errorf("pushing: %w", err)
	}
	lost, err := s.afterPush(ctx, res, updates, pushed)
	return lost || more, violations, err
}

// fetchAll asks for the ledger and for the open epoch's refs.
func (s *Space) fetchAll(ctx context.Context, host gitstore.Remote) (shown map[string]wire.ObjectID, failed map[string]error, err error) {
	var e wire.Epoch
	err = s.db.View(ctx, func(v *view.Tx) error {
		me, err := loadSelf(v)
		e = me.Epoch
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if e.O.IsZero() {
		e.O = s.id
	}
	got, err := host.Fetch(ctx, gitstore.FetchRequest{Patterns: []string{
		s.refs.Ledger, s.refs.Keys(e), s.refs.Order(e), s.refs.Lanes(e) + "*",
	}})
	if err != nil {
		return nil, nil, err
	}
	shown = maps.Clone(got.Refs)
	for ref := range got.Failed {
		delete(shown, ref) // as if it were not there: what was verified is put back
	}
	return shown, got.Failed, nil
}

// fetch is fetchAll where nothing is known yet but the space's ID.
func (s *Space) fetch(ctx context.Context, host gitstore.Remote, id wire.Hash) (map[string]wire.ObjectID, error) {
	e := wire.Epoch{O: id}
	got, err := host.Fetch(ctx, gitstore.FetchRequest{Patterns: []string{s.refs.Ledger, s.refs.Keys(e)}})
	if err != nil {
		return nil, err
	}
	for ref, why := range got.Failed {
		return nil, fmt.Errorf("%s: %w", ref, why)
	}
	return got.Refs, nil
}

// write decides what to push: what the host lost, wraps for newcomers, and what
// waits in the journal.
func (r *round) write(b *gitstore.Batch, shown map[string]wire.ObjectID) ([]gitstore.RefUpdate, error) {
	updates := r.repairs
	host := maps.Clone(shown)
	for _, u := range updates {
		r.warn("%s: putting back what the host had taken back", u.Name)
		host[u.Name] = u.New
	}
	if r.me.Role == "" {
		return nil, nil
	}
	for _, make := range []func(*gitstore.Batch, map[string]wire.ObjectID) (gitstore.RefUpdate, error){r.keysUpdate, r.laneUpdate} {
		u, err := make(b, host)
		if err != nil {
			return nil, err
		}
		if u.Name == "" {
			continue
		}
		u.Old = shown[u.Name] // what the host really shows is what the lease is on
		updates = slices.DeleteFunc(updates, func(old gitstore.RefUpdate) bool { return old.Name == u.Name })
		updates = append(updates, u)
	}
	return updates, nil
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
func (s *Space) afterPush(ctx context.Context, res *SyncResult, updates []gitstore.RefUpdate, pushed *gitstore.Pushed) (lost bool, err error) {
	shown := map[string]wire.ObjectID{}
	for _, u := range updates {
		switch err := pushed.Results[u.Name]; {
		case err == nil:
			shown[u.Name] = u.New
		case errors.Is(err, gitstore.ErrConflict):
			lost = true
		default:
			res.Refused++
			res.Warnings = append(res.Warnings, fmt.Sprintf("%s: %v", u.Name, err))
		}
	}
	err = s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, res)
		if err != nil {
			return err
		}
		before, err := v.PendingCount()
		if err != nil {
			return err
		}
		if err := r.readOwn(ctx, shown); err != nil {
			return err
		}
		after, err := v.PendingCount()
		res.Pushed += max(0, before-after)
		return err
	})
	return lost, err
}

// readOwn reads back what this device pushed.
func (r *round) readOwn(ctx context.Context, shown map[string]wire.ObjectID) error {
	fetched := r.res.Fetched
	defer func() { r.res.Fetched = fetched }() // nothing came from others
	for ref, tip := range shown {
		n, _ := r.s.refs.Parse(ref)
		switch {
		case n.Kind == wire.RefKeys:
			if err := r.newKeys(ref, tip); err != nil {
				return err
			}
		case n.Kind == wire.RefLane && n.Device == r.me.Device:
			if err := r.readOwnLane(ctx, ref, tip); err != nil {
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
	return r.clock.save(r.v)
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

// propose puts one entry into the ledger. draft makes it for the ledger as it
// stands; if somebody is faster it is made anew, and names the tries that lost,
// so that nobody takes the race for a fork (DESIGN 4).
func (s *Space) propose(ctx context.Context, draft func(*round) (membership.Draft, map[string][]byte, error)) (*membership.Entry, error) {
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var tries []wire.Hash
	for range maxTries {
		e, lost, err := s.proposeOnce(ctx, tries, draft)
		if err != nil || e != nil {
			return e, classify(err)
		}
		if lost != nil {
			tries = append(tries, *lost)
		}
	}
	return nil, join(ErrConflict, errors.New("the ledger kept changing: try again"))
}

func (s *Space) proposeOnce(ctx context.Context, tries []wire.Hash, draft func(*round) (membership.Draft, map[string][]byte, error)) (_ *membership.Entry, lost *wire.Hash, err error) {
	host, err := s.host()
	if err != nil {
		return nil, nil, err
	}
	shown, _, err := s.fetchAll(ctx, host)
	if err != nil {
		return nil, nil, fmt.Errorf("fetching: %w", err)
	}
	batch := s.repo.Batch()
	var update gitstore.RefUpdate
	var entry *membership.Entry
	err = s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, &SyncResult{})
		if err != nil {
			return err
		}
		if err := r.read(ctx, shown); err != nil {
			return err
		}
		if len(r.found) > 0 {
			return join(ErrViolation, errors.New(strings.Join(r.found, "; ")))
		}
		entry, update, err = r.next(batch, shown, tries, draft)
		if err != nil {
			return err
		}
		return batch.Flush()
	})
	if err != nil {
		return nil, nil, err
	}
	pushed, err := host.Push(ctx, []gitstore.RefUpdate{update}, gitstore.PushOptions{})
	if err != nil {
		return nil, nil, fmt.Errorf("pushing: %w", err)
	}
	if err := pushed.Err(); errors.Is(err, gitstore.ErrConflict) {
		return nil, &entry.Hash, nil
	} else if err != nil {
		return nil, nil, fmt.Errorf("pushing the ledger: %w", err)
	}
	return entry, nil, s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, &SyncResult{})
		if err != nil {
			return err
		}
		return r.readStanding(update.Name, update.New)
	})
}

// readStanding reads an own entry back from the own repository.
func (r *round) readStanding(ref string, tip wire.ObjectID) error {
	before := r.ledger.len()
	if err := r.readLedger(ref, tip); err != nil {
		return err
	}
	if err := r.openItems(); err != nil {
		return err
	}
	return r.standing(before)
}

// next signs the next entry and the commit that carries it.
func (r *round) next(b *gitstore.Batch, shown map[string]wire.ObjectID, tries []wire.Hash, draft func(*round) (membership.Draft, map[string][]byte, error)) (*membership.Entry, gitstore.RefUpdate, error) {
	var none gitstore.RefUpdate
	d, values, err := draft(r)
	if err != nil {
		return nil, none, err
	}
	d.Time, d.Signer, d.Tries = r.now, r.s.keys.Device(), tries
	if len(values) > 0 {
		if d.Items, d.Private, err = r.privateNext(values); err != nil {
			return nil, none, err
		}
	}
	envelope, err := r.roster().Propose(d)
	if err != nil {
		return nil, none, err
	}
	first := r.ledger.len()
	if err := r.ledger.add(envelope); err != nil {
		return nil, none, err
	}
	entry := r.ledger.entries[first]
	ref := r.s.refs.Ledger
	msg := r.ledgerMessage(first)
	msg.Device = r.s.keys.Device().ID()
	id, err := r.commit(b, ref, shown[ref], ledgerTree(b, r.ledger.envelopes), msg)
	return entry, gitstore.RefUpdate{Name: ref, Old: shown[ref], New: id}, err
}

func (r *round) privateNext(values map[string][]byte) (map[string]wire.Hash, []byte, error) {
	if r.secret.IsZero() {
		return nil, nil, join(ErrWaiting, fmt.Errorf("%w", ErrWaiting))
	}
	items, err := salted(r.s.opts.Rand, values)
	if err != nil {
		return nil, nil, err
	}
	box, err := private(r.s.opts.Rand, r.secret, r.roster().Head().Hash, items)
	return items.Hashes(), box, err
}
