package view

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

func mustApply(b testing.TB, tx *Tx, st merge.Stamp, ops ...merge.Op) {
	if _, err := tx.Apply(st.Device, wire.MemberIDOf(st.Device), st, ops); err != nil {
		b.Fatal(err)
	}
}

// typing writes a text of 100 kB, to type into.
func typing(b *testing.B, size int) *DB {
	db := newStore(b, docSchema)
	apply(b, db, stamp(10, 1, 1), insertOp(rid(1)))
	update(b, db, func(tx *Tx) error {
		st := stamp(11, 1, 2)
		text := strings.Repeat("The quick brown fox jumps over the lazy dog.\n", size/45)
		mustApply(b, tx, st, editOp(rid(1), bodyColumn, splice(b, tx, st.Device, rid(1), 0, 0, text)))
		return nil
	})
	return db
}

// BenchmarkTypeText types one key at a time into texts, each a durable transaction as a
// local write makes it, and compares with an insert of SQLite alone.
func BenchmarkTypeText(b *testing.B) {
	for _, size := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			c, db := bare(b), typing(b, size)
			var plain, ours time.Duration
			for n := 0; b.Loop(); n++ {
				start := time.Now()
				bareInsert(b, c, n)
				mid := time.Now()
				number := uint64(n + 3)
				st := stamp(number<<16, 1, number)
				err := db.Update(context.Background(), func(tx *Tx) error {
					op := editOp(rid(1), bodyColumn, splice(b, tx, st.Device, rid(1), size/2+n%100, 0, "x"))
					id := [16]byte(benchID(int(number)))
					if _, err := tx.AppendJournal(JournalRow{ID: id, Number: number, Time: st.Time, Tx: make([]byte, 120)}); err != nil {
						return err
					}
					mustApply(b, tx, st, op)
					_, err := tx.AppendLog(LogRow{Time: st.Time, Device: st.Device, Number: number, TxID: id, Kind: "edit", Tables: []uint32{1}, Ops: 1})
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
				plain, ours = plain+mid.Sub(start), ours+time.Since(mid)
			}
			b.ReportMetric(float64(plain.Microseconds())/float64(b.N), "bare-µs/key")
			b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "µs/key")
		})
	}
}

// BenchmarkFoldEdits applies 100,000 edits to one document, 1,000 in each transaction of
// the store, and then folds them from the base.
func BenchmarkFoldEdits(b *testing.B) {
	const edits = 100_000
	for name, column := range map[string]uint32{"counter": likesColumn, "list": itemsColumn, "text": bodyColumn} {
		b.Run(name, func(b *testing.B) {
			changes := manyChanges(b, column, edits)
			for b.Loop() {
				b.StopTimer()
				db := newStore(b, docSchema)
				apply(b, db, stamp(10, 1, 1), insertOp(rid(1)))
				b.StartTimer()
				start := time.Now()
				for n := 0; n < edits; n += 1000 {
					update(b, db, func(tx *Tx) error {
						for k := n; k < n+1000; k++ {
							mustApply(b, tx, stamp(uint64(k+11)<<16, 1, uint64(k+2)), editOp(rid(1), column, changes[k]))
						}
						return nil
					})
				}
				applied := time.Now()
				update(b, db, func(tx *Tx) error {
					k, c := tx.layout.document(docKey{1, idText(rid(1)), column})
					o, err := tx.open(k, c)
					if err == nil {
						err = tx.unfold(o, 0)
					}
					return err
				})
				b.ReportMetric(float64(applied.Sub(start).Microseconds())/edits, "apply-µs/edit")
				b.ReportMetric(float64(time.Since(applied).Microseconds())/edits, "fold-µs/edit")
				db.Close()
			}
		})
	}
}

// manyChanges are those of one device that goes on appending, or writing in the middle.
func manyChanges(b *testing.B, column uint32, n int) (out [][]byte) {
	doc, err := merge.NewDocument(documentOf(column))
	if err != nil {
		b.Fatal(err)
	}
	word := value(b, "a word or two")
	for i := range n {
		var change []byte
		switch d := doc.(type) {
		case *merge.CounterDoc:
			change = add(1)
		case *merge.TextDoc:
			change, err = d.Splice(dev(1), d.Len()/2, 0, "x")
		case *merge.ListDoc:
			op, at := d.Insert(d.Len()/2, 1, word)
			change, err = changeCell(merge.EncodeListChange(dev(1), &merge.ListChange{Ops: []merge.ListOp{op}}))(at)
		}
		if err == nil {
			err = doc.Apply(stamp(uint64(i+11)<<16, 1, uint64(i+2)), change)
		}
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, change)
	}
	return out
}

// BenchmarkSealDocuments seals 10,000 rows with a text, a list and a counter each, of
// which each has some edits, and exports them.
func BenchmarkSealDocuments(b *testing.B) {
	const count = 10_000
	db := newStore(b, docSchema)
	for opening := uint64(1); b.Loop(); opening++ {
		b.StopTimer()
		st := merge.Stamp{Time: opening<<32 | 1, Device: dev(1), Number: opening}
		update(b, db, func(tx *Tx) error {
			for n := range count {
				ops := []merge.Op{insertOp(rid(n + 1))}
				if opening > 1 {
					ops = nil
				}
				text := editOp(rid(n+1), bodyColumn, splice(b, tx, st.Device, rid(n+1), 0, 0, "a sentence of some length. "))
				text.Cells = append(text.Cells, merge.Cell{Column: likesColumn, Value: add(1)})
				ops = append(ops, text)
				st.Number++
				mustApply(b, tx, st, ops...)
			}
			return nil
		})
		b.StartTimer()
		start := time.Now()
		update(b, db, func(tx *Tx) error { return tx.SealRows((opening + 1) << 32) })
		sealed := time.Now()
		records := 0
		look(b, db, func(tx *Tx) error { return tx.ExportRows(func(_, _ []byte) error { records++; return nil }) })
		if records < 3*count {
			b.Fatalf("%d records", records)
		}
		b.ReportMetric(float64(sealed.Sub(start).Microseconds())/count, "seal-µs/row")
		b.ReportMetric(float64(time.Since(sealed).Microseconds())/count, "export-µs/row")
	}
}
