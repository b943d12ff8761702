package merge

import "slices"

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
	for i := 0; i < n; i++ {
		p := r.placing()
		if r.err != nil {
			return
		}
		l.place(p)
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
