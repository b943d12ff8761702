package merge

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// ErrListIndex: an index beyond the end of the list.
var ErrListIndex = errors.New("list: index beyond the end")

// List is a list of scalars that several people insert into, reorder, set and
// delete from at once. Every item has a name, one value and one place, however
// many moved it: the greatest mark wins, for its place and its value each by
// itself. A delete wins over moves and sets that were made meanwhile. What
// several people insert at one place at the same time is not interleaved.
//
// The same changes give the same list, whatever the order and however often they
// come. The zero value is empty. Not safe for several goroutines.
type List struct {
	places  []listPlace // the first is the begin
	byDot   map[Dot]int32
	items   []listItem
	itemOf  map[Dot]int32
	order   listOrder
	waiting map[Dot][]placing // by a place that must come first
	held    map[Dot]bool      // those that wait
}

// listItem is what is known of an item. Each part is a maximum.
type listItem struct {
	dot      Dot
	inserted Mark  // zero: the insert has not come
	placed   Mark  // what brought it to its place
	place    int32 // of placed
	set      Mark  // what gave it its value
	value    []byte
	// gone is the greatest delete, while that may still take the item: a delete
	// takes only what its author can have seen (see presence).
	gone Stamp
	dead bool
}

// ListKind is a kind of operation. The numbers are permanent.
type ListKind uint8

const (
	ListInsert ListKind = 0
	ListMove   ListKind = 1
	ListSet    ListKind = 2
	ListDelete ListKind = 3
)

// ListAt asks for a place by its neighbours: the place that came before, whose
// right child it becomes; or, where that has right children, the one that came
// next, whose left child it becomes.
type ListAt struct {
	Parent Dot  // zero: the begin
	Left   bool // a left child
	Right  Dot  // of a right child: the place that came next; zero: the end
}

// ListOp is one operation.
//
//	insert   Values, as items with the indexes Index, Index+1, …
//	move     Item to the place At
//	set      the value of Item
//	delete   Item
type ListOp struct {
	Kind  ListKind
	Index uint32 // but for deletes: one that its author's transaction uses once
	Item  Dot
	At    ListAt
	// Values of an insert, one or more, and of a set, one: canonical scalars.
	Values [][]byte
}

// ListChange is what one transaction does to one list.
type ListChange struct{ Ops []ListOp }

// ListItem is an item as it stands.
type ListItem struct {
	ID     Dot
	Value  []byte
	Placed Mark // who brought it to where it is
	Set    Mark // who gave it its value
}

// Len is the number of items.
func (l *List) Len() int { return l.order.shown }

// At is the i-th item, from 0.
func (l *List) At(i int) (ListItem, error) {
	if i < 0 || i >= l.Len() {
		return ListItem{}, fmt.Errorf("%w: %d of %d", ErrListIndex, i, l.Len())
	}
	return l.show1(l.order.find(i)), nil
}

func (l *List) show1(place int32) ListItem {
	it := &l.items[l.places[place].item]
	return ListItem{it.dot, it.value, it.placed, it.set}
}

// All gives the items in their order.
func (l *List) All() iter.Seq2[int, ListItem] {
	return func(yield func(int, ListItem) bool) {
		i := 0
		for place := range l.shown() {
			if !yield(i, l.show1(place)) {
				return
			}
			i++
		}
	}
}

// shown gives the places that show.
func (l *List) shown() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for _, b := range l.order.blocks {
			for _, p := range b.places {
				if p&1 == 1 && !yield(p>>1) {
					return
				}
			}
		}
	}
}

// Index is where an item stands; false if it is not there.
func (l *List) Index(id Dot) (int, bool) {
	it := l.living(id)
	if it == nil {
		return 0, false
	}
	return l.rank(it.place), true
}

func (l *List) living(id Dot) *listItem {
	if k, ok := l.itemOf[id]; ok && l.items[k].shows() {
		return &l.items[k]
	}
	return nil
}

func (it *listItem) shows() bool { return !it.inserted.IsZero() && !it.dead }

// Apply folds a change of the transaction with the given stamp.
func (l *List) Apply(stamp Stamp, c *ListChange) {
	stamp = stamp.normal()
	l.start()
	for i := range c.Ops {
		l.apply(stamp, &c.Ops[i])
	}
}

func (l *List) apply(stamp Stamp, op *ListOp) {
	at := ListAt{op.At.Parent.in(stamp), op.At.Left, op.At.Right.in(stamp)}
	mark, item := Mark{stamp, op.Index}, op.Item.in(stamp)
	switch op.Kind {
	case ListInsert:
		l.insert(mark, at, op.Values)
	case ListMove:
		l.place(placing{Mark: mark, at: at, item: item})
	case ListSet:
		l.set(item, mark, op.Values[0])
	case ListDelete:
		l.remove(item, stamp)
	}
}

// insert places a run: each item is the right child of the one before.
func (l *List) insert(mark Mark, at ListAt, values [][]byte) {
	for _, v := range values {
		l.place(placing{Mark: mark, at: at, item: mark.Dot(), insert: true, value: v})
		right := at.Right
		if at.Left {
			right = at.Parent
		}
		at = ListAt{Parent: mark.Dot(), Right: right}
		mark.Index++
	}
}

// item is the record of an item, made if there is none.
func (l *List) item(id Dot) (int32, *listItem) {
	k, ok := l.itemOf[id]
	if !ok {
		k = int32(len(l.items))
		l.items = append(l.items, listItem{dot: id, place: -1})
		l.itemOf[id] = k
	}
	return k, &l.items[k]
}

// settle gives a place, which is new in the tree, to its item.
func (l *List) settle(place int32, p *placing) {
	if p.bare {
		return
	}
	k, it := l.item(p.item)
	if p.insert {
		l.arrive(it, p)
	}
	if it.dead {
		return
	}
	if it.placed.Less(p.Mark) {
		l.leave(it)
		it.placed, it.place = p.Mark, place
		l.places[place].item = k
	}
	l.show(it.place, it.shows())
}

// arrive notes the insert of an item, which deletes, moves and sets may have
// overtaken.
func (l *List) arrive(it *listItem, p *placing) {
	it.inserted = p.Mark
	if !it.gone.Less(p.Stamp) {
		l.bury(it)
		return
	}
	it.gone = Stamp{}
	if it.set.Less(p.Mark) {
		it.set, it.value = p.Mark, slices.Clone(p.value)
	}
}

// leave takes an item from its place, which stays in the tree.
func (l *List) leave(it *listItem) {
	if it.place >= 0 {
		l.places[it.place].item = -1
		l.show(it.place, false)
	}
}

// set gives an item its value, if no greater set did.
func (l *List) set(id Dot, mark Mark, value []byte) {
	if _, it := l.item(id); !it.dead && it.set.Less(mark) {
		it.set, it.value = mark, slices.Clone(value)
	}
}

func (l *List) remove(id Dot, by Stamp) {
	_, it := l.item(id)
	switch {
	case it.dead:
	case it.inserted.IsZero():
		it.gone = maxStamp(it.gone, by)
	case !by.Less(it.inserted.Stamp):
		l.bury(it)
	}
}

// bury leaves of an item that it is dead: nothing brings it back.
func (l *List) bury(it *listItem) {
	l.leave(it)
	*it = listItem{dot: it.dot, place: -1, dead: true}
}
