package view

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

const benchSchema = `
tables:
  tasks:
    columns:
      title: {type: text, required: true}
      done:  {type: bool}
      rank:  {type: int}
`

// bare is SQLite alone, in the same kind of file with the same settings.
func bare(b *testing.B) *conn {
	b.Helper()
	db := newStore(b, "")
	c, err := db.connect()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	if err := c.Exec("CREATE TABLE bare (id BLOB PRIMARY KEY, title TEXT, done INTEGER, rank INTEGER)"); err != nil {
		b.Fatal(err)
	}
	return c
}

func benchID(n int) (id [16]byte) {
	binary.BigEndian.PutUint64(id[:], uint64(n+1)) // ascending, as UUIDv7 are
	binary.BigEndian.PutUint64(id[8:], uint64(n)*0x9e3779b97f4a7c15)
	return id
}

func bareInsert(b *testing.B, c *conn, n int) {
	id := benchID(n)
	if err := c.exec("INSERT INTO bare VALUES (?1, ?2, ?3, ?4)", id[:], "buy milk and bread", true, int64(n)); err != nil {
		b.Fatal(err)
	}
}

func viewOp(b *testing.B, n int) merge.Op {
	cells := make([]merge.Cell, 3)
	for i, v := range []any{"buy milk and bread", true, int64(n)} {
		raw, err := merge.EncodeValue(v)
		if err != nil {
			b.Fatal(err)
		}
		cells[i] = merge.Cell{Column: uint32(i + 1), Value: raw}
	}
	return merge.Op{Kind: merge.Insert, Table: 1, Row: benchID(n), Cells: cells}
}

