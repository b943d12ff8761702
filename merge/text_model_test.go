package merge

import (
	"slices"
	"strings"
)

// textModel is the slow and obviously right text: one node for each code point,
// in the tree of the FugueMax paper (Weidner, Kleppmann: The Art of the Fugue,
// section 5), whose order is computed anew for every event. What an author saw
// is a set of events, looked up and not replayed.
type textModel struct {
	events []modelEvent
	byID   map[TextID]int
}

// modelEvent inserts a node or deletes one, or is void.
type modelEvent struct {
	id    TextID
	past  []bool // of all events before it in the list
	char  rune
	kills int // the node deleted, or -1
	// Of a node: where it hangs in the tree. -1: the root; none: not a node.
	node        bool
	parent      int
	rightChild  bool
	rightOrigin int // -1: the end
}

const modelRoot = -1

func newTextModel() *textModel { return &textModel{byID: map[TextID]int{}} }

// add replays a change event by event. One that is known is passed over.
func (m *textModel) add(c *TextChange) {
	past := m.past(c.Parents)
	id := c.First
	unit := func(pos int, char rune, insert bool) {
		if k, known := m.byID[id]; known {
			past = append(slices.Clone(m.events[k].past), make([]bool, len(m.events)-len(m.events[k].past))...)
			past[k] = true
		} else {
			m.event(id, past, pos, char, insert)
			past = append(slices.Clone(past), true)
		}
		id.Seq++
	}
	for _, op := range c.Ops {
		for i := range op.Del {
			if op.Back {
				unit(op.Pos-i, 0, false)
			} else {
				unit(op.Pos, 0, false)
			}
		}
		for i, r := range []rune(op.Text) {
			unit(op.Pos+i, r, true)
		}
	}
}

// past is the set of all events in the past of a version.
func (m *textModel) past(version []TextID) []bool {
	past := make([]bool, len(m.events))
	for _, id := range version {
		k := m.byID[id]
		past[k] = true
		for i, in := range m.events[k].past {
			past[i] = past[i] || in
		}
	}
	return past
}

func (m *textModel) event(id TextID, past []bool, pos int, char rune, insert bool) {
	e := modelEvent{id: id, past: past, kills: -1}
	seen := m.visible(past)
	switch {
	case insert && pos <= len(seen):
		e.node, e.char = true, char
		m.hang(&e, seen, pos)
	case !insert && pos < len(seen):
		e.kills = seen[pos]
	}
	m.byID[id] = len(m.events)
	m.events = append(m.events, e)
}

// hang finds the node's place: right child of its left origin, or left child of
// its right origin if the left one has a right child that the author saw.
func (m *textModel) hang(e *modelEvent, seen []int, pos int) {
	left := modelRoot
	if pos > 0 {
		left = seen[pos-1]
	}
	known := m.known(e.past)
	e.rightOrigin = -1
	if i := slices.Index(known, left) + 1; i < len(known) {
		e.rightOrigin = known[i]
	}
	e.parent, e.rightChild = left, true
	for _, k := range known {
		if m.events[k].parent == left && m.events[k].rightChild {
			e.parent, e.rightChild = e.rightOrigin, false
		}
	}
}

// known lists the nodes of a set of events in the order of the document.
func (m *textModel) known(past []bool) []int {
	var nodes []int
	for k, in := range past {
		if in && m.events[k].node {
			nodes = append(nodes, k)
		}
	}
	slices.SortFunc(nodes, func(a, b int) int {
		if m.less(a, b) {
			return -1
		}
		return 1
	})
	return nodes
}

// visible is known without what the events deleted.
func (m *textModel) visible(past []bool) []int {
	dead := map[int]bool{}
	for k, in := range past {
		if in && m.events[k].kills >= 0 {
			dead[m.events[k].kills] = true
		}
	}
	return slices.DeleteFunc(m.known(past), func(k int) bool { return dead[k] })
}

// chain is the way from the root down to a node.
func (m *textModel) chain(k int) (out []int) {
	for ; k != modelRoot; k = m.events[k].parent {
		out = append(out, k)
	}
	slices.Reverse(out)
	return out
}

// less is the order of the tree's traversal.
func (m *textModel) less(a, b int) bool {
	if a == b {
		return false
	}
	ca, cb := m.chain(a), m.chain(b)
	i := 0
	for i < len(ca) && i < len(cb) && ca[i] == cb[i] {
		i++
	}
	if i == len(ca) {
		return m.events[cb[i]].rightChild
	}
	if i == len(cb) {
		return !m.events[ca[i]].rightChild
	}
	x, y := &m.events[ca[i]], &m.events[cb[i]]
	if x.rightChild != y.rightChild {
		return y.rightChild
	}
	if x.rightChild && x.rightOrigin != y.rightOrigin { // FugueMax: who reaches further right comes first
		return x.rightOrigin < 0 || y.rightOrigin >= 0 && m.less(y.rightOrigin, x.rightOrigin)
	}
	return x.id.Compare(y.id) < 0
}

// text is the text of a version.
func (m *textModel) text(version []TextID) string {
	var b strings.Builder
	for _, k := range m.visible(m.past(version)) {
		b.WriteRune(m.events[k].char)
	}
	return b.String()
}
