package space

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/espace-git/espace-git/checkpoint"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/view"
)

// A sealed epoch can be read again for as long as somebody has its secret: below its
// closing commit stand all lanes and the order that the cut names. Reading all of them,
// from nothing, gives the state that each epoch began with, whatever anybody endorsed.
//
//	nothing ─fold epoch 0─▶ cut ─seal rows─▶ state of 1 ─fold─▶ cut ─▶ … state of the open epoch
//	                                             │ digest                   │ digest
//	                                      own base of 1, endorsements in the lanes of 1, …
//
// It happens in a transaction of the store that is taken back.

// bucketState: O → digest of the state with which this device began the epoch, and the
// device that made it.
const bucketState = "state"

// noteState keeps that digest for good: the state itself goes with the next seal.
func (r *round) noteState(m *checkpoint.Manifest, by wire.DeviceID) error {
	return r.v.Put(bucketState, m.Epoch[:], slices.Concat(m.Digest[:], by[:]))
}

// history is one reading of the sealed epochs.
type history struct {
	from       uint64 // the first epoch that was read
	digests    map[wire.Hash]wire.Hash
	endorsed   map[wire.Hash]map[wire.DeviceID]wire.Hash
	operations int
	problems   []string

	take  wire.Hash            // the epoch whose state is wanted
	state *checkpoint.Manifest // and this is it
	blobs map[wire.Hash]wire.ObjectID
}

// readHistory reads all epochs from first to the one that this device stands in, or to
// the open one if it stands in none. refs are the closing commits.
func (s *Space) readHistory(ctx context.Context, take wire.Hash) (*history, error) {
	h := &history{take: take, digests: map[wire.Hash]wire.Hash{}, endorsed: map[wire.Hash]map[wire.DeviceID]wire.Hash{}}
	closed, err := s.closed(ctx)
	if err != nil {
		return h, err
	}
	err = s.undone(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, &SyncResult{})
		if err != nil {
			return err
		}
		return r.readHistory(ctx, h, closed)
	})
	return h, err
}

// closed are the closing commits of the epochs that this device has the secrets of.
// Those that are not here are fetched; without a host what is here has to do.
func (s *Space) closed(ctx context.Context) (map[string]wire.ObjectID, error) {
	out, lacks := map[string]wire.ObjectID{}, []string{}
	err := s.look(ctx, func(r *round) error {
		if r.roster() == nil {
			return errNoLedger
		}
		for _, o := range r.roster().Openings() {
			if _, held := s.keys.Secret(o.O); !held || o.Number == 0 {
				continue
			}
			ref := s.refs.Close(o.Epoch)
			if tip, ok := r.tips[ref]; ok {
				out[ref] = tip
			} else if past, ok, err := r.v.Get(bucketPast, []byte(ref)); err != nil {
				return err
			} else if ok {
				out[ref] = wire.ObjectID(past)
			} else {
				lacks = append(lacks, ref)
			}
		}
		return nil
	})
	if err != nil || len(lacks) == 0 {
		return out, err
	}
	host, err := s.host()
	if err != nil {
		return out, nil
	}
	got, err := host.Fetch(ctx, gitstore.FetchRequest{Patterns: lacks})
	if err != nil {
		return out, nil
	}
	for ref, tip := range got.Refs {
		if got.Failed[ref] == nil {
			out[ref] = tip
		}
	}
	return out, nil
}

func (r *round) readHistory(ctx context.Context, h *history, closed map[string]wire.ObjectID) error {
	last := r.me.Epoch
	if !r.started() {
		last = r.roster().Epoch().Epoch
	}
	first, ok := r.firstReadable(last.Number, closed)
	h.from = last.Number
	if !ok {
		return nil // its history begins with the state that it holds
	}
	h.from = first.Number
	if err := h.keepEndorsed(r); err != nil {
		return err
	}
	if err := r.emptied(); err != nil {
		return err
	}
	r.tips, r.again, r.history = map[string]wire.ObjectID{}, true, h
	r.me.Epoch, r.me.Opening = first.Epoch, openingTimes(r.roster())[first.Number]
	r.lanes, r.order = map[wire.DeviceID]*lane{}, nil
	if err := r.loadSecret(); err != nil {
		return err
	}
	if err := r.reopenItems(); err != nil {
		return err
	}
	if err := r.useSchema(r.lastRoster().Head().Number); err != nil {
		return err
	}
	if err := r.followAll(ctx, &display{refs: closed}); err != nil {
		return err
	}
	if r.me.Epoch.O != last.O {
		h.problems = append(h.problems, fmt.Sprintf("epoch %d can't be read again: %s", r.me.Epoch.Number, firstOf(r.res.Warnings, "what its seal names is not here")))
	}
	h.problems = append(h.problems, r.found...)
	return h.judge(r)
}

