package merge

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// A row's stamps as bytes, for the local store only: nothing signs or hashes
// them, so their form may change with the store's version.
//
//	flags      1 byte: which parts follow; rowUniform: one stamp for all
//	stamps     uvarint count (left out if uniform), then each stamp, in order of
//	           first use: time 8 bytes big-endian, uvarint before-time,
//	           device 16 bytes, uvarint number
//	inserted   uvarint index of its stamp, if flagged and not uniform
//	deleted    the same
//	cells      uvarint count, then per cell: uvarint step of the column above
//	           the one before, uvarint index of its stamp (unless uniform)
//	covered    as cells, if flagged
//
// A row that one transaction wrote takes 28 bytes and one for each column.
const (
	rowInserted = 1 << iota
	rowDeleted
	rowCovered
	rowUniform
)

const minStamp = 8 + 1 + 16 + 1

// AppendRowState appends the encoding of s to b.
func AppendRowState(b []byte, s *RowState) []byte {
	var buf [4]Stamp
	table := s.stamps(buf[:0])
	flags := byte(0)
	if !s.Inserted.IsZero() {
		flags |= rowInserted
	}
	if !s.Deleted.IsZero() {
		flags |= rowDeleted
	}
	if len(s.Covered) > 0 {
		flags |= rowCovered
	}
	if len(table) == 1 {
		flags |= rowUniform
	}
	w := rowWriter{append(b, flags), table}
	if flags&rowUniform == 0 {
		w.uvarint(uint64(len(table)))
	}
	for _, t := range table {
		w.stamp(t)
	}
	if flags&rowInserted != 0 {
		w.index(s.Inserted)
	}
	if flags&rowDeleted != 0 {
		w.index(s.Deleted)
	}
	w.cells(len(s.Cells), func(i int) CellStamp { return s.Cells[i] })
	if flags&rowCovered != 0 {
		w.cells(len(s.Covered), func(i int) CellStamp { return CellStamp(s.Covered[i]) })
	}
	return w.b
}

// stamps appends the different stamps of s in order of first use.
func (s *RowState) stamps(table []Stamp) []Stamp {
	add := func(t Stamp) {
		if t = t.normal(); !t.IsZero() && !slices.Contains(table, t) {
			table = append(table, t)
		}
	}
	add(s.Inserted)
	add(s.Deleted)
	for i := range s.Cells {
		add(s.Cells[i].Stamp)
	}
	for i := range s.Covered {
		add(s.Covered[i].Stamp)
	}
	return table
}

type rowWriter struct {
	b     []byte
	table []Stamp
}

func (w *rowWriter) uvarint(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

func (w *rowWriter) stamp(t Stamp) {
	w.b = binary.BigEndian.AppendUint64(w.b, t.Time)
	w.uvarint(t.Before - t.Time)
	w.b = append(w.b, t.Device[:]...)
	w.uvarint(t.Number)
}

func (w *rowWriter) index(t Stamp) {
	if len(w.table) > 1 {
		w.uvarint(uint64(slices.Index(w.table, t.normal())))
	}
}

func (w *rowWriter) cells(n int, at func(int) CellStamp) {
	w.uvarint(uint64(n))
	last := int64(-1)
	for i := range n {
		c := at(i)
		w.uvarint(uint64(int64(c.Column) - last))
		last = int64(c.Column)
		w.index(c.Stamp)
	}
}

// DecodeRowState takes what AppendRowState prints and nothing else.
func DecodeRowState(b []byte) (RowState, error) {
	r := rowReader{b: b}
	s := r.state()
	if r.bad || len(r.b) > 0 || !bytes.Equal(AppendRowState(make([]byte, 0, 128), &s), b) {
		return RowState{}, fmt.Errorf("decoding row state: %w", wire.ErrMalformed)
	}
	return s, nil
}

type rowReader struct {
	b       []byte
	bad     bool
	uniform bool
	table   []Stamp
}

func (r *rowReader) state() (s RowState) {
	flags := r.take(1)[0]
	if flags >= rowUniform<<1 {
		r.bad = true
	}
	r.uniform = flags&rowUniform != 0
	n := 1
	if !r.uniform {
		n = r.count(minStamp)
	}
	var buf [4]Stamp
	r.table = buf[:0]
	for range n {
		if r.table = append(r.table, r.stamp()); r.bad {
			return s
		}
	}
	if flags&rowInserted != 0 {
		s.Inserted = r.index()
	}
	if flags&rowDeleted != 0 {
		s.Deleted = r.index()
	}
	s.Cells = r.cells()
	if flags&rowCovered != 0 {
		for _, c := range r.cells() {
			s.Covered = append(s.Covered, Saw(c))
		}
	}
	return s
}

// take returns n bytes, zeros if there are fewer.
func (r *rowReader) take(n int) []byte {
	if len(r.b) < n {
		r.bad, r.b = true, nil
		return make([]byte, n)
	}
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

func (r *rowReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads how many items of at least size bytes follow.
func (r *rowReader) count(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.b)/size) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *rowReader) stamp() (t Stamp) {
	t.Time = binary.BigEndian.Uint64(r.take(8))
	above := r.uvarint()
	t.Before = t.Time + above
	copy(t.Device[:], r.take(16))
	t.Number = r.uvarint()
	if t.Time == 0 || t.Time > MaxTime || above > MaxTime-t.Time || t.Number == 0 || t.Number > MaxNumber {
		r.bad = true
	}
	return t
}

func (r *rowReader) index() Stamp {
	if r.uniform {
		return r.table[0]
	}
	i := r.uvarint()
	if i >= uint64(len(r.table)) {
		r.bad = true
		return Stamp{}
	}
	return r.table[i]
}

func (r *rowReader) cells() []CellStamp {
	size := 2
	if r.uniform {
		size = 1
	}
	n := r.count(size)
	if n == 0 {
		return nil
	}
	cells := make([]CellStamp, 0, n)
	last := int64(-1)
	for range n {
		step := r.uvarint()
		if r.bad || step == 0 || step > 1<<32 || last+int64(step) >= 1<<32 {
			r.bad = true
			return nil
		}
		last += int64(step)
		cells = append(cells, CellStamp{uint32(last), r.index()})
	}
	return cells
}
