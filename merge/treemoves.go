package merge

import "slices"

// settle brings the places up to date: moves after the first late one are taken
// back, and then done again with the late ones between them.
func (t *Tree) settle() {
	t.node(Dot{})
	if len(t.late) == 0 {
		return
	}
	late := t.late
	if byMark := func(a, b treeMove) int { return a.Compare(b.Mark) }; !slices.IsSortedFunc(late, byMark) {
		slices.SortStableFunc(late, byMark)
	}
	from := len(t.log)
	for from > 0 && late[0].Less(t.log[from-1].Mark) {
		from--
		t.undo(&t.log[from])
	}
	undone := slices.Clone(t.log[from:])
	t.log, t.late = t.log[:from], nil
	for len(undone) > 0 || len(late) > 0 {
		if len(late) == 0 || len(undone) > 0 && !late[0].Less(undone[0].Mark) {
			t.redo(undone[0])
			undone = undone[1:]
		} else {
			t.redo(late[0])
			late = late[1:]
		}
	}
}

// redo appends a move to the log. Of equal marks the first that came counts.
func (t *Tree) redo(m treeMove) {
	if n := len(t.log); n == 0 || t.log[n-1].Mark != m.Mark {
		t.log = append(t.log, m)
		t.do(&t.log[n])
	}
}

func (t *Tree) do(m *treeMove) {
	n := &t.nodes[m.node]
	if m.void = m.node == 0 || m.Less(n.base) || t.under(m.parent, m.node) != nil; m.void {
		return
	}
	m.was, m.wasPlaced = n.parent, n.placed
	n.parent, n.placed = m.parent, m.Mark
}

func (t *Tree) undo(m *treeMove) {
	if !m.void {
		n := &t.nodes[m.node]
		n.parent, n.placed = m.was, m.wasPlaced
	}
}

// under says why a node can't be put below another.
func (t *Tree) under(parent, k int32) error {
	for steps := 0; parent >= 0; parent = t.nodes[parent].parent {
		if parent == k {
			return ErrTreeCycle
		}
		if steps++; steps > MaxTreeDepth+1 {
			return ErrTreeDepth
		}
	}
	return nil
}

// place is the mark of a node's place. A node that no move put anywhere, since
// its create would have put it below itself, is at the top from its create on.
func (n *treeItem) place() Mark {
	if n.placed.IsZero() {
		return n.created
	}
	return n.placed
}

// stands is what a delete has to see: the mark of a node's place, or of a greater
// keep.
func (n *treeItem) stands() Mark {
	if p := n.place(); n.kept.Less(p) {
		return p
	}
	return n.kept
}

// shows says whether a node is there: a move brought it to where it is, or a keep
// left it there, that no delete saw.
func (n *treeItem) shows() bool { return !n.created.IsZero() && n.covered.Less(n.stands()) }

// folders gives for each node the nearest one above that is there, 0 for the top.
// It walks over each node that is not there once.
func (t *Tree) folders() []int32 {
	out := make([]int32, len(t.nodes))
	known := make([]bool, len(t.nodes))
	var way []int32
	for k := range t.nodes {
		at := int32(k)
		for way = way[:0]; at > 0 && !known[at]; {
			way = append(way, at)
			if at = t.nodes[at].parent; at > 0 && t.nodes[at].shows() {
				break
			}
		}
		if at = max(at, 0); at > 0 && !t.nodes[at].shows() {
			at = out[at]
		}
		for _, below := range way {
			out[below], known[below] = at, true
		}
	}
	return out
}
