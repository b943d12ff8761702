package merge

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Transactions that no cut covers are issued again by their author in the open
// epoch (DESIGN 5). It is a local step: nobody checks it, everybody folds what
// comes of it. So it decides nothing that the fold would decide otherwise; it
// says beforehand what would have no effect, so that nothing is lost silently.

// Rows is a state in which a transaction finds the rows that it names. What
// the methods answer must not change while one transaction is looked at.
type Rows interface {
	// Row is the state of a row that shows. It is false for one that is not
	// there, that is deleted, or that a cascade hides.
	Row(table uint32, row RowID) (RowState, bool)
	// Refers is the table that a column's references lead to, if the row that
	// holds one goes with the row that it names (on_delete: cascade). It is
	// false for every other column.
	Refers(table, column uint32) (target uint32, ok bool)
	// Document is the type of a document's column, false for every other column.
	Document(table, column uint32) (DocumentType, bool)
	// Documents are, for Reissue, the document of a row and column as the author
	// of the transaction saw it, and the one that it is issued onto, see
	// ReissueChange. Reissue changes the latter, so it is the caller's own, and
	// the same one each time it is asked for; an empty one, also of a row that
	// is not there. It is not asked by Needs. False: the column is none of a
	// document any more.
	Documents(table uint32, row RowID, column uint32) (old, onto Document, ok bool)
}

// Verdict is what becomes of a transaction that no cut covers.
type Verdict uint8

const (
	// Again: it is issued again, without the sets that lost.
	Again Verdict = iota + 1
	// Conflict: the whole of it goes to the author's conflicts.
	Conflict
	// Moot: it deletes what is gone, and nothing else. There is nothing to
	// issue and nothing to show.
	Moot
)

func (v Verdict) String() string {
	switch v {
	case Again:
		return "again"
	case Conflict:
		return "conflict"
	case Moot:
		return "moot"
	}
	return "unknown"
}

// Reissue makes the transaction that a device issues in place of tx: with its
// number, ID and action, marked, its time lowered to the opening of the first
// epoch after the one that it was written in. (Calling it once for each seal
// gives the same.) opening 0 says that no seal lies between, since a branch of
// the ledger was left: then it is an ordinary write again, with its first time,
// which the caller raises by NextTime.
//
// onto is what tx will stand on: the sealed state with the device's own
// re-issues before tx. A set loses to a greater stamp, and to the end of its
// row; it is left out and returned in dropped. A delete of a row that is gone
// is left out: its wish is fulfilled. tx goes to conflicts if nothing is left,
// or if a row that it sets would hang from one that is gone. A transaction that
// needs others (see Needs) must wait for them before.
//
// tx is not changed; again shares its values and is nil unless the verdict is
// Again.
func Reissue(tx *Transaction, device wire.DeviceID, opening uint64, onto Rows) (again *Transaction, dropped []Dropped, verdict Verdict) {
	head := *tx
	head.Ops, head.Time, head.Before = nil, max(tx.Time, tx.Before), 0
	if opening > 0 {
		s := tx.Stamp(device).Lower(opening)
		head.Time, head.Before = s.Time, s.Before
	}
	r := reissue{rows: onto, opening: opening, was: tx.Stamp(device), stamp: head.Stamp(device), made: inserted(tx)}
	r.hangs = r.hanging(tx)
	for i := range tx.Ops {
		if op, ok := r.op(&tx.Ops[i]); ok {
			head.Ops = append(head.Ops, op)
		}
	}
	switch {
	case r.hangs, len(head.Ops) == 0 && len(r.dropped) > 0:
		return nil, r.dropped, Conflict
	case len(head.Ops) == 0 && len(tx.Ops) > 0:
		return nil, nil, Moot
	}
	return &head, r.dropped, Again
}

// place is a row's full name.
type place struct {
	table uint32
	row   RowID
}

// inserted are the rows that a transaction makes.
func inserted(tx *Transaction) map[place]bool {
	made := map[place]bool{}
	for i := range tx.Ops {
		if op := &tx.Ops[i]; op.Kind == Insert {
			made[place{op.Table, op.Row}] = true
		}
	}
	return made
}

type reissue struct {
	rows    Rows
	opening uint64
	was     Stamp // of the transaction before
	stamp   Stamp // of the transaction as issued again
	made    map[place]bool
	dropped []Dropped
	hangs   bool // see hanging
}

// hanging says that a row which is there, or made here, would hang from one that
// is gone. It is asked before any document is touched.
func (r *reissue) hanging(tx *Transaction) bool {
	for i := range tx.Ops {
		op := &tx.Ops[i]
		state, there := r.state(op)
		if !there || op.Kind != Insert && op.Kind != Update {
			continue
		}
		for _, c := range op.Cells {
			if !r.stamp.Less(state.Stamp(c.Column)) && r.dangles(op.Table, c) {
				return true
			}
		}
	}
	return false
}

// state is that of the row of an operation; of no row if the transaction itself
// makes it.
func (r *reissue) state(op *Op) (RowState, bool) {
	if state, there := r.rows.Row(op.Table, op.Row); there {
		return state, true
	}
	return RowState{}, r.made[place{op.Table, op.Row}]
}

