package merge

import "slices"

// listPlace is one place of the list: a node of a tree whose root is the begin,
// with the order of FugueMax (Weidner, Kleppmann: The Art of the Fugue, arXiv
// 2305.00583). An insert makes a place, and so does a move; a place stays when
// its item has gone, since others may have found their own beside it.
type listPlace struct {
	dot    Dot
	item   int32 // whose place it is while it shows; -1: nobody's any more
	parent int32
	left   bool    // a left child of its parent: before it
	right  int32   // of a right child: the place that its author saw next; -1: the end
	before []int32 // its left children in their order
	behind []int32 // its right children in their order
	block  *listBlock
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
	l.places = []listPlace{{item: -1, parent: -1, right: -1}}
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
	n := listPlace{dot: p.Dot(), item: -1, parent: l.byDot[p.at.Parent], left: p.at.Left, right: -1}
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
	kids := &l.places[n.parent].behind
	if n.left {
		kids = &l.places[n.parent].before
	}
	i, _ := slices.BinarySearchFunc(*kids, k, l.siblings)
	*kids = slices.Insert(*kids, i, k)
	switch {
	case i > 0:
		return l.last((*kids)[i-1])
	case !n.left:
		return n.parent
	case len(*kids) > 1:
		return l.prev(l.first((*kids)[1]))
	}
	return l.prev(n.parent)
}

// siblings orders two children on one side: left ones by their names; right ones
// by their right origins, the one furthest right first, then by their names. Both
// right origins are in the order already, so this never changes.
func (l *List) siblings(a, b int32) int {
	x, y := &l.places[a], &l.places[b]
	switch {
	case x.left || x.right == y.right:
		return x.dot.Compare(y.dot)
	case l.before(y.right, x.right):
		return -1
	}
	return 1
}

// last is the last place of the tree below one.
func (l *List) last(k int32) int32 {
	for {
		kids := l.places[k].behind
		if len(kids) == 0 {
			return k
		}
		k = kids[len(kids)-1]
	}
}

func (l *List) first(k int32) int32 {
	for len(l.places[k].before) > 0 {
		k = l.places[k].before[0]
	}
	return k
}

// after says how to ask for the place right behind one.
func (l *List) after(k int32) ListAt {
	next := l.next(k)
	if len(l.places[k].behind) > 0 {
		return ListAt{Parent: l.places[next].dot, Left: true}
	}
	if next < 0 {
		return ListAt{Parent: l.places[k].dot}
	}
	return ListAt{Parent: l.places[k].dot, Right: l.places[next].dot}
}
