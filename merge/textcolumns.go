package merge

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/espace-git/espace-git/internal/wire"
)

// maxColumn bounds a column in bytes before it is compressed.
const maxColumn = 1 << 28

// column is a list of numbers on its way to bytes.
type column []byte

func (c *column) uint(n uint64) { *c = binary.AppendUvarint(*c, n) }
func (c *column) int(n int32)   { *c = binary.AppendVarint(*c, int64(n)) }

// columnReader takes numbers from bytes. After an error it gives zeros.
type columnReader struct {
	b   []byte
	err error
}

func (r *columnReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", wire.ErrMalformed, fmt.Sprintf(format, args...))
	}
	r.b = nil
}

// uint is the next number, which must not be above the bound.
func (r *columnReader) uint(bound uint64, what string) uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > bound {
		r.fail("%s", what)
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *columnReader) int(what string) int32 {
	n, size := binary.Varint(r.b)
	if size <= 0 || n != int64(int32(n)) {
		r.fail("%s", what)
		return 0
	}
	r.b = r.b[size:]
	return int32(n)
}

// count is the next number, of things that take at least size bytes each.
func (r *columnReader) count(size int, what string) int {
	return int(r.uint(uint64(len(r.b)/size), what))
}

func (r *columnReader) bytes(n int, what string) []byte {
	if n < 0 || n > len(r.b) {
		r.fail("%s", what)
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// more says whether there is something left to read.
func (r *columnReader) more() bool { return len(r.b) > 0 }

// appendPacked appends a column, compressed: its length, the length of what
// follows, and that as DEFLATE (RFC 1951) of a level with a dictionary.
func appendPacked(b []byte, raw, dictionary []byte, level int) []byte {
	var packed bytes.Buffer
	w, _ := flate.NewWriterDict(&packed, level, dictionary) // fails for unknown levels only
	_, _ = w.Write(raw)                                     // a buffer takes all
	_ = w.Close()
	b = binary.AppendUvarint(b, uint64(len(raw)))
	b = binary.AppendUvarint(b, uint64(packed.Len()))
	return append(b, packed.Bytes()...)
}

// packed is the next column, as it was before it was compressed. The claimed
// length is held against what DEFLATE can reach before anything is allocated.
func (r *columnReader) packed(dictionary []byte, what string) []byte {
	size := r.uint(maxColumn, what)
	from := r.bytes(int(r.uint(maxColumn, what)), what)
	if size > 1040*uint64(len(from)) {
		r.fail("%s: %d bytes from %d", what, size, len(from))
	}
	if r.err != nil {
		return nil
	}
	src := bytes.NewReader(from)
	inflate := flate.NewReaderDict(src, dictionary)
	out := make([]byte, size)
	var more [1]byte
	if _, err := io.ReadFull(inflate, out); err != nil {
		r.fail("%s: %v", what, err)
	} else if n, err := inflate.Read(more[:]); n != 0 || err != io.EOF || src.Len() > 0 {
		r.fail("%s: longer than it says", what)
	}
	return out
}

// tailOf is the part of a text that can serve as a dictionary.
func tailOf(b []byte) []byte { return b[max(0, len(b)-1<<15):] }
