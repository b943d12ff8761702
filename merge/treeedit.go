package merge

import (
	"bytes"
	"slices"
)

// What an author does is told against the tree as it stands. Each operation must
// be applied before the next one of the same transaction is made; index is one
// that the transaction has not used in this tree.

// Create is the operation that makes a node in a folder.
func (t *Tree) Create(parent Dot, index uint32, name string, value []byte) (TreeOp, error) {
	if err := t.there(parent); err != nil {
		return TreeOp{}, err
	}
	if err := t.under(t.index[parent], -2); err != nil { // none is below a node to come
		return TreeOp{}, err
	}
	return TreeOp{Kind: TreeCreate, Index: index, Parent: parent, Name: name, Value: bytes.Clone(value)}, CheckTreeName(name)
}

// Move is the operation that puts a node into a folder.
func (t *Tree) Move(node, parent Dot, index uint32) (TreeOp, error) {
	if err := t.nodeThere(node); err != nil {
		return TreeOp{}, err
	}
	if err := t.there(parent); err != nil {
		return TreeOp{}, err
	}
	op := TreeOp{Kind: TreeMove, Index: index, Node: node, Parent: parent}
	return op, t.under(t.index[parent], t.index[node])
}

// Rename is the operation that gives a node another name.
func (t *Tree) Rename(node Dot, index uint32, name string) (TreeOp, error) {
	if err := t.nodeThere(node); err != nil {
		return TreeOp{}, err
	}
	return TreeOp{Kind: TreeRename, Index: index, Node: node, Name: name}, CheckTreeName(name)
}

// Set is the operation that gives a node another value.
func (t *Tree) Set(node Dot, index uint32, value []byte) (TreeOp, error) {
	return TreeOp{Kind: TreeSet, Index: index, Node: node, Value: bytes.Clone(value)}, t.nodeThere(node)
}

// Keep is the operation that makes a node outlive deletes that did not see it:
// who changes what a node stands for says so.
func (t *Tree) Keep(node Dot, index uint32) (TreeOp, error) {
	return TreeOp{Kind: TreeKeep, Index: index, Node: node}, t.nodeThere(node)
}

// Delete are the operations that delete a node with all that it holds.
func (t *Tree) Delete(node Dot) (ops []TreeOp, err error) {
	if err := t.nodeThere(node); err != nil {
		return nil, err
	}
	for todo := []Dot{node}; len(todo) > 0; {
		d := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		ops = append(ops, TreeOp{Kind: TreeDelete, Node: d, Saw: t.nodes[t.index[d]].stands()})
		for _, n := range t.Children(d) {
			todo = append(todo, n.ID)
		}
	}
	return ops, nil
}

func (t *Tree) nodeThere(id Dot) error {
	if id.IsZero() {
		return ErrTreeNode
	}
	return t.there(id)
}

// there says whether a node, or the top, is there.
func (t *Tree) there(id Dot) error {
	t.settle()
	if k, ok := t.index[id]; !ok || k > 0 && !t.nodes[k].shows() {
		return ErrTreeNode
	}
	return nil
}

// Resaw replaces a stamp in what the change names: a device whose own transaction
// gets another number or time at signing calls it on the later ones that wait
// with it. settled may be zero for the transaction that holds the change.
func (c *TreeChange) Resaw(old, settled Stamp) {
	old = old.normal()
	for i := range c.Ops {
		op := &c.Ops[i]
		op.Node.renumber(old.Device, old.Number, settled.Number)
		op.Parent.renumber(old.Device, old.Number, settled.Number)
		if op.Kind == TreeDelete && op.Saw.normal() == old {
			if op.Saw.Stamp = settled.normal(); settled.Number == 0 {
				op.Saw.Stamp = Stamp{Device: old.Device}
			}
		}
	}
}

