package view

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// Effects is what a transaction did to the view.
type Effects struct {
	Tables   []uint32 // whose rows changed, ascending
	Appeared int      // rows that now show, by an insert or since a row that they need does
	Changed  int      // rows that show as before, with other values or documents
	Gone     int      // rows that no longer show
	Late     int      // operations without effect: a greater stamp was there, or they themselves
}

// InvalidError says that an operation does not fit the schema. The transaction
// had no effect. Nothing of it depends on the rows that are there, so every
// device says the same of it.
type InvalidError struct {
	Op  int // place in the transaction, from 0
	Err error
}

func (e *InvalidError) Error() string { return fmt.Sprintf("operation %d: %v", e.Op, e.Err) }
func (e *InvalidError) Unwrap() error { return e.Err }

// folder counts what Apply does.
type folder struct{ effects Effects }

// Apply folds the operations of one transaction into the view, all or none:
// *InvalidError if they do not fit the schema. The same operations, in any order
// of their transactions and any number of times, give the same state.
//
// A transaction that is applied when it is written, before its time and number
// are settled, is applied again when they are. It ends as if it had been applied
// with the settled stamp alone, if the stamp did not get smaller and no other
// transaction could come between.
func (tx *Tx) Apply(author wire.DeviceID, member wire.MemberID, stamp merge.Stamp, ops []merge.Op) (Effects, error) {
	return tx.ApplyFrom(0, author, member, stamp, ops)
}

// ApplyFrom is Apply for operations of a transaction that is made just now, of which so
// many were applied before. They have the next places in it, by which edits are told apart.
func (tx *Tx) ApplyFrom(first int, author wire.DeviceID, member wire.MemberID, stamp merge.Stamp, ops []merge.Op) (Effects, error) {
	if err := tx.may(true); err != nil {
		return Effects{}, err
	}
	if !storable(stamp) || stamp.Device != author {
		return Effects{}, &InvalidError{Err: fmt.Errorf("%w: stamp %v of %s", wire.ErrMalformed, stamp, author)}
	}
	cells, err := tx.layout.check(author, ops)
	if err != nil {
		return Effects{}, err
	}
	if err := tx.note(author, member); err != nil {
		return Effects{}, failed("folding", err)
	}
	tx.fold = folder{}
	for i := range ops {
		if err := tx.apply(stamp, &ops[i], cells[i], first+i); err != nil {
			return Effects{}, failed("folding", err)
		}
	}
	slices.Sort(tx.fold.effects.Tables)
	return tx.fold.effects, nil
}

// check holds every operation against the schema and decodes its values, before
// anything is written.
func (l *layout) check(author wire.DeviceID, ops []merge.Op) ([][]cell, error) {
	out := make([][]cell, len(ops))
	var all []cell
	for i := range ops {
		from := len(all)
		var err error
		if all, err = l.checkOp(author, &ops[i], all); err != nil {
			return nil, &InvalidError{i, err}
		}
		out[i] = all[from:len(all):len(all)]
	}
	return out, nil
}

func (l *layout) checkOp(author wire.DeviceID, op *merge.Op, cells []cell) ([]cell, error) {
	t := l.tables[op.Table]
	if t == nil {
		return nil, classed(ErrSchema, "no table %d", op.Table)
	}
	if op.Kind < merge.Insert || op.Kind > merge.Edit {
		return nil, fmt.Errorf("%w: kind %d", wire.ErrMalformed, op.Kind)
	}
	if op.Row == [16]byte{} {
		return nil, fmt.Errorf("%w: row ID of zeros", wire.ErrMalformed)
	}
	if !ordered(op) {
		return nil, fmt.Errorf("%w: columns out of order, or a stamp that is none", wire.ErrMalformed)
	}
	for _, c := range op.Cells {
		col := t.byNum[c.Column]
		if col == nil {
			return nil, classed(ErrSchema, "no column %d in table %d", c.Column, op.Table)
		}
		v, err := col.check(author, op.Kind, c.Value)
		if err != nil {
			return nil, fmt.Errorf("column %d of table %d: %w", c.Column, op.Table, err)
		}
		if op.Kind != merge.Edit {
			cells = append(cells, cell{col, v})
		}
	}
	return cells, nil
}

