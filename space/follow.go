package space

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// followAll moves this device on, one epoch after the other, as far as all that
// their cuts name is here (DESIGN 5).
func (r *round) followAll(ctx context.Context, host *display) error {
	for {
		next, sealed := r.sealed()
		if !sealed {
			return nil
		}
		moved, err := r.follow(ctx, next, host)
		if err != nil || !moved {
			return err
		}
		if err := r.readEpoch(ctx, host); err != nil {
			return err
		}
	}
}

// follow moves over one seal. It stays where it is, and says what is missing, until
// the closing commit is here and, among its ancestors, exactly what the cut names.
func (r *round) follow(ctx context.Context, next membership.Opening, host *display) (moved bool, err error) {
	if r.me.Role == "" {
		return false, nil // removed: what comes after is not for this device
	}
	if lacks := r.lacks(); len(lacks) > 0 && (len(next.Cut.Lanes) > 0 || next.Cut.Order.Len > 0) {
		r.warn("upgrade needed: this program lacks %v, with which epoch %d was written", lacks, r.me.Epoch.Number)
		return false, nil
	}
	f := &following{r: r, next: next}
	if f.closing, err = f.findClosing(host); err != nil || f.closing.IsZero() {
		return false, err
	}
	if err := f.readCut(host); err != nil {
		return false, err
	}
	if len(f.lacks) > 0 {
		r.warn("epoch %d was sealed by %s, but the host does not show %s: until it does, writes stay on this device",
			r.me.Epoch.Number, r.deviceName(next.Author), strings.Join(f.lacks, ", "))
		return false, nil
	}
	if ok, err := f.mayPass(host); err != nil || !ok {
		return false, err
	}
	if err := f.pass(ctx); err != nil {
		return true, err
	}
	return true, r.moveTip(r.s.refs.Close(next.Epoch), f.closing) // it holds what was sealed: a host is healed with it
}

// following is one move from an epoch to the next.
type following struct {
	r       *round
	next    membership.Opening // the entry that seals this device's epoch
	closing wire.ObjectID      // X, the closing commit
	lacks   []string           // what the cut names and is not here

	below    map[wire.DeviceID][]gitstore.CommitRef // the lane commits below X by device, once they were needed
	order    []gitstore.CommitRef                   // and the order's
	ordered  []chain.Ordered                        // the entries of the order that the cut names
	variants map[wire.DeviceID][][]byte             // entries of lanes that were signed in two variants
}

// findClosing looks for X where the seal put it: on `close` of the new epoch, on the
// order and the lanes of the one that ends.
func (f *following) findClosing(host *display) (wire.ObjectID, error) {
	r := f.r
	refs := []string{r.s.refs.Close(f.next.Epoch), r.s.refs.Order(r.epoch())}
	for _, d := range r.order {
		refs = append(refs, r.s.refs.Lane(r.epoch(), d))
	}
	var tips []wire.ObjectID
	for _, ref := range refs {
		if tip, ok := host.tip(ref); ok && !slices.Contains(tips, tip) {
			tips = append(tips, tip)
		}
	}
	for _, tip := range tips {
		if raw, err := r.s.repo.CommitBytes(tip); err == nil && f.isClosing(raw) {
			return tip, nil
		}
	}
	// Somebody put something on top.
	for _, tip := range tips {
		commits, err := r.s.repo.Commits([]wire.ObjectID{tip}, nil, maxCommits)
		if err != nil {
			continue
		}
		for _, c := range slices.Backward(commits) {
			if c.Err == nil && f.isClosing(c.Raw) {
				return c.ID, nil
			}
		}
	}
	if !host.asked(r.s.refs.Close(f.next.Epoch)) {
		return wire.ObjectID{}, nil // it is fetched next
	}
	r.warn("epoch %d was sealed by %s (ledger entry %d), but the host does not show the closing commit: until it does, writes stay on this device",
		r.me.Epoch.Number, r.deviceName(f.next.Author), f.next.At)
	return wire.ObjectID{}, nil
}

func (f *following) isClosing(raw []byte) bool {
	d, ok := f.r.roster().Device(f.next.Author)
	if !ok {
		return false
	}
	_, err := chain.VerifyClose(raw, chain.Closing{
		Space: f.r.s.id, Epoch: f.r.epoch().O, Device: d.ID, Key: d.Key,
		Entry: wire.Position{Number: f.next.At, Hash: f.next.O},
	})
	return err == nil
}

