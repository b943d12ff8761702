package space

import (
	"context"
	"errors"
	"iter"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// Tree is a tree of folders that several people change at once. Each node has an ID for
// ever, a name, a value and one place; the empty ID is the top. A move that would put a
// node below itself has no effect, and a remove takes what its author saw: what
// somebody put into a folder meanwhile stays, in the nearest folder that is left.
type Tree struct{ document }

// Node is one node of a tree.
type Node struct {
	ID     string `json:"id"`
	Parent string `json:"parent"` // empty: the top
	Name   string `json:"name"`   // unique in its folder: another of that name shows "name (2)"
	Value  any    `json:"value"`
}

// Tree is the tree of that name, or in that column: "table/row/column".
func (s *Space) Tree(doc string) *Tree { return &Tree{document{s, doc, schema.Tree}} }

// Walk goes through all nodes, each behind the folder that it is in.
func (t *Tree) Walk(ctx context.Context) iter.Seq2[Node, error] {
	return func(yield func(Node, error) bool) {
		var nodes []Node
		err := t.read(ctx, func(_ *view.Tx, _ docAt, d merge.Document) (err error) {
			nodes, err = nodesOf(d)
			return err
		})
		if err != nil {
			yield(Node{}, err)
			return
		}
		for _, n := range nodes {
			if !yield(n, nil) {
				return
			}
		}
	}
}

// Lookup is the node at a path of names with slashes between them.
func (t *Tree) Lookup(ctx context.Context, path string) (n Node, err error) {
	err = t.read(ctx, func(_ *view.Tx, _ docAt, d merge.Document) error {
		n, err = lookup(d, path)
		return err
	})
	return n, err
}

// Watch gives all nodes, and again whenever they change, until ctx ends.
func (t *Tree) Watch(ctx context.Context) iter.Seq2[[]Node, error] {
	return watchDocument(ctx, &t.document, nodesOf)
}

// Create makes a node in a folder and returns its ID.
func (t *Tree) Create(ctx context.Context, folder, name string, value any) (id string, err error) {
	err = t.write(ctx, func(x *TreeTx) error {
		id, err = x.Create(folder, name, value)
		return err
	})
	return id, err
}

// Rename gives a node another name.
func (t *Tree) Rename(ctx context.Context, id, name string) error {
	return t.write(ctx, func(x *TreeTx) error { return x.Rename(id, name) })
}

// Set gives a node another value.
func (t *Tree) Set(ctx context.Context, id string, value any) error {
	return t.write(ctx, func(x *TreeTx) error { return x.Set(id, value) })
}

// Move puts a node into a folder.
func (t *Tree) Move(ctx context.Context, id, folder string) error {
	return t.write(ctx, func(x *TreeTx) error { return x.Move(id, folder) })
}

// Remove takes a node out, with all that it holds.
func (t *Tree) Remove(ctx context.Context, id string) error {
	return t.write(ctx, func(x *TreeTx) error { return x.Remove(id) })
}

func (t *Tree) write(ctx context.Context, fn func(*TreeTx) error) error {
	_, err := t.s.Write(ctx, func(tx *Tx) error { return fn(tx.Tree(t.address)) })
	return err
}

// TreeTx is a tree within a transaction.
type TreeTx struct{ txDocument }

// Tree is that of Space, with what this transaction has written.
func (tx *Tx) Tree(doc string) *TreeTx { return &TreeTx{txDocument{tx, doc, schema.Tree}} }

// Nodes are all nodes, each behind the folder that it is in.
func (t *TreeTx) Nodes() ([]Node, error) {
	_, d, err := t.open()
	if err != nil {
		return nil, err
	}
	return nodesOf(d)
}

// Lookup is the node at a path of names with slashes between them.
func (t *TreeTx) Lookup(path string) (Node, error) {
	_, d, err := t.open()
	if err != nil {
		return Node{}, err
	}
	return lookup(d, path)
}

// Create is that of Tree.
func (t *TreeTx) Create(folder, name string, value any) (string, error) {
	v, err := scalar(value)
	if err != nil {
		return "", err
	}
	var index uint32
	err = t.change([]string{folder}, func(at docAt, d *merge.TreeDoc, in []merge.Dot) ([]merge.TreeOp, error) {
		index = t.tx.index(at, 1)
		op, err := d.Create(in[0], index, name, v)
		return []merge.TreeOp{op}, err
	})
	return t.tx.dot(index).String(), err
}

// Rename is that of Tree.
func (t *TreeTx) Rename(id, name string) error {
	return t.change([]string{id}, func(at docAt, d *merge.TreeDoc, n []merge.Dot) ([]merge.TreeOp, error) {
		op, err := d.Rename(n[0], t.tx.index(at, 1), name)
		return []merge.TreeOp{op}, err
	})
}

// Set is that of Tree.
func (t *TreeTx) Set(id string, value any) error {
	v, err := scalar(value)
	if err != nil {
		return err
	}
	return t.change([]string{id}, func(at docAt, d *merge.TreeDoc, n []merge.Dot) ([]merge.TreeOp, error) {
		op, err := d.Set(n[0], t.tx.index(at, 1), v)
		return []merge.TreeOp{op}, err
	})
}

// Move is that of Tree.
func (t *TreeTx) Move(id, folder string) error {
	return t.change([]string{id, folder}, func(at docAt, d *merge.TreeDoc, n []merge.Dot) ([]merge.TreeOp, error) {
		op, err := d.Move(n[0], n[1], t.tx.index(at, 1))
		return []merge.TreeOp{op}, err
	})
}

// Remove is that of Tree.
func (t *TreeTx) Remove(id string) error {
	return t.change([]string{id}, func(_ docAt, d *merge.TreeDoc, n []merge.Dot) ([]merge.TreeOp, error) {
		return d.Delete(n[0])
	})
}

func (t *TreeTx) change(ids []string, make func(docAt, *merge.TreeDoc, []merge.Dot) ([]merge.TreeOp, error)) error {
	at, d, err := t.open()
	if err != nil {
		return err
	}
	var dots []merge.Dot
	for _, id := range ids {
		dot, err := parseNode(id)
		if err != nil {
			return err
		}
		dots = append(dots, dot)
	}
	c := new(merge.TreeChange)
	if c.Ops, err = make(at, treeOf(d), dots); err != nil {
		return treeError(err)
	}
	c.Resaw(t.tx.stamp, merge.Stamp{})
	return t.tx.editChange(at)(merge.EncodeTreeChange(t.tx.me.Device, c))
}

func treeError(err error) error {
	if errors.Is(err, merge.ErrTreeNode) {
		return join(ErrNotFound, err)
	}
	return join(ErrUsage, err)
}

func parseNode(id string) (merge.Dot, error) {
	if id == "" {
		return merge.Dot{}, nil
	}
	return parseItem(id)
}

func nodeID(d merge.Dot) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func nodeOf(n merge.TreeNode) (Node, error) {
	v, err := merge.DecodeValue(n.Value)
	return Node{nodeID(n.ID), nodeID(n.Parent), n.Shown, v}, err
}

func nodesOf(d merge.Document) (nodes []Node, err error) {
	nodes = []Node{}
	for n := range treeOf(d).All() {
		node, err := nodeOf(n)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}

func lookup(d merge.Document, path string) (Node, error) {
	id, err := treeOf(d).Lookup(path)
	if err != nil {
		return Node{}, treeError(err)
	}
	n, ok := treeOf(d).Node(id)
	if !ok {
		return Node{}, nil // the top
	}
	return nodeOf(n)
}

func treeOf(d merge.Document) *merge.TreeDoc { return d.(*merge.TreeDoc) }