// check decodes what an operation of this kind says of the column: a value, or of a
// document a change, which is kept as it is.
func (c *column) check(author wire.DeviceID, kind merge.Kind, value []byte) (any, error) {
	switch {
	case (kind == merge.Edit) != (c.document != 0):
		return nil, fmt.Errorf("%w: a document takes edits, and nothing else does", wire.ErrMalformed)
	case kind == merge.Edit:
		return nil, merge.CheckChange(c.document, author, value)
	}
	return c.kind.store(value)
}

// storable says whether a row's state may hold the stamp: what merge does not
// read back must not be written.
func storable(s merge.Stamp) bool {
	return s.Time > 0 && s.Time <= merge.MaxTime && s.Before <= merge.MaxTime && s.Number > 0 && s.Number <= merge.MaxNumber
}

// ordered checks what a decoded operation has by its form, and one that was
// made here may lack: columns strictly ascend, stamps can be stored.
func ordered(op *merge.Op) bool {
	for i := range op.Cells {
		if i > 0 && op.Cells[i].Column <= op.Cells[i-1].Column {
			return false
		}
	}
	for i := range op.Saw {
		if !storable(op.Saw[i].Stamp) || i > 0 && op.Saw[i].Column <= op.Saw[i-1].Column {
			return false
		}
	}
	return true
}

// apply folds one operation, which has this place in its transaction. An insert first tries to be of a new row, as nearly
// all are, and so needs no look-up.
func (tx *Tx) apply(stamp merge.Stamp, op *merge.Op, cells []cell, place int) error {
	tx.c.trim()
	if op.Kind == merge.Edit {
		return tx.applyEdit(stamp, op, place)
	}
	k := rowKey{tx.layout.tables[op.Table], idText(op.Row)}
	if op.Kind == merge.Insert {
		if done, err := tx.applyNew(k, stamp, op, cells); done || err != nil {
			return err
		}
	}
	old, err := tx.load(k)
	if err != nil {
		return err
	}
	state, change := merge.ApplyOp(old.state, stamp, op, k.table.options)
	meta := merge.AppendRowState(make([]byte, 0, 128), &state)
	if bytes.Equal(meta, old.meta) && len(change.Set) == 0 {
		tx.fold.effects.Late++
		return nil
	}
	return tx.writeRow(k, old, change, meta, chosen(k.table, cells, change))
}

// chosen are the values to store: those that won, and null where a column lost its own.
func chosen(t *table, cells []cell, change merge.Change) []cell {
	var out []cell
	for _, won := range change.Set {
		i := slices.IndexFunc(cells, func(c cell) bool { return c.column.number == won.Column })
		out = append(out, cells[i])
	}
	for _, n := range change.Cleared {
		if c := t.byNum[n]; c != nil && c.document == 0 { // a document is there as long as its epoch
			out = append(out, cell{c, nil})
		}
	}
	return out
}

func (tx *Tx) applyNew(k rowKey, stamp merge.Stamp, op *merge.Op, cells []cell) (bool, error) {
	state, _ := merge.ApplyOp(merge.RowState{}, stamp, op, k.table.options)
	s, err := tx.rank(k, cells)
	if err != nil {
		return false, err
	}
	meta := merge.AppendRowState(make([]byte, 0, 128), &state)
	done, err := tx.insertRow(k, s, meta, cells)
	if err != nil || !done {
		return false, err
	}
	return true, tx.moved(k, dead, s)
}

// writeRow stores a row after an operation changed its state, and lets the rows
// follow that refer to it.
func (tx *Tx) writeRow(k rowKey, old stored, change merge.Change, meta []byte, cells []cell) error {
	if !old.found {
		s := dead
		if change.Live {
			return fmt.Errorf("row %s came to life without an insert: %w", k.id, ErrCorrupt)
		}
		_, err := tx.insertRow(k, s, meta, cells)
		return err
	}
	if err := tx.updateRow(k, old.s, meta, cells); err != nil {
		return err
	}
	return tx.regrade(k, old.s, change.Live, cells)
}

// note remembers whose device it is, for created_by and updated_by.
func (tx *Tx) note(device wire.DeviceID, member wire.MemberID) error {
	if tx.noted == device {
		return nil
	}
	tx.noted = device
	return tx.c.exec("INSERT INTO device$ (device, member) VALUES (?1, ?2) ON CONFLICT DO NOTHING", device[:], member.String())
}
