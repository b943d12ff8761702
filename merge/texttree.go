package merge

// Sizes of the tree's parts.
const (
	treeLeaf = 16 // spans in a leaf
	treeNode = 16 // children of a node
)

// textSpan is a run of items that were inserted by consecutive events, each but
// the first after the one before. An item is one code point, dead or alive.
type textSpan struct {
	id, n       int32
	left, right int32 // origins of the first: items between which it was inserted; right is that of all
	// state at the prepare version: 0 not inserted yet, 1 there, 1+k deleted
	// by k events.
	state int32
	dead  bool // deleted by any event so far (the effect version)
}

// Origins that are no items.
const (
	textBegin int32 = -1
	textEnd   int32 = -2
)

// There is nothing to see of a span that is not there at the prepare version.
func (s *textSpan) prepared() int32 {
	if s.state == 1 {
		return s.n
	}
	return 0
}

func (s *textSpan) alive() int32 {
	if s.dead {
		return 0
	}
	return s.n
}

// tail cuts the span at off and returns what follows.
func (s *textSpan) tail(off int32) textSpan {
	t := *s
	t.id, t.n, t.left = s.id+off, s.n-off, s.id+off-1
	return t
}

type textLeaf struct {
	up, n, next int32 // parent, spans, the leaf to the right or -1
	span        [treeLeaf]textSpan
}

type textNode struct {
	up, n    int32 // parent or -1, children
	kid      [treeNode]int32
	prepared [treeNode]int32 // sums of the children
	alive    [treeNode]int32
}

// textLeaves holds leaves in parts, so that one more never moves them all: that
// would take longer than most merges.
type textLeaves struct {
	parts []*[leavesPart]textLeaf
	n     int32
}

const leavesPart = 16

func (l *textLeaves) at(k int32) *textLeaf {
	return &l.parts[uint32(k)/leavesPart][uint32(k)%leavesPart]
}

// add gives the number of a new leaf.
func (l *textLeaves) add(leaf textLeaf) int32 {
	if int(l.n) == len(l.parts)*leavesPart {
		l.parts = append(l.parts, new([leavesPart]textLeaf))
	}
	l.n++
	*l.at(l.n - 1) = leaf
	return l.n - 1
}

// textTree holds the spans in the order of the document in a B-tree whose parts
// are numbered, so that the garbage collector sees few pointers. Nodes whose
// height is 1 have leaves as children.
type textTree struct {
	leaves   textLeaves
	nodes    []textNode
	root     int32
	height   int
	prepared int32                          // sum of all
	late     struct{ leaf, prepared int32 } // see shift
	ids      textIndex                      // item → leaf (≥ 0), and event → ^target of deletion
	base     textIndex                      // item of the placeholder → leaf
}

// textPlaceholder is the number of the first item of the text at the base.
const textPlaceholder int32 = 1 << 30

// textAt is a place in the tree: item off of a span, or the gap before it.
type textAt struct{ leaf, i, off int32 }

// reset empties the tree but for size items before the first event.
func (t *textTree) reset(first, size int32) {
	t.leaves.n = 0
	t.leaves.add(textLeaf{next: -1})
	t.nodes = append(t.nodes[:0], textNode{up: -1, n: 1})
	t.root, t.height, t.prepared, t.late.prepared = 0, 1, 0, 0
	t.ids.reset(first)
	t.base.reset(textPlaceholder)
	if size > 0 {
		t.insert(textAt{}, textSpan{textPlaceholder, size, textBegin, textEnd, 1, false})
	}
}

func (t *textTree) span(at textAt) *textSpan { return &t.leaves.at(at.leaf).span[at.i] }

func (t *textTree) index(id, leaf int32) {
	if id >= textPlaceholder {
		t.base.set(id, leaf)
	} else {
		t.ids.set(id, leaf)
	}
}

// find is the place of an item that the tree holds.
func (t *textTree) find(id int32) textAt {
	var leaf int32
	if id >= textPlaceholder {
		leaf, _ = t.base.get(id)
	} else {
		leaf, _ = t.ids.get(id)
	}
	return t.within(leaf, id)
}

// within is the place of an item of a leaf.
func (t *textTree) within(leaf, id int32) textAt {
	l := t.leaves.at(leaf)
	for i := range l.n {
		if off := id - l.span[i].id; uint32(off) < uint32(l.span[i].n) {
			return textAt{leaf, i, off}
		}
	}
	panic("merge: text index points to a wrong leaf")
}

