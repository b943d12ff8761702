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

// DecodeList takes what EncodeList prints and nothing else.
func DecodeList(b []byte) (*List, error) {
	l := new(List)
	l.start()
	err := decodeState("list", b, func(r *stateReader) { r.list(l) }, func() []byte { return EncodeList(l) })
	if err != nil {
		return nil, err
	}
	return l, nil
}

const (
	minListPlace = 1 + minStateDot
	minLooseItem = 1 + minStateDot
	minWaiting   = 1 + minStateMark + minStateDot + 1
)

// storedPlace is a place as it is printed: parent and right are numbers of
// places.
type storedPlace struct {
	dot           Dot
	parent, right int
	item          *listItem
	dead          bool
}

// list builds the list from its parts. Places may stand before those that they
// hang on, and so wait for them; what is left waiting that should not is found
// when the list is printed again.
func (r *stateReader) list(l *List) {
	places := make([]storedPlace, r.count(minListPlace, "places"))
	for i := range places {
		if r.listPlace(&places[i], i, len(places)); r.err != nil {
			return
		}
	}
	dots := func(i int) Dot {
		if i == 0 {
			return Dot{}
		}
		return places[i-1].dot
	}
	room := min(len(places), 1<<14)
	l.places, l.items = slices.Grow(l.places, room), slices.Grow(l.items, room)
	for i := range places {
		p := &places[i]
		at := ListAt{Parent: dots(p.parent), Left: p.right == 0}
		if p.right > 1 {
			at.Right = dots(p.right - 1)
		}
		l.place(placing{Mark: Mark{Stamp{Device: p.dot.Device, Number: p.dot.Number}, p.dot.Index}, at: at, bare: true})
	}
	for i := range places {
		r.listItem(l, &places[i])
	}
	n := r.count(minLooseItem, "loose items")
	for i := 0; i < n && r.err == nil; i++ {
		r.looseItem(l, dots, len(places))
	}
	n = r.count(minWaiting, "waiting places")
	for i := 0; i < n && r.err == nil; i++ {
		l.place(r.placing())
	}
}

func (r *stateReader) listPlace(p *storedPlace, i, n int) {
	flags := r.uint(2*listDead-1, "place")
	p.dot, p.dead = r.dot(), flags&listDead != 0
	p.parent, p.right = i, 1
	if flags&listLinked != 0 {
		p.parent = int(r.uint(uint64(n), "parent"))
		p.right = int(r.uint(uint64(n)+1, "right origin"))
	}
	if p.parent == 0 && p.right == 0 {
		r.fail("a place before the begin")
	}
	if flags&listShown == 0 {
		return
	}
	it := &listItem{dot: p.dot, place: -1, placed: r.at(p.dot)}
	it.inserted = it.placed
	if flags&listMoved != 0 {
		it.dot = r.dot()
		it.inserted = r.at(it.dot)
	}
	it.set = it.inserted
	if flags&listWasSet != 0 {
		it.set = r.mark()
	}
	it.value = r.scalar()
	p.item = it
}

// listItem gives a place its item.
func (r *stateReader) listItem(l *List, p *storedPlace) {
	if p.dead {
		_, it := l.item(p.dot)
		*it = listItem{dot: p.dot, place: -1, dead: true}
	}
	if p.item != nil {
		r.attach(l, p.item, p.dot)
	}
}

func (r *stateReader) attach(l *List, it *listItem, at Dot) {
	if _, twice := l.itemOf[it.dot]; twice {
		r.fail("an item twice")
		return
	}
	place, ok := l.byDot[at]
	if !ok || place == 0 || l.places[place].item >= 0 {
		r.fail("an item without a place")
		return
	}
	k, own := l.item(it.dot)
	*own = *it
	own.place, l.places[place].item = place, k
	l.show(place, own.shows())
}

func (r *stateReader) looseItem(l *List, dots func(int) Dot, n int) {
	flags := r.uint(looseDead, "loose item")
	it := &listItem{dot: r.dot(), place: -1, dead: flags == looseDead}
	if flags&looseValue != 0 {
		it.set, it.value = r.mark(), r.scalar()
	}
	if flags&looseGone != 0 {
		it.gone = r.mark().Stamp
	}
	if flags&loosePlace != 0 {
		at := dots(int(r.uint(uint64(n), "place")))
		it.placed = r.at(at)
		if r.err == nil {
			r.attach(l, it, at)
		}
		return
	}
	if _, twice := l.itemOf[it.dot]; twice || flags == 0 {
		r.fail("an item twice, or of nothing")
		return
	}
	_, own := l.item(it.dot)
	*own = *it
}

func (r *stateReader) placing() (p placing) {
	flags := r.uint(2*waitEnd-1, "waiting place")
	p.Mark = r.mark()
	p.insert, p.at.Left = flags&waitMove == 0, flags&waitLeft != 0
	if flags&waitBegin == 0 {
		p.at.Parent = r.dot()
	}
	if flags&waitEnd == 0 {
		p.at.Right = r.dot()
	}
	if r.err == nil && p.at.Left && (p.at.Parent.IsZero() || !p.at.Right.IsZero()) {
		r.fail("a place before the begin, or between two kinds")
	}
	if p.item = p.Dot(); p.insert {
		p.value = r.scalar()
	} else {
		p.item = r.dot()
	}
	return p
}
