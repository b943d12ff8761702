package space

import (
	"errors"

	"github.com/espace-git/espace-git/merge"
)

// Own transactions that are on the host already, behind one that turned out to have no
// effect, may have changed a text that the refused one changed: then those changes are
// void, for everybody, though their transactions count. Their author is told.

// noteBehind remembers an own transaction that came behind a refused one in this round.
func (r *round) noteBehind(tx *merge.Transaction) {
	if r.stale && edits(tx) {
		r.behindRefused = append(r.behindRefused, tx)
	}
}

// tellVoid keeps what is void of them with the conflicts.
func (r *round) tellVoid() error {
	list := r.behindRefused
	r.behindRefused = nil
	for _, tx := range list {
		dropped, err := r.void(tx)
		if err != nil || len(dropped) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		row, err := r.v.Journal(tx.ID)
		if err != nil {
			return err
		}
		if err := r.noteConflict(&unsealedTx{row: row, tx: tx}, whyDropped(dropped), dropped); err != nil {
			return err
		}
		r.warn("a change of this device had no effect: %s (`espace-git conflicts`)", whyDropped(dropped))
	}
	return nil
}

// void are the changes of a transaction that their documents do not take.
func (r *round) void(tx *merge.Transaction) (out []merge.Dropped, err error) {
	stamp := tx.Stamp(r.me.Device)
	for i := range tx.Ops {
		op := &tx.Ops[i]
		for _, c := range op.Cells {
			if op.Kind != merge.Edit {
				continue
			}
			d, ok, err := ownCopy(r.v, docKey{op.Table, op.Row, c.Column})
			if err != nil {
				return nil, err
			}
			text, isText := d.(*merge.TextDoc)
			if !ok || !isText || !errors.Is(text.Apply(stamp, c.Value), merge.ErrTextMissing) {
				continue // a text knows what it has; the others take all that is well formed
			}
			out = append(out, merge.Dropped{
				Table: op.Table, Row: op.Row, Column: c.Column, Value: c.Value, Stamp: stamp,
				Reason: "it builds on a change of this device that had no effect",
			})
		}
	}
	return out, nil
}
