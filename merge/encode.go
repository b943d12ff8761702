package merge

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/espace-git/espace-git/internal/wire"
)

const (
	// MaxNumber bounds a device's transaction numbers: they fit an int64.
	MaxNumber = uint64(math.MaxInt64)
	// MaxAction is the length of an action's name, in bytes.
	MaxAction = 64
)

// EncodeEntry is the one encoding of e. It refuses what DecodeEntry would:
// transactions without number or time, columns out of order, values that are
// not canonical, an entry above wire.MaxEntry.
func EncodeEntry(e *LaneEntry) ([]byte, error) {
	b := appendEntry(make([]byte, 0, entrySize(e)), e)
	if err := checkEntry(e, len(b)); err != nil {
		return nil, fmt.Errorf("encoding entry: %w", err)
	}
	return b, nil
}

// EncodeTransaction encodes one transaction by itself, as the journal keeps it:
// its number and time may still be zero.
func EncodeTransaction(tx *Transaction) ([]byte, error) {
	if err := checkTransaction(tx); err != nil {
		return nil, fmt.Errorf("encoding transaction: %w", err)
	}
	b := appendTransaction(make([]byte, 0, txSize(tx)), tx)
	if len(b) > wire.MaxEntry {
		return nil, fmt.Errorf("encoding transaction: %w: %d bytes, limit %d", wire.ErrMalformed, len(b), wire.MaxEntry)
	}
	return b, nil
}

func appendEntry(b []byte, e *LaneEntry) []byte {
	b = appendHead(b, majorArray, 4)
	b = appendHead(b, majorArray, 2)
	b = appendUint(b, e.Ledger.Number)
	b = appendBytes(b, e.Ledger.Hash[:])
	b = appendHead(b, majorArray, uint64(len(e.Seen)))
	for i := range e.Seen {
		s := &e.Seen[i]
		b = appendHead(b, majorArray, 3)
		b = appendBytes(b, s.Device[:])
		b = appendUint(b, s.Len)
		b = appendBytes(b, s.Root[:])
	}
	if e.Endorses == nil {
		b = append(b, cborNull)
	} else {
		b = appendBytes(b, e.Endorses[:])
	}
	b = appendHead(b, majorArray, uint64(len(e.Transactions)))
	for i := range e.Transactions {
		b = appendTransaction(b, &e.Transactions[i])
	}
	return b
}

func appendTransaction(b []byte, tx *Transaction) []byte {
	if tx.Marked() {
		b = appendHead(b, majorArray, 6)
	} else {
		b = appendHead(b, majorArray, 5)
	}
	b = appendUint(b, tx.Number)
	b = appendBytes(b, tx.ID[:])
	b = appendUint(b, tx.Time)
	b = appendText(b, tx.Action)
	b = appendHead(b, majorArray, uint64(len(tx.Ops)))
	for i := range tx.Ops {
		b = appendOp(b, &tx.Ops[i])
	}
	if tx.Marked() {
		b = appendUint(b, tx.Before)
	}
	return b
}

func appendOp(b []byte, op *Op) []byte {
	fields := uint64(4)
	if op.Kind == Delete && len(op.Saw) == 0 {
		fields = 3
	}
	b = appendHead(b, majorArray, fields)
	b = appendUint(b, uint64(op.Kind))
	b = appendUint(b, uint64(op.Table))
	b = appendBytes(b, op.Row[:])
	switch {
	case op.Kind != Delete:
		return appendCells(b, op.Cells)
	case len(op.Saw) > 0:
		return appendSaw(b, op.Saw)
	}
	return b
}

func appendCells(b []byte, cells []Cell) []byte {
	b = appendHead(b, majorMap, uint64(len(cells)))
	for i := range cells {
		b = appendUint(b, uint64(cells[i].Column))
		b = append(b, cells[i].Value...)
	}
	return b
}

func appendSaw(b []byte, saw []Saw) []byte {
	b = appendHead(b, majorMap, uint64(len(saw)))
	for _, s := range saw {
		b = appendStamp(appendUint(b, uint64(s.Column)), s.Stamp)
	}
	return b
}

func appendStamp(b []byte, s Stamp) []byte {
	s = s.normal()
	b = appendHead(b, majorArray, 4)
	b = appendUint(b, s.Time)
	b = appendUint(b, s.Before)
	b = appendBytes(b, s.Device[:])
	return appendUint(b, s.Number)
}

// entrySize and txSize are upper bounds, so that encoding allocates once.
func entrySize(e *LaneEntry) int {
	n := 96 + 64*len(e.Seen)
	for i := range e.Transactions {
		n += txSize(&e.Transactions[i])
	}
	return n
}

