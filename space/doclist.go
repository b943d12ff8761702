package space

import (
	"context"
	"iter"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// List is a list that several people insert into, reorder, change and remove from at
// once. Its values are nil, bool, int64, float64, string and []byte. Each item has an
// ID for ever; a remove wins over moves and changes that were made meanwhile.
type List struct{ document }

// Item is one item of a list.
type Item struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

// List is the list of that name, or in that column: "table/row/column".
func (s *Space) List(doc string) *List { return &List{document{s, doc, schema.List}} }

// Items are the items in their order.
func (l *List) Items(ctx context.Context) (items []Item, err error) {
	err = l.read(ctx, func(_ *view.Tx, _ docAt, d merge.Document) error {
		items, err = itemsOf(d)
		return err
	})
	return items, err
}

// Len is the number of items.
func (l *List) Len(ctx context.Context) (n int, err error) {
	err = l.read(ctx, func(_ *view.Tx, _ docAt, d merge.Document) error {
		n = listOf(d).Len()
		return nil
	})
	return n, err
}

// Watch gives the items, and again whenever they change, until ctx ends.
func (l *List) Watch(ctx context.Context) iter.Seq2[[]Item, error] {
	return watchDocument(ctx, &l.document, itemsOf)
}

// Append puts values at the end and returns the IDs of the new items.
func (l *List) Append(ctx context.Context, values ...any) (ids []string, err error) {
	err = l.write(ctx, func(x *ListTx) error {
		ids, err = x.Append(values...)
		return err
	})
	return ids, err
}

// Insert puts values before the item with that index, or at the end, and returns the
// IDs of the new items.
func (l *List) Insert(ctx context.Context, index int, values ...any) (ids []string, err error) {
	err = l.write(ctx, func(x *ListTx) error {
		ids, err = x.Insert(index, values...)
		return err
	})
	return ids, err
}

// Set gives an item another value.
func (l *List) Set(ctx context.Context, id string, value any) error {
	return l.write(ctx, func(x *ListTx) error { return x.Set(id, value) })
}

// Move brings an item to another index.
func (l *List) Move(ctx context.Context, id string, index int) error {
	return l.write(ctx, func(x *ListTx) error { return x.Move(id, index) })
}

// Remove takes items out.
func (l *List) Remove(ctx context.Context, ids ...string) error {
	return l.write(ctx, func(x *ListTx) error { return x.Remove(ids...) })
}

func (l *List) write(ctx context.Context, fn func(*ListTx) error) error {
	_, err := l.s.Write(ctx, func(tx *Tx) error { return fn(tx.List(l.address)) })
	return err
}

// ListTx is a list within a transaction.
type ListTx struct{ txDocument }

// List is that of Space, with what this transaction has written.
func (tx *Tx) List(doc string) *ListTx { return &ListTx{txDocument{tx, doc, schema.List}} }

// Items are the items in their order.
func (l *ListTx) Items() ([]Item, error) {
	_, d, err := l.open()
	if err != nil {
		return nil, err
	}
	return itemsOf(d)
}

// Append is that of List.
func (l *ListTx) Append(values ...any) ([]string, error) { return l.insert(-1, values) }

// Insert is that of List.
func (l *ListTx) Insert(index int, values ...any) ([]string, error) {
	if index < 0 {
		return nil, usage("index %d", index)
	}
	return l.insert(index, values)
}

func (l *ListTx) insert(index int, values []any) ([]string, error) {
	at, d, err := l.open()
	if err != nil || len(values) == 0 {
		return nil, err
	}
	list := listOf(d)
	if index < 0 {
		index = list.Len()
	}
	if index > list.Len() {
		return nil, usage("index %d: the list has %d items", index, list.Len())
	}
	encoded, err := scalars(values)
	if err != nil {
		return nil, err
	}
	first := l.tx.index(at, len(values))
	op, err := list.Insert(index, first, encoded...)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(values))
	for i := range ids {
		ids[i] = l.tx.dot(first + uint32(i)).String()
	}
	return ids, l.put(at, op)
}

// Set is that of List.
func (l *ListTx) Set(id string, value any) error {
	at, list, i, err := l.find(id)
	if err != nil {
		return err
	}
	v, err := scalar(value)
	if err != nil {
		return err
	}
	op, err := list.Set(i, l.tx.index(at, 1), v)
	if err != nil {
		return err
	}
	return l.put(at, op)
}

// Move is that of List.
func (l *ListTx) Move(id string, index int) error {
	at, list, i, err := l.find(id)
	if err != nil {
		return err
	}
	if index < 0 || index >= list.Len() {
		return usage("index %d: the list has %d items", index, list.Len())
	}
	op, err := list.Move(i, index, l.tx.index(at, 1))
	if err != nil {
		return err
	}
	return l.put(at, op)
}

// Remove is that of List.
func (l *ListTx) Remove(ids ...string) error {
	for _, id := range ids {
		at, list, i, err := l.find(id)
		if err != nil {
			return err
		}
		op, err := list.Delete(i)
		if err != nil {
			return err
		}
		if err := l.put(at, op); err != nil {
			return err
		}
	}
	return nil
}

func (l *ListTx) find(id string) (at docAt, list *merge.ListDoc, i int, err error) {
	dot, err := parseItem(id)
	if err != nil {
		return at, nil, 0, err
	}
	at, d, err := l.open()
	if err != nil {
		return at, nil, 0, err
	}
	list = listOf(d)
	i, ok := list.Index(dot)
	if !ok {
		return at, nil, 0, notFound("there is no item %s in %s", id, l.address)
	}
	return at, list, i, nil
}

func (l *ListTx) put(at docAt, op merge.ListOp) error { return l.tx.changeList(at, op) }

func (tx *Tx) changeList(at docAt, op merge.ListOp) error {
	c := &merge.ListChange{Ops: []merge.ListOp{op}}
	c.Renumber(tx.me.Device, tx.stamp.Number, 0)
	return tx.editChange(at)(merge.EncodeListChange(tx.me.Device, c))
}

func itemsOf(d merge.Document) ([]Item, error) {
	items := make([]Item, 0, listOf(d).Len())
	for _, it := range listOf(d).All() {
		v, err := merge.DecodeValue(it.Value)
		if err != nil {
			return nil, err
		}
		items = append(items, Item{it.ID.String(), v})
	}
	return items, nil
}

func listOf(d merge.Document) *merge.ListDoc { return d.(*merge.ListDoc) }
