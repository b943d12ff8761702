package view

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

func TestBuckets(t *testing.T) {
	db := newStore(t, "")
	update(t, db, func(tx *Tx) error {
		for n := range 1000 { // more than a page
			if err := tx.Put("many", []byte{byte(n >> 8), byte(n)}, []byte(fmt.Sprint(n))); err != nil {
				return err
			}
		}
		for _, k := range []string{"", "\x00", "a", "ab", "b", "\xff", "\xff\xff", "\xff\xffz"} {
			if err := tx.Put("odd", []byte(k), []byte("1"+k)); err != nil {
				return err
			}
			if err := tx.Put("odd", []byte(k), []byte(k)); err != nil {
				return err
			}
		}
		return errors.Join(tx.Put("big", []byte("k"), make([]byte, 3<<20)), tx.Put("nil", nil, nil), tx.Delete("odd", []byte("none")))
	})
	keys := func(bucket, prefix, from string) (out []string) {
		look(t, db, func(tx *Tx) error {
			for p, err := range tx.From(bucket, []byte(prefix), []byte(from)) {
				if err != nil {
					return err
				}
				if bucket == "odd" && string(p.Key) != string(p.Value) {
					t.Errorf("%q has %q", p.Key, p.Value)
				}
				out = append(out, string(p.Key))
			}
			return nil
		})
		return out
	}
	for _, c := range []struct {
		prefix, from string
		want         []string
	}{
		{"", "", []string{"", "\x00", "a", "ab", "b", "\xff", "\xff\xff", "\xff\xffz"}},
		{"a", "a", []string{"a", "ab"}},
		{"", "ab", []string{"ab", "b", "\xff", "\xff\xff", "\xff\xffz"}},
		{"\xff", "\xff", []string{"\xff", "\xff\xff", "\xff\xffz"}},
		{"x", "x", nil},
	} {
		if d := cmp.Diff(c.want, keys("odd", c.prefix, c.from)); d != "" {
			t.Errorf("prefix %q from %q:\n%s", c.prefix, c.from, d)
		}
	}
	if got := keys("many", "", ""); len(got) != 1000 || !slices.IsSorted(got) {
		t.Errorf("%d keys", len(got))
	}
	look(t, db, func(tx *Tx) error {
		v, ok, err := tx.Get("nil", nil)
		if v == nil || len(v) != 0 || !ok {
			t.Errorf("empty value: %v %v", v, ok)
		}
		big, _, err2 := tx.Get("big", []byte("k"))
		if len(big) != 3<<20 {
			t.Errorf("big value: %d bytes", len(big))
		}
		return errors.Join(err, err2)
	})
}

// TestEachMayWrite: a loop may delete what it meets.
func TestEachMayWrite(t *testing.T) {
	db := newStore(t, "")
	update(t, db, func(tx *Tx) error {
		for n := range 600 {
			if err := tx.Put("b", []byte{byte(n >> 8), byte(n)}, nil); err != nil {
				return err
			}
		}
		for p, err := range tx.Each("b", nil) {
			if err := errors.Join(err, tx.Delete("b", p.Key)); err != nil {
				return err
			}
		}
		for range tx.Each("b", nil) {
			t.Error("something is left")
		}
		return nil
	})
}

