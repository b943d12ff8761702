package space

import (
	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// orderNumbers gives the numbers that the order of an epoch has used, by device: a
// seal adds them to the sealed ones.
func orderNumbers(v *view.Tx, o wire.Hash, fn func(wire.DeviceID, merge.Ranges) error) error {
	for pair, err := range v.Each(bucketOrderNumber, o[:]) {
		if err != nil {
			return err
		}
		var used merge.Ranges
		if err := wire.UnmarshalCBOR(pair.Value, &used); err != nil {
			return err
		}
		if err := fn(wire.DeviceID(pair.Key[len(o):]), used); err != nil {
			return err
		}
	}
	return nil
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
	rows, err := r.v.OrderedJournal(view.Pushed, view.Witnessed)
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
