package merge

import "slices"

// Flags of a node in a stored tree.
const (
	treeCreated = 1 << iota // the times of its create follow
	treePlaced              // its place when the epoch began: parent, mark
	treeNamed               // its name, with the mark unless that is the create's
	treeValued              // its value, the same
	treeCovered             // the place that a delete saw
	treeRenamed             // a mark of the name
	treeWasSet              // a mark of the value
	treeKept                // the greatest keep
)

// EncodeTree gives the tree as bytes, the same for the same changes: all that
// decides what further changes do.
//
//	nodes, (flags, name for ever, [times], [parent, mark], [[mark], name],
//	       [[mark], value], [mark], [mark])…, moves, (mark, node, parent)…
//
// Nodes ascend by their names for ever and are named by their place in the list,
// from 1; 0 is the top. Moves ascend by mark.
func EncodeTree(t *Tree) []byte {
	t.settle()
	order := make([]int32, 0, len(t.nodes)-1)
	for k := 1; k < len(t.nodes); k++ {
		order = append(order, int32(k))
	}
	slices.SortFunc(order, func(a, b int32) int { return t.nodes[a].dot.Compare(t.nodes[b].dot) })
	number := make([]int32, len(t.nodes))
	for i, k := range order {
		number[k] = int32(i + 1)
	}
	return encodeState(func(w *stateWriter) {
		w.uint(uint64(len(order)))
		for _, k := range order {
			t.nodes[k].print(w, number)
		}
		w.uint(uint64(len(t.log)))
		for i := range t.log {
			w.mark(t.log[i].Mark)
			w.uint(uint64(number[t.log[i].node]))
			w.uint(uint64(number[t.log[i].parent]))
		}
	})
}

func (n *treeItem) flags() (flags uint64) {
	for _, f := range []struct {
		is   bool
		flag uint64
	}{
		{!n.created.IsZero(), treeCreated},
		{!n.base.IsZero(), treePlaced},
		{!n.named.IsZero(), treeNamed},
		{!n.set.IsZero(), treeValued},
		{!n.covered.IsZero(), treeCovered},
		{n.named != n.created, treeRenamed},
		{n.set != n.created, treeWasSet},
		{!n.kept.IsZero(), treeKept},
	} {
		if f.is {
			flags |= f.flag
		}
	}
	return flags
}

func (n *treeItem) print(w *stateWriter, number []int32) {
	flags := n.flags()
	w.uint(flags)
	w.dot(n.dot)
	if flags&treeCreated != 0 {
		w.at(n.created.Stamp)
	}
	if flags&treePlaced != 0 {
		w.uint(uint64(number[n.under]))
		w.mark(n.base)
	}
	if flags&treeRenamed != 0 {
		w.mark(n.named)
	}
	if flags&treeNamed != 0 {
		w.text(n.name)
	}
	if flags&treeWasSet != 0 {
		w.mark(n.set)
	}
	if flags&treeValued != 0 {
		w.value(n.value)
	}
	if flags&treeCovered != 0 {
		w.mark(n.covered)
	}
	if flags&treeKept != 0 {
		w.mark(n.kept)
	}
}

// DecodeTree takes what EncodeTree prints and nothing else.
func DecodeTree(b []byte) (*Tree, error) {
	t := new(Tree)
	err := decodeState("tree", b, func(r *stateReader) { r.tree(t) }, func() []byte { return EncodeTree(t) })
	if err != nil {
		return nil, err
	}
	return t, nil
}

const (
	minTreeNode = 1 + minStateDot
	minTreeMove = minStateMark + 2
)

func (r *stateReader) tree(t *Tree) {
	n := r.count(minTreeNode, "nodes")
	t.node(Dot{})
	t.nodes = slices.Grow(t.nodes, min(n, 1<<14))
	under := make([]int, 0, n)
	for i := 0; i < n && r.err == nil; i++ {
		under = append(under, r.treeItem(t, n))
	}
	if r.err != nil {
		return
	}
	if !rooted(under) {
		r.fail("a node below itself")
		return
	}
	for i, p := range under {
		t.nodes[i+1].parent, t.nodes[i+1].under = int32(p), int32(p)
	}
	moves := r.count(minTreeMove, "moves")
	for i := 0; i < moves && r.err == nil; i++ {
		m := treeMove{Mark: r.mark(), node: int32(r.uint(uint64(n), "node")), parent: int32(r.uint(uint64(n), "parent"))}
		t.late = append(t.late, m)
	}
}

// rooted says whether the way up from each node ends: at the top, which is 0, or
// nowhere, which is -1. The parent of node i+1 is at i. It looks at each once.
func rooted(under []int) bool {
	way := make([]int, len(under)+1) // by which walk a node was met
	for i := range under {
		k := i + 1
		for ; k > 0 && way[k] == 0; k = under[k-1] {
			way[k] = i + 1
		}
		if k > 0 && way[k] == i+1 {
			return false
		}
	}
	return true
}

// treeItem reads a node and gives the number of its parent, or -1.
func (r *stateReader) treeItem(t *Tree, nodes int) (under int) {
	flags := r.uint(2*treeKept-1, "node")
	dot := r.dot()
	if _, twice := t.index[dot]; twice {
		r.fail("a node twice")
		return -1
	}
	n := &t.nodes[t.node(dot)]
	under = -1
	if flags&treeCreated != 0 {
		n.created = r.at(dot)
	}
	if flags&treePlaced != 0 {
		under = int(r.uint(uint64(nodes), "parent"))
		n.base = r.mark()
		n.placed = n.base
	}
	if n.named = n.created; flags&treeRenamed != 0 {
		n.named = r.mark()
	}
	if flags&treeNamed != 0 {
		n.name = r.name()
	}
	if n.set = n.created; flags&treeWasSet != 0 {
		n.set = r.mark()
	}
	if flags&treeValued != 0 {
		n.value = r.scalar()
	}
	if flags&treeCovered != 0 {
		n.covered = r.mark()
	}
	if flags&treeKept != 0 {
		n.kept = r.mark()
	}
	return under
}
