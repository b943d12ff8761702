package space

import (
	"context"
	"iter"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// Set is a set that several people add to and remove from at once. A remove takes what
// its author saw: who adds an element meanwhile keeps it in the set. Elements are nil,
// bool, int64, float64, string and []byte; 1 and 1.0 are two.
type Set struct{ document }

// Set is the set of that name, or in that column: "table/row/column".
func (s *Space) Set(doc string) *Set { return &Set{document{s, doc, schema.Set}} }

// Values are the elements, in the order of their encodings.
func (s *Set) Values(ctx context.Context) (values []any, err error) {
	err = s.read(ctx, func(_ *view.Tx, _ docAt, d merge.Document) error {
		values, err = valuesOf(d)
		return err
	})
	return values, err
}

// Has reports whether the value is an element.
func (s *Set) Has(ctx context.Context, value any) (has bool, err error) {
	v, err := scalar(value)
	if err != nil {
		return false, err
	}
	err = s.read(ctx, func(_ *view.Tx, _ docAt, d merge.Document) error {
		has = setOf(d).Has(v)
		return nil
	})
	return has, err
}

// Watch gives the elements, and again whenever they change, until ctx ends.
func (s *Set) Watch(ctx context.Context) iter.Seq2[[]any, error] {
	return watchDocument(ctx, &s.document, valuesOf)
}

// Add puts values into the set.
func (s *Set) Add(ctx context.Context, values ...any) error {
	return s.write(ctx, func(x *SetTx) error { return x.Add(values...) })
}

// Remove takes values out; one that is no element is passed over.
func (s *Set) Remove(ctx context.Context, values ...any) error {
	return s.write(ctx, func(x *SetTx) error { return x.Remove(values...) })
}

func (s *Set) write(ctx context.Context, fn func(*SetTx) error) error {
	_, err := s.s.Write(ctx, func(tx *Tx) error { return fn(tx.Set(s.address)) })
	return err
}

// SetTx is a set within a transaction.
type SetTx struct{ txDocument }

// Set is that of Space, with what this transaction has written.
func (tx *Tx) Set(doc string) *SetTx { return &SetTx{txDocument{tx, doc, schema.Set}} }

// Values are the elements, in the order of their encodings.
func (s *SetTx) Values() ([]any, error) {
	_, d, err := s.open()
	if err != nil {
		return nil, err
	}
	return valuesOf(d)
}

// Has reports whether the value is an element.
func (s *SetTx) Has(value any) (bool, error) {
	v, err := scalar(value)
	if err != nil {
		return false, err
	}
	_, d, err := s.open()
	return err == nil && setOf(d).Has(v), err
}

// Add is that of Set. An element that is there already is added again, so that who
// removes it meanwhile does not take this add.
func (s *SetTx) Add(values ...any) error {
	return s.each(values, func(at docAt, d *merge.SetDoc, v []byte) (merge.SetOp, bool) {
		return d.Add(v, s.tx.index(at, 1)), true
	})
}

// Remove is that of Set.
func (s *SetTx) Remove(values ...any) error {
	return s.each(values, func(_ docAt, d *merge.SetDoc, v []byte) (merge.SetOp, bool) { return d.Remove(v) })
}

// each makes one change of what the values need; a value that is named twice counts once.
func (s *SetTx) each(values []any, op func(docAt, *merge.SetDoc, []byte) (merge.SetOp, bool)) error {
	encoded, err := scalars(values)
	if err != nil {
		return err
	}
	at, d, err := s.open()
	if err != nil {
		return err
	}
	c, done := new(merge.SetChange), map[string]bool{}
	for _, v := range encoded {
		if done[string(v)] {
			continue
		}
		done[string(v)] = true
		if op, ok := op(at, setOf(d), v); ok {
			c.Ops = append(c.Ops, op)
		}
	}
	return s.tx.changeSet(at, c)
}

// changeSet writes a change, if there is anything in it.
func (tx *Tx) changeSet(at docAt, c *merge.SetChange) error {
	if len(c.Ops) == 0 {
		return nil
	}
	c.Renumber(tx.me.Device, tx.stamp.Number, 0)
	return tx.editChange(at)(merge.EncodeSetChange(tx.me.Device, c))
}

func valuesOf(d merge.Document) ([]any, error) {
	values := make([]any, 0, setOf(d).Len())
	for b := range setOf(d).Values() {
		v, err := merge.DecodeValue(b)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

func setOf(d merge.Document) *merge.SetDoc { return d.(*merge.SetDoc) }
