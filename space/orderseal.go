package space

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// orderedNumbers are those that a device has used in the order of this epoch. A seal
// adds them to the sealed ones.
func (r *round) orderedNumbers(d wire.DeviceID) (used merge.Ranges, err error) {
	_, err = getValue(r.v, bucketOrderNumber, laneKey(r.epoch().O, d), &used)
	return used, err
}

// writers are the devices that wrote in this epoch, into lanes or the order.
func (r *round) writers() ([]wire.DeviceID, error) {
	o := r.epoch().O
	ids := slices.Collect(maps.Keys(r.lanes))
	for pair, err := range r.v.Each(bucketOrderNumber, o[:]) {
		if err != nil {
			return nil, err
		}
		if id := wire.DeviceID(pair.Key[len(o):]); r.lanes[id] == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// orderedSeen reports whether a number of a lane's device stands in the part of the
// order that the lane has seen, with its next entry.
func (r *round) orderedSeen(l *lane, e *merge.LaneEntry, number uint64) (bool, error) {
	seen, ok := findSeen(e.Seen, orderDevice)
	if !ok {
		seen, ok = findSeen(l.Seen, orderDevice)
	}
	if !ok {
		return false, nil
	}
	used, err := r.orderedNumbers(l.device.ID)
	if err != nil || !used.Has(number) {
		return false, err
	}
	var at uint64
	found, err := getValue(r.v, bucketOrderAt, slices.Concat(laneKey(r.epoch().O, l.device.ID), wire.U64(number)), &at)
	return found && at < seen.Len, err
}

// cutOrder reads what a seal names of the order; false if it is not here.
func (f *following) cutOrder() (bool, error) {
	r, head := f.r, f.next.Cut.Order
	if had, err := orderHead(r.v, r.epoch().O); err != nil {
		return false, err
	} else if had.Len > head.Len {
		r.warn("the seal of epoch %d by %s ends the order at %d entries, and the host had shown %d: what lies beyond is issued again",
			r.me.Epoch.Number, r.deviceName(f.next.Author), head.Len, had.Len)
	}
	if head.Len == 0 {
		return true, nil
	}
	if err := f.look(); err != nil {
		return false, err
	}
	var pieces []chain.Piece
	read := map[wire.ObjectID][]byte{}
	for _, c := range f.order {
		v, err := r.verified(c, chain.Order, r.roster().Device)
		if err != nil {
			continue
		}
		entries, err := r.orderEntries(v, read)
		if err != nil {
			continue
		}
		pieces = append(pieces, chain.Piece{Commit: v, Entries: entries})
	}
	var err error
	f.ordered, err = r.orderOf(head, pieces)
	if errors.Is(err, chain.ErrNoCut) {
		return false, nil
	}
	return err == nil, err
}

// judgeOrder reports a cut that ends the order below what its author had seen.
func (f *following) judgeOrder(had uint64) error {
	if f.next.Cut.Order.Len >= had {
		return nil
	}
	return f.blame("cut-below-seen", fmt.Sprintf("the seal of epoch %d by %s ends the order at %d entries, and its author had seen %d: the rest is issued again",
		f.r.me.Epoch.Number, f.r.deviceName(f.next.Author), f.next.Cut.Order.Len, had))
}

// orderWaits: an own ordered transaction with this number has not had effect yet, and
// may have. What needs it waits, too.
func (r *round) orderWaits(number uint64) (bool, error) {
	rows, err := r.v.PendingOrdered(0)
	return slices.ContainsFunc(rows, func(row view.JournalRow) bool { return row.Number == number }), err
}

// orderTips are the commits below which all branches of the order lie that were read.
// Where a commit that nobody signed joins two of them, the tip that is kept stands on
// one.
func (r *round) orderTips(c *orderLog, ref string) []wire.ObjectID {
	tips := known(r.tips[ref])
	if tip, ok := c.reader.Tip(); ok && !slices.Contains(tips, tip.ObjectID()) {
		tips = append(tips, tip.ObjectID())
	}
	if r.shown != nil {
		if at, ok := r.shown.tip(ref); ok && !slices.Contains(tips, at) {
			tips = append(tips, at)
		}
	}
	return tips
}

// orderEnd is where a seal by this device ends the order: at what was applied and a
// commit says exactly. Who met two branches at once names the longest: neither had
// effect here, and those who saw it keep what they saw.
func (r *round) orderEnd() (wire.LogHead, wire.ObjectID, error) {
	c, err := r.loadOrder()
	if err != nil {
		return wire.LogHead{}, wire.ObjectID{}, err
	}
	ref, head := r.s.refs.Order(r.epoch()), c.reader.Cut()
	if variants := c.reader.Variants(); len(variants) > 0 {
		head = variants[0]
	}
	commits, err := r.s.repo.Commits(r.orderTips(c, ref), nil, maxCommits)
	if err != nil {
		return head, wire.ObjectID{}, fmt.Errorf("the order: %w", err)
	}
	for _, c := range slices.Backward(commits) {
		if v, err := r.verified(c, chain.Order, r.roster().Device); err == nil && *v.Log == head {
			return head, c.ID, nil
		}
	}
	if head.Len > 0 {
		return head, wire.ObjectID{}, fmt.Errorf("the order: no commit says its %d entries", head.Len)
	}
	return head, r.tips[ref], nil
}

// endOrder brings what was applied of the order to exactly the entries of a cut, as
// chain.ReadOrderCut gives them, and takes what waits off the view, so that it can
// be sealed. anew says that the view holds entries beyond the cut, or of another
// branch than it names: then nothing was done, and the caller folds the epoch anew
// and calls again.
//
// Own transactions that the cut covers are sealed. The others wait again, with the
// numbers that they had: in the next epoch layOrdered judges them on the sealed
// state, and orderUpdate pushes them with new times. They are not marked, since in
// an order the place decides and not the time.
func (r *round) endOrder(cut []chain.Ordered) (anew bool, err error) {
	c, err := r.loadOrder()
	if err != nil {
		return false, err
	}
	rest, ok := beyond(c.log, cut)
	if !ok {
		return true, nil
	}
	if err := r.liftOrdered(); err != nil {
		return false, err
	}
	for _, e := range rest {
		if err := r.applyOrdered(c, e); err != nil {
			return false, err
		}
	}
	if err := c.save(r.v, r.epoch().O); err != nil {
		return false, err
	}
	return false, r.settleOwn(cut)
}

// reachOrder applies what a cut names of the order and was not here before the closing
// commit. Lanes may have seen it, so it comes before theirs.
func (r *round) reachOrder(cut []chain.Ordered) error {
	c, err := r.loadOrder()
	if err != nil {
		return err
	}
	rest, ok := beyond(c.log, cut)
	if !ok || len(rest) == 0 {
		return nil // endOrder says that the epoch is to be folded anew
	}
	if err := r.applyOrder(c, rest); err != nil {
		return err
	}
	return c.save(r.v, r.epoch().O)
}

// beyond is what a cut has after what was applied; false if that is no beginning of it.
func beyond(applied *chain.Log, cut []chain.Ordered) ([]chain.Ordered, bool) {
	n := applied.Len()
	if n > uint64(len(cut)) {
		return nil, false
	}
	var log chain.Log
	for _, e := range cut[:n] {
		log.Append(e.Entry)
	}
	return cut[n:], log.Head() == applied.Head()
}

// settleOwn says of each own transaction of the order whether the cut covers it.
func (r *round) settleOwn(cut []chain.Ordered) error {
	covered := map[[16]byte]bool{}
	for _, o := range cut {
		if o.Author != r.me.Device {
			continue
		}
		plain, err := r.openOrdered(o.Author, o.Index, o.Entry)
		if err != nil {
			continue
		}
		e, err := merge.DecodeEntry(plain)
		if err != nil {
			continue
		}
		for i := range e.Transactions {
			covered[e.Transactions[i].ID] = true
		}
	}
	rows, err := r.v.OrderedJournal(view.Local, view.Witnessed)
	if err != nil {
		return err
	}
	for _, row := range rows {
		state := view.Local
		if covered[row.ID] {
			state = view.Sealed
		}
		if err := r.v.SetJournalState(row.ID, state, ""); err != nil {
			return err
		}
		if err := r.v.SetLogState(r.me.Device, row.Number, row.Number, state, ""); err != nil {
			return err
		}
	}
	return nil
}

// rebuildOrder reads the order again from git, into an empty view, and lays what
// waits on top. clearOrder went before.
func (r *round) rebuildOrder() error {
	ref := r.s.refs.Order(r.epoch())
	if tip, ok := r.tips[ref]; ok {
		delete(r.tips, ref)
		if err := r.followOrder(ref, tip); err != nil {
			return err
		}
	}
	if err := r.liftOrdered(); err != nil {
		return err
	}
	return r.layOrdered()
}
