package view

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

const docSchema = `
tables:
  notes:
    columns:
      title: {type: text}
      body:  {type: textarea}
      items: {type: list}
      tags:  {type: set}
      likes: {type: counter, index: true}
      done:  {type: flag}
      steps: {type: log}
      tree:  {type: tree}
`

// Columns of docSchema.
const (
	titleColumn = iota + 1
	bodyColumn
	itemsColumn
	tagsColumn
	likesColumn
	doneColumn
	stepsColumn
	treeColumn
)

func value(t testing.TB, v any) []byte {
	t.Helper()
	b, err := merge.EncodeValue(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// editOp is an operation of kind Edit with one change.
func editOp(row merge.RowID, column uint32, change []byte) merge.Op {
	return merge.Op{Kind: merge.Edit, Table: 1, Row: row, Cells: []merge.Cell{{Column: column, Value: change}}}
}

func insertOp(row merge.RowID) merge.Op { return merge.Op{Kind: merge.Insert, Table: 1, Row: row} }
func deleteOp(row merge.RowID) merge.Op { return merge.Op{Kind: merge.Delete, Table: 1, Row: row} }

// splice is a change of a text as it is in the store.
func splice(t testing.TB, tx *Tx, device wire.DeviceID, row merge.RowID, pos, del int, s string) []byte {
	t.Helper()
	doc, err := tx.Document(1, row, bodyColumn)
	if err != nil {
		t.Fatal(err)
	}
	change, err := doc.(*merge.TextDoc).Splice(device, pos, del, s)
	if err != nil {
		t.Fatal(err)
	}
	return change
}

func add(n int64) []byte { return merge.EncodeCounterOp(n) }

// note is the row of a document test as its readers see it, without its ID.
func note(t testing.TB, db *DB, row merge.RowID) map[string]any {
	t.Helper()
	var out map[string]any
	look(t, db, func(tx *Tx) error {
		r, ok, err := tx.Row("notes", idText(row))
		if ok {
			out = r.Map()
			delete(out, "id")
		}
		return err
	})
	return out
}

func emptyNote() map[string]any {
	return map[string]any{
		"title": nil, "body": "", "items": json.RawMessage("[]"), "tags": json.RawMessage("[]"), "likes": int64(0), "done": false,
		"steps": int64(0), "tree": json.RawMessage("[]"),
	}
}

// A row shows what its documents hold, and empty ones where nobody changed any.
func TestDocumentCells(t *testing.T) {
	db := newStore(t, docSchema)
	apply(t, db, stamp(10, 1, 1), insertOp(rid(1)))
	want := emptyNote()
	if d := cmp.Diff(want, note(t, db, rid(1))); d != "" {
		t.Fatal(d)
	}
	update(t, db, func(tx *Tx) error {
		st := stamp(11, 1, 2)
		e, err := tx.Apply(st.Device, wire.MemberIDOf(st.Device), st, []merge.Op{
			{Kind: merge.Edit, Table: 1, Row: rid(1), Cells: []merge.Cell{
				{Column: bodyColumn, Value: splice(t, tx, st.Device, rid(1), 0, 0, "hällo")}, {Column: likesColumn, Value: add(3)},
			}},
			editOp(rid(1), likesColumn, add(4)),
		})
		if e.Changed != 2 || e.Late != 0 || !slices.Equal(e.Tables, []uint32{1}) {
			t.Errorf("effects %+v", e)
		}
		row, _, err2 := tx.Row("notes", idText(rid(1)))
		if row.Get("likes") != int64(7) || row.Get("body") != "hällo" {
			t.Errorf("in the same transaction: %v", row.Values)
		}
		return errors.Join(err, err2)
	})
	want["body"], want["likes"] = "hällo", int64(7)
	if d := cmp.Diff(want, note(t, db, rid(1))); d != "" {
		t.Fatal(d)
	}
	for _, where := range []string{"likes > 6", "likes = 7 and done = false", "body like 'hä%'", "not done"} {
		if n := len(rows(t, db, Query{Table: "notes", Where: where})); n != 1 {
			t.Errorf("%s: %d rows", where, n)
		}
	}
	res, err := db.SQL(context.Background(), "SELECT body, likes, done, items FROM notes")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]any{{"hällo", int64(7), false, json.RawMessage("[]")}}, res.Rows); d != "" {
		t.Error(d)
	}
}

