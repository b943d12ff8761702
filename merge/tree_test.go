package merge

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// treeModel is the slow tree: all moves in the order of their marks, done anew
// for every question, and everything else looked up among all operations.
type treeModel struct {
	parent  map[Dot]Dot
	nodes   map[Dot]TreeNode // those created, dead or alive
	covered map[Dot]Mark
	stands  map[Dot]Mark // the greatest of place and keeps
}

type modelMove struct {
	Mark
	node, parent Dot
}

func newTreeModel(base *Tree, done []written[*TreeChange]) *treeModel {
	m := &treeModel{map[Dot]Dot{}, map[Dot]TreeNode{}, map[Dot]Mark{}, map[Dot]Mark{}}
	least := map[Dot]Mark{}
	for n := range base.All() {
		m.parent[n.ID], m.nodes[n.ID], least[n.ID] = n.Parent, n, n.Placed
		m.stands[n.ID] = base.nodes[base.index[n.ID]].kept
	}
	var moves []modelMove
	for _, w := range done {
		for _, op := range w.change.Ops {
			if mv, ok := m.add(w.stamp.normal(), op); ok && !slices.ContainsFunc(moves, func(o modelMove) bool { return o.Mark == mv.Mark }) {
				moves = append(moves, mv)
			}
		}
	}
	for _, w := range done {
		for _, op := range w.change.Ops {
			m.write(w.stamp.normal(), op)
		}
	}
	slices.SortFunc(moves, func(a, b modelMove) int { return a.Compare(b.Mark) })
	for _, mv := range moves {
		if mv.Less(least[mv.node]) || mv.node.IsZero() || m.above(mv.parent, mv.node) {
			continue
		}
		m.parent[mv.node] = mv.parent
		if n, ok := m.nodes[mv.node]; ok {
			n.Placed = mv.Mark
			m.nodes[mv.node] = n
		}
	}
	return m
}

func (m *treeModel) add(stamp Stamp, op TreeOp) (modelMove, bool) {
	mark := Mark{stamp, op.Index}
	switch op.Kind {
	case TreeCreate:
		if _, ok := m.nodes[mark.Dot()]; !ok {
			m.nodes[mark.Dot()] = TreeNode{ID: mark.Dot(), Name: op.Name, Value: op.Value, Placed: mark, Named: mark, Set: mark}
		}
		return modelMove{mark, mark.Dot(), op.Parent.in(stamp)}, true
	case TreeMove:
		return modelMove{mark, op.Node.in(stamp), op.Parent.in(stamp)}, true
	case TreeKeep:
		if d := op.Node.in(stamp); m.stands[d].Less(mark) {
			m.stands[d] = mark
		}
	case TreeDelete:
		saw := op.Saw
		if saw.Number == 0 {
			saw.Stamp = stamp
		}
		if saw.Stamp = saw.normal(); !stamp.Less(saw.Stamp) && m.covered[op.Node.in(stamp)].Less(saw) {
			m.covered[op.Node.in(stamp)] = saw
		}
	}
	return modelMove{}, false
}

func (m *treeModel) write(stamp Stamp, op TreeOp) {
	mark := Mark{stamp, op.Index}
	n, ok := m.nodes[op.Node.in(stamp)]
	switch {
	case !ok:
		return
	case op.Kind == TreeRename && n.Named.Less(mark):
		n.Name, n.Named = op.Name, mark
	case op.Kind == TreeSet && n.Set.Less(mark):
		n.Value, n.Set = op.Value, mark
	}
	m.nodes[n.ID] = n
}

func (m *treeModel) above(at, node Dot) bool {
	for ok := true; ok; at, ok = m.parent[at] {
		if at == node {
			return true
		}
	}
	return false
}

func (m *treeModel) alive(d Dot) bool {
	n, ok := m.nodes[d]
	return ok && (m.covered[d].Less(n.Placed) || m.covered[d].Less(m.stands[d]))
}