func TestJournal(t *testing.T) {
	db := newStore(t, "")
	id := func(n int) [16]byte { return [16]byte{15: byte(n)} }
	row := func(n int) JournalRow {
		return JournalRow{ID: id(n), Number: uint64(n), Time: uint64(n) << 16, SeenVersion: 3, Tx: make([]byte, 100)}
	}
	pending := func(max int) (out []uint64) {
		look(t, db, func(tx *Tx) error {
			rows, err := tx.PendingJournal(max)
			for _, r := range rows {
				out = append(out, r.Number)
			}
			return err
		})
		return out
	}
	check := func(want ...uint64) {
		t.Helper()
		if got := pending(0); !slices.Equal(got, want) {
			t.Errorf("pending %v, want %v", got, want)
		}
		look(t, db, func(tx *Tx) error {
			n, err := tx.PendingCount()
			if n != len(want) {
				t.Errorf("count %d, want %d", n, len(want))
			}
			return err
		})
	}
	check()
	update(t, db, func(tx *Tx) error {
		for n := 1; n <= 5; n++ {
			if _, err := tx.AppendJournal(row(n)); err != nil {
				return err
			}
		}
		return nil
	})
	err := db.Update(context.Background(), func(tx *Tx) error { _, err := tx.AppendJournal(row(1)); return err })
	if err == nil {
		t.Error("an ID twice in the journal")
	}
	check(1, 2, 3, 4, 5)
	if got := pending(250); len(got) != 2 {
		t.Errorf("250 bytes: %v", got)
	}
	if got := pending(1); len(got) != 1 {
		t.Errorf("1 byte: %v", got)
	}
	update(t, db, func(tx *Tx) error { return tx.MarkPushed(id(1), id(2), id(4)) })
	check(3, 5)
	update(t, db, func(tx *Tx) error { return tx.SetJournalState(id(3), Parked, "waits") })
	check(5)
	update(t, db, func(tx *Tx) error { return tx.SetJournalState(id(3), Local, "") })
	check(3, 5)
	update(t, db, func(tx *Tx) error { return tx.MarkPushed(id(3), id(5)) })
	check()
	update(t, db, func(tx *Tx) error { _, err := tx.AppendJournal(row(6)); return err })
	check(6)
	update(t, db, func(tx *Tx) error {
		r, err := tx.Journal(id(6))
		if err != nil {
			return err
		}
		r.Number, r.Time, r.Tx = 60, 99, []byte("settled")
		return errors.Join(tx.SetJournal(r), tx.RaiseJournal(1, 3, Witnessed), tx.RaiseJournal(1, 2, Sealed))
	})
	look(t, db, func(tx *Tx) error {
		for n, want := range map[uint64]State{1: Sealed, 2: Sealed, 3: Witnessed, 4: Pushed, 5: Pushed} {
			r, err := tx.JournalAt(n)
			if err != nil || r.State != want {
				t.Errorf("number %d: %v, want %v (%v)", n, r.State, want, err)
			}
		}
		want := JournalRow{Seq: 6, ID: id(6), Number: 60, Time: 99, SeenVersion: 3, Tx: []byte("settled")}
		got, err := tx.Journal(id(6))
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if _, err := tx.JournalAt(60); !errors.Is(err, ErrNotFound) {
			t.Errorf("a local number: %v", err)
		}
		if _, err := tx.Journal(id(77)); !errors.Is(err, ErrNotFound) {
			t.Errorf("no such ID: %v", err)
		}
		return err
	})
	err = db.Update(context.Background(), func(tx *Tx) error { return tx.SetJournalState(id(77), Lost, "") })
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("state of no such ID: %v", err)
	}
}

func TestChangelog(t *testing.T) {
	db := newStore(t, "")
	update(t, db, func(tx *Tx) error {
		for n := 1; n <= 6; n++ {
			d := dev(1 + n%2)
			_, err := tx.AppendLog(LogRow{
				Time: uint64(n), Device: d, Member: [16]byte(d), Number: uint64(n), TxID: rid(n), Kind: "insert",
				Tables: []uint32{uint32(n), 12}, Ops: n, Summary: "s", State: Pushed,
			})
			if err != nil {
				return err
			}
		}
		if _, err := tx.AppendLog(LogRow{Kind: "invite", State: Refused, Reason: "role"}); err != nil {
			return err
		}
		return errors.Join(tx.SetLogState(dev(1), 1, 4, Sealed, ""), tx.SetLogState(dev(1), 1, 6, Lost, "late"), tx.SettleLog(3, 30, 300))
	})
	seqs := func(f LogFilter) (out []uint64) {
		look(t, db, func(tx *Tx) error {
			rows, err := tx.QueryLog(f)
			for _, r := range rows {
				out = append(out, r.Seq)
			}
			return err
		})
		return out
	}
	for _, c := range []struct {
		f    LogFilter
		want []uint64
	}{
		{LogFilter{}, []uint64{7, 6, 5, 4, 3, 2, 1}},
		{LogFilter{Limit: 2}, []uint64{7, 6}},
		{LogFilter{Before: 3}, []uint64{2, 1}},
		{LogFilter{Table: 1}, []uint64{1}},
		{LogFilter{Table: 2}, []uint64{2}},
		{LogFilter{Table: 12, Limit: 2}, []uint64{6, 5}},
		{LogFilter{Device: dev(1)}, []uint64{6, 4, 2}},
		{LogFilter{Member: [16]byte(dev(2))}, []uint64{5, 3, 1}},
		{LogFilter{Refused: true}, []uint64{7, 6}},
		{LogFilter{States: []State{Sealed, Lost}}, []uint64{6, 4, 2}},
	} {
		if got := seqs(c.f); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.f, got, c.want)
		}
	}
	look(t, db, func(tx *Tx) error {
		rows, err := tx.QueryLog(LogFilter{Before: 4, Limit: 1})
		want := []LogRow{{
			Seq: 3, Time: 300, Device: dev(2), Member: [16]byte(dev(2)), Number: 30, TxID: rid(3), Kind: "insert",
			Tables: []uint32{3, 12}, Ops: 3, Summary: "s", State: Pushed,
		}}
		if d := cmp.Diff(want, rows); d != "" {
			t.Error(d)
		}
		return err
	})
}

