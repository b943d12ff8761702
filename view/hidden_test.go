package view

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

// Built-in tables hold rows under any schema; the program names them, SQL can't.
func TestHiddenTables(t *testing.T) {
	db := newStore(t, "tables: {}")
	empty := digest(t, db)
	st := stamp(1000, 1, 1)
	apply(t, db, st, merge.Op{Kind: merge.Insert, Table: schema.PathKeysTable, Row: rid(1), Cells: []merge.Cell{
		{Column: 1, Value: []byte{0x41, 7}}, {Column: 2, Value: []byte{0x61, 'x'}},
	}})
	want := []map[string]any{{"id": idText(rid(1)), "key": []byte{7}, "after": "x"}}
	if d := cmp.Diff(want, rows(t, db, Query{Table: "$path_keys"})); d != "" {
		t.Error(d)
	}
	if digest(t, db) == empty {
		t.Error("the digest does not cover built-in tables")
	}
	for _, query := range []string{`SELECT * FROM "$path_keys"`, `SELECT * FROM "t$2147483651"`, `SELECT count(*) FROM "t$2147483651"`} {
		if res, err := db.SQL(context.Background(), query); !errors.Is(err, ErrQuery) {
			t.Errorf("%s: %v, %v", query, res, err)
		}
	}
	update(t, db, func(tx *Tx) error { return tx.SealRows(2000) })
	update(t, db, func(tx *Tx) error { return tx.SetSchema(parseSchema(t, testSchema), 2) })
	if d := cmp.Diff(want, rows(t, db, Query{Table: "$path_keys"})); d != "" {
		t.Errorf("after a seal and another schema: %s", d)
	}
}