// all is the tree as it must read, but for the names that tell apart.
func (m *treeModel) all() map[Dot]TreeNode {
	out := map[Dot]TreeNode{}
	for d, n := range m.nodes {
		if !m.alive(d) {
			continue
		}
		p := m.parent[d]
		for !p.IsZero() && !m.alive(p) {
			p = m.parent[p]
		}
		n.Parent = p
		out[d] = n
	}
	return out
}

func checkTree(t *rapid.T, base, tree *Tree, done []written[*TreeChange]) {
	got := map[Dot]TreeNode{}
	for n := range tree.All() {
		if _, twice := got[n.ID]; twice {
			t.Fatalf("node %v shows twice", n.ID)
		}
		path, err := tree.Path(n.ID)
		if found, err2 := tree.Lookup(path); err != nil || err2 != nil || found != n.ID {
			t.Fatalf("node %v is at %q, where %v is: %v, %v", n.ID, path, found, err, err2)
		}
		n.Shown = ""
		got[n.ID] = n
	}
	want := newTreeModel(base, done).all()
	for d, n := range want {
		n.Shown = ""
		want[d] = n
	}
	if !reflect.DeepEqual(want, got) || tree.Len() != len(want) {
		t.Fatalf("%d nodes (-want +got):\n%s", tree.Len(), cmp.Diff(want, got))
	}
}

type treeEdit struct {
	*rapid.T
	t     *Tree
	stamp Stamp
	c     *TreeChange
	index uint32
}

func (e *treeEdit) do(err error, ops ...TreeOp) {
	if err != nil {
		if !errors.Is(err, ErrTreeCycle) {
			e.Fatal(err)
		}
		return
	}
	e.t.Apply(e.stamp, &TreeChange{ops})
	e.c.Ops = append(e.c.Ops, ops...)
	e.index++
}

func (e *treeEdit) one(op TreeOp, err error) { e.do(err, op) }

func (e *treeEdit) node(top bool) Dot {
	var all []Dot
	if top {
		all = append(all, Dot{})
	}
	for n := range e.t.All() {
		all = append(all, n.ID)
	}
	return rapid.SampledFrom(all).Draw(e.T, "node")
}

func (e *treeEdit) hostile() {
	dot := func() Dot {
		return Dot{device(byte(rapid.IntRange(1, 3).Draw(e.T, "of"))), uint64(rapid.IntRange(1, 6).Draw(e.T, "number")), uint32(rapid.IntRange(0, 2).Draw(e.T, "index"))}
	}
	switch rapid.IntRange(0, 4).Draw(e.T, "hostile") {
	case 4:
		e.do(nil, TreeOp{Kind: TreeKeep, Index: e.index, Node: dot()})
	case 0:
		e.do(nil, TreeOp{Kind: TreeCreate, Index: e.index, Parent: dot(), Name: "x", Value: value(nil)})
	case 1:
		e.do(nil, TreeOp{Kind: TreeMove, Index: e.index, Node: dot(), Parent: dot()})
	case 2:
		e.do(nil, TreeOp{Kind: TreeRename, Index: e.index, Node: dot(), Name: "y"})
	case 3:
		d := dot()
		at := uint64(rapid.IntRange(1000, 1012).Draw(e.T, "time"))
		e.do(nil, TreeOp{Kind: TreeDelete, Node: d, Saw: Mark{Stamp{at, at, d.Device, d.Number}, d.Index}})
	}
}

func nameGen() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"a", "b", "a (2)", "c.txt"})
}

func editTree(guesses bool) func(t *rapid.T, tree *Tree, stamp Stamp) (*TreeChange, bool) {
	return func(t *rapid.T, tree *Tree, stamp Stamp) (*TreeChange, bool) {
		e := &treeEdit{t, tree, stamp, new(TreeChange), 0}
		for range rapid.IntRange(1, 3).Draw(t, "operations") {
			what := rapid.IntRange(0, 10).Draw(t, "what")
			switch {
			case what == 9 && guesses:
				e.hostile()
			case tree.Len() == 0 || what < 4:
				e.one(tree.Create(e.node(true), e.index, nameGen().Draw(t, "name"), scalarGen().Draw(t, "value")))
			case what < 7:
				e.one(tree.Move(e.node(false), e.node(true), e.index))
			case what == 7:
				e.one(tree.Rename(e.node(false), e.index, nameGen().Draw(t, "name")))
			case what == 10:
				e.one(tree.Keep(e.node(false), e.index))
			case what == 8:
				e.one(tree.Set(e.node(false), e.index, scalarGen().Draw(t, "value")))
			default:
				ops, err := tree.Delete(e.node(false))
				e.do(err, ops...)
			}
		}
		e.c.Resaw(stamp, Stamp{})
		return e.c, len(e.c.Ops) > 0
	}
}