func TestStates(t *testing.T) {
	for s := Local; s <= Lost; s++ {
		if got, err := ParseState(s.String()); got != s || err != nil {
			t.Errorf("%v: %v %v", s, got, err)
		}
	}
	if _, err := ParseState("gone"); !errors.Is(err, ErrQuery) || State(99).String() != "unknown" {
		t.Error("unknown states")
	}
}

func renumber(t *testing.T, prev *schema.Schema, yaml string) *schema.Schema {
	t.Helper()
	parsed, err := schema.Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Number(prev, parsed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMigrate: columns and tables come, names change, indexes come and go, rows stay.
func TestMigrate(t *testing.T) {
	db := newStore(t, "")
	one := renumber(t, nil, "tables:\n  tasks:\n    columns:\n      title: {type: text, index: true}\n      old: {type: int}\n")
	update(t, db, func(tx *Tx) error { return tx.SetSchema(one, 3) })
	apply(t, db, stamp(1, 1, 1), op(t, one, merge.Insert, "tasks", rid(1), map[string]any{"title": "a", "old": int64(1)}))
	two := renumber(t, one, `
tables:
  jobs:
    was: tasks
    columns:
      name: {type: text, was: title}
      due:  {type: time}
      boss: {type: ref, table: people, on_delete: null}
    indexes: [[due, name]]
  people:
    columns:
      name: {type: text}
`)
	update(t, db, func(tx *Tx) error { return tx.SetSchema(two, 9) })
	apply(t, db, stamp(2, 1, 2), op(t, two, merge.Update, "jobs", rid(1), map[string]any{"boss": rid(2)}))
	want := []map[string]any{{"id": idText(rid(1)), "name": "a", "due": nil, "boss": nil}}
	if d := cmp.Diff(want, rows(t, db, Query{Table: "jobs"})); d != "" {
		t.Error(d)
	}
	apply(t, db, stamp(3, 1, 3), op(t, two, merge.Insert, "people", rid(2), nil))
	want[0]["boss"] = idText(rid(2))
	if d := cmp.Diff(want, rows(t, db, Query{Table: "jobs", Where: "boss is not null"})); d != "" {
		t.Error(d)
	}
	if _, err := db.SQL(context.Background(), "SELECT * FROM tasks"); !errors.Is(err, ErrQuery) {
		t.Errorf("the old name: %v", err)
	}
	if _, err := db.SQL(context.Background(), "SELECT j.due, p.name FROM jobs j JOIN people p ON p.id = j.boss"); err != nil {
		t.Error(err)
	}
	look(t, db, func(tx *Tx) error {
		if s, n := tx.Schema(); n != 9 || len(s.Tables) != 2 {
			t.Errorf("schema %v of entry %d", s, n)
		}
		names, err := tx.strings("SELECT name FROM sqlite_schema WHERE name LIKE 'i$%' ORDER BY name")
		if d := cmp.Diff([]string{"i$1$c3$c1", "i$1$c4"}, names); d != "" {
			t.Error(d)
		}
		return err
	})
	again, err := Open(db.Path(), testKey)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if digest(t, again) != digest(t, db) {
		t.Error("another digest after opening")
	}
}

// TestReferenceChanges: when on_delete changes, what shows is computed anew, and
// is as if it had been so from the start.
func TestReferenceChanges(t *testing.T) {
	yaml := func(onDelete string) string {
		return strings.ReplaceAll(testSchema, "on_delete: cascade", "on_delete: "+onDelete)
	}
	changed := newStore(t, testSchema)
	var s *schema.Schema
	fill := func(db *DB) {
		s = parseSchema(t, testSchema)
		apply(t, db, stamp(1, 1, 1), op(t, s, merge.Insert, "channels", rid(1), map[string]any{"title": "x"}),
			op(t, s, merge.Insert, "messages", rid(2), map[string]any{"channel": rid(1)}),
			op(t, s, merge.Insert, "messages", rid(3), map[string]any{"channel": rid(9)}))
		apply(t, db, stamp(2, 1, 2), merge.Op{Kind: merge.Delete, Table: 1, Row: rid(1)})
	}
	fill(changed)
	for i, c := range []struct {
		onDelete string
		ids      int
		channel  any
	}{{"keep", 2, idText(rid(1))}, {"null", 2, nil}, {"cascade", 0, nil}, {"null", 2, nil}, {"keep", 2, idText(rid(1))}} {
		update(t, changed, func(tx *Tx) error { return tx.SetSchema(parseSchema(t, yaml(c.onDelete)), uint64(i+2)) })
		got := rows(t, changed, Query{Table: "messages"})
		if len(got) != c.ids || c.ids > 0 && got[0]["channel"] != c.channel {
			t.Errorf("step %d, %s: %v", i, c.onDelete, got)
		}
		fresh := newStore(t, yaml(c.onDelete))
		fill(fresh)
		if digest(t, fresh) != digest(t, changed) {
			t.Errorf("step %d, %s: not as from the start", i, c.onDelete)
		}
	}
}

func TestSchemaIsAtomic(t *testing.T) {
	db := newStore(t, benchSchema)
	stop := errors.New("stop")
	err := db.Update(context.Background(), func(tx *Tx) error {
		return errors.Join(tx.SetSchema(parseSchema(t, testSchema), 2), stop)
	})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	if got := rows(t, db, Query{Table: "tasks"}); len(got) != 0 {
		t.Error(got)
	}
	if _, err := db.Select(context.Background(), Query{Table: "messages"}); !errors.Is(err, ErrSchema) {
		t.Errorf("a table of the schema that was rolled back: %v", err)
	}
}

// TestClearRows folds again what was cleared, to the same digest.
func TestClearRows(t *testing.T) {
	db := library(t)
	before := digest(t, db)
	update(t, db, func(tx *Tx) error { return tx.ClearRows() })
	if got := rows(t, db, Query{Table: "messages"}); len(got) != 0 {
		t.Error(got)
	}
	if digest(t, db) == before || digest(t, library(t)) != before {
		t.Error("the digest does not tell")
	}
}

// TestCheckRepairs what shows, and reports what it can't.
func TestCheckRepairs(t *testing.T) {
	db := library(t)
	before := digest(t, db)
	check := func() (problems []string) {
		update(t, db, func(tx *Tx) (err error) { problems, err = tx.Check(); return err })
		return problems
	}
	if p := check(); p != nil {
		t.Fatal(p)
	}
	update(t, db, func(tx *Tx) error { return tx.c.exec("UPDATE t$2 SET s = 1") })
	if p := check(); len(p) != 1 || digest(t, db) != before {
		t.Error("hidden rows:", p)
	}
	update(t, db, func(tx *Tx) error { return tx.c.exec("UPDATE t$2 SET meta = x'00' WHERE id = ?1", idText(rid(2))) })
	if p := check(); len(p) == 0 {
		t.Error("a row without stamps was not found")
	}
}

func TestWait(t *testing.T) {
	db := library(t)
	other, err := Open(db.Path(), testKey) // as another process
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	s := parseSchema(t, testSchema)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for n, writer := range []*DB{db, other} {
		seen, err := db.Version(ctx, "messages")
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan uint64, 1)
		go func() {
			v, err := db.Wait(ctx, "messages", seen)
			if err != nil {
				t.Error(err)
			}
			got <- v
		}()
		apply(t, writer, stamp(uint64(50+n), 1, uint64(50+n)), op(t, s, merge.Insert, "folders", rid(60+n), nil))
		time.Sleep(20 * time.Millisecond)
		select {
		case <-got:
			t.Error("woken by another table")
		default:
		}
		apply(t, writer, stamp(uint64(60+n), 1, uint64(60+n)), op(t, s, merge.Update, "messages", rid(2), map[string]any{"text": "new"}))
		if v := <-got; v <= seen {
			t.Errorf("version %d, was %d", v, seen)
		}
	}
	short, stop := context.WithTimeout(ctx, 10*time.Millisecond)
	defer stop()
	v, _ := db.Version(ctx, "messages")
	if _, err := db.Wait(short, "messages", v); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing to see: %v", err)
	}
	if _, err := db.Wait(ctx, "nope", 0); !errors.Is(err, ErrSchema) {
		t.Errorf("no such table: %v", err)
	}
}

// TestManyShapes: operations of more shapes than statements are kept.
func TestManyShapes(t *testing.T) {
	var yaml strings.Builder
	yaml.WriteString("tables:\n  wide:\n    columns:\n")
	for n := range schema.MaxColumns {
		fmt.Fprintf(&yaml, "      c%d: {type: int}\n", n)
	}
	db := newStore(t, yaml.String())
	s := parseSchema(t, yaml.String())
	ops := []merge.Op{op(t, s, merge.Insert, "wide", rid(1), nil)}
	for n := range maxStatements + 50 {
		ops = append(ops, op(t, s, merge.Update, "wide", rid(1), map[string]any{
			fmt.Sprint("c", n%256): int64(n), fmt.Sprint("c", (n/256+n+1)%256): int64(n),
		}))
	}
	e := apply(t, db, stamp(1, 1, 1), ops...)
	if e.Changed != len(ops)-1 {
		t.Errorf("%+v", e)
	}
	if got := rows(t, db, Query{Table: "wide"}); got[0]["c5"] == nil {
		t.Error(got)
	}
}