// readCut makes every lane reach its place in the cut, and notes what does not.
func (f *following) readCut(host *display) error {
	for _, c := range f.next.Cut.Lanes {
		if err := f.readLaneCut(c); err != nil {
			return err
		}
	}
	ok, err := f.cutOrder()
	if !ok && err == nil {
		f.lacks = append(f.lacks, fmt.Sprintf("%d entries of the order", f.next.Cut.Order.Len))
	}
	return err
}

func (f *following) readLaneCut(c membership.LaneCut) error {
	r := f.r
	l, err := r.laneOf(c.Device)
	if err != nil || l == nil {
		f.lacks = append(f.lacks, "the lane of "+r.deviceName(c.Device))
		return err
	}
	l.limit = c.Len
	if l.reader.Covers(c.LogHead) {
		return nil
	}
	if err := f.look(); err != nil {
		return err
	}
	pieces, of, _ := r.readPieces(l, f.below[c.Device])
	accepted, outcomes := l.reader.Read(pieces)
	l.pending, l.changed = append(l.pending, accepted...), true
	r.res.Fetched += len(accepted)
	for i, o := range outcomes {
		if err := r.laneOutcome(l, r.s.refs.Lane(r.epoch(), c.Device), of[i], o); err != nil {
			return err
		}
	}
	if l.reader.Covers(c.LogHead) {
		return nil
	}
	// Two variants of a lane were signed: the seal names one.
	entries, _, err := chain.ReadCut(r.s.id, r.epoch().O, l.device.Key, c.LogHead, pieces)
	switch {
	case errors.Is(err, chain.ErrNoCut):
		f.lacks = append(f.lacks, fmt.Sprintf("%d entries of %s", c.Len, r.deviceName(c.Device)))
		return nil
	case err != nil:
		return err
	}
	f.variants[c.Device] = entries
	return nil
}

// look sorts all commits below X by the chain that they say they are of.
func (f *following) look() error {
	if f.below != nil {
		return nil
	}
	f.below, f.variants = map[wire.DeviceID][]gitstore.CommitRef{}, map[wire.DeviceID][][]byte{}
	commits, err := f.r.s.repo.Commits([]wire.ObjectID{f.closing}, nil, maxCommits)
	if err != nil {
		return err
	}
	for _, c := range commits {
		if c.Err != nil {
			continue
		}
		u, err := chain.Parse(c.Raw)
		if err != nil {
			continue
		}
		switch m := u.Claims(); {
		case m.Epoch != f.r.epoch().O:
		case m.Kind == chain.Lane:
			f.below[m.Device] = append(f.below[m.Device], c)
		case m.Kind == chain.Order:
			f.order = append(f.order, c)
		}
	}
	return nil
}

// mayPass: the state that comes next is kept under the new epoch's secret. One that
// nobody could open, and was sealed again empty, is passed without.
func (f *following) mayPass(host *display) (bool, error) {
	r := f.r
	secret, err := r.secretOf(f.next.O)
	if err != nil || !secret.IsZero() {
		return err == nil, err
	}
	if !host.asked(r.s.refs.Keys(f.next.Epoch)) {
		return false, nil // its keys are fetched next
	}
	if err := r.noteUnopened(f.next.O); err != nil {
		return false, err
	}
	if after, ok := r.roster().OpeningOf(f.next.Number + 1); ok && r.passesUnopened(f.next, after) {
		return true, nil
	}
	r.warn("epoch %d was opened by %s, and no member's device has let this one into it yet", f.next.Number, r.deviceName(f.next.Author))
	return false, nil
}

// laneOf is a lane of this device's epoch; nil if nobody knows its device.
func (r *round) laneOf(id wire.DeviceID) (*lane, error) {
	if l := r.lanes[id]; l != nil {
		return l, nil
	}
	d, ok := r.roster().Device(id)
	if !ok {
		return nil, nil
	}
	l, err := r.loadLane(d)
	if err == nil {
		r.lanes[id], r.order = l, append(r.order, id)
	}
	return l, err
}

