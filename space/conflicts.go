package space

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// conflict is what of an own transaction could not be issued again. It keeps the
// values until its author dismisses them: nothing disappears silently.
type conflict struct {
	_       struct{} `cbor:",toarray"`
	Tx      []byte   // the transaction, whole
	Whole   bool     // nothing of it was issued again
	Reason  string
	Epoch   uint64 // in which it was found
	Dropped [][]byte
}

// giveUp puts a transaction into the conflicts, whole.
func (r *round) giveUp(u *unsealedTx, reason string, dropped ...merge.Dropped) error {
	if err := r.saveConflict(u, conflict{Whole: true, Reason: reason}, dropped); err != nil {
		return err
	}
	if err := errors.Join(r.v.Delete(bucketParked, u.row.ID[:]), forgetDocuments(r.v, u.row.ID)); err != nil {
		return err
	}
	r.warn("a write of this device could not be issued again: %s (`espace-git conflicts`)", reason)
	return r.setOwn(u, view.Lost, reason)
}

// noteConflict keeps values that lost while the rest of their transaction goes on.
func (r *round) noteConflict(u *unsealedTx, reason string, dropped []merge.Dropped) error {
	return r.saveConflict(u, conflict{Reason: reason}, dropped)
}

func (r *round) saveConflict(u *unsealedTx, c conflict, dropped []merge.Dropped) (err error) {
	if c.Tx, err = merge.EncodeTransaction(u.tx); err != nil {
		return err
	}
	if err := keepAbout(r.v, u.row.ID[:], u.tx, u.docs, u.names); err != nil {
		return err
	}
	c.Epoch = r.me.Epoch.Number
	var kept conflict // what it lost at an earlier seal
	if _, err := getValue(r.v, bucketConflict, u.row.ID[:], &kept); err != nil {
		return err
	}
	if !kept.Whole {
		c.Dropped = kept.Dropped
	}
	for i := range dropped {
		b, err := merge.EncodeDropped(&dropped[i])
		if err != nil {
			return err
		}
		c.Dropped = append(c.Dropped, b)
	}
	return putValue(r.v, bucketConflict, u.row.ID[:], c)
}

// Conflict is an own write that was not in the cut of a seal and could not be issued
// again, or not all of it.
type Conflict struct {
	ID     string          `json:"id"`   // of the transaction
	Time   time.Time       `json:"time"` // when it was written
	Whole  bool            `json:"whole"`
	Reason string          `json:"reason"`
	Epoch  uint64          `json:"epoch"`
	Values []ConflictValue `json:"values"`
}

// ConflictValue is a value that was not written.
type ConflictValue struct {
	Table  string `json:"table"`
	Row    string `json:"row"`
	Column string `json:"column"` // empty: the row itself
	Value  any    `json:"value"`  // of an edit: what it would have put into the document
	Op     string `json:"op"`     // insert, update, delete, edit
	// Name is that of the document by name, or the path of the file in the folders, as it
	// was last known; empty of all other rows.
	Name string `json:"name,omitempty"`
	// Words say what else an edit would have done, and why it could not.
	Words string `json:"words,omitempty"`
}

// Conflicts lists what could not be issued again, with its values, until Dismiss.
func (s *Space) Conflicts(ctx context.Context) ([]Conflict, error) {
	out := []Conflict{}
	err := s.look(ctx, func(r *round) error {
		now := &namer{v: r.v}
		for pair, err := range r.v.Each(bucketConflict, nil) {
			if err != nil {
				return err
			}
			c, err := r.conflict(pair.Key, pair.Value, now)
			if err != nil {
				return err
			}
			out = append(out, c)
		}
		return now.err
	})
	return out, err
}