// op is an operation as issued again, if anything of it is left.
func (r *reissue) op(op *Op) (Op, bool) {
	state, there := r.state(op)
	out := *op
	switch {
	case op.Kind == Delete:
		out.Saw = r.lowered(op.Saw)
		return out, there
	case !there:
		r.dropAll(op, ReasonGone)
		return out, false
	case op.Kind == Edit && r.hangs:
		r.dropAll(op, ReasonReference)
		return out, false
	case op.Kind == Edit:
		out.Cells = r.edits(op)
	default:
		out.Cells = r.cells(op, &state)
	}
	return out, op.Kind == Insert || len(out.Cells) > 0
}

// cells are those that no greater stamp holds.
func (r *reissue) cells(op *Op, state *RowState) (kept []Cell) {
	for _, c := range op.Cells {
		by := state.Stamp(c.Column)
		switch {
		case r.stamp.Less(by):
			r.drop(op, c, by, ReasonNewer)
			continue
		case r.dangles(op.Table, c):
			r.drop(op, c, Stamp{}, ReasonReference)
		}
		kept = append(kept, c)
	}
	return kept
}

// edits are the changes that their documents still take.
func (r *reissue) edits(op *Op) (kept []Cell) {
	for _, c := range op.Cells {
		old, onto, ok := r.rows.Documents(op.Table, op.Row, c.Column)
		if !ok {
			r.drop(op, c, Stamp{}, ReasonNoDocument)
			continue
		}
		out, lost, ok := ReissueChange(old, onto, r.stamp.Device, c.Value, r.was, r.stamp, r.opening)
		for _, words := range lost {
			r.drop(op, c, Stamp{}, cutReason(words))
		}
		if ok {
			kept = append(kept, Cell{c.Column, out})
		}
	}
	return kept
}

// dropAll notes all that an operation sets.
func (r *reissue) dropAll(op *Op, reason string) {
	for _, c := range op.Cells {
		r.drop(op, c, Stamp{}, reason)
	}
}

func (r *reissue) drop(op *Op, c Cell, by Stamp, reason string) {
	r.dropped = append(r.dropped, Dropped{op.Table, op.Row, c.Column, c.Value, r.stamp, by, reason})
}

// dangles says that a cell refers to a row that neither shows nor is made here.
func (r *reissue) dangles(table uint32, c Cell) bool {
	target, ok := reference(r.rows, table, c)
	if !ok || r.made[target] {
		return false
	}
	_, shows := r.rows.Row(target.table, target.row)
	return !shows
}

// reference is the row on which a cell makes its own row depend.
func reference(rows Rows, table uint32, c Cell) (place, bool) {
	target, ok := rows.Refers(table, c.Column)
	if !ok {
		return place{}, false
	}
	v, err := DecodeValue(c.Value)
	id, isBytes := v.([]byte)
	if err != nil || !isBytes || len(id) != len(RowID{}) {
		return place{}, false // null refers to nothing; the schema refuses the rest
	}
	return place{target, RowID(id)}, true
}

// lowered is what a delete saw, as the seal left it. Lowering keeps the order of
// the stamps of an epoch, so the delete covers the same writes as before.
func (r *reissue) lowered(saw []Saw) []Saw {
	out := slices.Clone(saw)
	if r.opening > 0 {
		for i := range out {
			out[i].Stamp = out[i].Stamp.Lower(r.opening)
		}
	}
	return out
}

// TxRef names a transaction.
type TxRef struct {
	Device wire.DeviceID
	Number uint64
}

// Needs lists the transactions, other than itself, that made the rows that tx of
// the given device updates, edits, deletes or refers to, and what its changes of
// documents build on, ascending by device and number: those that must be sealed or in effect before tx is issued again, else it is parked
// (DESIGN 5). view is the state in which tx was written, the device's own
// before it follows the seal; a row that does not show there is not needed.
func Needs(tx *Transaction, device wire.DeviceID, view Rows) []TxRef {
	made := inserted(tx)
	var out []TxRef
	need := func(p place) {
		if made[p] {
			return
		}
		if state, ok := view.Row(p.table, p.row); ok && !state.Inserted.IsZero() {
			out = append(out, TxRef{state.Inserted.Device, state.Inserted.Number})
		}
	}
	for i := range tx.Ops {
		op := &tx.Ops[i]
		need(place{op.Table, op.Row})
		for _, c := range op.Cells {
			if target, ok := reference(view, op.Table, c); ok && op.Kind != Edit {
				need(target)
			}
			if t, ok := view.Document(op.Table, c.Column); ok && op.Kind == Edit {
				out = append(out, ChangeRefers(t, device, c.Value)...)
			}
		}
	}
	return sortRefs(out)
}

// sortRefs sorts by device and number, each once.
func sortRefs(refs []TxRef) []TxRef {
	slices.SortFunc(refs, func(a, b TxRef) int {
		return cmp.Or(bytes.Compare(a.Device[:], b.Device[:]), cmp.Compare(a.Number, b.Number))
	})
	return slices.Compact(refs)
}
