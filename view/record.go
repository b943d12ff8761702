package view

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// The view's records in a checkpoint (spec/checkpoint.md §3). Keys ascend.
//
//	'r' table row         a row: CBOR [state, {column: value, …}]
//	'r' table row column  a cell that has no room in its row: CBOR value
//	's' table row column  a document: what merge.Document encodes, or its first part
//	's' table row column number    its further parts, from 1
//	'w' device            whose device wrote some of the rows: CBOR member ID
//
// Table, column and number take 4 bytes, big-endian; row, device and member 16. The state is
// merge.AppendRowState; values are those of merge.EncodeValue. Null is left out.
const (
	rowTag      = 'r'
	documentTag = 's'
	writerTag   = 'w'

	rowKeySize    = 1 + 4 + 16
	cellKeySize   = rowKeySize + 4
	writerKeySize = 1 + 16

	documentKeySize     = rowKeySize + 4
	documentPartKeySize = documentKeySize + 4
)

// inlineCells is how many bytes of values a row's record holds: cells go into it in
// the order of their columns as long as they fit, the others get records of their
// own. So no record outgrows a page by much, whatever a row holds.
const inlineCells = 64 << 10

func appendRowKey(b []byte, table uint32, row [16]byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, rowTag), table)
	return append(b, row[:]...)
}

func appendDocumentKey(b []byte, table uint32, row [16]byte, column uint32) []byte {
	b = binary.BigEndian.AppendUint32(append(b, documentTag), table)
	return be32(append(b, row[:]...), column)
}

// rowRecord is the value of a row's record.
type rowRecord struct {
	meta  []byte
	cells []rawCell
}

// rawCell is a cell whose value is encoded.
type rawCell struct {
	column uint32
	value  []byte
}

const (
	cborBytes = 2 << 5
	cborText  = 3 << 5
	cborArray = 4 << 5
	cborMap   = 5 << 5
	cborOther = 7 << 5
)

func (r *rowRecord) append(b []byte) []byte {
	b = appendHead(b, cborArray, 2)
	b = append(appendHead(b, cborBytes, uint64(len(r.meta))), r.meta...)
	b = appendHead(b, cborMap, uint64(len(r.cells)))
	for _, c := range r.cells {
		b = append(appendHead(b, 0, uint64(c.column)), c.value...)
	}
	return b
}

// decodeRowRecord takes what append prints. Values are only told apart here: what
// they are is checked where the column is known.
func decodeRowRecord(b []byte) (r rowRecord, err error) {
	d := recordReader{b: b}
	if d.head(cborArray) != 2 {
		d.bad = true
	}
	r.meta = d.take(d.head(cborBytes))
	n := d.head(cborMap)
	if n > uint64(len(d.b)/2) {
		d.bad, n = true, 0
	}
	last := uint64(0)
	for range n {
		c := d.head(0)
		if c <= last || c > math.MaxUint32 {
			d.bad = true
		}
		last = c
		r.cells = append(r.cells, rawCell{uint32(c), d.scalar()})
		if d.bad {
			break
		}
	}
	if d.bad || len(d.b) > 0 {
		return rowRecord{}, fmt.Errorf("decoding a row: %w", wire.ErrMalformed)
	}
	return r, nil
}

// recordReader takes canonical CBOR apart. After the first fault it returns zeros.
type recordReader struct {
	b   []byte
	bad bool
}

// head reads the head of an item of this major type.
func (d *recordReader) head(major byte) uint64 {
	if len(d.b) == 0 || d.b[0]&^31 != major {
		d.bad = true
		return 0
	}
	n, size := d.argument()
	d.take(uint64(size))
	return n
}

// argument is the number in the head at hand, and the length of the head.
func (d *recordReader) argument() (n uint64, size int) {
	info := d.b[0] & 31
	if info < 24 {
		return uint64(info), 1
	}
	size = 1 + 1<<(info-24)
	if info > 27 || len(d.b) < size {
		d.bad = true
		return 0, 0
	}
	for _, c := range d.b[1:size] {
		n = n<<8 | uint64(c)
	}
	if d.b[0]&^31 != cborOther && headSize(n) != size { // of floats the argument is no number
		d.bad = true
	}
	return n, size
}

// scalar takes one value as it is encoded.
func (d *recordReader) scalar() []byte {
	if len(d.b) == 0 {
		d.bad = true
		return nil
	}
	major := d.b[0] &^ 31
	n, size := d.argument()
	if major != cborBytes && major != cborText {
		n = 0
	}
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	return d.take(uint64(size) + n)
}

func (d *recordReader) take(n uint64) []byte {
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	s := d.b[:n:n]
	d.b = d.b[n:]
	return s
}

func appendHead(b []byte, major byte, n uint64) []byte {
	switch headSize(n) {
	case 1:
		return append(b, major|byte(n))
	case 2:
		return append(b, major|24, byte(n))
	case 3:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case 5:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func headSize(n uint64) int {
	switch {
	case n < 24:
		return 1
	case n <= math.MaxUint8:
		return 2
	case n <= math.MaxUint16:
		return 3
	case n <= math.MaxUint32:
		return 5
	}
	return 9
}

// sealed decodes the state of a row and refuses what no sealed state holds: a row
// that is not alive, and what deletes leave behind.
func sealedState(meta []byte) (merge.RowState, error) {
	s, err := merge.DecodeRowState(meta)
	if err == nil && (s.Inserted.IsZero() || !s.Deleted.IsZero() || len(s.Covered) > 0) {
		err = fmt.Errorf("%w: the state of a row that is not sealed", wire.ErrMalformed)
	}
	return s, err
}
