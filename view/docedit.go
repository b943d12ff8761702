package view

import (
	"bytes"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// edit is one change of one document: that of the transaction with this stamp, by its
// operation at this place.
type edit struct {
	stamp  merge.Stamp
	place  int
	change []byte
}

// applyEdit folds an operation of kind Edit: a write of the row's stamps, and a change
// of each of its documents.
func (tx *Tx) applyEdit(stamp merge.Stamp, op *merge.Op, place int) error {
	k := rowKey{tx.layout.tables[op.Table], idText(op.Row)}
	old, err := tx.load(k)
	if err != nil {
		return err
	}
	wrote, err := tx.stampEdit(k, old, stamp, op)
	if err != nil {
		return err
	}
	fresh := false
	for _, c := range op.Cells {
		came, err := tx.addEdit(k, k.table.byNum[c.Column], edit{stamp, place, c.Value})
		if err != nil {
			return err
		}
		fresh = fresh || came
	}
	switch {
	case wrote: // counted
	case fresh:
		tx.count(k.table, old.s, old.s)
	default:
		tx.fold.effects.Late++
	}
	return nil
}

// stampEdit writes the stamps of an edit to its row, if they are above those there. They
// rarely bring a row back to life (update_wins).
func (tx *Tx) stampEdit(k rowKey, old stored, stamp merge.Stamp, op *merge.Op) (wrote bool, err error) {
	state, change := merge.ApplyOp(old.state, stamp, op, k.table.options)
	meta := merge.AppendRowState(make([]byte, 0, 128), &state)
	if bytes.Equal(meta, old.meta) {
		return false, nil
	}
	if old.found && change.WasLive == change.Live {
		tx.hold(k, old.s, meta)
		tx.count(k.table, old.s, old.s)
		return true, nil
	}
	return true, tx.writeRow(k, old, change, meta, nil)
}

// addEdit puts an edit behind the others, once. One that is there with another stamp
// or change was settled since.
func (tx *Tx) addEdit(k rowKey, c *column, e edit) (fresh bool, err error) {
	o, err := tx.open(k, c)
	if err != nil {
		return false, err
	}
	if err := tx.create(o); err != nil {
		return false, err
	}
	e.stamp.Before = max(e.stamp.Before, e.stamp.Time)
	err = tx.c.exec(`INSERT INTO edit$ (doc, seq, device, number, place, time, before, change)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING`,
		o.id, o.last+1, e.stamp.Device[:], e.stamp.Number, e.place, e.stamp.Time, e.stamp.Before, e.change)
	if err != nil {
		return false, err
	}
	if tx.c.Changes() == 0 {
		return tx.resettle(o, e)
	}
	if o.last++; o.doc != nil && o.folded == o.last-1 {
		tx.foldEdit(o, o.last, e.stamp, bytes.Clone(e.change))
	}
	tx.spoil(o)
	return true, nil
}

// resettle replaces what is kept of an edit, if that is something else.
func (tx *Tx) resettle(o *openDoc, e edit) (fresh bool, err error) {
	err = tx.c.exec(`UPDATE edit$ SET time = ?5, before = ?6, change = ?7
		WHERE device = ?1 AND number = ?2 AND doc = ?3 AND place = ?4 AND (time <> ?5 OR before <> ?6 OR change <> ?7)`,
		e.stamp.Device[:], e.stamp.Number, o.id, e.place, e.stamp.Time, e.stamp.Before, e.change)
	if err != nil || tx.c.Changes() == 0 {
		return false, err
	}
	return true, tx.unfold(o, 0)
}

// unfold forgets the state of a document whose edits are others from number first on.
func (tx *Tx) unfold(o *openDoc, first uint64) error {
	o.doc, o.folded, o.version = nil, 0, newVersion()
	tx.spoil(o)
	if o.upto >= first {
		o.upto = 0
	}
	return tx.c.exec(`UPDATE doc$ SET version = ?2, upto = ?3, snap = CASE WHEN ?3 > 0 THEN snap END WHERE id = ?1`, o.id, o.version, o.upto)
}

// Withdraw forgets the edits of a transaction: it was refused, or it comes again with
// another number. What other writes it made stays. Documents that it edited are
// folded anew, so those of its author's later transactions that build on it are void
// until it comes again before them.
func (tx *Tx) Withdraw(device wire.DeviceID, number uint64) error {
	if err := tx.may(true); err != nil {
		return err
	}
	list, err := tx.edited(device, number)
	if err != nil || len(list) == 0 {
		return failed("withdrawing edits", err)
	}
	if err := tx.c.exec("DELETE FROM edit$ WHERE device = ?1 AND number = ?2", device[:], number); err != nil {
		return failed("withdrawing edits", err)
	}
	for _, w := range list {
		if err := tx.withdrawn(w); err != nil {
			return failed("withdrawing edits", err)
		}
	}
	return nil
}

// firstEdit is a document and the first edit that a transaction made of it.
type firstEdit struct {
	docKey
	seq uint64
}

func (tx *Tx) edited(device wire.DeviceID, number uint64) (out []firstEdit, err error) {
	err = tx.c.each(`SELECT tbl, row, col, min(seq) FROM edit$ JOIN doc$ ON doc$.id = edit$.doc
		WHERE device = ?1 AND number = ?2 GROUP BY doc`, []any{device[:], number}, func(s *sqlite3.Stmt) error {
		out = append(out, firstEdit{scanKey(s), uint64(s.ColumnInt64(3))})
		return nil
	})
	return out, err
}

// scanKey reads table, row and column.
func scanKey(s *sqlite3.Stmt) docKey {
	return docKey{uint32(s.ColumnInt64(0)), s.ColumnText(1), uint32(s.ColumnInt64(2))}
}

func (tx *Tx) withdrawn(w firstEdit) error {
	k, c := tx.layout.document(w.docKey)
	if c == nil {
		return nil // the schema has it no more, and so the next seal drops it
	}
	o, err := tx.open(k, c)
	if err != nil {
		return err
	}
	_, err = tx.c.first("SELECT coalesce(max(seq), 0) FROM edit$ WHERE doc = ?1", []any{o.id},
		func(s *sqlite3.Stmt) { o.last = uint64(s.ColumnInt64(0)) })
	if err != nil {
		return err
	}
	tx.touch(w.table)
	return tx.unfold(o, w.seq)
}

// document finds the column of a document; nil if the schema has it no more.
func (l *layout) document(key docKey) (rowKey, *column) {
	t := l.tables[key.table]
	if t == nil {
		return rowKey{}, nil
	}
	c := t.byNum[key.col]
	if c == nil || c.document == 0 {
		return rowKey{}, nil
	}
	return rowKey{t, key.row}, c
}