// seek is the place of the item at a prepare position below the sum, and its
// position in the effect version.
func (t *textTree) seek(pos int32) (textAt, int32) {
	k, effect := t.root, int32(0)
	for range t.height {
		n, i := &t.nodes[k], int32(0)
		for ; pos >= n.prepared[i]; i++ {
			pos -= n.prepared[i]
			effect += n.alive[i]
		}
		k = n.kid[i]
	}
	l, i := t.leaves.at(k), int32(0)
	for ; ; i++ {
		w := l.span[i].prepared()
		if pos < w {
			break
		}
		pos -= w
		effect += l.span[i].alive()
	}
	if !l.span[i].dead {
		effect += pos
	}
	return textAt{k, i, pos}, effect
}

// right moves a gap to the begin of the next span if it is at a span's end, and
// says whether there is one.
func (t *textTree) right(at textAt) (textAt, bool) {
	for l := t.leaves.at(at.leaf); ; l = t.leaves.at(at.leaf) {
		if at.i < l.n {
			if at.off < l.span[at.i].n {
				return at, true
			}
			at.i, at.off = at.i+1, 0
			continue
		}
		if l.next < 0 {
			return at, false
		}
		at = textAt{l.next, 0, 0}
	}
}

// shift changes the prepared sum of a leaf later: runs that are undone one after
// the other often lie in one leaf, and what they change may cancel out.
func (t *textTree) shift(leaf, prepared int32) {
	if leaf != t.late.leaf {
		t.settle()
		t.late.leaf = leaf
	}
	t.late.prepared += prepared
}

// settle makes good what shift left for later.
func (t *textTree) settle() {
	if d := t.late.prepared; d != 0 {
		t.late.prepared = 0
		t.add(t.late.leaf, d, 0)
	}
}

// add changes the sums above a leaf.
func (t *textTree) add(leaf, prepared, alive int32) {
	t.prepared += prepared
	kid := leaf
	for k := t.leaves.at(leaf).up; k >= 0; kid, k = k, t.nodes[k].up {
		n := &t.nodes[k]
		i := n.slot(kid)
		n.prepared[i] += prepared
		n.alive[i] += alive
	}
}

func (n *textNode) slot(kid int32) int32 {
	i := int32(0)
	for n.kid[i] != kid {
		i++
	}
	return i
}

// before says whether a is left of b.
func (t *textTree) before(a, b textAt) bool {
	if a.leaf != b.leaf {
		ka, kb := a.leaf, b.leaf
		ua, ub := t.leaves.at(ka).up, t.leaves.at(kb).up
		for ua != ub { // all leaves have the same depth
			ka, kb = ua, ub
			ua, ub = t.nodes[ua].up, t.nodes[ub].up
		}
		return t.nodes[ua].slot(ka) < t.nodes[ua].slot(kb)
	}
	return a.i < b.i || a.i == b.i && a.off < b.off
}

// room makes sure that two spans fit into the leaf, and gives the new place of
// what was there.
func (t *textTree) room(at textAt) textAt {
	if t.leaves.at(at.leaf).n <= treeLeaf-2 {
		return at
	}
	fresh := t.splitLeaf(at.leaf)
	if n := t.leaves.at(at.leaf).n; at.i >= n {
		return textAt{fresh, at.i - n, at.off}
	}
	return at
}

// splitLeaf moves the right half of a leaf to a new one.
func (t *textTree) splitLeaf(leaf int32) int32 {
	t.settle()
	t.makeRoom(t.leaves.at(leaf).up) // first: it may give the leaf another parent
	fresh := t.leaves.add(textLeaf{})
	l, r := t.leaves.at(leaf), t.leaves.at(fresh)
	half := l.n / 2
	r.up, r.n, r.next = l.up, l.n-half, l.next
	l.n, l.next = half, fresh
	copy(r.span[:], l.span[half:half+r.n])
	var prepared, alive int32
	for i := range r.n {
		s := &r.span[i]
		prepared += s.prepared()
		alive += s.alive()
		t.index(s.id, fresh)
	}
	t.nodes[l.up].adopt(leaf, fresh, prepared, alive)
	return fresh
}

