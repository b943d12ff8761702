package space

import (
	"context"
	"iter"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// Counter is a number that several people add to at once: every addition counts, once.
type Counter struct{ document }

// Counter is the counter of that name, or in that column: "table/row/column".
func (s *Space) Counter(doc string) *Counter { return &Counter{document{s, doc, schema.Counter}} }

// Value is the sum, or the int64 nearest to it.
func (c *Counter) Value(ctx context.Context) (n int64, err error) {
	err = c.read(ctx, func(_ *view.Tx, _ docAt, d merge.Document) error {
		n, err = countOf(d)
		return err
	})
	return n, err
}

// Watch gives the value, and again whenever it changes, until ctx ends.
func (c *Counter) Watch(ctx context.Context) iter.Seq2[int64, error] {
	return watchDocument(ctx, &c.document, countOf)
}

// Add adds n, which may be negative.
func (c *Counter) Add(ctx context.Context, n int64) error {
	_, err := c.s.Write(ctx, func(tx *Tx) error { return tx.Counter(c.address).Add(n) })
	return err
}

// CounterTx is a counter within a transaction.
type CounterTx struct{ txDocument }

// Counter is that of Space, with what this transaction has written.
func (tx *Tx) Counter(doc string) *CounterTx {
	return &CounterTx{txDocument{tx, doc, schema.Counter}}
}

// Value is the sum.
func (c *CounterTx) Value() (int64, error) {
	_, d, err := c.open()
	if err != nil {
		return 0, err
	}
	return countOf(d)
}

// Add adds n.
func (c *CounterTx) Add(n int64) error {
	at, _, err := c.open()
	if err != nil || n == 0 {
		return err
	}
	return c.tx.edit(at, merge.EncodeCounterOp(n))
}

func countOf(d merge.Document) (int64, error) { return d.(*merge.CounterDoc).Counter.Value(), nil }

// Flag is on or off. Turning it on wins over turning it off at the same time.
type Flag struct{ document }

// Flag is the flag of that name, or in that column: "table/row/column".
func (s *Space) Flag(doc string) *Flag { return &Flag{document{s, doc, schema.Flag}} }

// On reports whether the flag is on.
func (f *Flag) On(ctx context.Context) (on bool, err error) {
	err = f.read(ctx, func(_ *view.Tx, _ docAt, d merge.Document) error {
		on, err = onOf(d)
		return err
	})
	return on, err
}

// Watch tells whether it is on, and again whenever that changes, until ctx ends.
func (f *Flag) Watch(ctx context.Context) iter.Seq2[bool, error] {
	return watchDocument(ctx, &f.document, onOf)
}

// Set turns the flag on or off. To turn on what is on is a write, which keeps it on
// against who turns it off meanwhile.
func (f *Flag) Set(ctx context.Context, on bool) error {
	_, err := f.s.Write(ctx, func(tx *Tx) error { return tx.Flag(f.address).Set(on) })
	return err
}

// FlagTx is a flag within a transaction.
type FlagTx struct{ txDocument }

// Flag is that of Space, with what this transaction has written.
func (tx *Tx) Flag(doc string) *FlagTx { return &FlagTx{txDocument{tx, doc, schema.Flag}} }

// On reports whether the flag is on.
func (f *FlagTx) On() (bool, error) {
	_, d, err := f.open()
	if err != nil {
		return false, err
	}
	return onOf(d)
}

// Set turns the flag on or off.
func (f *FlagTx) Set(on bool) error {
	at, d, err := f.open()
	if err != nil {
		return err
	}
	return f.tx.setFlag(at, d.(*merge.FlagDoc), on)
}

func (tx *Tx) setFlag(at docAt, flag *merge.FlagDoc, on bool) error {
	c, ok := flag.Disable()
	if on {
		c, ok = flag.Enable(tx.index(at, 1)), true
	}
	if !ok {
		return nil
	}
	c.Renumber(tx.me.Device, tx.stamp.Number, 0)
	return tx.editChange(at)(merge.EncodeFlagChange(tx.me.Device, &c))
}

func onOf(d merge.Document) (bool, error) { return d.(*merge.FlagDoc).On(), nil }
