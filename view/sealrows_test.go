package view

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	paged "github.com/espace-git/espace-git/checkpoint"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

type record struct{ Key, Value string }

func export(t testing.TB, tx *Tx) (out []record) {
	t.Helper()
	err := tx.ExportRows(func(key, value []byte) error {
		out = append(out, record{string(key), string(value)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(out, func(a, b record) int { return strings.Compare(a.Key, b.Key) }) {
		t.Fatal("keys do not ascend")
	}
	return out
}

func importAll(tx *Tx, records []record) error {
	for _, r := range records {
		if err := tx.ImportRow([]byte(r.Key), []byte(r.Value)); err != nil {
			return err
		}
	}
	return tx.EndImport()
}

// seal seals the rows of a store and exports them.
func seal(t testing.TB, db *DB, opening uint64) (out []record) {
	t.Helper()
	update(t, db, func(tx *Tx) error {
		err := tx.SealRows(opening)
		if err == nil {
			out = export(t, tx)
		}
		return err
	})
	return out
}

// drawn lets rapid choose, and shrink, what the random histories do.
type drawn struct{ t *rapid.T }

func (d drawn) Uint64() uint64 { return rapid.Uint64().Draw(d.t, "choice") }

// refold folds acts into an empty view in a random order.
func refold(tx *Tx, r *rand.Rand, acts []act) error {
	if err := tx.ClearRows(); err != nil {
		return err
	}
	for _, i := range r.Perm(len(acts)) {
		a := acts[i]
		if _, err := tx.Apply(a.stamp.Device, wire.MemberIDOf(a.stamp.Device), a.stamp, a.ops); err != nil {
			return err
		}
	}
	return nil
}

// TestSealAnyOrder: the sealed state depends on the set of transactions alone, is
// what the naive model shows, and comes through export and import as it is.
func TestSealAnyOrder(t *testing.T) {
	s := parseSchema(t, foldSchema)
	db, other := newStore(t, foldSchema), newStore(t, foldSchema)
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(drawn{rt})
		acts := history(t, s, r, rapid.IntRange(1, 25).Draw(rt, "transactions"))
		opening := rapid.Uint64Range(1, 50).Draw(rt, "opening")
		var first []record
		for range 3 {
			update(t, db, func(tx *Tx) error { return refold(tx, r, acts) })
			before := seen(t, db, s)
			got := seal(t, db, opening)
			if d := cmp.Diff(before, seen(t, db, s)); d != "" {
				rt.Fatalf("the seal changed what shows:\n%s", d)
			}
			if d := cmp.Diff(newModel(t, s, acts).tables(), before); d != "" {
				rt.Fatalf("-model +view:\n%s", d)
			}
			if first == nil {
				first = got
			}
			if d := cmp.Diff(first, got); d != "" {
				rt.Fatalf("another order, another state:\n%s", d)
			}
		}
		if d := cmp.Diff(first, seal(t, db, opening)); d != "" {
			rt.Fatalf("sealed twice:\n%s", d)
		}
		update(t, other, func(tx *Tx) error {
			if err := tx.ClearRows(); err != nil {
				return err
			}
			return importAll(tx, first)
		})
		if digest(t, db) != digest(t, other) {
			rt.Fatal("the imported view has another digest")
		}
		update(t, other, func(tx *Tx) error {
			if d := cmp.Diff(first, export(t, tx)); d != "" {
				rt.Fatalf("exported again:\n%s", d)
			}
			return tx.SealRows(opening)
		})
		if digest(t, db) != digest(t, other) {
			rt.Fatal("sealing changed an imported state")
		}
	})
}

// everything is a store with a value of each type, and what a seal has to drop.
func everything(t testing.TB) (*DB, *schema.Schema) {
	db := newStore(t, testSchema)
	s := parseSchema(t, testSchema)
	apply(t, db, stamp(10, 1, 1), op(t, s, merge.Insert, "channels", rid(1), map[string]any{"title": "general"}))
	apply(t, db, stamp(11, 1, 2), op(t, s, merge.Insert, "messages", rid(2), map[string]any{
		"channel": rid(1), "reply": rid(3), "text": "älter ✓", "likes": int64(-5), "score": 1.5, "read": true,
		"raw": []byte{0, 255}, "sent": int64(-62135596800000000), "extra": `{"a":[1,null]}`, "author": [16]byte(dev(7)),
	}))
	apply(t, db, stamp(12, 2, 1), op(t, s, merge.Insert, "messages", rid(3), map[string]any{"channel": rid(1), "text": "answered"}))
	nul := []merge.Cell{{Column: 3, Value: []byte("\x63a\x00b")}} // no device writes such a text, but a member can sign it
	apply(t, db, stamp(13, 2, 3), merge.Op{Kind: merge.Update, Table: 2, Row: rid(3), Cells: nul})
	apply(t, db, stamp(90, 2, 2), op(t, s, merge.Update, "messages", rid(2), map[string]any{"likes": int64(6), "read": false, "extra": nil}))
	return db, s
}

var allColumns = []string{"channel", "reply", "text", "likes", "score", "read", "raw", "sent", "extra", "author",
	"created_at", "created_by", "updated_at", "updated_by"}

// TestSealKeepsWhatShows: values of each type, who made a row and when, also where
// its time is lowered.
func TestSealKeepsWhatShows(t *testing.T) {
	db, _ := everything(t)
	q := Query{Table: "messages", Columns: allColumns}
	before := rows(t, db, q)
	records := seal(t, db, 50)
	if d := cmp.Diff(before, rows(t, db, q)); d != "" {
		t.Errorf("after the seal:\n%s", d)
	}
	other := newStore(t, testSchema)
	update(t, other, func(tx *Tx) error { return importAll(tx, records) })
	if d := cmp.Diff(before, rows(t, other, q)); d != "" {
		t.Errorf("after export and import:\n%s", d)
	}
	look(t, other, func(tx *Tx) error {
		state, err := tx.State("messages", rid(2))
		want := merge.Stamp{Time: 50, Before: 90, Device: dev(2), Number: 2}
		if got := state.Stamp(4); got != want {
			t.Errorf("stamp of a late write: %+v, want %+v", got, want)
		}
		return err
	})
}

// TestSealForgets: nothing of what does not show stays.
func TestSealForgets(t *testing.T) {
	db, s := everything(t)
	apply(t, db, stamp(20, 1, 9), op(t, s, merge.Insert, "channels", rid(8), map[string]any{"title": "gone"}))
	apply(t, db, stamp(21, 1, 10), op(t, s, merge.Insert, "messages", rid(9), map[string]any{"channel": rid(8), "text": "orphan"}))
	apply(t, db, stamp(22, 1, 11), merge.Op{Kind: merge.Delete, Table: 1, Row: rid(8)}, merge.Op{Kind: merge.Delete, Table: 2, Row: rid(3)})
	apply(t, db, stamp(23, 1, 12), op(t, s, merge.Update, "messages", rid(99), map[string]any{"text": "of no row"}))
	seal(t, db, 50)
	look(t, db, func(tx *Tx) error {
		left, err := tx.strings("SELECT 'channel ' || id FROM t$1 UNION ALL SELECT 'message ' || id FROM t$2 ORDER BY 1")
		if d := cmp.Diff([]string{"channel " + idText(rid(1)), "message " + idText(rid(2))}, left); d != "" {
			t.Errorf("rows that stay:\n%s", d)
		}
		if err != nil {
			return err
		}
		refs, err := tx.strings("SELECT coalesce(c2, 'null') || ' ' || coalesce(e2, 'null') FROM t$2")
		if d := cmp.Diff([]string{"null null"}, refs); d != "" {
			t.Errorf("reference to a deleted row:\n%s", d)
		}
		return err
	})
	// It is null for good: the row with that ID does not bring the reference back.
	apply(t, db, stamp(60, 1, 13), op(t, s, merge.Insert, "messages", rid(3), map[string]any{"channel": rid(1)}))
	if got := rows(t, db, Query{Table: "messages", Columns: []string{"reply"}, Where: "text like 'ä%'"})[0]["reply"]; got != nil {
		t.Errorf("reply is %v again", got)
	}
}

// TestSealNarrowedSchema: columns and tables that the schema dropped go, and come
// back empty.
func TestSealNarrowedSchema(t *testing.T) {
	db, s := everything(t)
	lines := strings.Split(testSchema, "\n")
	narrow := strings.Join(slices.DeleteFunc(lines, func(l string) bool {
		return strings.Contains(l, "text:") || strings.Contains(l, "reply:") || strings.Contains(l, "folders") || strings.Contains(l, "parent:") ||
			strings.Contains(l, "name:") || strings.Contains(l, "seen:") || l == "  folders:"
	}), "\n")
	parsed, err := schema.Parse([]byte(narrow[:strings.LastIndex(narrow, "columns:")]))
	if err != nil {
		t.Fatal(err)
	}
	next, err := schema.Number(s, parsed)
	if err != nil {
		t.Fatal(err)
	}
	update(t, db, func(tx *Tx) error { return tx.SetSchema(next, 2) })
	records := seal(t, db, 50)
	look(t, db, func(tx *Tx) error {
		have, err := tx.strings("SELECT name FROM pragma_table_info('t$2')")
		if slices.Contains(have, "c3") || slices.Contains(have, "c2") || slices.Contains(have, "e2") {
			t.Errorf("columns of messages: %v", have)
		}
		if err != nil {
			return err
		}
		stores, err := tx.strings("SELECT name FROM sqlite_schema WHERE name = 't$3'")
		if len(stores) > 0 {
			t.Error("the table of a dropped table is there")
		}
		return err
	})
	fresh := newStore(t, "")
	update(t, fresh, func(tx *Tx) error {
		if err := tx.SetSchema(next, 2); err != nil {
			return err
		}
		return importAll(tx, records)
	})
	if digest(t, db) != digest(t, fresh) {
		t.Error("a narrowed view and a fresh one differ")
	}
}

// TestBigCells: what has no room in a row's record gets one of its own.
func TestBigCells(t *testing.T) {
	db := newStore(t, testSchema)
	s := parseSchema(t, testSchema)
	apply(t, db, stamp(1, 1, 1), op(t, s, merge.Insert, "channels", rid(1), map[string]any{"title": strings.Repeat("ä", 100<<10)}))
	apply(t, db, stamp(2, 1, 2), op(t, s, merge.Insert, "messages", rid(2), map[string]any{
		"channel": rid(1), "reply": rid(2), "text": strings.Repeat("t", inlineCells-30), "raw": make([]byte, 4<<20-5), "extra": `"` + strings.Repeat("x", 100) + `"`,
	}))
	records := seal(t, db, 50)
	sizes := map[int]int{}
	for _, r := range records {
		sizes[len(r.Key)]++
		if len(r.Key) == rowKeySize && len(r.Value) > inlineCells+1024 {
			t.Errorf("a row's record of %d bytes", len(r.Value))
		}
	}
	if d := cmp.Diff(map[int]int{rowKeySize: 2, cellKeySize: 3, writerKeySize: 1}, sizes); d != "" {
		t.Errorf("records by length of key:\n%s", d)
	}
	other := newStore(t, testSchema)
	update(t, other, func(tx *Tx) error { return importAll(tx, records) })
	if digest(t, db) != digest(t, other) {
		t.Error("another digest")
	}
}

func TestExportNeedsSeal(t *testing.T) {
	nothing := func(key, value []byte) error { return nil }
	for name, unsealed := range map[string]merge.Op{
		"deleted row":    {Kind: merge.Delete, Table: 1, Row: rid(77)},
		"null reference": {Kind: merge.Delete, Table: 2, Row: rid(3)},
	} {
		db, _ := everything(t)
		seal(t, db, 50)
		apply(t, db, stamp(60, 1, 9), unsealed)
		look(t, db, func(tx *Tx) error {
			if err := tx.ExportRows(nothing); !errors.Is(err, ErrNotSealed) {
				t.Errorf("%s: %v", name, err)
			}
			return nil
		})
	}
}

// TestImportRefuses: records that no sealed state of this schema has.
func TestImportRefuses(t *testing.T) {
	meta := func(s merge.RowState) []byte { return merge.AppendRowState(nil, &s) }
	alive := merge.RowState{Inserted: stamp(1, 1, 1), Cells: []merge.CellStamp{{Column: 1, Stamp: stamp(1, 1, 1)}}}
	text := []byte{0x61, 'x'}
	row := func(m []byte, cells ...rawCell) []byte { return (&rowRecord{m, cells}).append(nil) }
	id, good := rid(1), row(meta(alive), rawCell{1, text})
	at := func(table uint32, id [16]byte) []byte { return appendRowKey(nil, table, id) }
	deleted := merge.RowState{Inserted: stamp(2, 1, 2), Deleted: stamp(1, 1, 1)}
	covered := merge.RowState{Inserted: stamp(2, 1, 2), Covered: []merge.Saw{{Stamp: stamp(1, 1, 1)}}}
	foreign := merge.RowState{Inserted: stamp(1, 1, 1), Cells: []merge.CellStamp{{Column: 9, Stamp: stamp(1, 1, 1)}}}
	writer := dev(1)
	cases := map[string]record{
		"no key":              {"", string(good)},
		"another kind of key": {"x" + string(at(1, id)[1:]), string(good)},
		"short key":           {string(at(1, id)[:20]), string(good)},
		"unknown table":       {string(at(9, id)), string(good)},
		"row of zeros":        {string(at(1, [16]byte{})), string(good)},
		"there already":       {string(at(1, rid(5))), string(good)},
		"no value":            {string(at(1, id)), ""},
		"trailing bytes":      {string(at(1, id)), string(good) + "\x00"},
		"not alive":           {string(at(1, id)), string(row(meta(merge.RowState{Cells: alive.Cells})))},
		"remembers a delete":  {string(at(1, id)), string(row(meta(deleted)))},
		"remembers a cover":   {string(at(1, id)), string(row(meta(covered)))},
		"state is none":       {string(at(1, id)), string(row([]byte{255}))},
		"unknown column":      {string(at(1, id)), string(row(meta(foreign)))},
		"value, no stamp":     {string(at(1, id)), string(row(meta(merge.RowState{Inserted: stamp(1, 1, 1)}), rawCell{1, text}))},
		"null as a value":     {string(at(1, id)), string(row(meta(alive), rawCell{1, []byte{0xf6}}))},
		"value of other type": {string(at(1, id)), string(row(meta(alive), rawCell{1, []byte{7}}))},
		"long head":           {string(at(1, id)), string(row(meta(alive), rawCell{1, []byte{0x78, 1, 'x'}}))},
		"column twice":        {string(at(1, id)), string(row(meta(alive), rawCell{1, text}, rawCell{1, text}))},
		"cell of no row":      {string(be32(at(1, id), 1)), string(text)},
		"cell is there":       {string(be32(at(1, rid(5)), 1)), string(text)},
		"cell, no stamp":      {string(be32(at(1, rid(5)), 2)), string(text)},
		"no member":           {"w" + string(writer[:]), "\x41m"},
		"member is text":      {"w" + string(writer[:]), "\x70" + strings.Repeat("m", 16)},
		"wrote nothing":       {"w" + strings.Repeat("d", 16), "\x50" + strings.Repeat("m", 16)},
	}
	db := newStore(t, testSchema)
	for name, c := range cases {
		err := db.Update(context.Background(), func(tx *Tx) error {
			if err := tx.ImportRow(at(1, rid(5)), good); err != nil {
				t.Fatal(err)
			}
			return tx.ImportRow([]byte(c.Key), []byte(c.Value))
		})
		if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestImportRefusesLoneRows: a row whose parent is missing would stay hidden on
// one device and be dropped on another; one whose author is missing can't be sealed.
func TestImportRefusesLoneRows(t *testing.T) {
	db, _ := everything(t)
	records := seal(t, db, 50)
	other := newStore(t, testSchema)
	for i, r := range records {
		err := other.Update(context.Background(), func(tx *Tx) error {
			if err := tx.ClearRows(); err != nil {
				return err
			}
			return importAll(tx, slices.Delete(slices.Clone(records), i, i+1))
		})
		needed := !strings.HasSuffix(r.Key, idSuffix(rid(2))) // nothing refers to that one
		if needed != errors.Is(err, wire.ErrMalformed) {
			t.Errorf("without record %d: %v", i, err)
		}
	}
}

func idSuffix(id [16]byte) string { return string(id[:]) }

// FuzzRowRecord: what decodes encodes to the same bytes, and importing anything
// never panics.
func FuzzRowRecord(f *testing.F) {
	db, _ := everything(f)
	for _, r := range seal(f, db, 50) {
		f.Add([]byte(r.Key), []byte(r.Value))
	}
	target := newStore(f, testSchema)
	done := fmt.Errorf("done")
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if r, err := decodeRowRecord(value); err == nil && !bytes.Equal(r.append(nil), value) {
			t.Errorf("%x decodes and encodes to %x", value, r.append(nil))
		}
		err := target.Update(context.Background(), func(tx *Tx) error {
			if err := tx.ImportRow(key, value); err != nil {
				return done
			}
			if len(key) == rowKeySize && tx.EndImport() == nil {
				if got := export(t, tx)[0]; got != (record{string(key), string(value)}) {
					t.Errorf("%x comes back as %x", value, got.Value)
				}
			}
			return done
		})
		if !errors.Is(err, done) {
			t.Error(err)
		}
	})
}

// TestAttackWrongStamps (ATTACKS 47): the author of a checkpoint changes a stamp, an
// author, a value or an ID, or leaves a row out: it is no sealed state, or another one.
func TestAttackWrongStamps(t *testing.T) {
	db, _ := everything(t)
	records := seal(t, db, 50)
	honest, other := digest(t, db), newStore(t, testSchema)
	restamp := func(change func(*merge.RowState)) func([]record) {
		return func(r []record) {
			i := slices.IndexFunc(r, func(r record) bool { return strings.HasSuffix(r.Key, idSuffix(rid(2))) })
			row, err := decodeRowRecord([]byte(r[i].Value))
			if err != nil {
				t.Fatal(err)
			}
			state, err := merge.DecodeRowState(row.meta)
			if err != nil {
				t.Fatal(err)
			}
			change(&state)
			row.meta = merge.AppendRowState(nil, &state)
			r[i].Value = string(row.append(nil))
		}
	}
	for name, change := range map[string]func([]record){
		"earlier": restamp(func(s *merge.RowState) { s.Cells[2].Stamp.Time-- }),
		"dated ahead": restamp(func(s *merge.RowState) {
			s.Cells[2].Stamp = merge.Stamp{Time: merge.MaxTime, Device: dev(1), Number: 2}
		}),
		"claimed earlier":  restamp(func(s *merge.RowState) { s.Cells[3].Stamp.Before-- }),
		"another number":   restamp(func(s *merge.RowState) { s.Inserted.Number++ }),
		"another author":   restamp(func(s *merge.RowState) { s.Inserted.Device = dev(2) }),
		"unknown author":   restamp(func(s *merge.RowState) { s.Inserted.Device = dev(3) }),
		"hidden delete":    restamp(func(s *merge.RowState) { s.Deleted = stamp(1, 1, 1) }),
		"stamp taken away": restamp(func(s *merge.RowState) { s.Cells = s.Cells[:2] }),
		"another row":      func(r []record) { r[1].Key = r[1].Key[:20] + "\x01" },
		"another value":    func(r []record) { r[0].Value = strings.Replace(r[0].Value, "general", "generaL", 1) },
		"another member":   func(r []record) { r[len(r)-1].Value = "\x50" + strings.Repeat("m", 16) },
	} {
		forged := slices.Clone(records)
		change(forged)
		if cmp.Equal(forged, records) {
			t.Fatalf("%s: nothing was changed", name)
		}
		err := other.Update(context.Background(), func(tx *Tx) error {
			if err := tx.ClearRows(); err != nil {
				return err
			}
			return importAll(tx, forged)
		})
		if err != nil && !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && stateDigest(t, forged) == stateDigest(t, records) {
			t.Errorf("%s: the digest is the same", name)
		}
		if err == nil && digest(t, other) == honest && name != "another member" { // which is no part of rows
			t.Errorf("%s: the view is the same", name)
		}
	}
}

func stateDigest(t *testing.T, records []record) wire.Hash {
	t.Helper()
	var d paged.Digest
	for _, r := range records {
		if err := d.Add([]byte(r.Key), []byte(r.Value)); err != nil {
			return wire.Sum([]byte(err.Error()))
		}
	}
	return d.Sum()
}
