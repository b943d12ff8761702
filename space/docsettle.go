package space

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// Own transactions that wait were folded behind the own ones that this device knew. When
// the host shows another one (a backup was restored, or this device has a copy), or one
// that has no effect, then what waits is taken out of the documents, and goes in again
// behind what counts: under the numbers that it has then, and where it belongs by then.

// setBack are the own transactions that were taken out.
type setBack struct {
	docs oldDocuments // what they edit, without them
}

// setWaitingBack takes what waits out of the documents, once in a round, before an own
// transaction folds that this device did not expect.
func (r *round) setWaitingBack() error {
	if r.back != nil {
		return nil
	}
	rows, err := r.v.PendingJournal(0)
	if err != nil {
		return err
	}
	back := &setBack{docs: oldDocuments{}}
	var waits []*merge.Transaction
	for _, row := range rows {
		tx, err := merge.DecodeTransaction(row.Tx)
		if err != nil {
			return fmt.Errorf("local store: journal: %w", err)
		}
		if !edits(tx) {
			continue
		}
		waits = append(waits, tx)
		if err := r.v.Withdraw(r.me.Device, row.Number); err != nil {
			return err
		}
	}
	for _, tx := range waits {
		if err := back.docs.add(r.v, tx); err != nil {
			return err
		}
	}
	r.back = back
	return nil
}

// layWaiting puts in again what was taken out and still waits.
func (r *round) layWaiting() error {
	back := r.back
	if r.back = nil; back == nil || len(back.docs) == 0 {
		return nil
	}
	rows, err := r.v.PendingJournal(0)
	if err != nil {
		return err
	}
	st, err := r.newSettling(r.lanes[r.me.Device])
	if err != nil {
		return err
	}
	var own []*unsealedTx
	for _, row := range rows {
		u := &unsealedTx{row: row}
		if u.tx, _, err = st.number(row); err != nil {
			return err
		}
		own = append(own, u)
		back.docs.fold(u.tx, u.tx.Stamp(r.me.Device))
	}
	onto := oldDocuments{}
	for _, u := range own {
		if err := r.layAgain(u, back.docs, onto); err != nil {
			return err
		}
	}
	return r.clock.save(r.v)
}

// fold puts a transaction's changes into documents.
func (docs oldDocuments) fold(tx *merge.Transaction, stamp merge.Stamp) {
	for i := range tx.Ops {
		op := &tx.Ops[i]
		for _, c := range op.Cells {
			if d := docs[docKey{op.Table, op.Row, c.Column}]; d != nil && op.Kind == merge.Edit {
				_ = d.Apply(stamp, c.Value) // what has no effect has none again
			}
		}
	}
}

// layAgain lets a transaction go on waiting, with its changes as the documents are now.
func (r *round) layAgain(u *unsealedTx, old, onto oldDocuments) error {
	rows := &shownRows{v: r.v, old: old, onto: onto}
	again, dropped := rebased(u.tx, u.tx.Stamp(r.me.Device), rows)
	if rows.err != nil {
		return rows.err
	}
	if len(again.Ops) == 0 {
		return r.giveUp(u, whyDropped(dropped), dropped...)
	}
	if len(dropped) > 0 {
		if err := r.noteConflict(u, whyDropped(dropped), dropped); err != nil {
			return err
		}
	}
	raw, err := merge.EncodeTransaction(again)
	if err != nil || bytes.Equal(raw, u.row.Tx) && !edits(again) {
		return err
	}
	row := u.row
	row.Tx, row.Number, row.Time = raw, again.Number, again.Time
	if err := r.v.SetJournal(row); err != nil {
		return err
	}
	_, err = r.v.Apply(r.me.Device, r.me.Member, again.Stamp(r.me.Device), again.Ops)
	return err
}

// rebased is a transaction with its changes as other documents take them.
func rebased(tx *merge.Transaction, stamp merge.Stamp, rows *shownRows) (*merge.Transaction, []merge.Dropped) {
	again, dropped := *tx, []merge.Dropped(nil)
	again.Ops = nil
	for _, op := range tx.Ops {
		if op.Kind == merge.Edit {
			cells := op.Cells
			op.Cells = nil
			for _, c := range cells {
				old, onto, ok := rows.Documents(op.Table, op.Row, c.Column)
				lost := []string{merge.ReasonNoDocument}
				var change []byte
				if ok {
					change, lost, ok = merge.ReissueChange(old, onto, stamp.Device, c.Value, stamp, stamp, 0)
				}
				for _, words := range lost {
					dropped = append(dropped, merge.Dropped{Table: op.Table, Row: op.Row, Column: c.Column, Value: c.Value, Stamp: stamp, Reason: cutWords(words)})
				}
				if ok {
					op.Cells = append(op.Cells, merge.Cell{Column: c.Column, Value: change})
				}
			}
			if len(op.Cells) == 0 {
				continue
			}
		}
		again.Ops = append(again.Ops, op)
	}
	return &again, dropped
}

// resettle replaces a stamp in what a transaction's deletes and changes name.
func resettle(v *view.Tx, tx *merge.Transaction, m restamp) {
	tx.Resaw(m.old, m.settled)
	for i := range tx.Ops {
		op := &tx.Ops[i]
		for j := range op.Cells {
			typ, ok := documentType(v, op.Table, op.Cells[j].Column)
			if op.Kind != merge.Edit || !ok {
				continue
			}
			change, err := merge.ResettleChange(typ, m.old.Device, op.Cells[j].Value, m.old, m.settled)
			if err == nil { // else it is of a column that changed its type, and has no effect
				op.Cells[j].Value = change
			}
		}
	}
}

// maxWords bounds what is kept of why a change was lost, in bytes.
const maxWords = 200

func cutWords(s string) string {
	if len(s) > maxWords {
		s = strings.ToValidUTF8(s[:maxWords], "") + "…"
	}
	return s
}