func treeDriver(guesses bool) driver[*Tree, *TreeChange] {
	return driver[*Tree, *TreeChange]{
		fresh:  func() *Tree { return new(Tree) },
		apply:  (*Tree).Apply,
		edit:   editTree(guesses),
		print:  EncodeTree,
		read:   DecodeTree,
		encode: EncodeTreeChange,
		decode: DecodeTreeChange,
		seal:   (*Tree).Seal,
		reissue: func(old *Tree, c *TreeChange, stamp, lowered Stamp, sealed *Tree) (*TreeChange, bool) {
			again, _, ok := old.Reissue(c, lowered, lowered.Time, sealed)
			return again, ok
		},
		check: checkTree,
	}
}

func TestTree(t *testing.T) {
	t.Run("honest", func(t *testing.T) { testDriver(t, treeDriver(false)) })
	t.Run("hostile", func(t *testing.T) { testDriver(t, treeDriver(true)) })
}

func pathsOf(t *Tree) (out []string) {
	for n := range t.All() {
		p, _ := t.Path(n.ID)
		out = append(out, fmt.Sprintf("%s=%x", p, n.Value))
	}
	slices.Sort(out)
	return out
}

// Who had seen all that a seal covers sees the same tree once its own changes
// are issued again.
func TestTreeReissueKeepsTheTree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newStory(rt, treeDriver(false))
		s.draw(10)
		s.settle()
		r, opening := s.replicas[1], s.opening+uint64(rapid.IntRange(1, 30).Draw(rt, "opening"))
		base := s.replicas[0].state.Seal(opening)
		first := len(s.log)
		for range rapid.IntRange(1, 5).Draw(rt, "late") {
			s.write(r)
		}
		for _, w := range s.log[first:] {
			if _, lost, _ := r.state.Reissue(w.change, w.stamp.Lower(opening), opening, base); len(lost) > 0 {
				rt.Fatalf("lost %v", lost)
			}
		}
		if d := cmp.Diff(pathsOf(r.state), pathsOf(base)); d != "" {
			rt.Fatalf("(-want +got):\n%s", d)
		}
	})
}

// grow makes a tree of the paths given, each behind the folder that it is in.
func grow(t *testing.T, paths ...string) *Tree {
	tree := new(Tree)
	for i, p := range paths {
		folder, name := "", p
		if k := strings.LastIndexByte(p, '/'); k >= 0 {
			folder, name = p[:k], p[k+1:]
		}
		op, err := tree.Create(find(t, tree, folder), uint32(i), name, value(nil))
		if err != nil {
			t.Fatal(err)
		}
		tree.Apply(Stamp{Time: 1, Device: device(1), Number: 1}, &TreeChange{[]TreeOp{op}})
	}
	return tree
}