// A change that comes again counts once, one that is withdrawn not at all, and one
// that was settled as it is now.
func TestEditsCountOnce(t *testing.T) {
	db := newStore(t, docSchema)
	likes := func() any { return note(t, db, rid(1))["likes"] }
	apply(t, db, stamp(10, 1, 1), insertOp(rid(1)))
	apply(t, db, stamp(11, 1, 2), editOp(rid(1), likesColumn, add(5)), editOp(rid(1), likesColumn, add(1)))
	before := digest(t, db)
	if e := apply(t, db, stamp(11, 1, 2), editOp(rid(1), likesColumn, add(5)), editOp(rid(1), likesColumn, add(1))); e.Late != 2 || len(e.Tables) > 0 {
		t.Errorf("effects %+v", e)
	}
	if likes() != int64(6) || digest(t, db) != before {
		t.Errorf("applied twice: %v", likes())
	}
	apply(t, db, stamp(12, 2, 2), editOp(rid(1), likesColumn, add(10)))
	if likes() != int64(16) {
		t.Errorf("another device's: %v", likes())
	}
	apply(t, db, stamp(13, 1, 2), editOp(rid(1), likesColumn, add(7)), editOp(rid(1), likesColumn, add(1)))
	if likes() != int64(18) {
		t.Errorf("settled: %v", likes())
	}
	update(t, db, func(tx *Tx) error { return tx.Withdraw(dev(1), 2) })
	if likes() != int64(10) {
		t.Errorf("withdrawn: %v", likes())
	}
	update(t, db, func(tx *Tx) error { return tx.Withdraw(dev(1), 2) })
	apply(t, db, stamp(14, 1, 3), editOp(rid(1), likesColumn, add(2)))
	if likes() != int64(12) {
		t.Errorf("again with another number: %v", likes())
	}
}

// A row that goes hides its documents; one that comes back in the same epoch has them.
func TestDocumentsOfDeletedRows(t *testing.T) {
	db := newStore(t, docSchema)
	apply(t, db, stamp(11, 1, 2), editOp(rid(1), likesColumn, add(5)))
	if note(t, db, rid(1)) != nil {
		t.Error("an edit makes a row")
	}
	apply(t, db, stamp(10, 1, 1), insertOp(rid(1)))
	apply(t, db, stamp(12, 1, 3), deleteOp(rid(1)))
	apply(t, db, stamp(11, 2, 1), editOp(rid(1), likesColumn, add(1)))
	if note(t, db, rid(1)) != nil {
		t.Error("an edit brings a row back")
	}
	apply(t, db, stamp(13, 1, 4), insertOp(rid(1)))
	if got := note(t, db, rid(1))["likes"]; got != int64(6) {
		t.Errorf("inserted again: %v", got)
	}
	apply(t, db, stamp(14, 1, 5), deleteOp(rid(1)))
	if got := seal(t, db, 20); len(got) != 0 {
		t.Errorf("the seal of a deleted row: %q", got)
	}
	apply(t, db, stamp(21, 1, 6), insertOp(rid(1)))
	if got := note(t, db, rid(1))["likes"]; got != int64(0) {
		t.Errorf("inserted again after a seal: %v", got)
	}
}