func firstOf(list []string, other string) string {
	if len(list) == 0 {
		return other
	}
	return list[0]
}

// firstReadable is the first epoch that can be folded from nothing: the very first, if
// all secrets and closing commits since are here.
func (r *round) firstReadable(last uint64, closed map[string]wire.ObjectID) (membership.Opening, bool) {
	all := r.roster().Openings()
	for _, o := range all {
		if o.Number > last {
			break
		}
		_, held := r.s.keys.Secret(o.O)
		_, ends := closed[r.s.refs.Close(o.Epoch)]
		if !held || o.Number > 0 && !ends {
			return membership.Opening{}, false
		}
	}
	return all[0], last > 0
}

// emptied takes away all that the store knows of lanes, rows and states.
func (r *round) emptied() error {
	for _, bucket := range []string{
		bucketLane, bucketReader, bucketPage, bucketHead, bucketHeld, bucketOwn, bucketEndorsed, bucketSealed, bucketBase, bucketParked, bucketOrderKnown,
	} {
		if err := clearBucket(r.v, bucket, nil); err != nil {
			return err
		}
	}
	return errors.Join(clearOrder(r.v), r.v.ClearRows())
}

// reopenItems makes the directory anew from the signed entries: that of a checkpoint
// may lack what its author did not want to be known.
func (r *round) reopenItems() error {
	for _, bucket := range []string{bucketItem, bucketName} {
		if err := clearBucket(r.v, bucket, nil); err != nil {
			return err
		}
	}
	r.schemas = nil
	if err := putValue(r.v, bucketMeta, []byte("items"), uint64(0)); err != nil {
		return err
	}
	return r.openItems()
}

// pass moves over a seal.
func (f *following) pass(ctx context.Context) error {
	if f.r.history != nil {
		return f.passAgain(ctx)
	}
	return f.cross(ctx)
}

// passAgain is cross for a reading from nothing: what this device wrote and is not in
// the cut does not matter, nor what anybody was told before.
func (f *following) passAgain(ctx context.Context) error {
	r := f.r
	for id, entries := range f.variants { // the seal names one of two
		if l := r.lanes[id]; l.log.Len() <= uint64(len(entries)) {
			l.pending = entries[l.log.Len():]
		}
	}
	if err := r.reachOrder(f.ordered); err != nil {
		return err // entries of lanes may have seen it
	}
	if err := r.applyAll(ctx); err != nil {
		return err
	}
	if anew, err := r.endOrder(f.ordered); err != nil || anew {
		return errors.Join(err, fmt.Errorf("reading epoch %d again: the order", r.me.Epoch.Number))
	}
	if err := f.judgeCut(); err != nil {
		return err
	}
	if err := r.sealNumbers(); err != nil {
		return err
	}
	if err := r.history.keepEndorsed(r); err != nil {
		return err
	}
	opening := openingTimes(r.roster())[f.next.Number]
	if err := r.useSchema(f.next.At); err != nil {
		return err
	}
	if err := r.v.SealRows(opening); err != nil {
		return err
	}
	if err := r.enter(f.next, opening); err != nil {
		return err
	}
	if err := r.history.note(r); err != nil {
		return err
	}
	return r.useSchema(r.lastRoster().Head().Number)
}

// note takes the digest of the state that the epoch at hand begins with.
func (h *history) note(r *round) error {
	var d checkpoint.Digest
	if err := r.eachRecord(d.Add); err != nil {
		return err
	}
	o := r.epoch().O
	h.digests[o] = d.Sum()
	if o != h.take {
		return nil
	}
	if err := r.makeBase(); err != nil {
		return err
	}
	var err error
	if h.state, err = r.base(); err != nil {
		return err
	}
	h.blobs = map[wire.Hash]wire.ObjectID{}
	for _, p := range h.state.Pages {
		id, _, err := r.v.Get(bucketBlob, p.Hash[:])
		if err != nil {
			return err
		}
		h.blobs[p.Hash] = wire.ObjectID(id)
	}
	return nil
}

