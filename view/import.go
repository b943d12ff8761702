package view

import (
	"encoding/binary"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

func be32(b []byte, n uint32) []byte { return binary.BigEndian.AppendUint32(b, n) }

// ImportRow adds a record that ExportRows made to a view without rows that has the
// same schema. Records come in the order of their keys; EndImport must follow the
// last. wire.ErrMalformed, or ErrSchema: it is no record of a sealed state of this
// schema, and the view must be cleared, or the transaction rolled back.
func (tx *Tx) ImportRow(key, value []byte) error {
	if err := tx.may(true); err != nil {
		return err
	}
	if err := tx.importedDocument(key); err != nil {
		return failed("importing a document", err)
	}
	var err error
	switch {
	case len(key) > 0 && key[0] == documentTag:
		err = tx.importDocument(key, value)
	case len(key) == rowKeySize && key[0] == rowTag:
		err = tx.importRow(key, value)
	case len(key) == cellKeySize && key[0] == rowTag:
		err = tx.importCell(key, value)
	case len(key) == writerKeySize && key[0] == writerTag:
		err = tx.importWriter(key, value)
	default:
		err = fmt.Errorf("%w: a key of %d bytes", wire.ErrMalformed, len(key))
	}
	return failed("importing a row", err)
}

// keyOf is the row that a key names.
func (tx *Tx) keyOf(key []byte) (rowKey, error) {
	number, row := binary.BigEndian.Uint32(key[1:]), [16]byte(key[5:])
	t := tx.layout.tables[number]
	if t == nil {
		return rowKey{}, classed(ErrSchema, "no table %d", number)
	}
	if row == [16]byte{} {
		return rowKey{}, fmt.Errorf("%w: row ID of zeros", wire.ErrMalformed)
	}
	return rowKey{t, idText(row)}, nil
}

func (tx *Tx) importRow(key, value []byte) error {
	k, err := tx.keyOf(key)
	if err != nil {
		return err
	}
	r, err := decodeRowRecord(value)
	if err != nil {
		return err
	}
	state, err := sealedState(r.meta)
	if err != nil {
		return err
	}
	cells, err := k.table.importCells(&state, r.cells)
	if err != nil {
		return err
	}
	tx.noteWriters(&state)
	done, err := tx.insertSealed(k, r.meta, cells)
	if err == nil && !done {
		err = fmt.Errorf("%w: row %s is there already", wire.ErrMalformed, k.id)
	}
	tx.touch(k.table.number)
	return err
}

// importCells checks that the columns with stamps are of the table, and that the
// values are of columns with stamps.
func (t *table) importCells(state *merge.RowState, raw []rawCell) ([]cell, error) {
	for i := range state.Cells {
		if n := state.Cells[i].Column; t.byNum[n] == nil {
			return nil, classed(ErrSchema, "no column %d in table %d", n, t.number)
		}
	}
	cells := make([]cell, len(raw))
	for i, c := range raw {
		v, err := t.importValue(state, c)
		if err != nil {
			return nil, err
		}
		cells[i] = v
	}
	return cells, nil
}

func (t *table) importValue(state *merge.RowState, c rawCell) (cell, error) {
	if state.Stamp(c.column).IsZero() {
		return cell{}, fmt.Errorf("%w: column %d has a value and no stamp", wire.ErrMalformed, c.column)
	}
	col := t.byNum[c.column]
	if col.document != 0 {
		return cell{}, fmt.Errorf("%w: column %d holds documents", wire.ErrMalformed, c.column)
	}
	v, err := col.kind.store(c.value)
	if err == nil && v == nil {
		err = fmt.Errorf("%w: null is left out", wire.ErrMalformed)
	}
	if err != nil {
		return cell{}, fmt.Errorf("column %d of table %d: %w", c.column, t.number, err)
	}
	return cell{col, v}, nil
}

// insertSealed writes a row of which all that it refers to will be there: EndImport
// looks after that.
func (tx *Tx) insertSealed(k rowKey, meta []byte, cells []cell) (done bool, err error) {
	stmt, err := tx.c.stmt(k.table.insert)
	if err != nil {
		return false, err
	}
	if err := stmt.ClearBindings(); err != nil {
		return false, err
	}
	if err := bind(stmt, []any{k.id, shown, meta}); err != nil {
		return false, err
	}
	if err := k.table.bindEmpty(stmt); err != nil {
		return false, err
	}
	for _, c := range cells {
		if err := bindSealed(stmt, k.table, c); err != nil {
			return false, err
		}
	}
	err = stmt.Exec()
	return tx.c.Changes() == 1, err
}

func bindSealed(stmt *sqlite3.Stmt, t *table, c cell) error {
	if err := bindOne(stmt, 4+c.column.index, c.value); err != nil {
		return err
	}
	for i, n := range t.nulls {
		if n == c.column {
			return bindOne(stmt, 4+len(t.columns)+i, c.value)
		}
	}
	return nil
}

// importCell adds a cell that had no room in its row's record.
func (tx *Tx) importCell(key, value []byte) error {
	k, err := tx.keyOf(key)
	if err != nil {
		return err
	}
	row, err := tx.load(k)
	if err != nil {
		return err
	}
	c, err := k.table.importValue(&row.state, rawCell{binary.BigEndian.Uint32(key[rowKeySize:]), value})
	if err != nil {
		return err
	}
	set := c.column.raw + " = ?2"
	if c.column.shown != c.column.raw {
		set += ", " + c.column.shown + " = ?2"
	}
	err = tx.c.exec("UPDATE "+k.table.store+" SET "+set+" WHERE id = ?1 AND "+c.column.raw+" IS NULL", k.id, c.value)
	if err == nil && tx.c.Changes() != 1 {
		err = fmt.Errorf("%w: the cell is there already", wire.ErrMalformed)
	}
	return err
}

// noteWriters remembers the devices that a row names, for which a record must come.
func (tx *Tx) noteWriters(state *merge.RowState) {
	if tx.writers == nil {
		tx.writers = map[wire.DeviceID]bool{}
	}
	add := func(d wire.DeviceID) {
		if _, ok := tx.writers[d]; !ok {
			tx.writers[d] = false
		}
	}
	add(state.Inserted.Device)
	for i := range state.Cells {
		add(state.Cells[i].Stamp.Device)
	}
}

func (tx *Tx) importWriter(key, value []byte) error {
	device := wire.DeviceID(key[1:])
	if known, ok := tx.writers[device]; !ok || known {
		return fmt.Errorf("%w: device %s wrote nothing, or comes twice", wire.ErrMalformed, device)
	}
	tx.writers[device] = true
	v, err := merge.DecodeValue(value)
	if err != nil {
		return err
	}
	member, ok := v.([]byte)
	if !ok || len(member) != 16 {
		return fmt.Errorf("%w: a member is 16 bytes", wire.ErrMalformed)
	}
	return tx.c.exec("INSERT INTO device$ (device, member) VALUES (?1, ?2) ON CONFLICT (device) DO UPDATE SET member = excluded.member",
		key[1:], wire.Short([16]byte(member)))
}

// EndImport checks what can be said only when all records are there: so is every row
// that others need or show, and it is known whose devices wrote them.
// wire.ErrMalformed as for ImportRow. All records were imported in this transaction.
func (tx *Tx) EndImport() error {
	if err := tx.may(true); err != nil {
		return err
	}
	if err := tx.importedDocument(nil); err != nil {
		return failed("importing a document", err)
	}
	for device, known := range tx.writers {
		if !known {
			return fmt.Errorf("importing rows: %w: device %s belongs to nobody", wire.ErrMalformed, device)
		}
	}
	for _, t := range tx.layout.order {
		for _, c := range t.columns {
			if c.target == nil || c.onDelete == keep {
				continue
			}
			query := fmt.Sprintf("SELECT id FROM %[1]s WHERE %[2]s IS NOT NULL AND NOT EXISTS (SELECT 1 FROM %[3]s AS p WHERE p.id = %[1]s.%[2]s) LIMIT 1",
				t.store, c.raw, c.target.store)
			lone, err := tx.strings(query)
			if err == nil && len(lone) > 0 {
				err = fmt.Errorf("%w: row %s of %s refers to one that is not there", wire.ErrMalformed, lone[0], t.name)
			}
			if err != nil {
				return failed("importing rows", err)
			}
		}
	}
	return nil
}