// What the form refuses has no effect, whatever else the transaction says.
func TestEditsRefused(t *testing.T) {
	db := newStore(t, docSchema)
	for name, op := range map[string]merge.Op{
		"no change":         editOp(rid(1), bodyColumn, add(1)),
		"no delta":          editOp(rid(1), likesColumn, value(t, []byte{1})),
		"garbage":           editOp(rid(1), itemsColumn, value(t, []byte{0xff, 0xff})),
		"edit of a value":   editOp(rid(1), titleColumn, value(t, []byte{1})),
		"no column":         editOp(rid(1), 99, add(1)),
		"no table":          {Kind: merge.Edit, Table: 9, Row: rid(1), Cells: []merge.Cell{{Column: 1, Value: add(1)}}},
		"document by value": {Kind: merge.Update, Table: 1, Row: rid(1), Cells: []merge.Cell{{Column: likesColumn, Value: add(1)}}},
		"inserted by value": {Kind: merge.Insert, Table: 1, Row: rid(1), Cells: []merge.Cell{{Column: likesColumn, Value: add(1)}}},
	} {
		st := stamp(10, 1, 1)
		err := db.Update(context.Background(), func(tx *Tx) error {
			_, err := tx.Apply(st.Device, wire.MemberIDOf(st.Device), st, []merge.Op{insertOp(rid(1)), op})
			return err
		})
		var invalid *InvalidError
		if !errors.As(err, &invalid) || invalid.Op != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	look(t, db, func(tx *Tx) error {
		if _, err := tx.Document(1, rid(1), titleColumn); !errors.Is(err, ErrSchema) {
			t.Errorf("the document of a text column: %v", err)
		}
		doc, err := tx.Document(1, rid(1), likesColumn)
		if doc.Value() != int64(0) || !doc.Empty() {
			t.Errorf("a document that nobody changed: %v", doc.Value())
		}
		return err
	})
}

// What a transaction did that was taken back is not in memory either.
func TestDocumentsTakenBack(t *testing.T) {
	db := newStore(t, docSchema)
	other, err := Open(db.Path(), testKey) // as another process does
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	undo := errors.New("undo")
	shows := func(n uint64) {
		t.Helper()
		look(t, db, func(tx *Tx) error {
			doc, err := tx.Document(1, rid(1), likesColumn)
			if doc.Value() != int64(n-1) {
				t.Errorf("after %d: %v", n, doc.Value())
			}
			return err
		})
	}
	apply(t, db, stamp(10, 1, 1), insertOp(rid(1)))
	for n := uint64(2); n < 10; n++ {
		apply(t, []*DB{other, db}[n%2], stamp(10+n, 1, n), editOp(rid(1), likesColumn, add(1)))
		shows(n)
		err := db.Update(context.Background(), func(tx *Tx) error {
			st := stamp(100, 2, 1)
			if _, err := tx.Apply(st.Device, wire.MemberIDOf(st.Device), st, []merge.Op{editOp(rid(1), likesColumn, add(1000))}); err != nil {
				return err
			}
			if n%2 == 0 {
				if err := errors.Join(tx.Withdraw(dev(1), n), tx.ClearRows()); err != nil {
					return err
				}
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
		shows(n)
	}
}

// Who began to read before a write goes on reading what was there then.
func TestDocumentOfTheSnapshot(t *testing.T) {
	db := newStore(t, docSchema)
	apply(t, db, stamp(10, 1, 1), insertOp(rid(1)), editOp(rid(1), likesColumn, add(1)))
	likes := func(tx *Tx) any {
		doc, err := tx.Document(1, rid(1), likesColumn)
		if err != nil {
			t.Fatal(err)
		}
		return doc.Value()
	}
	look(t, db, func(before *Tx) error {
		apply(t, db, stamp(11, 1, 2), editOp(rid(1), likesColumn, add(1)))
		if got := likes(before); got != int64(1) {
			t.Errorf("the reader that began before: %v", got)
		}
		look(t, db, func(after *Tx) error {
			if got := likes(after); got != int64(2) {
				t.Errorf("one that began after: %v", got)
			}
			return nil
		})
		return nil
	})
	look(t, db, func(tx *Tx) error {
		if got := likes(tx); got != int64(2) {
			t.Errorf("at the end: %v", got)
		}
		return nil
	})
}

// A table that gets its first documents keeps its rows, and what refers to them.
func TestFirstDocuments(t *testing.T) {
	db, s := everything(t)
	before := rows(t, db, Query{Table: "messages", Columns: append(columnNames(s, "messages"), "created_at")})
	more := strings.Replace(testSchema, "      text:    {type: text}\n", "      text:    {type: text}\n      body:    {type: textarea}\n      votes:   {type: counter, index: true}\n", 1)
	parsed, err := schema.Parse([]byte(more))
	if err != nil {
		t.Fatal(err)
	}
	next, err := schema.Number(s, parsed)
	if err != nil {
		t.Fatal(err)
	}
	update(t, db, func(tx *Tx) error { return tx.SetSchema(next, 2) })
	for _, row := range before {
		row["body"], row["votes"] = "", int64(0)
	}
	after := rows(t, db, Query{Table: "messages", Columns: append(columnNames(next, "messages"), "created_at")})
	if d := cmp.Diff(before, after); d != "" || len(after) == 0 {
		t.Error(d)
	}
	if n := len(rows(t, db, Query{Table: "messages", Where: "votes = 0"})); n != len(after) {
		t.Errorf("%d rows without votes", n)
	}
	update(t, db, func(tx *Tx) error {
		if problems, err := tx.Check(); err != nil || len(problems) > 0 {
			t.Errorf("%v %v", problems, err)
		}
		return tx.SetSchema(next, 3)
	})
	if packed := packedTables(t, db); packed["t$2"] || !packed["t$1"] {
		t.Errorf("tables without rowid: %v", packed)
	}
}

func columnNames(s *schema.Schema, table string) (out []string) {
	st, _ := s.Table(table)
	for _, c := range st.Columns {
		out = append(out, c.Name)
	}
	return out
}

func packedTables(t *testing.T, db *DB) map[string]bool {
	out := map[string]bool{}
	look(t, db, func(tx *Tx) error {
		names, err := tx.strings("SELECT name FROM pragma_table_list WHERE wr")
		for _, n := range names {
			out[n] = true
		}
		return err
	})
	return out
}

// A snapshot spares the edits before it; one that can't be read does no harm.
func TestSnapshots(t *testing.T) {
	db := newStore(t, docSchema)
	apply(t, db, stamp(10, 1, 1), insertOp(rid(1)))
	for n := uint64(2); n < 2+3*snapEdits; n += snapEdits / 2 {
		update(t, db, func(tx *Tx) error {
			for k := n; k < n+snapEdits/2; k++ {
				st := stamp(k, 1, k)
				mustApply(t, tx, st, editOp(rid(1), bodyColumn, splice(t, tx, st.Device, rid(1), 0, 0, "x")), editOp(rid(1), likesColumn, add(1)))
			}
			return nil
		})
	}
	upto := func() (out []string) {
		look(t, db, func(tx *Tx) (err error) {
			out, err = tx.strings("SELECT upto FROM doc$ WHERE snap IS NOT NULL ORDER BY col")
			return err
		})
		return out
	}
	if d := cmp.Diff([]string{"768", "768"}, upto()); d != "" {
		t.Errorf("snapshots: %s", d)
	}
	want := note(t, db, rid(1))
	for _, spoil := range []string{"UPDATE doc$ SET upto = upto", "UPDATE doc$ SET snap = x'00ff00'", "UPDATE doc$ SET snap = NULL, upto = 0"} {
		update(t, db, func(tx *Tx) error { return tx.c.Exec(spoil) })
		again, err := Open(db.Path(), testKey)
		if err != nil {
			t.Fatal(err)
		}
		look(t, again, func(tx *Tx) error {
			doc, err := tx.Document(1, rid(1), bodyColumn)
			if doc.Value() != want["body"] {
				t.Errorf("%s: %q", spoil, doc.Value())
			}
			return err
		})
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// What was withdrawn is in no snapshot.
	update(t, db, func(tx *Tx) error { return tx.Withdraw(dev(1), 700) })
	again, err := Open(db.Path(), testKey)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	look(t, again, func(tx *Tx) error {
		doc, err := tx.Document(1, rid(1), likesColumn)
		if doc.Value() != want["likes"].(int64)-1 {
			t.Errorf("withdrawn: %v", doc.Value())
		}
		return err
	})
}
