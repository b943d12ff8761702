package view

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

const beforeRetype = `
tables:
  tags:
    columns:
      name: {type: text}
  notes:
    columns:
      a: {type: text, index: true}
      b: {type: int}
      c: {type: text}
      d: {type: id}
      e: {type: int}
      f: {type: ref, table: tags, on_delete: null}
      g: {type: ref, table: tags, on_delete: cascade}
      h: {type: real}
`

const afterRetype = `
tables:
  tags:
    columns:
      name: {type: text}
  notes:
    columns:
      a: {type: int, index: true}
      b: {type: text}
      c: {type: json}
      d: {type: ref, table: tags, on_delete: null}
      e: {type: time}
      f: {type: bytes}
      g: {type: ref, table: notes, on_delete: cascade}
      h: {type: real}
`

func nextSchema(t *testing.T, s *schema.Schema, yaml string) *schema.Schema {
	t.Helper()
	parsed, err := schema.Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	next, err := schema.Number(s, parsed)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// TestTypeChanged: values of the new type stay, others become null, and a store that
// was there at the change is as one that was made after it: "007" must not be 7.
func TestTypeChanged(t *testing.T) {
	db, s := newStore(t, beforeRetype), parseSchema(t, beforeRetype)
	tag := op(t, s, merge.Insert, "tags", rid(9), nil)
	apply(t, db, stamp(1, 1, 1), tag, op(t, s, merge.Insert, "notes", rid(1), map[string]any{
		"a": "7", "b": int64(7), "c": "[1]", "d": rid(9), "e": int64(1_000_000), "f": rid(9), "h": 2.0,
	}))
	apply(t, db, stamp(2, 1, 2), op(t, s, merge.Insert, "notes", rid(2), map[string]any{"c": "no JSON", "d": rid(8), "e": int64(1) << 62, "f": rid(8)}))
	apply(t, db, stamp(3, 1, 3), op(t, s, merge.Insert, "notes", rid(3), map[string]any{"g": rid(9)})) // as a note, rid(9) is not there
	next := nextSchema(t, s, afterRetype)
	update(t, db, func(tx *Tx) error { return tx.SetSchema(next, 2) })
	check := func(when string) {
		t.Helper()
		shows := rows(t, db, Query{Table: "notes", Columns: []string{"a", "b", "c", "d", "f", "h"}})
		for _, r := range shows { // types that cmp does not compare well
			r["c"] = string(asBytes(r["c"]))
			r["f"] = len(asBytes(r["f"]))
		}
		want := []map[string]any{
			{"id": idText(rid(1)), "a": nil, "b": nil, "c": "[1]", "d": idText(rid(9)), "f": 16, "h": 2.0},
			{"id": idText(rid(2)), "a": nil, "b": nil, "c": "", "d": nil, "f": 16, "h": nil},
		}
		if d := cmp.Diff(want, shows); d != "" {
			t.Errorf("%s:\n%s", when, d)
		}
	}
	check("after the change")
	records := seal(t, db, 50)
	check("after the seal")
	fresh := newStore(t, "")
	update(t, fresh, func(tx *Tx) error {
		if err := tx.SetSchema(next, 2); err != nil {
			return err
		}
		return importAll(tx, records)
	})
	for _, store := range []*DB{db, fresh} {
		apply(t, store, stamp(60, 1, 4), op(t, next, merge.Update, "notes", rid(1), map[string]any{"a": int64(7), "b": "007"}))
	}
	if digest(t, db) != digest(t, fresh) {
		t.Error("a store from before the change and one from after it differ")
	}
	if got := rows(t, db, Query{Table: "notes", Columns: []string{"b"}, Where: "a = 7"}); len(got) != 1 || got[0]["b"] != "007" {
		t.Errorf("b is %v", got)
	}
	update(t, db, func(tx *Tx) error {
		problems, err := tx.Check()
		if len(problems) > 0 {
			t.Error(problems)
		}
		return err
	})
}

func asBytes(v any) []byte {
	switch v := v.(type) {
	case []byte:
		return v
	case nil:
		return nil
	}
	return []byte(v.(json.RawMessage))
}