func (r *round) conflict(id, stored []byte, now *namer) (Conflict, error) {
	var c conflict
	if err := wire.UnmarshalCBOR(stored, &c); err != nil {
		return Conflict{}, fmt.Errorf("local store: conflicts: %w", err)
	}
	tx, err := merge.DecodeTransaction(c.Tx)
	if err != nil {
		return Conflict{}, fmt.Errorf("local store: conflicts: %w", err)
	}
	out := Conflict{
		ID: wire.Short([16]byte(id)), Time: time.UnixMilli(merge.Millis(max(tx.Before, tx.Time))).UTC(),
		Whole: c.Whole, Reason: c.Reason, Epoch: c.Epoch, Values: []ConflictValue{},
	}
	show, err := newKeptWrite(r.v, id, r.me.Device, tx, now)
	if err != nil {
		return out, err
	}
	if c.Whole {
		for i := range tx.Ops {
			out.Values = append(out.Values, show.op(&tx.Ops[i])...)
		}
	}
	for _, b := range c.lost(tx) {
		d, err := merge.DecodeDropped(b)
		if err != nil {
			return out, fmt.Errorf("local store: conflicts: %w", err)
		}
		out.Values = append(out.Values, show.dropped(d))
	}
	return out, nil
}

// dropped is one value that was lost; of an edit, with what became of it.
func (s *keptWrite) dropped(d *merge.Dropped) ConflictValue {
	kind := merge.Update
	if s.document(docKey{d.Table, d.Row, d.Column}) != 0 {
		kind = merge.Edit
	}
	out := s.value(kind, d.Table, d.Row, merge.Cell{Column: d.Column, Value: d.Value})
	if kind == merge.Edit {
		out.Words = d.Reason
	}
	return out
}

// op is what an operation would write.
func (s *keptWrite) op(op *merge.Op) (out []ConflictValue) {
	if len(op.Cells) == 0 {
		return []ConflictValue{s.value(op.Kind, op.Table, op.Row, merge.Cell{})}
	}
	for _, c := range op.Cells {
		out = append(out, s.value(op.Kind, op.Table, op.Row, c))
	}
	return out
}

func (s *keptWrite) value(kind merge.Kind, table uint32, row merge.RowID, c merge.Cell) ConflictValue {
	out := ConflictValue{Table: fmt.Sprint(table), Row: schema.FormatID(row), Op: kind.String(), Name: s.name(table, row)}
	t, col := s.place(table, c.Column)
	if t != nil {
		out.Table = tableWords(t)
	}
	if c.Column == 0 {
		return out
	}
	if out.Column = fmt.Sprint(c.Column); col != nil {
		out.Column = col.Name
	}
	if typ := s.document(docKey{table, row, c.Column}); kind == merge.Edit && typ != 0 {
		out.Value, out.Words = editValue(typ, s.author, c.Value)
		return out
	}
	if value, err := merge.DecodeValue(c.Value); err == nil && col != nil {
		out.Value = schema.Show(col, value)
	} else if err == nil {
		out.Value = value
	}
	return out
}

// place is a table and its column, as far as the schema has them.
func (s *keptWrite) place(table, column uint32) (*schema.Table, *schema.Column) {
	if s.schema == nil {
		return nil, nil
	}
	t, ok := s.schema.TableByNumber(table)
	if !ok {
		return nil, nil
	}
	c, _ := t.ColumnByNumber(column)
	return t, c
}

// Dismiss forgets a conflict and its values; "all" forgets all of them.
func (s *Space) Dismiss(ctx context.Context, id string) error {
	return classify(s.db.Update(ctx, func(v *view.Tx) error {
		if id == "all" {
			return forgetAllKept(v, bucketConflict)
		}
		key, err := wire.ParseShort(id)
		if err != nil {
			return notFound("there is no conflict %q", id)
		}
		if _, ok, err := v.Get(bucketConflict, key[:]); err != nil || !ok {
			if err == nil {
				err = notFound("there is no conflict %q", id)
			}
			return err
		}
		return forgetKept(v, bucketConflict, key[:])
	}))
}