func find(t *testing.T, tree *Tree, path string) Dot {
	t.Helper()
	d, err := tree.Lookup(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What two people do at once.
func TestTreeRaces(t *testing.T) {
	type ops func(*Tree) ([]TreeOp, error)
	one := func(op TreeOp, err error) ([]TreeOp, error) { return []TreeOp{op}, err }
	move := func(a, b string) ops {
		return func(x *Tree) ([]TreeOp, error) { return one(x.Move(find(t, x, a), find(t, x, b), 0)) }
	}
	rename := func(a, name string) ops {
		return func(x *Tree) ([]TreeOp, error) { return one(x.Rename(find(t, x, a), 0, name)) }
	}
	create := func(in, name string) ops {
		return func(x *Tree) ([]TreeOp, error) { return one(x.Create(find(t, x, in), 0, name, value(nil))) }
	}
	keep := func(a string) ops {
		return func(x *Tree) ([]TreeOp, error) { return one(x.Keep(find(t, x, a), 0)) }
	}
	del := func(a string) ops { return func(x *Tree) ([]TreeOp, error) { return x.Delete(find(t, x, a)) } }
	for _, tt := range []struct {
		name       string
		one, other ops // at 5 by device 2, at 6 by device 3
		want       string
	}{
		{"moves that make a circle", move("a", "b"), move("b", "a"), "a b b/a b/a/f"},
		{"move and move", move("a/f", "b"), move("a/f", ""), "a b f"},
		{"move and rename", move("a/f", "b"), rename("a/f", "g"), "a b b/g"},
		{"delete a folder, create in it", del("a"), create("a", "n"), "b n"},
		{"delete a folder, move into it", del("a"), move("b", "a"), "b"},
		{"delete a folder, move out of it", del("a"), move("a/f", "b"), "b b/f"},
		{"move out of a folder, delete it", move("a/f", "b"), del("a"), "b b/f"},
		{"delete and rename", del("a/f"), rename("a/f", "g"), "a b"},
		{"delete and keep", del("a"), keep("a/f"), "b f"},
		{"keep and delete", keep("a/f"), del("a/f"), "a a/f b"},
		{"keep and move", keep("a/f"), move("a/f", "b"), "a b b/f"},
		{"move and keep", move("a/f", "b"), keep("a/f"), "a b b/f"},
		{"delete and delete", del("a"), del("a/f"), "b"},
		{"two of one name", create("a", "n.txt"), create("a", "n.txt"), "a a/f a/n (2).txt a/n.txt b"},
		{"rename to one name", rename("a", "c"), rename("b", "c"), "c c (2) c/f"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var changes [2]*TreeChange
			for i, f := range []ops{tt.one, tt.other} {
				ops, err := f(grow(t, "a", "b", "a/f"))
				if err != nil {
					t.Fatal(err)
				}
				changes[i] = &TreeChange{ops}
			}
			want := strings.ReplaceAll(tt.want, "a b b/a b/a/f", "b b/a b/a/f")
			stamps := [2]Stamp{{Time: 5, Device: device(2), Number: 1}, {Time: 6, Device: device(3), Number: 1}}
			for _, order := range [][]int{{0, 1}, {1, 0}, {0, 1, 0}, {1, 1, 0}} {
				x := grow(t, "a", "b", "a/f")
				for _, i := range order {
					x.Apply(stamps[i], changes[i])
					x.Len()
				}
				var got []string
				for n := range x.All() {
					p, _ := x.Path(n.ID)
					got = append(got, p)
				}
				slices.Sort(got)
				if s := strings.Join(got, " "); s != want {
					t.Errorf("%v: %q, want %q", order, s, want)
				}
			}
		})
	}
}

func TestTreeNamesApart(t *testing.T) {
	x := grow(t, "n.txt")
	for i, name := range []string{"n.txt", "n (2).txt", "n.txt", ".rc", ".rc"} {
		op, err := x.Create(Dot{}, 0, name, value(nil))
		if err != nil {
			t.Fatal(err)
		}
		x.Apply(Stamp{Time: uint64(5 + i), Device: device(2), Number: uint64(i + 1)}, &TreeChange{[]TreeOp{op}})
	}
	var got []string
	for _, n := range x.Children(Dot{}) {
		got = append(got, fmt.Sprint(n.Shown, " ", n.ID.Number))
	}
	if d := cmp.Diff([]string{".rc 4", ".rc (2) 5", "n (2).txt 2", "n (3).txt 1", "n (4).txt 3", "n.txt 1"}, got); d != "" {
		t.Error(d)
	}
}

func TestTreeRefuses(t *testing.T) {
	x := grow(t, "a", "a/b")
	a, b := find(t, x, "a"), find(t, x, "a/b")
	none := Dot{device(9), 1, 0}
	_, cycle := x.Move(a, b, 0)
	_, self := x.Move(a, a, 0)
	_, top := x.Move(Dot{}, a, 0)
	_, into := x.Create(none, 0, "x", value(nil))
	_, name := x.Create(a, 0, "x/y", value(nil))
	_, rename := x.Rename(a, 0, "..")
	_, set := x.Set(none, 0, value(nil))
	_, del := x.Delete(none)
	_, keep := x.Keep(none, 0)
	_, path := x.Lookup("a/x")
	for i, tt := range []struct{ got, want error }{{cycle, ErrTreeCycle}, {self, ErrTreeCycle}, {top, ErrTreeNode}, {into, ErrTreeNode},
		{name, ErrTreeName}, {rename, ErrTreeName}, {set, ErrTreeNode}, {del, ErrTreeNode}, {keep, ErrTreeNode}, {path, ErrTreeNode}} {
		if !errors.Is(tt.got, tt.want) {
			t.Errorf("%d: %v, want %v", i, tt.got, tt.want)
		}
	}
}

// A chain of folders ends at MaxTreeDepth: what a hostile member puts below has
// no effect, and nobody climbs further.
func TestTreeDepth(t *testing.T) {
	x := new(Tree)
	parent := Dot{}
	for i := range uint32(MaxTreeDepth + 1) {
		op, err := x.Create(parent, i, "d", value(nil))
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		x.Apply(Stamp{Time: 1, Device: device(1), Number: 1}, &TreeChange{[]TreeOp{op}})
		parent = Dot{device(1), 1, i}
	}
	if _, err := x.Create(parent, 1000, "d", value(nil)); !errors.Is(err, ErrTreeDepth) {
		t.Errorf("%v", err)
	}
	x.Apply(Stamp{Time: 2, Device: device(1), Number: 2}, &TreeChange{[]TreeOp{{Kind: TreeCreate, Parent: parent, Name: "deep", Value: value(nil)}}})
	if p, err := x.Path(Dot{device(1), 2, 0}); err != nil || p != "deep" {
		t.Errorf("what lies too deep is at %q, %v; want the top", p, err)
	}
}

func sampleTreeChange() *TreeChange {
	own := func(i uint32) Dot { return Dot{device(1), 0, i} }
	return &TreeChange{[]TreeOp{
		{Kind: TreeCreate, Name: "docs", Value: value(nil)},
		{Kind: TreeCreate, Index: 1, Parent: own(0), Name: "é.txt", Value: value("v")},
		{Kind: TreeCreate, Index: 2, Parent: Dot{device(2), 9, 0}, Name: "x", Value: value(int64(1))},
		{Kind: TreeMove, Index: 3, Node: own(2), Parent: own(0)},
		{Kind: TreeRename, Index: 4, Node: own(1), Name: "f"},
		{Kind: TreeSet, Index: 5, Node: own(1), Value: value("w")},
		{Kind: TreeDelete, Node: own(2), Saw: Mark{Stamp{Device: device(1)}, 3}},
		{Kind: TreeDelete, Node: Dot{device(2), 9, 1}, Saw: Mark{Stamp{90, 120, device(2), 9}, 1}},
	}}
}

func sampleTree() *Tree {
	x := new(Tree)
	x.Apply(Stamp{Time: 130, Device: device(1), Number: 4}, sampleTreeChange())
	x.Apply(Stamp{Time: 90, Before: 120, Device: device(2), Number: 9}, &TreeChange{[]TreeOp{
		{Kind: TreeCreate, Name: "f", Value: value(nil)}, {Kind: TreeCreate, Index: 1, Name: "gone", Value: value(nil)}}})
	x.Apply(Stamp{Time: 131, Device: device(3), Number: 1}, &TreeChange{[]TreeOp{
		{Kind: TreeMove, Node: Dot{device(2), 9, 0}, Parent: Dot{device(1), 4, 0}}, {Kind: TreeMove, Index: 1, Node: Dot{device(1), 4, 0}, Parent: Dot{device(2), 9, 0}}}})
	return x
}

func FuzzDecodeTree(f *testing.F) {
	f.Add(EncodeTree(new(Tree)))
	f.Add(EncodeTree(sampleTree()))
	f.Add(EncodeTree(sampleTree().Seal(95)))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkDecoder(t, b, DecodeTree, EncodeTree)
		if x, err := DecodeTree(b); err == nil {
			n := 0
			for range x.All() {
				n++
			}
			if n != x.Len() {
				t.Fatalf("%d of %d nodes are reached", n, x.Len())
			}
			checkDecoder(t, EncodeTree(x.Seal(7)), DecodeTree, EncodeTree)
		}
	})
}

