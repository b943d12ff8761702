package merge

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// TreeNode is a node as it stands.
type TreeNode struct {
	ID     Dot
	Parent Dot // the folder that it shows in; zero: the top
	Name   string
	// Shown is Name, or where others of that name are in the folder, the name
	// that tells it apart.
	Shown  string
	Value  []byte
	Placed Mark // who put it there
	Named  Mark // who gave it its name
	Set    Mark // who gave it its value
}

// Len is the number of nodes.
func (t *Tree) Len() (n int) {
	t.list()
	for _, k := range t.kids {
		n += len(k)
	}
	return n
}

// Node is a node by its name for ever; false if it is not there.
func (t *Tree) Node(id Dot) (TreeNode, bool) {
	t.list()
	k, ok := t.index[id]
	if !ok || k == 0 || !t.nodes[k].shows() {
		return TreeNode{}, false
	}
	for _, n := range t.kids[t.in[k]] {
		if n.ID == id {
			return n, true
		}
	}
	return TreeNode{}, false
}

// Children are the nodes in a folder, or at the top for the zero Dot, by the
// names that they show. The caller must not change them.
//
// Names are unique in a folder by rule: among nodes of equal name, byte by byte,
// the first to be there under it (the lesser of the greater marks of place and
// name) shows the name itself. The others, in that order, show the first of
// "name (2).ext", "name (3).ext", … that no node of the folder has or shows. So
// the names depend on the state alone.
func (t *Tree) Children(folder Dot) []TreeNode {
	t.list()
	if k, ok := t.index[folder]; ok {
		return t.kids[k]
	}
	return nil
}

// list groups the nodes by the folders that they show in.
func (t *Tree) list() {
	if t.settle(); t.kids != nil {
		return
	}
	t.kids, t.in = map[int32][]TreeNode{}, t.folders()
	for k := range t.nodes {
		n := &t.nodes[k]
		if k == 0 || !n.shows() {
			continue
		}
		f := t.in[k]
		t.kids[f] = append(t.kids[f], TreeNode{n.dot, t.nodes[f].dot, n.name, n.name, n.value, n.place(), n.named, n.set})
	}
	for _, kids := range t.kids {
		tellApart(kids)
	}
}

// claim is when a node came to be in its folder under its name.
func (n *TreeNode) claim() Mark {
	if n.Placed.Less(n.Named) {
		return n.Named
	}
	return n.Placed
}

func tellApart(kids []TreeNode) {
	slices.SortFunc(kids, func(a, b TreeNode) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), a.claim().Compare(b.claim()), a.ID.Compare(b.ID))
	})
	taken := map[string]bool{}
	for i := range kids {
		taken[kids[i].Name] = true
	}
	next := 2
	for i := 1; i < len(kids); i++ {
		if kids[i].Name != kids[i-1].Name {
			next = 2
			continue
		}
		for ; ; next++ {
			if shown := numbered(kids[i].Name, next); !taken[shown] {
				kids[i].Shown, taken[shown] = shown, true
				break
			}
		}
	}
	slices.SortFunc(kids, func(a, b TreeNode) int { return strings.Compare(a.Shown, b.Shown) })
}

// numbered puts a number before the extension of a name, if it has one.
func numbered(name string, n int) string {
	stem, ext := name, ""
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		stem, ext = name[:i], name[i:]
	}
	return fmt.Sprintf("%s (%d)%s", stem, n, ext)
}

// Lookup finds a node by the names shown, with slashes between them; "" is the
// top.
func (t *Tree) Lookup(path string) (Dot, error) {
	at := Dot{}
	if path == "" {
		return at, nil
	}
	for _, name := range strings.Split(path, "/") {
		kids := t.Children(at)
		i, ok := slices.BinarySearchFunc(kids, name, func(n TreeNode, name string) int { return strings.Compare(n.Shown, name) })
		if !ok {
			return Dot{}, fmt.Errorf("%w: %.128q", ErrTreeNode, path)
		}
		at = kids[i].ID
	}
	return at, nil
}

// Path is what Lookup finds a node by.
func (t *Tree) Path(id Dot) (string, error) {
	var names []string
	for !id.IsZero() {
		n, ok := t.Node(id)
		if !ok {
			return "", ErrTreeNode
		}
		names = append(names, n.Shown)
		id = n.Parent
	}
	slices.Reverse(names)
	return strings.Join(names, "/"), nil
}

// All gives all nodes, each behind the folder that it is in.
func (t *Tree) All() iter.Seq[TreeNode] {
	return func(yield func(TreeNode) bool) {
		var todo []TreeNode
		push := func(folder Dot) {
			for _, n := range slices.Backward(t.Children(folder)) {
				todo = append(todo, n)
			}
		}
		for push(Dot{}); len(todo) > 0; {
			n := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if !yield(n) {
				return
			}
			push(n.ID)
		}
	}
}