// Seal is the tree as the epoch with the given opening starts with it: the nodes
// in the folders that they show in, with their names for ever, and marks lowered
// to the opening. What was deleted, and the log of moves, leave nothing.
func (t *Tree) Seal(opening uint64) *Tree {
	t.list()
	sealed := new(Tree)
	sealed.settle()
	for k := range t.nodes {
		n := t.nodes[k]
		if k == 0 || !n.shows() {
			continue
		}
		under := sealed.node(t.nodes[t.in[k]].dot)
		own := &sealed.nodes[sealed.node(n.dot)]
		own.created, own.base = n.created.Lower(opening), n.place().Lower(opening)
		own.placed, own.parent, own.under = own.base, under, under
		own.named, own.name = n.named.Lower(opening), n.name
		own.set, own.value = n.set.Lower(opening), n.value
		if n.place().Less(n.kept) {
			own.kept = n.kept.Lower(opening)
		}
	}
	return sealed
}

// Refers names the nodes that the change depends on, folders among them: a
// re-issue waits for those that are neither sealed nor in effect.
func (c *TreeChange) Refers() (out []Dot) {
	for i := range c.Ops {
		for _, d := range []Dot{c.Ops[i].Node, c.Ops[i].Parent} {
			if d.Number != 0 {
				out = append(out, d)
			}
		}
	}
	slices.SortFunc(out, Dot.Compare)
	return slices.Compact(out)
}

// Reissue is the change of a transaction for the open epoch, and the operations
// that lost: their node is gone, or what sealed says has a greater mark. t is the
// tree of the epoch before as its author saw it, cut or not; stamp is the
// transaction's as it counts now, lowered to the opening; sealed is the tree with
// which the open epoch begins and with what its author issued again before. A
// folder that is gone gives way to the nearest one above it. ok is false if
// nothing is left.
//
// What is issued again is applied to sealed; to apply it again changes nothing.
func (t *Tree) Reissue(c *TreeChange, stamp Stamp, opening uint64, sealed *Tree) (again *TreeChange, lost []TreeOp, ok bool) {
	return t.reissue(c, stamp, stamp, opening, sealed)
}

// reissue is Reissue for a transaction whose number may be another now than it
// was in t. opening 0: stamps are not lowered.
func (t *Tree) reissue(c *TreeChange, was, stamp Stamp, opening uint64, sealed *Tree) (again *TreeChange, lost []TreeOp, ok bool) {
	t.settle()
	again = new(TreeChange)
	for _, op := range c.Ops {
		if op.Saw.Number != 0 && opening > 0 {
			op.Saw = op.Saw.Lower(opening)
		}
		switch sealed.judge(&op, stamp) {
		case treeLost:
			lost = append(lost, op)
			continue
		case treePointless:
			continue
		}
		if op.Kind == TreeCreate || op.Kind == TreeMove {
			op.Parent = t.nearest(op.Parent.in(was), was, stamp, sealed)
		}
		sealed.Apply(stamp, &TreeChange{[]TreeOp{op}})
		again.Ops = append(again.Ops, op)
	}
	again.Resaw(stamp, Stamp{})
	return again, lost, len(again.Ops) > 0
}

const (
	treeStays = iota
	treeLost
	treePointless // a delete of what is gone, or went elsewhere
)

func (t *Tree) judge(op *TreeOp, stamp Stamp) int {
	mark := Mark{stamp, op.Index}
	if op.Kind == TreeCreate {
		return treeStays
	}
	gone := t.nodeThere(op.Node.in(stamp)) != nil
	if op.Kind == TreeDelete {
		if gone {
			return treePointless
		}
		return treeStays
	}
	if gone {
		return treeLost
	}
	if op.Kind == TreeKeep {
		return treeStays
	}
	n := &t.nodes[t.index[op.Node.in(stamp)]]
	newer := map[TreeKind]Mark{TreeMove: n.place(), TreeRename: n.named, TreeSet: n.set}[op.Kind]
	if mark.Less(newer) {
		return treeLost
	}
	return treeStays
}

// nearest is the first folder from one upwards that sealed has. What the
// transaction made that was, is named by stamp there.
func (t *Tree) nearest(d Dot, was, stamp Stamp, sealed *Tree) Dot {
	for k, ok := t.index[d]; ok && k > 0; k = t.nodes[k].parent {
		near := t.nodes[k].dot
		near.renumber(was.Device, was.Number, stamp.Number)
		if sealed.there(near) == nil {
			return near
		}
	}
	return Dot{}
}
