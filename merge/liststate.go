package merge

import "slices"

// Flags of a place in a stored list. Without any it is a right child of the place
// printed before it, with the end as its right origin, and nobody's: so the items
// of a sealed list cost their flags, names, times and values alone.
const (
	listLinked = 1 << iota // its parent and right origin follow
	listShown              // its item follows
	listMoved              // the item has another name than the place, which follows
	listWasSet             // the item's value is not that of its insert
	listDead               // the item of this name is deleted
)

// Flags of an item that does not show, and whose own place is not in the tree:
// its insert has not come, or was moved before a seal and deleted after it.
const (
	looseValue = 1 << iota
	looseGone
	loosePlace
	looseDead // alone
)

// Flags of a place that waits for its neighbours.
const (
	waitMove = 1 << iota // else an insert
	waitLeft
	waitBegin // its parent is the begin
	waitEnd   // its right origin is the end
)

// EncodeList gives the list as bytes, the same for the same changes: all that
// decides what further changes do.
//
//	places, place…, loose items, item…, waiting places, place…
//	place     flags, name, [parent, right], [times, [item, times], [mark], value]
//	item      flags, name, [mark, value], [stamp], [place, times]
//	waiting   flags, mark, [parent], [right], item or value
//
// Places are printed in their order and named by their number in it: 0 the begin,
// 1 the first. right is 0 for a left child, 1 for the end, 1 + a place's number.
func EncodeList(l *List) []byte {
	l.start()
	number := make([]int32, len(l.places))
	order := make([]int32, 0, len(l.places))
	for k := l.next(0); k >= 0; k = l.next(k) {
		order = append(order, k)
		number[k] = int32(len(order))
	}
	loose, waiting := l.loose(), l.waits()
	return encodeState(func(w *stateWriter) {
		w.uint(uint64(len(order)))
		for i, k := range order {
			l.printPlace(w, k, int32(i), number)
		}
		w.uint(uint64(len(loose)))
		for _, it := range loose {
			it.printLoose(w, number)
		}
		w.uint(uint64(len(waiting)))
		for i := range waiting {
			waiting[i].print(w)
		}
	})
}

// loose lists the items that do not show and have no own place, by name.
func (l *List) loose() (out []*listItem) {
	for i := range l.items {
		it := &l.items[i]
		if _, placed := l.byDot[it.dot]; !it.shows() && !(it.dead && placed) {
			out = append(out, it)
		}
	}
	slices.SortFunc(out, func(a, b *listItem) int { return a.dot.Compare(b.dot) })
	return out
}

// waits lists the places that wait, by name.
func (l *List) waits() (out []placing) {
	for _, p := range l.waiting {
		out = append(out, p...)
	}
	slices.SortFunc(out, func(a, b placing) int { return a.Dot().Compare(b.Dot()) })
	return out
}

func (l *List) printPlace(w *stateWriter, k, before int32, number []int32) {
	p := &l.places[k]
	var it *listItem
	flags := uint64(0)
	if p.left || p.right >= 0 || number[p.parent] != before {
		flags |= listLinked
	}
	if p.item >= 0 && l.items[p.item].shows() {
		it = &l.items[p.item]
		flags |= it.flags()
	}
	if i, ok := l.itemOf[p.dot]; ok && l.items[i].dead {
		flags |= listDead
	}
	w.uint(flags)
	w.dot(p.dot)
	if flags&listLinked != 0 {
		w.uint(uint64(number[p.parent]))
		switch {
		case p.left:
			w.uint(0)
		case p.right < 0:
			w.uint(1)
		default:
			w.uint(1 + uint64(number[p.right]))
		}
	}
	if it != nil {
		it.print(w, flags)
	}
}

func (it *listItem) flags() uint64 {
	flags := uint64(listShown)
	if it.placed.Dot() != it.dot {
		flags |= listMoved
	}
	if it.set != it.inserted {
		flags |= listWasSet
	}
	return flags
}

func (it *listItem) print(w *stateWriter, flags uint64) {
	w.at(it.placed.Stamp)
	if flags&listMoved != 0 {
		w.dot(it.dot)
		w.at(it.inserted.Stamp)
	}
	if flags&listWasSet != 0 {
		w.mark(it.set)
	}
	w.value(it.value)
}

func (it *listItem) printLoose(w *stateWriter, number []int32) {
	flags := uint64(0)
	if it.dead {
		flags |= looseDead
	}
	if !it.set.IsZero() {
		flags |= looseValue
	}
	if !it.gone.IsZero() {
		flags |= looseGone
	}
	if it.place >= 0 {
		flags |= loosePlace
	}
	w.uint(flags)
	w.dot(it.dot)
	if flags&looseValue != 0 {
		w.mark(it.set)
		w.value(it.value)
	}
	if flags&looseGone != 0 {
		w.mark(Mark{Stamp: it.gone})
	}
	if flags&loosePlace != 0 {
		w.uint(uint64(number[it.place]))
		w.at(it.placed.Stamp)
	}
}

func (p *placing) print(w *stateWriter) {
	flags := uint64(0)
	if !p.insert {
		flags |= waitMove
	}
	if p.at.Left {
		flags |= waitLeft
	}
	if p.at.Parent.IsZero() {
		flags |= waitBegin
	}
	if p.at.Right.IsZero() {
		flags |= waitEnd
	}
	w.uint(flags)
	w.mark(p.Mark)
	if flags&waitBegin == 0 {
		w.dot(p.at.Parent)
	}
	if flags&waitEnd == 0 {
		w.dot(p.at.Right)
	}
	if p.insert {
		w.value(p.value)
	} else {
		w.dot(p.item)
	}
}
