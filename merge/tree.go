package merge

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	// ErrTreeNode: a node that is not there.
	ErrTreeNode = errors.New("tree: no such node")
	// ErrTreeCycle: a node would come to stand below itself.
	ErrTreeCycle = errors.New("tree: a node can't stand below itself")
	// ErrTreeDepth: a folder with more than MaxTreeDepth above it.
	ErrTreeDepth = errors.New("tree: the folder lies too deep")
	// ErrTreeName: see CheckTreeName.
	ErrTreeName = errors.New("tree: not a name")
)

const (
	// MaxTreeName is the length of a node's name, in bytes.
	MaxTreeName = 255
	// MaxTreeDepth bounds the folders above one that something is put into: a
	// move beyond it is void, so that no move costs more than so many steps.
	// Folders that come to lie deeper, because one above them is moved, stay.
	MaxTreeDepth = 256
)

// Tree is a tree of folders. Each node has a name, a value and one place, below
// another node or at the top; for each of the three the greatest mark wins.
//
// Moves have effect in the order of their marks, and one that would put a node
// below itself, or too deep, has none: a move that comes late is put in where it belongs, and
// those after it are done anew (Kleppmann, Mulligan, Gomes, Beresford: A highly-
// available move operation for replicated trees, IEEE TPDS 2021).
//
// A delete takes the nodes that its author saw, from the places where it saw
// them: a node that somebody moved meanwhile stays, and so does one that somebody
// put into a deleted folder; it shows in the nearest folder above that is still
// there. So nobody's delete takes what its author had not seen.
//
// The same changes give the same tree, whatever the order and however often they
// come. The zero value is empty. Not safe for several goroutines, not even for
// reading.
type Tree struct {
	nodes []treeItem // the first is the top
	index map[Dot]int32
	log   []treeMove           // in effect or void, by mark
	late  []treeMove           // not in the log yet
	kids  map[int32][]TreeNode // by folder; nil: to be made
	in    []int32              // each node's folder, with kids
}

// treeItem is what is known of a node. Each part but the place is a maximum.
type treeItem struct {
	dot     Dot
	created Mark // zero: the create has not come
	parent  int32
	placed  Mark // what put it there; zero, with parent -1: nothing did
	base    Mark // of its place when the epoch began: lesser moves are void
	under   int32
	named   Mark
	name    string
	set     Mark
	value   []byte
	kept    Mark // the greatest keep; zero: none
	covered Mark // the greatest place or keep that a delete saw
}

// treeMove is one move, and what it replaced.
type treeMove struct {
	Mark
	node, parent int32
	void         bool
	was          int32
	wasPlaced    Mark
}

// TreeKind is a kind of operation. The numbers are permanent.
type TreeKind uint8

const (
	TreeCreate TreeKind = 0
	TreeMove   TreeKind = 1
	TreeRename TreeKind = 2
	TreeSet    TreeKind = 3
	TreeDelete TreeKind = 4
	TreeKeep   TreeKind = 5
)

// TreeOp is one operation.
//
//	create   a node below Parent, with Name and Value; its transaction and Index name it
//	move     Node below Parent
//	rename   Node to Name
//	set      the Value of Node
//	delete   Node, from the place to which Saw brought it, or as Saw kept it
//	keep     Node where it is: a delete that did not see this does not take it
type TreeOp struct {
	Kind   TreeKind
	Index  uint32 // but for deletes: one that its author's transaction uses once
	Node   Dot
	Parent Dot // zero: the top
	Name   string
	Value  []byte // a canonical scalar
	// Saw has number 0 for a place or keep that the transaction itself gave.
	Saw Mark
}

// TreeChange is what one transaction does to one tree.
type TreeChange struct{ Ops []TreeOp }

// CheckTreeName says whether a text can be a node's name: UTF-8 of 1 to
// MaxTreeName bytes, without slash and NUL, and neither "." nor "..".
func CheckTreeName(name string) error {
	if name == "" || len(name) > MaxTreeName || !utf8.ValidString(name) || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
		return fmt.Errorf("%w: %.64q", ErrTreeName, name)
	}
	return nil
}

// node is the record of a node, made if there is none.
func (t *Tree) node(d Dot) int32 {
	if t.index == nil {
		t.index = map[Dot]int32{{}: 0}
		t.nodes = []treeItem{{parent: -1, under: -1}}
	}
	k, ok := t.index[d]
	if !ok {
		k = int32(len(t.nodes))
		t.nodes = append(t.nodes, treeItem{dot: d, parent: -1, under: -1})
		t.index[d] = k
	}
	return k
}

// Apply folds a change of the transaction with the given stamp. What it costs to
// put moves in where they belong is paid once, when the tree is looked at next.
func (t *Tree) Apply(stamp Stamp, c *TreeChange) {
	stamp = stamp.normal()
	t.kids = nil
	for i := range c.Ops {
		t.apply(stamp, &c.Ops[i])
	}
}

func (t *Tree) apply(stamp Stamp, op *TreeOp) {
	mark, id := Mark{stamp, op.Index}, op.Node.in(stamp)
	if op.Kind == TreeCreate {
		id = mark.Dot()
	}
	k := t.node(id)
	switch op.Kind {
	case TreeCreate:
		t.nodes[k].created = mark
		t.rename(k, mark, op.Name)
		t.setValue(k, mark, op.Value)
		t.late = append(t.late, treeMove{Mark: mark, node: k, parent: t.node(op.Parent.in(stamp))})
	case TreeMove:
		t.late = append(t.late, treeMove{Mark: mark, node: k, parent: t.node(op.Parent.in(stamp))})
	case TreeRename:
		t.rename(k, mark, op.Name)
	case TreeSet:
		t.setValue(k, mark, op.Value)
	case TreeKeep:
		if n := &t.nodes[k]; n.kept.Less(mark) {
			n.kept = mark
		}
	case TreeDelete:
		t.cover(k, stamp, op.Saw)
	}
}

func (t *Tree) rename(k int32, mark Mark, name string) {
	if n := &t.nodes[k]; n.named.Less(mark) {
		n.named, n.name = mark, name
	}
}

func (t *Tree) setValue(k int32, mark Mark, value []byte) {
	if n := &t.nodes[k]; n.set.Less(mark) {
		n.set, n.value = mark, slices.Clone(value)
	}
}

// cover notes what a delete saw: nothing above its own stamp, see presence.
func (t *Tree) cover(k int32, by Stamp, saw Mark) {
	if saw.Number == 0 {
		saw.Stamp = by
	}
	saw.Stamp = saw.normal()
	if n := &t.nodes[k]; !by.Less(saw.Stamp) && n.covered.Less(saw) {
		n.covered = saw
	}
}
