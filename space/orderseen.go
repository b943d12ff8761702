package space

import (
	"fmt"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// Lanes say what their authors had seen of the order, under the zero device. So a
// host that shows two orders is caught, and who wrote into it learns that another
// member has it: `witnessed`.

// orderHead is what was applied of an epoch's order: its part of a cut, and of what
// a lane's entry says that its author had seen.
func orderHead(v *view.Tx, o wire.Hash) (wire.LogHead, error) {
	var st orderState
	var log chain.Log
	ok, err := getValue(v, bucketOrder, o[:], &st)
	if err == nil && ok {
		err = log.UnmarshalBinary(st.Applied)
	}
	if err != nil {
		return wire.LogHead{}, fmt.Errorf("local store: order: %w", err)
	}
	return log.Head(), nil
}

// appliedOrder is the order's place in the vector of what was applied; none while it
// is empty. It comes first: the zero device is the least.
func appliedOrder(v *view.Tx, o wire.Hash) ([]merge.Seen, error) {
	head, err := orderHead(v, o)
	if err != nil || head.Len == 0 {
		return nil, err
	}
	return []merge.Seen{{Device: orderDevice, LogHead: head}}, nil
}

// checkOrderSeen is checkSeen for the order: what the author of a lane says it saw
// of it exists, is what is here, and never goes back.
func (r *round) checkOrderSeen(l *lane, seen merge.Seen) (wait string, past uint64, err error) {
	if old, ok := findSeen(l.Seen, orderDevice); ok && seen.Len <= old.Len {
		return "", 0, l.wrong("what it saw of the order goes back from %d to %d", old.Len, seen.Len)
	}
	var head headState
	ok, err := getValue(r.v, bucketHead, headKey(r.epoch().O, orderDevice, seen.Len), &head)
	switch {
	case err != nil:
		return "", 0, err
	case !ok:
		return fmt.Sprintf("they have seen %d entries of the order, which the host does not show", seen.Len), 0, nil
	case head.Root != seen.Root:
		// Its author was shown another branch, and is not to blame: a seal names one.
		return "they have seen another order than is here", 0, r.orderElsewhere(l)
	}
	if l.device.Member != r.me.Member {
		err = r.orderWitnessed(seen.Len)
	}
	return "", head.Past, err
}

// orderElsewhere keeps what shows two orders, once.
func (r *round) orderElsewhere(l *lane) error {
	c, err := r.loadOrder()
	if err != nil {
		return err
	}
	e := evidence{
		Kind: "seen-elsewhere", Device: l.device.ID.String(),
		Text: fmt.Sprintf("%s has seen another order than is here: two histories are shown", r.deviceName(l.device.ID)),
	}
	if tip, ok := l.reader.Tip(); ok {
		e.Signed = append(e.Signed, tip.Raw())
	}
	if tip, ok := c.reader.Tip(); ok {
		e.Signed = append(e.Signed, tip.Raw())
	}
	return r.newViolation(e)
}

// orderWitnessed raises own transactions among the first n entries: another member
// has them, so that they can't be hidden any more without being missed.
func (r *round) orderWitnessed(n uint64) error {
	o := r.epoch().O
	var st orderState
	if _, err := getValue(r.v, bucketOrder, o[:], &st); err != nil || n <= st.Witnessed {
		return err
	}
	for own, err := range r.v.From(bucketOrderOwn, o[:], append(o[:], wire.U64(st.Witnessed)...)) {
		if err != nil {
			return err
		}
		if wire.ReadU64(own.Key[len(o):]) >= n {
			break
		}
		if err := r.raiseOwn(own.Value, view.Witnessed); err != nil {
			return err
		}
	}
	st.Witnessed = n
	return putValue(r.v, bucketOrder, o[:], st)
}
