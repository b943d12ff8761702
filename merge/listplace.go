package merge

// listPlace is one place of the list: a node of a tree whose root is the begin,
// with the order of FugueMax (Weidner, Kleppmann: The Art of the Fugue, arXiv
// 2305.00583). An insert makes a place, and so does a move; a place stays when
// its item has gone, since others may have found their own beside it.
type listPlace struct {
	dot    Dot
	item   int32 // whose place it is while it shows; -1: nobody's any more
	parent int32
	left   bool  // a left child of its parent: before it
	right  int32 // of a right child: the place that its author saw next; -1: the end
	// Its children, as lists in their order.
	firstLeft, firstRight, lastRight int32
	sibling                          int32 // the next in the list that it is in; -1: the last
	block                            *listBlock
}

// placing is a place that an operation asks for.
type placing struct {
	Mark          // of the operation; its dot names the place
	at     ListAt // with all dots settled
	item   Dot
	insert bool
	value  []byte // of an insert
	bare   bool   // from a stored state: of no item
}

// place takes a place into the tree, or holds it until those are there that it
// names. So a state depends on which operations came, not on their order.
func (l *List) place(p placing) {
	l.start()
	dot := p.Dot()
	if l.held[dot] {
		return
	}
	if _, known := l.byDot[dot]; known {
		return // its transaction made one by this name before
	}
	for todo := []placing{p}; len(todo) > 0; {
		p, todo = todo[len(todo)-1], todo[:len(todo)-1]
		if missing, ok := l.missing(&p.at); ok {
			l.held[p.Dot()] = true
			l.waiting[missing] = append(l.waiting[missing], p)
			continue
		}
		delete(l.held, p.Dot())
		l.integrate(&p)
		todo = append(todo, l.waiting[p.Dot()]...)
		delete(l.waiting, p.Dot())
	}
}

// start makes the begin.
func (l *List) start() {
	if l.byDot != nil {
		return
	}
	l.byDot, l.itemOf = map[Dot]int32{{}: 0}, map[Dot]int32{}
	l.held, l.waiting = map[Dot]bool{}, map[Dot][]placing{}
	l.places = []listPlace{{item: -1, parent: -1, right: -1, firstLeft: -1, firstRight: -1, lastRight: -1, sibling: -1}}
	l.places[0].block = l.order.begin()
}

func (l *List) missing(at *ListAt) (Dot, bool) {
	if _, ok := l.byDot[at.Parent]; !ok {
		return at.Parent, true
	}
	if _, ok := l.byDot[at.Right]; !ok { // none: the zero dot is always there
		return at.Right, true
	}
	return Dot{}, false
}

func (l *List) integrate(p *placing) {
	k := int32(len(l.places))
	n := listPlace{dot: p.Dot(), item: -1, parent: l.byDot[p.at.Parent], left: p.at.Left, right: -1,
		firstLeft: -1, firstRight: -1, lastRight: -1, sibling: -1}
	if !p.at.Right.IsZero() {
		n.right = l.byDot[p.at.Right]
	}
	l.places = append(l.places, n)
	l.byDot[n.dot] = k
	l.insertAfter(k, l.hang(k))
	l.settle(k, p)
}

// hang puts a node among its siblings, and gives the place that it stands
// behind.
func (l *List) hang(k int32) (after int32) {
	n := &l.places[k]
	parent := &l.places[n.parent]
	first := &parent.firstRight
	if n.left {
		first = &parent.firstLeft
	}
	before := int32(-1)
	next := *first
	for next >= 0 && l.siblings(next, k) {
		before, next = next, l.places[next].sibling
	}
	n.sibling = next
	if before >= 0 {
		l.places[before].sibling = k
	} else {
		*first = k
	}
	if !n.left && next < 0 {
		parent.lastRight = k
	}
	switch {
	case before >= 0:
		return l.last(before)
	case !n.left:
		return n.parent
	case next >= 0:
		return l.prev(l.first(next))
	}
	return l.prev(n.parent)
}

// siblings says whether a stands before b: left children by their names; right
// children by their right origins, the one furthest right first, then by their
// names. Both right origins are in the order already, so this never changes.
func (l *List) siblings(a, b int32) bool {
	x, y := &l.places[a], &l.places[b]
	if !x.left && x.right != y.right {
		return l.before(y.right, x.right)
	}
	return x.dot.Compare(y.dot) < 0
}

// last is the last place of the tree below one.
func (l *List) last(k int32) int32 {
	for l.places[k].lastRight >= 0 {
		k = l.places[k].lastRight
	}
	return k
}

func (l *List) first(k int32) int32 {
	for l.places[k].firstLeft >= 0 {
		k = l.places[k].firstLeft
	}
	return k
}

// after says how to ask for the place right behind one.
func (l *List) after(k int32) ListAt {
	next := l.next(k)
	if l.places[k].firstRight >= 0 {
		return ListAt{Parent: l.places[next].dot, Left: true}
	}
	if next < 0 {
		return ListAt{Parent: l.places[k].dot}
	}
	return ListAt{Parent: l.places[k].dot, Right: l.places[next].dot}
}
