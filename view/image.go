package view

import (
	"bytes"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// image is all that the store has of a row: what an own ordered transaction that
// waits overwrites, and what comes back when the order went another way. Local, and
// never shared.
type image struct {
	_     struct{} `cbor:",toarray"`
	Meta  []byte   // merge.RowState
	Cells []imageCell
}

type imageCell struct {
	_      struct{} `cbor:",toarray"`
	Column uint32
	Value  wire.RawCBOR // as SQLite has it, see merge.EncodeValue; columns with null are left out
}

// RowImage is the row as it is now, for RestoreRow; empty if there is none.
func (tx *Tx) RowImage(table uint32, row merge.RowID) ([]byte, error) {
	if err := tx.may(false); err != nil {
		return nil, err
	}
	if err := tx.flush(); err != nil {
		return nil, err
	}
	k, err := tx.rowOf(table, row)
	if err != nil {
		return nil, err
	}
	query := "SELECT meta"
	plain := k.table.plain()
	for _, c := range plain {
		query += ", " + c.raw
	}
	var img image
	var values []any
	found, err := tx.c.first(query+" FROM "+k.table.store+" WHERE id = ?1", []any{k.id}, func(s *sqlite3.Stmt) {
		img.Meta = s.ColumnBlob(0, []byte{})
		for i := range plain {
			values = append(values, storedValue(s, i+1))
		}
	})
	if err != nil || !found {
		return nil, failed("reading a row", err)
	}
	for i, v := range values {
		if v == nil {
			continue
		}
		b, err := merge.EncodeValue(v)
		if err != nil {
			return nil, fmt.Errorf("row %s of %s: %w: %w", k.id, k.table.name, ErrCorrupt, err)
		}
		img.Cells = append(img.Cells, imageCell{Column: plain[i].number, Value: b})
	}
	return wire.MarshalCBOR(img)
}

// plain are the columns without documents, which ordered tables do not have.
func (t *table) plain() (out []*column) {
	for _, c := range t.columns {
		if c.document == 0 {
			out = append(out, c)
		}
	}
	return out
}

// storedValue is a value as SQLite has it.
func storedValue(s *sqlite3.Stmt, i int) any {
	switch s.ColumnType(i) {
	case sqlite3.INTEGER:
		return s.ColumnInt64(i)
	case sqlite3.FLOAT:
		return s.ColumnFloat(i)
	case sqlite3.TEXT:
		return s.ColumnText(i)
	case sqlite3.BLOB:
		return s.ColumnBlob(i, []byte{})
	}
	return nil
}

// RestoreRow makes the row what RowImage gave, whatever was applied to it since;
// what refers to it follows.
func (tx *Tx) RestoreRow(table uint32, row merge.RowID, img []byte) error {
	if err := tx.may(true); err != nil {
		return err
	}
	if err := tx.flush(); err != nil {
		return err
	}
	tx.c.trim()
	k, err := tx.rowOf(table, row)
	if err != nil {
		return err
	}
	old, err := tx.load(k)
	if err == nil && len(img) == 0 {
		return failed("restoring a row", tx.dropRow(k, old))
	}
	if err == nil {
		err = tx.restoreRow(k, old, img)
	}
	return failed("restoring a row", err)
}

func (tx *Tx) dropRow(k rowKey, old stored) error {
	if !old.found {
		return nil
	}
	if err := tx.c.exec("DELETE FROM "+k.table.store+" WHERE id = ?1", k.id); err != nil {
		return err
	}
	return tx.moved(k, old.s, dead)
}

func (tx *Tx) restoreRow(k rowKey, old stored, raw []byte) error {
	var img image
	if err := wire.UnmarshalCBOR(raw, &img); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	state, err := merge.DecodeRowState(img.Meta)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	cells, err := img.cells(k.table)
	if err != nil {
		return err
	}
	if !old.found {
		if _, err := tx.insertRow(k, dead, img.Meta, cells); err != nil {
			return err
		}
		return tx.regrade(k, dead, state.Live(), cells)
	}
	if err := tx.updateRow(k, old.s, bytes.Clone(img.Meta), cells); err != nil {
		return err
	}
	return tx.regrade(k, old.s, state.Live(), cells)
}

// cells are all columns of the table as it is now: one that came since has null.
func (img image) cells(t *table) ([]cell, error) {
	values := map[uint32]any{}
	for _, c := range img.Cells {
		v, err := merge.DecodeValue(c.Value)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		values[c.Column] = v
	}
	plain := t.plain()
	out := make([]cell, len(plain))
	for i, c := range plain {
		out[i] = cell{c, values[c.number]}
	}
	return out, nil
}
