package space

import (
	"fmt"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

// redo writes operations of an older transaction anew, on the rows as they are now:
// of a conflict that is tried again, or of a write that is adopted. What is there
// already gets the values; what is gone can't, and is named; to delete what is gone
// is done already.
func (tx *Tx) redo(show *keptWrite, ops []merge.Op) error {
	made := map[merge.RowID]bool{}
	for i := range ops {
		if ops[i].Kind == merge.Insert {
			made[ops[i].Row] = true
		}
	}
	ops, err := tx.redoFiles(show.author, ops)
	if err != nil {
		return err
	}
	for _, op := range ops {
		if op.Kind == merge.Edit {
			if err := tx.redoEdit(show, op); err != nil {
				return err
			}
			continue
		}
		again, ok, err := tx.redoOp(op, made)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := tx.apply(again); err != nil {
			return err
		}
	}
	if len(tx.ops) == 0 {
		return join(ErrConflict, fmt.Errorf("nothing of it is left to write: what it deletes or changes is gone"))
	}
	return tx.shows()
}

func (tx *Tx) redoOp(op merge.Op, made map[merge.RowID]bool) (merge.Op, bool, error) {
	t, ok := tx.schema.TableByNumber(op.Table)
	if !ok {
		return op, false, notFound("table #%d is not in the schema any more", op.Table)
	}
	_, live, err := tx.v.Live(op.Table, op.Row)
	if err != nil {
		return op, false, err
	}
	switch {
	case op.Kind == merge.Delete && !live:
		return op, false, nil
	case op.Kind == merge.Delete:
		op.Saw = nil
		if t.UpdateWins {
			state, err := tx.v.State(t.Name, op.Row)
			if err != nil {
				return op, false, err
			}
			op.Saw = state.Saw()
		}
	case op.Kind == merge.Insert && live && len(op.Cells) == 0:
		return op, false, nil
	case op.Kind == merge.Insert && live:
		op.Kind = merge.Update
	case op.Kind == merge.Update && !live && !made[op.Row]:
		return op, false, notFound("row %s of table %q is gone", schema.FormatID(op.Row), t.Name)
	}
	return op, true, nil
}

// redoEdit changes the documents of a row as they are now. One by name whose row is gone
// begins anew.
func (tx *Tx) redoEdit(show *keptWrite, op merge.Op) error {
	for _, c := range op.Cells {
		at, ok := placeOf(tx.v, op.Table, op.Row, c.Column)
		if !ok {
			return notFound("column #%d of table #%d is no document any more", c.Column, op.Table)
		}
		if op.Table == schema.DocumentsTable {
			at.name = nameOfRow(show.name(op.Table, op.Row), op.Row)
		}
		if err := tx.again(at, show.author, c.Value); err != nil {
			return err
		}
	}
	return nil
}

// shows refuses to acknowledge an insert that has no effect: a delete in this epoch
// wins over it, or the row that it hangs from is gone.
func (tx *Tx) shows() error {
	for i := range tx.ops {
		op := &tx.ops[i]
		if op.Kind != merge.Insert {
			continue
		}
		_, live, err := tx.v.Live(op.Table, op.Row)
		if err != nil {
			return err
		}
		if !live {
			return join(ErrConflict, fmt.Errorf("row %s would not show: it was deleted in this epoch, or what it refers to is gone", schema.FormatID(op.Row)))
		}
	}
	return nil
}