// cross ends this device's epoch and begins the next: the view holds exactly what
// the cut names, becomes the state that the next epoch starts with, and what no cut
// covers is issued again.
func (f *following) cross(ctx context.Context) error {
	r := f.r
	if err := r.reachOrder(f.ordered); err != nil {
		return err
	}
	if err := r.applyAll(ctx); err != nil {
		return err
	}
	if err := r.layWaiting(); err != nil {
		return err
	}
	before, err := r.usedNumbers()
	if err != nil {
		return err
	}
	aside, err := f.beyondCut()
	if err != nil {
		return err
	}
	own, err := f.unsealedOwn()
	if err != nil {
		return err
	}
	anew, err := r.endOrder(f.ordered)
	if err != nil {
		return err
	}
	if anew || f.dirty(own) {
		if err := f.refold(ctx); err != nil {
			return err
		}
	}
	if err := f.judgeCut(); err != nil {
		return err
	}
	if err := f.setBeyond(aside); err != nil {
		return err
	}
	if own, err = r.uncovered(own); err != nil {
		return err
	}
	if err := r.sealReceipts(before, own); err != nil {
		return err
	}
	if err := r.sealNumbers(); err != nil {
		return err
	}
	opening := openingTimes(r.roster())[f.next.Number]
	if err := r.useSchema(f.next.At); err != nil {
		return err
	}
	onto, err := r.sealedDocuments(own, opening)
	if err != nil {
		return err
	}
	if err := r.v.SealRows(opening); err != nil {
		return err
	}
	if err := r.enter(f.next, opening); err != nil {
		return err
	}
	if err := r.makeBase(); err != nil {
		return err
	}
	if err := r.useSchema(r.lastRoster().Head().Number); err != nil {
		return err
	}
	if err := r.reissue(own, onto); err != nil {
		return err
	}
	return r.layOrdered()
}

// dirty reports whether the view holds something that the cut does not name.
func (f *following) dirty(own []*unsealedTx) bool {
	waits := func(tx *unsealedTx) bool { return tx.row.State == view.Local }
	if len(f.variants) > 0 || slices.ContainsFunc(own, waits) {
		return true
	}
	return f.shortened()
}

// shortened: a lane ends before what was applied of it.
func (f *following) shortened() bool {
	for id, l := range f.r.lanes {
		if head, _ := f.next.Cut.Lane(id); l.log.Len() > head.Len {
			return true
		}
	}
	return false
}

// refold folds the epoch anew, from the state that it started with to the cut.
func (f *following) refold(ctx context.Context) error {
	r := f.r
	if err := f.look(); err != nil {
		return err
	}
	if err := r.resetEpoch(); err != nil {
		return err
	}
	r.again = true
	defer func() { r.again = false }()
	for _, c := range f.next.Cut.Lanes {
		l, err := r.laneOf(c.Device)
		if err != nil {
			return err
		}
		l.limit = c.Len
		if l.pending = f.variants[c.Device]; l.pending == nil {
			pieces, _, _ := r.readPieces(l, f.below[c.Device])
			if l.pending, _, err = chain.ReadCut(r.s.id, r.epoch().O, l.device.Key, c.LogHead, pieces); err != nil {
				return fmt.Errorf("folding epoch %d anew: lane of %s: %w", r.me.Epoch.Number, r.deviceName(c.Device), err)
			}
		}
		l.changed = true
	}
	if anew, err := r.endOrder(f.ordered); err != nil || anew {
		return errors.Join(err, fmt.Errorf("folding epoch %d anew: the order", r.me.Epoch.Number))
	}
	return r.applyAll(ctx)
}

// used are the numbers that a device has used in this epoch so far. Those of the
// order that can't be read are met again, with the error, where they are sealed.
func (r *round) used(id wire.DeviceID) merge.Ranges {
	used, _ := r.orderedNumbers(id)
	if l := r.lanes[id]; l != nil {
		used = used.Union(l.Used)
	}
	return used
}

// usedNumbers are the numbers that were used in this epoch so far, by device.
func (r *round) usedNumbers() (map[wire.DeviceID]merge.Ranges, error) {
	out := map[wire.DeviceID]merge.Ranges{}
	ids, err := r.writers()
	for _, id := range ids {
		ordered, err := r.orderedNumbers(id)
		if err != nil {
			return nil, err
		}
		out[id] = ordered
		if l := r.lanes[id]; l != nil {
			out[id] = ordered.Union(l.Used)
		}
	}
	return out, err
}