func txSize(tx *Transaction) int {
	n := 64 + len(tx.Action)
	for i := range tx.Ops {
		n += 32 + 64*len(tx.Ops[i].Saw)
		for j := range tx.Ops[i].Cells {
			n += 5 + len(tx.Ops[i].Cells[j].Value)
		}
	}
	return n
}

// ---------- what may be encoded ----------

func checkEntry(e *LaneEntry, size int) error {
	if size > wire.MaxEntry {
		return fmt.Errorf("%w: %d bytes, limit %d", wire.ErrMalformed, size, wire.MaxEntry)
	}
	if !slices.IsSortedFunc(e.Seen, func(a, b Seen) int {
		if c := bytes.Compare(a.Device[:], b.Device[:]); c != 0 {
			return c
		}
		return -1 // equal neighbours are out of order: strictly ascending
	}) {
		return fmt.Errorf("%w: devices seen are not ascending", wire.ErrMalformed)
	}
	for i := range e.Transactions {
		tx := &e.Transactions[i]
		if err := checkTransaction(tx); err != nil {
			return fmt.Errorf("transaction %d: %w", i, err)
		}
		if tx.Number == 0 || tx.Time == 0 {
			return fmt.Errorf("transaction %d: %w: number and time are not settled", i, wire.ErrMalformed)
		}
	}
	return nil
}

func checkTransaction(tx *Transaction) error {
	switch {
	case tx.Number > MaxNumber, tx.Time > MaxTime, tx.Before > MaxTime:
		return fmt.Errorf("%w: number or time above 2^63-1", wire.ErrMalformed)
	case tx.Marked() && tx.Before < tx.Time:
		return fmt.Errorf("%w: time before lowering is below the time", wire.ErrMalformed)
	case len(tx.Action) > MaxAction || !utf8.ValidString(tx.Action):
		return fmt.Errorf("%w: action name is no text of at most %d bytes", wire.ErrMalformed, MaxAction)
	}
	for i := range tx.Ops {
		if err := checkOp(&tx.Ops[i]); err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
	}
	return nil
}

func checkOp(op *Op) error {
	switch {
	case op.Kind < Insert || op.Kind > Edit:
		return fmt.Errorf("%w: unknown operation kind %d", wire.ErrMalformed, op.Kind)
	case op.Table == 0:
		return fmt.Errorf("%w: table number 0", wire.ErrMalformed)
	case op.Row == RowID{}:
		return fmt.Errorf("%w: row ID of zeros", wire.ErrMalformed)
	case op.Kind == Delete && len(op.Cells) > 0, op.Kind != Delete && len(op.Saw) > 0:
		return fmt.Errorf("%w: %s with the parts of another kind", wire.ErrMalformed, op.Kind)
	case (op.Kind == Update || op.Kind == Edit) && len(op.Cells) == 0:
		return fmt.Errorf("%w: %s of nothing", wire.ErrMalformed, op.Kind)
	}
	if err := checkCells(op.Cells); err != nil {
		return err
	}
	if op.Kind == Edit && !changes(op.Cells) {
		return fmt.Errorf("%w: an edit's cell that is no change", wire.ErrMalformed)
	}
	return checkSaw(op.Saw)
}

func checkCells(cells []Cell) error {
	last := uint32(0)
	for i := range cells {
		c := &cells[i]
		if c.Column <= last {
			return fmt.Errorf("%w: column %d is out of order", wire.ErrMalformed, c.Column)
		}
		last = c.Column
		r := reader{b: c.Value}
		r.raw()
		r.end()
		if r.err != nil {
			return fmt.Errorf("column %d: %w", c.Column, r.err)
		}
	}
	return nil
}

// changes says whether all values have the form of a change: a byte string, or a
// counter's integer.
func changes(cells []Cell) bool {
	for i := range cells {
		if v := cells[i].Value; len(v) == 0 || v[0]>>5 > majorBytes {
			return false
		}
	}
	return true
}

func checkSaw(saw []Saw) error {
	for i, s := range saw {
		if i > 0 && s.Column <= saw[i-1].Column {
			return fmt.Errorf("%w: column %d is out of order", wire.ErrMalformed, s.Column)
		}
		if t := s.Stamp.normal(); t.Time == 0 || t.Before > MaxTime || t.Number == 0 || t.Number > MaxNumber {
			return fmt.Errorf("%w: column %d: no stamp", wire.ErrMalformed, s.Column)
		}
	}
	return nil
}
