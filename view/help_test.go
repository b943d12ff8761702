package view

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

var testKey = [KeySize]byte{1, 2, 3, 31: 4}

const testSchema = `
tables:
  channels:
    columns:
      title: {type: text, required: true}
  messages:
    columns:
      channel: {type: ref, table: channels, on_delete: cascade, index: true}
      reply:   {type: ref, table: messages, on_delete: null}
      text:    {type: text}
      likes:   {type: int}
      score:   {type: real}
      read:    {type: bool}
      raw:     {type: bytes}
      sent:    {type: time}
      extra:   {type: json}
      author:  {type: member}
    indexes: [[channel, sent]]
  folders:
    columns:
      parent: {type: ref, table: folders, on_delete: cascade}
      name:   {type: text}
      seen:   {type: ref, table: messages, on_delete: keep}
`

func parseSchema(t testing.TB, yaml string) *schema.Schema {
	t.Helper()
	parsed, err := schema.Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Number(nil, parsed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open makes a store in a new directory, with a schema unless yaml is empty.
func newStore(t testing.TB, yaml string) *DB {
	t.Helper()
	db, err := Create(filepath.Join(t.TempDir(), "store.db"), testKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if yaml != "" {
		update(t, db, func(tx *Tx) error { return tx.SetSchema(parseSchema(t, yaml), 1) })
	}
	return db
}

func update(t testing.TB, db *DB, fn func(*Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func look(t testing.TB, db *DB, fn func(*Tx) error) {
	t.Helper()
	if err := db.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func digest(t testing.TB, db *DB) (h wire.Hash) {
	t.Helper()
	look(t, db, func(tx *Tx) (err error) { h, err = tx.Digest(); return err })
	return h
}

// rid is the ID of the n-th row of a test, n > 0.
func rid(n int) [16]byte {
	return [16]byte{1, 0x99, 2: byte(n >> 16), 3: byte(n >> 8), 4: byte(n), 6: 0x70, 8: 0x80, 15: byte(n)}
}

func dev(n int) wire.DeviceID { return wire.DeviceID{0: byte(n), 15: 1} }

func stamp(time uint64, device int, number uint64) merge.Stamp {
	return merge.Stamp{Time: time, Device: dev(device), Number: number}
}

// op makes an operation from values by column name.
func op(t testing.TB, s *schema.Schema, kind merge.Kind, table string, row [16]byte, values map[string]any) merge.Op {
	t.Helper()
	st, ok := s.Table(table)
	if !ok {
		t.Fatalf("no table %s", table)
	}
	cells, err := st.Cells(values)
	if err != nil {
		t.Fatal(err)
	}
	return merge.Op{Kind: kind, Table: st.Number, Row: row, Cells: cells}
}

func apply(t testing.TB, db *DB, st merge.Stamp, ops ...merge.Op) (e Effects) {
	t.Helper()
	update(t, db, func(tx *Tx) (err error) {
		e, err = tx.Apply(st.Device, wire.MemberIDOf(st.Device), st, ops)
		return err
	})
	return e
}

func rows(t testing.TB, db *DB, q Query) (out []map[string]any) {
	t.Helper()
	got, err := db.Select(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range got {
		out = append(out, r.Map())
	}
	return out
}