// adopt puts a new child behind another one, whose sums it takes parts of.
func (n *textNode) adopt(kid, fresh, prepared, alive int32) {
	i := n.slot(kid)
	n.prepared[i] -= prepared
	n.alive[i] -= alive
	copy(n.kid[i+2:n.n+1], n.kid[i+1:n.n])
	copy(n.prepared[i+2:n.n+1], n.prepared[i+1:n.n])
	copy(n.alive[i+2:n.n+1], n.alive[i+1:n.n])
	n.kid[i+1], n.prepared[i+1], n.alive[i+1] = fresh, prepared, alive
	n.n++
}

// makeRoom makes sure that a child fits into the node.
func (t *textTree) makeRoom(k int32) {
	if t.nodes[k].n < treeNode {
		return
	}
	if t.nodes[k].up < 0 {
		t.raise()
	}
	t.makeRoom(t.nodes[k].up)
	fresh := int32(len(t.nodes))
	t.nodes = append(t.nodes, textNode{})
	l, r := &t.nodes[k], &t.nodes[fresh]
	half := l.n / 2
	r.up, r.n = l.up, l.n-half
	l.n = half
	copy(r.kid[:], l.kid[half:])
	copy(r.prepared[:], l.prepared[half:])
	copy(r.alive[:], l.alive[half:])
	var prepared, alive int32
	low := t.leavesBelow(k)
	for i := range r.n {
		prepared += r.prepared[i]
		alive += r.alive[i]
		if low {
			t.leaves.at(r.kid[i]).up = fresh
		} else {
			t.nodes[r.kid[i]].up = fresh
		}
	}
	t.nodes[l.up].adopt(k, fresh, prepared, alive)
}

// leavesBelow says whether the node's children are leaves.
func (t *textTree) leavesBelow(k int32) bool {
	depth := 1
	for k = t.nodes[k].up; k >= 0; k = t.nodes[k].up {
		depth++
	}
	return depth == t.height
}

// raise puts a new root above the root.
func (t *textTree) raise() {
	fresh := int32(len(t.nodes))
	root := textNode{up: -1, n: 1}
	root.kid[0] = t.root
	for i := range t.nodes[t.root].n {
		root.prepared[0] += t.nodes[t.root].prepared[i]
		root.alive[0] += t.nodes[t.root].alive[i]
	}
	t.nodes[t.root].up = fresh
	t.nodes = append(t.nodes, root)
	t.root = fresh
	t.height++
}

// insert puts a span into a gap, within another one if need be.
func (t *textTree) insert(at textAt, s textSpan) {
	at = t.room(at)
	l := t.leaves.at(at.leaf)
	if at.i < l.n && at.off > 0 {
		old := &l.span[at.i]
		if at.off == old.n {
			at.i, at.off = at.i+1, 0
		} else {
			tail := old.tail(at.off)
			old.n = at.off
			copy(l.span[at.i+3:l.n+2], l.span[at.i+1:l.n])
			l.span[at.i+1], l.span[at.i+2] = s, tail
			l.n += 2
			t.index(tail.id, at.leaf)
			t.index(s.id, at.leaf)
			t.add(at.leaf, s.prepared(), s.alive())
			return
		}
	}
	copy(l.span[at.i+1:l.n+1], l.span[at.i:l.n])
	l.span[at.i] = s
	l.n++
	t.index(s.id, at.leaf)
	t.add(at.leaf, s.prepared(), s.alive())
}

// isolate cuts a span so that the n items from at on are a span of their own,
// and gives its place.
func (t *textTree) isolate(at textAt, n int32) textAt {
	if s := t.span(at); at.off == 0 && s.n == n {
		return at
	}
	at = t.room(at)
	l := t.leaves.at(at.leaf)
	if at.off > 0 {
		tail := l.span[at.i].tail(at.off)
		l.span[at.i].n = at.off
		t.put(at.leaf, at.i+1, tail)
		at.i, at.off = at.i+1, 0
	}
	if l.span[at.i].n > n {
		tail := l.span[at.i].tail(n)
		l.span[at.i].n = n
		t.put(at.leaf, at.i+1, tail)
	}
	return at
}

// put adds a part of a span, which changes no sums.
func (t *textTree) put(leaf, i int32, s textSpan) {
	l := t.leaves.at(leaf)
	copy(l.span[i+1:l.n+1], l.span[i:l.n])
	l.span[i] = s
	l.n++
	t.index(s.id, leaf)
}