// keepEndorsed collects what lanes endorsed, as far as the store knows it.
func (h *history) keepEndorsed(r *round) error {
	for pair, err := range r.v.Each(bucketEndorsed, nil) {
		if err != nil {
			return err
		}
		if len(pair.Key) != len(wire.Hash{})+len(wire.DeviceID{}) || len(pair.Value) != len(wire.Hash{}) {
			return fmt.Errorf("local store: endorsements: %w", wire.ErrMalformed)
		}
		o, d := wire.Hash(pair.Key[:len(wire.Hash{})]), wire.DeviceID(pair.Key[len(wire.Hash{}):])
		if h.endorsed[o] == nil {
			h.endorsed[o] = map[wire.DeviceID]wire.Hash{}
		}
		h.endorsed[o][d] = wire.Hash(pair.Value)
	}
	return nil
}

// judge names whose word about a state was wrong.
func (h *history) judge(r *round) error {
	for _, o := range r.roster().Openings() {
		digest, read := h.digests[o.O]
		if !read {
			continue
		}
		for _, d := range slices.SortedFunc(maps.Keys(h.endorsed[o.O]), func(a, b wire.DeviceID) int { return slices.Compare(a[:], b[:]) }) {
			if h.endorsed[o.O][d] != digest {
				h.problems = append(h.problems, fmt.Sprintf("%s (device %s) endorsed a state of epoch %d that is not what its history folds to", r.deviceName(d), d, o.Number))
			}
		}
		own, ok, err := r.v.Get(bucketState, o.O[:])
		if err != nil {
			return err
		}
		if !ok || len(own) != len(digest)+len(wire.DeviceID{}) || wire.Hash(own[:len(digest)]) == digest {
			continue
		}
		by, from := wire.DeviceID(own[len(digest):]), ""
		if by != r.me.Device {
			from = fmt.Sprintf(", which was the checkpoint by %s,", r.deviceName(by))
		}
		h.problems = append(h.problems, fmt.Sprintf("the state that this device began epoch %d with%s is not what its history folds to", o.Number, from))
	}
	return nil
}

// foldHistory is the part of an audit that reads sealed epochs.
func (s *Space) foldHistory(ctx context.Context, res *VerifyResult) error {
	h, err := s.readHistory(ctx, wire.Hash{})
	if err != nil {
		return fmt.Errorf("reading the history: %w", err)
	}
	res.From = h.from
	res.Operations += h.operations
	for _, p := range h.problems {
		if !slices.ContainsFunc(res.Problems, func(old string) bool { return len(old) >= len(p) && old[:len(p)] == p }) {
			res.Problems = append(res.Problems, p)
		}
	}
	return nil
}

// beginByHistory lets a newcomer that no endorsed checkpoint has come for begin with
// what the whole history folds to, if it may read it.
func (s *Space) beginByHistory(ctx context.Context) error {
	var open wire.Hash
	err := s.look(ctx, func(r *round) error {
		if r.roster() != nil && !r.started() && r.me.Role != "" && r.roster().Epoch().Number > 0 {
			open = r.roster().Epoch().O
		}
		return nil
	})
	if err != nil || open.IsZero() {
		return err
	}
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	h, err := s.readHistory(ctx, open)
	switch {
	case err != nil:
		return fmt.Errorf("reading the history: %w", err)
	case h.state == nil:
		return join(ErrWaiting, fmt.Errorf("the history can't be read from its beginning (%s): wait for a checkpoint", firstOf(h.problems, "a secret or a closing commit is missing")))
	}
	return s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, &SyncResult{})
		if err != nil || r.started() {
			return err
		}
		return r.beginWith(h)
	})
}

// beginWith makes a state that this device read itself the one that it begins with.
func (r *round) beginWith(h *history) error {
	d, _ := r.roster().Device(r.me.Device)
	im := &importing{r: r, opening: r.roster().Epoch(), items: map[uint64]membership.Items{}}
	o := offer{author: d, pages: h.blobs}
	m, err := im.read(h.state.Unread(), o)
	if err != nil {
		return err
	}
	return im.begin(m, o)
}