func FuzzDecodeTreeChange(f *testing.F) {
	f.Add(encoded(f, sampleTreeChange(), EncodeTreeChange))
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeTreeChange(device(1), b)
		if err != nil {
			return
		}
		if again := encoded(t, c, EncodeTreeChange); string(again) != string(b) {
			t.Fatalf("%x is taken, and printed as %x", b, again)
		}
		x := sampleTree()
		x.Apply(Stamp{Time: 140, Device: device(1), Number: 5}, c)
		checkDecoder(t, EncodeTree(x), DecodeTree, EncodeTree)
	})
}

// What a re-issue leaves out, and where it puts what has lost its folder.
func TestTreeReissueLost(t *testing.T) {
	const opening = 50
	paths := []string{"a", "a/b", "c", "d", "e"}
	old, cut := grow(t, paths...), grow(t, paths...)
	mine := Stamp{Time: 20, Device: device(1), Number: 2}
	late := new(TreeChange)
	do := func(op TreeOp, err error) {
		if err != nil {
			t.Fatal(err)
		}
		old.Apply(mine, &TreeChange{[]TreeOp{op}})
		late.Ops = append(late.Ops, op)
	}
	do(old.Create(find(t, old, "a/b"), 0, "new", value(nil))) // its folder goes, and the one above
	do(old.Move(find(t, old, "c"), find(t, old, "e"), 1))     // loses to a move
	do(old.Rename(find(t, old, "d"), 2, "mine"))              // loses
	do(old.Set(find(t, old, "a"), 3, value("gone")))          // is gone
	do(old.Rename(find(t, old, "e"), 4, "E"))                 // stays
	for i, make := range []func() ([]TreeOp, error){
		func() ([]TreeOp, error) { return cut.Delete(find(t, cut, "a")) },
		func() ([]TreeOp, error) {
			op, err := cut.Move(find(t, cut, "c"), find(t, cut, "d"), 0)
			return []TreeOp{op}, err
		},
		func() ([]TreeOp, error) { op, err := cut.Rename(find(t, cut, "d"), 0, "D"); return []TreeOp{op}, err },
	} {
		ops, err := make()
		if err != nil {
			t.Fatal(err)
		}
		cut.Apply(Stamp{Time: uint64(30 + i), Device: device(2), Number: uint64(i + 1)}, &TreeChange{ops})
	}
	sealed := cut.Seal(opening)
	again, lost, ok := old.Reissue(late, mine.Lower(opening), opening, sealed)
	var indexes []uint32
	for _, op := range lost {
		indexes = append(indexes, op.Index)
	}
	if d := cmp.Diff([]uint32{1, 2, 3}, indexes); d != "" || !ok || len(again.Ops) != 2 {
		t.Errorf("issued again: %v, %t; lost (-want +got):\n%s", again, ok, d)
	}
	if d := cmp.Diff([]string{"D/c=f6", "D=f6", "E=f6", "new=f6"}, pathsOf(sealed)); d != "" {
		t.Error(d)
	}
	before := pathsOf(sealed) // and if somebody issues it again all the same, it loses in the fold
	sealed.Apply(mine.Lower(opening), &TreeChange{[]TreeOp{late.Ops[1]}})
	if d := cmp.Diff(before, pathsOf(sealed)); d != "" {
		t.Error(d)
	}
}
