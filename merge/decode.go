package merge

import (
	"bytes"
	"fmt"
	"math"

	"github.com/espace-git/espace-git/internal/wire"
)

// Smallest encodings in bytes: what a count is held against before anything is
// allocated for it. An entry of wire.MaxEntry bytes so takes at most about 250
// MB while it is decoded.
const (
	minSeen = 1 + 17 + 1 + 33
	minTx   = 1 + 1 + 17 + 1 + 1 + 1
	minOp   = 1 + 1 + 1 + 17
	minCell = 1 + 1
	minSaw  = 1 + 1 + 1 + 1 + 17 + 1
)

// DecodeEntry takes what EncodeEntry prints and nothing else. The cells' values
// are parts of b, which must not change afterwards.
func DecodeEntry(b []byte) (*LaneEntry, error) {
	if len(b) > wire.MaxEntry {
		return nil, fmt.Errorf("decoding entry: %w: %d bytes, limit %d", wire.ErrMalformed, len(b), wire.MaxEntry)
	}
	d := decoder{reader: reader{b: b}}
	e := d.entry()
	d.end()
	if d.err == nil && !bytes.Equal(appendEntry(make([]byte, 0, len(b)), e), b) {
		d.fail("not the canonical encoding")
	}
	if d.err != nil {
		return nil, fmt.Errorf("decoding entry: %w", d.err)
	}
	return e, nil
}

// DecodeTransaction takes what EncodeTransaction prints and nothing else. The
// cells' values are parts of b.
func DecodeTransaction(b []byte) (*Transaction, error) {
	if len(b) > wire.MaxEntry {
		return nil, fmt.Errorf("decoding transaction: %w: %d bytes, limit %d", wire.ErrMalformed, len(b), wire.MaxEntry)
	}
	d := decoder{reader: reader{b: b}}
	tx := new(Transaction)
	d.transaction(tx)
	d.end()
	if d.err == nil && !bytes.Equal(appendTransaction(make([]byte, 0, len(b)), tx), b) {
		d.fail("not the canonical encoding")
	}
	if d.err != nil {
		return nil, fmt.Errorf("decoding transaction: %w", d.err)
	}
	return tx, nil
}

// decoder cuts the cells of all operations from shared slabs: one allocation
// for some hundred operations.
type decoder struct {
	reader
	slab []Cell
}

const slabCells = 1024

func (d *decoder) entry() *LaneEntry {
	e := new(LaneEntry)
	d.array(4, "entry")
	d.array(2, "ledger position")
	e.Ledger.Number = d.uint(math.MaxInt64, "ledger number")
	d.fixed(e.Ledger.Hash[:], "ledger hash")
	e.Seen = d.seen()
	if !d.null() {
		e.Endorses = new(wire.Hash)
		d.fixed(e.Endorses[:], "digest endorsed")
	}
	if n := d.count(majorArray, minTx, "transactions"); n > 0 {
		e.Transactions = make([]Transaction, n)
	}
	for i := range e.Transactions {
		tx := &e.Transactions[i]
		if d.transaction(tx); d.err != nil {
			break
		}
		if tx.Number == 0 || tx.Time == 0 {
			d.fail("transaction %d: number and time are not settled", i)
		}
	}
	return e
}

func (d *decoder) seen() []Seen {
	n := d.count(majorArray, minSeen, "seen")
	if n == 0 {
		return nil
	}
	out := make([]Seen, n)
	for i := 0; i < n && d.err == nil; i++ {
		s := &out[i]
		d.array(3, "seen")
		d.fixed(s.Device[:], "device")
		s.Len = d.uint(math.MaxInt64, "length")
		d.fixed(s.Root[:], "root")
		if i > 0 && bytes.Compare(out[i-1].Device[:], s.Device[:]) >= 0 {
			d.fail("devices seen are not ascending")
		}
	}
	return out
}

func (d *decoder) transaction(tx *Transaction) {
	fields := d.want(majorArray, "transaction")
	if d.err == nil && fields != 5 && fields != 6 {
		d.fail("transaction has %d fields", fields)
	}
	tx.Number = d.uint(MaxNumber, "transaction number")
	d.fixed(tx.ID[:], "transaction ID")
	tx.Time = d.uint(MaxTime, "time")
	tx.Action = d.text(MaxAction, "action name")
	if n := d.count(majorArray, minOp, "operations"); n > 0 {
		tx.Ops = make([]Op, n)
	}
	for i := range tx.Ops {
		if d.op(&tx.Ops[i]); d.err != nil {
			return
		}
	}
	if fields == 6 {
		tx.Before = d.uint(MaxTime, "time before")
		if d.err == nil && (tx.Before == 0 || tx.Before < tx.Time) {
			d.fail("time before lowering is below the time")
		}
	}
}

func (d *decoder) op(op *Op) {
	fields := d.want(majorArray, "operation")
	op.Kind = Kind(d.uint(uint64(Edit), "operation kind"))
	op.Table = uint32(d.uint(math.MaxUint32, "table number"))
	d.fixed(op.Row[:], "row ID")
	switch {
	case d.err != nil:
	case op.Kind == 0 || op.Table == 0 || op.Row == RowID{}:
		d.fail("kind, table or row is zero")
	case op.Kind == Delete && fields == 4:
		op.Saw = d.saw()
	case op.Kind != Delete && fields == 4:
		op.Cells = d.cells()
		if op.Kind != Insert && len(op.Cells) == 0 {
			d.fail("%s of nothing", op.Kind)
		}
		if op.Kind == Edit && !changes(op.Cells) {
			d.fail("an edit's cell that is no change")
		}
	case op.Kind != Delete || fields != 3:
		d.fail("%s has %d fields", op.Kind, fields)
	}
}

func (d *decoder) cells() []Cell {
	n := d.count(majorMap, minCell, "cells")
	cells := d.cut(n)
	last := uint32(0)
	for i := 0; i < n && d.err == nil; i++ {
		c := uint32(d.uint(math.MaxUint32, "column number"))
		if d.err == nil && c <= last {
			d.fail("column %d is out of order", c)
		}
		last = c
		cells[i] = Cell{c, d.raw()}
	}
	return cells
}

// cut takes n cells from the slab.
func (d *decoder) cut(n int) []Cell {
	if n == 0 {
		return nil
	}
	if n > len(d.slab) {
		if n > slabCells/8 { // keeps the rest of the slab: little is wasted
			return make([]Cell, n)
		}
		d.slab = make([]Cell, max(n, min(slabCells, d.left()/minCell)))
	}
	cells := d.slab[:n:n]
	d.slab = d.slab[n:]
	return cells
}

func (d *decoder) saw() []Saw {
	n := d.count(majorMap, minSaw, "stamps seen")
	if n == 0 {
		d.fail("no stamps seen")
		return nil
	}
	out := make([]Saw, n)
	for i := 0; i < n && d.err == nil; i++ {
		s := &out[i]
		s.Column = uint32(d.uint(math.MaxUint32, "column number"))
		s.Stamp = d.stamp()
		if i > 0 && d.err == nil && s.Column <= out[i-1].Column {
			d.fail("column %d is out of order", s.Column)
		}
	}
	return out
}

func (d *decoder) stamp() (s Stamp) {
	d.array(4, "stamp")
	s.Time = d.uint(MaxTime, "time")
	s.Before = d.uint(MaxTime, "time before")
	d.fixed(s.Device[:], "device")
	s.Number = d.uint(MaxNumber, "transaction number")
	if d.err == nil && (s.Time == 0 || s.Before < s.Time || s.Number == 0) {
		d.fail("no stamp")
	}
	return s
}
