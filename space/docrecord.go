package space

import (
	"context"
	"iter"
	"time"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// Record is a log: a list of an application's own operations, in an order that is the same on
// every device. Nothing is changed or taken out. One that comes late, since its author
// was offline, takes its place among the others, by the time at which it was made.
type Record struct{ document }

// RecordEntry is one operation in a log.
type RecordEntry struct {
	ID     string    `json:"id"`
	Op     any       `json:"op"`
	Device string    `json:"device"`
	Time   time.Time `json:"time"` // as its author claims
}

// Record is the log of that name, or in that column: "table/row/column".
func (s *Space) Record(doc string) *Record { return &Record{document{s, doc, schema.Log}} }

// Len is the number of entries.
func (l *Record) Len(ctx context.Context) (n int, err error) {
	err = l.read(ctx, func(_ *view.Tx, _ docAt, d merge.Document) error {
		n = logOf(d).Len()
		return nil
	})
	return n, err
}

// Each goes through the entries from the one with that index on, in one state of the
// store.
func (l *Record) Each(ctx context.Context, from int) iter.Seq2[RecordEntry, error] {
	return func(yield func(RecordEntry, error) bool) {
		var entries []RecordEntry
		err := l.read(ctx, func(_ *view.Tx, _ docAt, d merge.Document) (err error) {
			entries, err = entriesFrom(d, max(from, 0))
			return err
		})
		if err != nil {
			yield(RecordEntry{}, err)
			return
		}
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Watch gives all entries, and again whenever some came, until ctx ends. See Fold for
// what needs less work.
func (l *Record) Watch(ctx context.Context) iter.Seq2[[]RecordEntry, error] {
	return watchDocument(ctx, &l.document, entriesOf)
}

// Append puts operations into the log: nil, bool, int64, float64, string or []byte.
func (l *Record) Append(ctx context.Context, ops ...any) error {
	_, err := l.s.Write(ctx, func(tx *Tx) error { return tx.Record(l.address).Append(ops...) })
	return err
}

// RecordTx is a log within a transaction.
type RecordTx struct{ txDocument }

// Record is that of Space, with what this transaction has written.
func (tx *Tx) Record(doc string) *RecordTx { return &RecordTx{txDocument{tx, doc, schema.Log}} }

// Append is that of Record.
func (l *RecordTx) Append(ops ...any) error {
	at, _, err := l.open()
	if err != nil || len(ops) == 0 {
		return err
	}
	encoded, err := scalars(ops)
	if err != nil {
		return err
	}
	c := &merge.LogChange{First: l.tx.index(at, len(ops)), Ops: encoded}
	return l.tx.editChange(at)(merge.EncodeLogChange(l.tx.me.Device, c))
}

func recordEntry(e merge.LogEntry) (RecordEntry, error) {
	op, err := merge.DecodeValue(e.Op)
	when := time.UnixMilli(merge.Millis(max(e.Time, e.Before))).UTC()
	return RecordEntry{ID: e.Dot().String(), Op: op, Device: e.Device.String(), Time: when}, err
}

func entriesOf(d merge.Document) ([]RecordEntry, error) { return entriesFrom(d, 0) }

func entriesFrom(d merge.Document, from int) ([]RecordEntry, error) {
	out := []RecordEntry{}
	for _, e := range logOf(d).From(from) {
		entry, err := recordEntry(e)
		if err != nil {
			return nil, err
		}
		out = append(out, entry)
	}
	return out, nil
}

func logOf(d merge.Document) *merge.LogDoc { return d.(*merge.LogDoc) }

// RecordFold keeps what an application makes of a log, and brings it up to date with
// little work: an entry that came late makes it go back to a state before that.
// Not safe for several goroutines.
type RecordFold[S any] struct {
	log  *Record
	fold merge.Fold[S]
	copy merge.Log    // what was folded
	have []merge.Mark // of it, in order
}

// Fold makes a state of a log: step turns a state and an entry into the next state. It
// must depend on nothing else, and leave the given state as it is.
func Fold[S any](l *Record, start S, step func(S, RecordEntry) S) *RecordFold[S] {
	f := &RecordFold[S]{log: l}
	f.fold.Start = start
	f.fold.Step = func(s S, e merge.LogEntry) S {
		entry, err := recordEntry(e)
		if err != nil {
			return s // a stored entry is a scalar
		}
		return step(s, entry)
	}
	return f
}

// State is the state after all entries.
func (f *RecordFold[S]) State(ctx context.Context) (state S, err error) {
	err = f.log.read(ctx, func(_ *view.Tx, _ docAt, d merge.Document) error {
		f.take(logOf(d))
		return nil
	})
	if err != nil {
		return state, err
	}
	state, _ = f.fold.State(&f.copy)
	return state, nil
}

// take brings the copy up to date. Entries that went, since a seal or another device
// settled it so, make it begin anew.
func (f *RecordFold[S]) take(l *merge.LogDoc) {
	now := make([]merge.LogEntry, 0, l.Len())
	had := 0
	for _, e := range l.From(0) {
		if had < len(f.have) && f.have[had] == e.Mark {
			had++
			continue
		}
		e.Op = append([]byte(nil), e.Op...)
		now = append(now, e)
	}
	if had < len(f.have) {
		f.copy, f.have = merge.Log{}, nil
		fold := merge.Fold[S]{Step: f.fold.Step, Start: f.fold.Start}
		f.fold = fold
		f.take(l)
		return
	}
	for _, e := range now {
		f.copy.Apply(e.Stamp, &merge.LogChange{First: e.Index, Ops: [][]byte{e.Op}})
	}
	if len(now) > 0 {
		f.have = f.have[:0]
		for _, e := range f.copy.From(0) {
			f.have = append(f.have, e.Mark)
		}
	}
}
