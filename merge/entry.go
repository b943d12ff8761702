package merge

import (
	"github.com/espace-git/espace-git/internal/wire"
)

// Kind of an operation. The numbers are permanent.
type Kind uint8

const (
	Insert Kind = 1 // a row comes to life, with cells
	Update Kind = 2 // cells of a row
	Delete Kind = 3 // a row goes
	Edit   Kind = 4 // documents of a row change, see document.go
)

func (k Kind) String() string {
	switch k {
	case Insert:
		return "insert"
	case Update:
		return "update"
	case Delete:
		return "delete"
	case Edit:
		return "edit"
	}
	return "unknown"
}

// RowID names a row for ever: a UUIDv7 by convention, 16 bytes that are not all
// zero by rule.
type RowID = [16]byte

// Op is one operation on one row.
//
//	insert, update   [kind, table, row, {column: value, …}]
//	delete           [3, table, row]  or  [3, table, row, {column: stamp, …}]
//	edit             [4, table, row, {column: change, …}]
type Op struct {
	Kind  Kind
	Table uint32 // permanent number, from 1
	Row   RowID
	// Cells of an insert, update or edit, columns strictly ascending. An update
	// has at least one, and so has an edit, whose values are changes.
	Cells []Cell
	// Saw, of a delete in a table that says update_wins: the winning stamp of
	// each column that its author saw, columns strictly ascending; column 0
	// stands for the insert. Made by RowState.Saw.
	Saw []Saw
}

// Cell is the value for one column.
type Cell struct {
	Column uint32 // permanent number, from 1
	Value  []byte // one canonical scalar, see EncodeValue
}

// Saw is a stamp that a delete has seen.
type Saw struct {
	Column uint32
	Stamp  Stamp
}

// Transaction is atomic: all of its operations have effect, or none.
//
//	[number, id, time, action, [op, …]]
//	[number, id, time, action, [op, …], before]     re-issued
type Transaction struct {
	Number uint64   // on its device, from 1; 0 while it is not settled
	ID     [16]byte // random
	Time   uint64   // see NextTime; 0 while it is not settled
	Action string   // the schema's action that made it; empty: direct writes
	Ops    []Op
	// Before is set if the transaction was issued again after a seal: its time
	// before that was lowered, never below Time.
	Before uint64
}

// Marked says that the transaction is a re-issue.
func (t *Transaction) Marked() bool { return t.Before != 0 }

// Stamp is the stamp of every operation of the transaction.
func (t *Transaction) Stamp(device wire.DeviceID) Stamp {
	return Stamp{t.Time, t.Before, device, t.Number}.normal()
}

// Resaw replaces a stamp in what the transaction's deletes say that they saw.
// A device whose own transaction gets another number or time when it is signed
// calls it on the later ones that wait with it, else a delete of a row that the
// device itself had just written would have missed that write.
func (t *Transaction) Resaw(old, settled Stamp) {
	old, settled = old.normal(), settled.normal()
	for i := range t.Ops {
		for j := range t.Ops[i].Saw {
			if s := &t.Ops[i].Saw[j]; s.Stamp.normal() == old {
				s.Stamp = settled
			}
		}
	}
}

// LaneEntry is what one device says at one place of its lane (DESIGN 7).
//
//	[[number, hash], [[device, length, root], …], endorsed or null, [transaction, …]]
//
// An entry without transactions is a statement: it witnesses what was seen. An
// entry of the order has the same form, and neither sees nor endorses.
type LaneEntry struct {
	Ledger wire.Position // the author's verified ledger
	Seen   []Seen        // what changed since the entry before, devices strictly ascending
	// Endorses is the digest of the state with which the epoch starts, as the
	// author computed it; nil where the entry says nothing about it.
	Endorses     *wire.Hash
	Transactions []Transaction
}

// Seen is a place in another lane that the author had seen when writing. The
// zero device stands for the order.
type Seen struct {
	Device wire.DeviceID
	wire.LogHead
}
