package view

import (
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/merge"
)

// What a row is, as stored in column s.
const (
	dead   = int64(0) // merge says that it is not there
	hidden = int64(1) // it is there, but a row that it needs is not
	shown  = int64(2)
)

// compile prepares the text of the statements that every fold uses.
func (t *table) compile() {
	names := []string{"id", "s", "meta"}
	for _, c := range t.columns {
		names = append(names, c.raw)
	}
	for _, c := range t.nulls {
		names = append(names, c.shown)
	}
	t.insert = fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s) ON CONFLICT DO NOTHING",
		t.store, strings.Join(names, ", "), strings.Repeat(", ?", len(names)-1))
	t.rank = fmt.Sprintf("SELECT s FROM %s WHERE id = ?1", t.store)
	t.state = fmt.Sprintf("SELECT s, meta FROM %s WHERE id = ?1", t.store)
}

// rowKey names a row within a space.
type rowKey struct {
	table *table
	id    string
}

// cell is a value that is about to be stored.
type cell struct {
	column *column
	value  any // as SQLite takes it
}

// insertRow writes a row that is not there; done is false if it is.
func (tx *Tx) insertRow(k rowKey, s int64, meta []byte, cells []cell) (done bool, err error) {
	t := k.table
	stmt, err := tx.c.stmt(t.insert)
	if err != nil {
		return false, err
	}
	if err := stmt.ClearBindings(); err != nil {
		return false, err
	}
	if err := bind(stmt, []any{k.id, s, meta}); err != nil {
		return false, err
	}
	if err := t.bindEmpty(stmt); err != nil {
		return false, err
	}
	for _, c := range cells {
		if err := bindOne(stmt, 4+c.column.index, c.value); err != nil {
			return false, err
		}
	}
	if err := tx.bindShown(stmt, t, cells); err != nil {
		return false, err
	}
	err = stmt.Exec()
	return tx.c.Changes() == 1, err
}

// bindEmpty gives a new row documents that nobody has changed.
func (t *table) bindEmpty(stmt *sqlite3.Stmt) error {
	for _, c := range t.documents {
		if err := bindOne(stmt, 4+c.index, c.empty); err != nil {
			return err
		}
	}
	return nil
}

// bindShown sets what the references show that become null.
func (tx *Tx) bindShown(stmt *sqlite3.Stmt, t *table, cells []cell) error {
	for i, c := range t.nulls {
		for _, v := range cells {
			if v.column != c {
				continue
			}
			value, err := tx.showing(v)
			if err != nil {
				return err
			}
			if err := bindOne(stmt, 4+len(t.columns)+i, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// showing is the value that a null reference shows.
func (tx *Tx) showing(c cell) (any, error) {
	id, ok := c.value.(string)
	if !ok {
		return nil, nil
	}
	if up, err := tx.isShown(rowKey{c.column.target, id}); err != nil || !up {
		return nil, err
	}
	return id, nil
}

// updateRow writes what changed of a row that is there.
func (tx *Tx) updateRow(k rowKey, s int64, meta []byte, cells []cell) error {
	set := []string{"s = ?2", "meta = ?3"}
	args := []any{k.id, s, meta}
	add := func(name string, value any) {
		args = append(args, value)
		set = append(set, fmt.Sprintf("%s = ?%d", name, len(args)))
	}
	for _, c := range cells {
		add(c.column.raw, c.value)
		if c.column.raw == c.column.shown {
			continue
		}
		value, err := tx.showing(c)
		if err != nil {
			return err
		}
		add(c.column.shown, value)
	}
	delete(tx.held, k)
	return tx.c.exec("UPDATE "+k.table.store+" SET "+strings.Join(set, ", ")+" WHERE id = ?1", args...)
}

// stored is a row's state as it lies in the store.
type stored struct {
	found bool
	s     int64
	meta  []byte
	state merge.RowState
}

func (tx *Tx) load(k rowKey) (r stored, err error) {
	if h := tx.held[k]; h != nil {
		r.found, r.s, r.meta = true, h.s, h.meta
	} else {
		r.found, err = tx.c.first(k.table.state, []any{k.id}, func(s *sqlite3.Stmt) {
			r.s = s.ColumnInt64(0)
			r.meta = s.ColumnBlob(1, nil)
		})
	}
	if err != nil || !r.found {
		return r, err
	}
	r.state, err = merge.DecodeRowState(r.meta)
	if err != nil {
		err = fmt.Errorf("row %s of %s: %w: %w", k.id, k.table.name, ErrCorrupt, err)
	}
	return r, err
}
