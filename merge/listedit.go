package merge

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// What an author does is told against the list as it stands. Each operation must
// be applied before the next one of the same transaction is made; index is one
// that the transaction has not used in this list, and an operation uses one for
// each value, or one.

// Insert is the operation that puts values before the i-th item, or at the end.
func (l *List) Insert(i int, index uint32, values ...[]byte) (ListOp, error) {
	at, err := l.gap(i)
	if err != nil {
		return ListOp{}, err
	}
	op := ListOp{Kind: ListInsert, Index: index, At: at}
	for _, v := range values {
		op.Values = append(op.Values, bytes.Clone(v))
	}
	return op, nil
}

// Move is the operation after which the item that stands at from stands at to.
func (l *List) Move(from, to int, index uint32) (ListOp, error) {
	it, err := l.At(from)
	if err != nil {
		return ListOp{}, err
	}
	if to < 0 || to >= l.Len() {
		return ListOp{}, fmt.Errorf("%w: %d of %d", ErrListIndex, to, l.Len())
	}
	if to > from {
		to++
	}
	at, err := l.gap(to)
	return ListOp{Kind: ListMove, Index: index, Item: it.ID, At: at}, err
}

// Set is the operation that gives the i-th item another value.
func (l *List) Set(i int, index uint32, value []byte) (ListOp, error) {
	it, err := l.At(i)
	return ListOp{Kind: ListSet, Index: index, Item: it.ID, Values: [][]byte{bytes.Clone(value)}}, err
}

// Delete is the operation that deletes the i-th item.
func (l *List) Delete(i int) (ListOp, error) {
	it, err := l.At(i)
	return ListOp{Kind: ListDelete, Item: it.ID}, err
}

// gap is the place before the i-th item, or at the end.
func (l *List) gap(i int) (ListAt, error) {
	if i < 0 || i > l.Len() {
		return ListAt{}, fmt.Errorf("%w: %d of %d", ErrListIndex, i, l.Len())
	}
	l.start()
	before := int32(0)
	if i > 0 {
		before = l.order.find(i - 1)
	}
	return l.after(before), nil
}

// Renumber replaces a transaction's number in what the change names, see
// SetChange.Renumber.
func (c *ListChange) Renumber(device wire.DeviceID, from, to uint64) {
	for i := range c.Ops {
		op := &c.Ops[i]
		op.Item.renumber(device, from, to)
		op.At.Parent.renumber(device, from, to)
		op.At.Right.renumber(device, from, to)
	}
}

// Seal is the list as the epoch with the given opening starts with it: the items
// in their order, with their names, and marks lowered to the opening. What was
// deleted, and the places that items have left, leave nothing.
func (l *List) Seal(opening uint64) *List {
	sealed := new(List)
	sealed.start()
	before := Dot{}
	for place := range l.shown() {
		it := l.items[l.places[place].item]
		it.inserted, it.placed, it.set = it.inserted.Lower(opening), it.placed.Lower(opening), it.set.Lower(opening)
		sealed.restore(it, ListAt{Parent: before})
		before = it.placed.Dot()
	}
	return sealed
}

// restore puts an item at a place whose neighbours are there.
func (l *List) restore(it listItem, at ListAt) {
	p := placing{Mark: it.placed, at: at, item: it.dot}
	_, own := l.item(it.dot)
	it.place, it.placed = -1, Mark{}
	*own = it
	l.place(p)
}

// Refers names the items that the change depends on: a re-issue waits for those
// that are neither sealed nor in effect. Neighbours are not among them.
func (c *ListChange) Refers() (out []Dot) {
	for i := range c.Ops {
		if op := &c.Ops[i]; op.Kind != ListInsert && op.Item.Number != 0 {
			out = append(out, op.Item)
		}
	}
	slices.SortFunc(out, Dot.Compare)
	return slices.Compact(out)
}

// Reissue is the change of a transaction for the open epoch, and the moves and
// sets that lost: their item is gone, or its sealed mark is greater. l is the
// list of the epoch before as its author saw it, cut or not; stamp is the
// transaction's as it counts now, lowered; sealed is the list with which the
// open epoch begins and with what its author issued again before. Operations get
// the places in it that are nearest before those that they had. ok is false if
// nothing is left.
//
// What is issued again is applied to sealed; to apply it again changes nothing.
func (l *List) Reissue(c *ListChange, stamp Stamp, sealed *List) (again *ListChange, lost []ListOp, ok bool) {
	return l.reissue(c, stamp, stamp, sealed)
}

// reissue is Reissue for a transaction whose number may be another now than it
// was in l.
func (l *List) reissue(c *ListChange, was, stamp Stamp, sealed *List) (again *ListChange, lost []ListOp, ok bool) {
	l.start()
	again = new(ListChange)
	for _, op := range c.Ops {
		switch sealed.judge(&op, stamp) {
		case listLost:
			lost = append(lost, op)
			continue
		case listPointless:
			continue
		}
		if op.Kind == ListInsert || op.Kind == ListMove {
			op.At = l.nearest(Dot{was.Device, was.Number, op.Index}, stamp.Number, sealed)
		}
		sealed.Apply(stamp, &ListChange{[]ListOp{op}})
		again.Ops = append(again.Ops, op)
	}
	again.Renumber(stamp.Device, stamp.Number, 0)
	return again, lost, len(again.Ops) > 0
}

const (
	listStays = iota
	listLost
	listPointless // a delete of what is gone
)

func (l *List) judge(op *ListOp, stamp Stamp) int {
	it := l.living(op.Item.in(stamp))
	mark := Mark{stamp, op.Index}
	switch {
	case op.Kind == ListInsert:
		return listStays
	case it == nil && op.Kind == ListDelete:
		return listPointless
	case it == nil, op.Kind == ListMove && mark.Less(it.placed), op.Kind == ListSet && mark.Less(it.set):
		return listLost
	}
	return listStays
}

// nearest asks for the place in sealed behind the one that stands last before
// the given place of l and is in both. The place's transaction has the number
// given in sealed.
func (l *List) nearest(dot Dot, number uint64, sealed *List) ListAt {
	k, ok := l.byDot[dot]
	for ok && k > 0 {
		k = l.prev(k)
		near := l.places[k].dot
		near.renumber(dot.Device, dot.Number, number)
		if in, there := sealed.byDot[near]; there {
			return sealed.after(in)
		}
	}
	sealed.start()
	return sealed.after(0)
}