// viewInsert is what a local write does: journal, view and changelog, durable.
func viewInsert(b *testing.B, db *DB, number uint64, ops []merge.Op) {
	id := [16]byte(benchID(int(number)))
	st := stamp(number<<16, 1, number)
	err := db.Update(context.Background(), func(tx *Tx) error {
		encoded := make([]byte, 80*len(ops))
		if _, err := tx.AppendJournal(JournalRow{ID: id, Number: number, Time: st.Time, Tx: encoded}); err != nil {
			return err
		}
		e, err := tx.Apply(st.Device, wire.MemberIDOf(st.Device), st, ops)
		if err != nil {
			return err
		}
		_, err = tx.AppendLog(LogRow{Time: st.Time, Device: st.Device, Number: number, TxID: id, Kind: "insert", Tables: e.Tables, Ops: len(ops)})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkInsert compares a durable insert of one row with a bare one. The
// ratio of the rates has to be at least a third (issue 3, Speed).
func BenchmarkInsert(b *testing.B) {
	c, db := bare(b), newStore(b, benchSchema)
	var plain, ours time.Duration
	for n := 0; b.Loop(); n++ {
		start := time.Now()
		bareInsert(b, c, n)
		mid := time.Now()
		viewInsert(b, db, uint64(n+1), []merge.Op{viewOp(b, n)})
		plain, ours = plain+mid.Sub(start), ours+time.Since(mid)
	}
	report(b, plain, ours, 1)
}

// BenchmarkBatch compares 10,000 rows in one transaction.
func BenchmarkBatch(b *testing.B) {
	const size = 10_000
	c, db := bare(b), newStore(b, benchSchema)
	var plain, ours time.Duration
	for n := 0; b.Loop(); n++ {
		ops := make([]merge.Op, size)
		for i := range ops {
			ops[i] = viewOp(b, n*size+i)
		}
		start := time.Now()
		must(b, c.exec("BEGIN IMMEDIATE"))
		for i := range size {
			bareInsert(b, c, n*size+i)
		}
		must(b, c.exec("COMMIT"))
		mid := time.Now()
		viewInsert(b, db, uint64(n+1), ops)
		plain, ours = plain+mid.Sub(start), ours+time.Since(mid)
	}
	report(b, plain, ours, size)
}

func report(b *testing.B, plain, ours time.Duration, rows int) {
	b.Helper()
	b.ReportMetric(float64(plain.Microseconds())/float64(b.N*rows), "bare-µs/row")
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N*rows), "view-µs/row")
	b.ReportMetric(float64(plain)/float64(ours), "rate-ratio")
}

func must(b *testing.B, err error) {
	if err != nil {
		b.Fatal(err)
	}
}

// fill makes a store with rows, 1,000 a transaction.
func fill(b *testing.B, count int) *DB {
	db := newStore(b, benchSchema)
	for n := 0; n < count; n += 1000 {
		ops := make([]merge.Op, 1000)
		for i := range ops {
			ops[i] = viewOp(b, n+i)
		}
		viewInsert(b, db, uint64(n/1000+1), ops)
	}
	return db
}

// BenchmarkHistory inserts single rows into stores with 10 times the rows: the
// time of one must not grow.
func BenchmarkHistory(b *testing.B) {
	for _, count := range []int{10_000, 100_000} {
		b.Run("rows="+sizeName(count), func(b *testing.B) {
			db := fill(b, count)
			for n := count; b.Loop(); n++ {
				viewInsert(b, db, uint64(n), []merge.Op{viewOp(b, n)})
			}
		})
	}
}

func sizeName(n int) string { return map[int]string{10_000: "10k", 100_000: "100k"}[n] }

// BenchmarkGet reads one row by its ID.
func BenchmarkGet(b *testing.B) {
	db := fill(b, 10_000)
	must(b, db.View(context.Background(), func(tx *Tx) error {
		for n := 0; b.Loop(); n++ {
			if _, ok, err := tx.Row("tasks", idText(benchID(n%10_000))); err != nil || !ok {
				return err
			}
		}
		return nil
	}))
}

// BenchmarkOpen is what every command pays first.
func BenchmarkOpen(b *testing.B) {
	db := fill(b, 10_000)
	for b.Loop() {
		again, err := Open(db.path, testKey)
		must(b, err)
		must(b, again.Close())
	}
}

// BenchmarkFold folds single-operation transactions of ten devices, as a join
// does, many in one SQLite transaction. Ten times as many may take at most
// twelve times as long (issue 3, Speed).
func BenchmarkFold(b *testing.B) {
	for _, count := range []int{10_000, 100_000} {
		b.Run("ops="+sizeName(count), func(b *testing.B) {
			for b.Loop() {
				db := newStore(b, benchSchema)
				for from := 0; from < count; from += 10_000 {
					must(b, db.Update(context.Background(), func(tx *Tx) error { return foldSome(b, tx, from, 10_000) }))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*count), "µs/op")
		})
	}
}

func foldSome(b *testing.B, tx *Tx, from, count int) error {
	for n := from; n < from+count; n++ {
		st := stamp(uint64(n+1)<<16, n%10, uint64(n/10+1))
		e, err := tx.Apply(st.Device, wire.MemberIDOf(st.Device), st, []merge.Op{viewOp(b, n)})
		if err != nil {
			return err
		}
		_, err = tx.AppendLog(LogRow{Time: st.Time, Device: st.Device, Number: st.Number, Kind: "insert", Tables: e.Tables, Ops: 1})
		if err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkDigest reads every row.
func BenchmarkDigest(b *testing.B) {
	db := fill(b, 100_000)
	for b.Loop() {
		must(b, db.View(context.Background(), func(tx *Tx) error { _, err := tx.Digest(); return err }))
	}
}

const benchReferences = `
tables:
  channels:
    columns:
      title: {type: text}
  messages:
    columns:
      channel: {type: ref, table: channels, on_delete: cascade, index: true}
      reply:   {type: ref, table: messages, on_delete: null}
      text:    {type: text}
`

// BenchmarkReferences writes batches of 1,000 rows that refer to a parent which
// shows, and to the row before; then the parent goes and comes back.
func BenchmarkReferences(b *testing.B) {
	s := parseSchema(b, benchReferences)
	db := newStore(b, benchReferences)
	parent := benchID(1 << 30)
	apply(b, db, stamp(1, 1, 1), op(b, s, merge.Insert, "channels", parent, nil))
	number := uint64(1)
	step := func(ops ...merge.Op) {
		number++
		viewInsert(b, db, number, ops)
	}
	var inserts, cascades time.Duration
	for n := 0; b.Loop(); n++ {
		ops := make([]merge.Op, 1000)
		for i := range ops {
			ops[i] = op(b, s, merge.Insert, "messages", benchID(n*1000+i), map[string]any{
				"channel": parent, "reply": benchID(max(n*1000+i-1, 0)), "text": "a message",
			})
		}
		start := time.Now()
		step(ops...)
		inserts += time.Since(start)
		if n == 0 {
			start = time.Now()
			step(merge.Op{Kind: merge.Delete, Table: 1, Row: parent})
			step(op(b, s, merge.Insert, "channels", parent, nil))
			cascades = time.Since(start)
		}
	}
	b.ReportMetric(float64(inserts.Microseconds())/float64(b.N*1000), "µs/row")
	b.ReportMetric(float64(cascades.Microseconds())/2000, "µs/row-hidden-or-shown")
}