// Retry makes a new transaction of what a conflict could not write: inserts as they
// were, updates of rows that are there. It is dismissed when that succeeds.
func (s *Space) Retry(ctx context.Context, id string) (Receipt, error) {
	key, err := wire.ParseShort(id)
	if err != nil {
		return Receipt{}, notFound("there is no conflict %q", id)
	}
	return s.Write(ctx, func(tx *Tx) error {
		var c conflict
		if ok, err := getValue(tx.v, bucketConflict, key[:], &c); err != nil || !ok {
			if err == nil {
				err = notFound("there is no conflict %q", id)
			}
			return err
		}
		was, err := merge.DecodeTransaction(c.Tx)
		if err != nil {
			return err
		}
		show, err := newKeptWrite(tx.v, key[:], tx.me.Device, was, &namer{v: tx.v})
		if err != nil {
			return err
		}
		ops, err := c.ops(show)
		if err != nil {
			return err
		}
		if err := tx.redo(show, ops); err != nil {
			return fmt.Errorf("trying %s again: %w", id, err)
		}
		return forgetKept(tx.v, bucketConflict, key[:])
	})
}

// ops are the operations that had no effect. What a document that took the rest of a
// change did not take, it would not take again.
func (c *conflict) ops(show *keptWrite) (out []merge.Op, err error) {
	if c.Whole {
		out = show.tx.Ops
	}
	for _, b := range c.lost(show.tx) {
		d, err := merge.DecodeDropped(b)
		if err != nil {
			return nil, err
		}
		if show.document(docKey{d.Table, d.Row, d.Column}) != 0 {
			continue
		}
		out = append(out, merge.Op{Kind: merge.Update, Table: d.Table, Row: d.Row, Cells: []merge.Cell{{Column: d.Column, Value: d.Value}}})
	}
	return out, nil
}

// lost are the values that are not in the transaction any more. One that went to the
// conflicts whole has those in it that it lost then.
func (c *conflict) lost(tx *merge.Transaction) (out [][]byte) {
	for _, b := range c.Dropped {
		d, err := merge.DecodeDropped(b)
		if err != nil || !c.Whole || !holds(tx, d.Table, d.Row, d.Column) {
			out = append(out, b)
		}
	}
	return out
}

func holds(tx *merge.Transaction, table uint32, row merge.RowID, column uint32) bool {
	for i := range tx.Ops {
		op := &tx.Ops[i]
		if op.Table == table && op.Row == row && slices.ContainsFunc(op.Cells, func(c merge.Cell) bool { return c.Column == column }) {
			return true
		}
	}
	return false
}

// numberGiven is why a transaction has no effect whose number counts already.
func numberGiven(tx *merge.Transaction) string {
	return fmt.Sprintf("its number %d was given before", tx.Number)
}

// ownRefused: an own transaction stands on the host and has no effect. Its values are
// kept with the conflicts.
func (r *round) ownRefused(row view.JournalRow, tx *merge.Transaction, reason string) error {
	if err := r.keepRefused(row, tx, reason); err != nil {
		return err
	}
	r.warn("a write of this device had no effect: %s (`espace-git conflicts`)", firstLine(reason))
	state := view.Refused
	if reason == numberGiven(tx) {
		state = view.Lost
	}
	return r.ownState(tx, state, reason)
}

// keepRefused keeps the values of an own transaction that broke a rule.
func (r *round) keepRefused(row view.JournalRow, tx *merge.Transaction, reason string) error {
	return r.saveConflict(&unsealedTx{row: row, tx: tx}, conflict{Whole: true, Reason: reason}, nil)
}

// whyDropped says why values could not be issued again.
func whyDropped(dropped []merge.Dropped) string {
	var why []string
	for _, d := range dropped {
		if !slices.Contains(why, d.Reason) {
			why = append(why, d.Reason)
		}
	}
	return strings.Join(why, ", and ")
}
