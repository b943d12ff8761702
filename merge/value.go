package merge

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/espace-git/espace-git/internal/wire"
)

// What a cell may hold. The column's type (package schema) says which of these
// it takes; null is a value of every type.
//
//	column type      Go value     CBOR
//	any              nil          null
//	bool             bool         true, false
//	int              int64        integer, -2^63 … 2^63-1
//	real             float64      float, finite, never -0, shortest of 16, 32, 64 bits
//	text             string       text string, valid UTF-8
//	bytes            []byte       byte string
//	time             int64        integer: Unix microseconds, UTC
//	json             string       text string: RFC 8785 canonical text
//	id, ref, member  []byte       byte string, 16 bytes
//
// An integral real stays a float: 1.0 is f9 3c00, never 01.

// EncodeValue is the one encoding of v, which is one of the Go values above.
func EncodeValue(v any) ([]byte, error) { return AppendValue(nil, v) }

// AppendValue appends the encoding of v to b.
func AppendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, cborNull), nil
	case bool:
		if v {
			return append(b, cborTrue), nil
		}
		return append(b, cborFalse), nil
	case int64:
		return appendInt(b, v), nil
	case float64:
		return appendFloat(b, v)
	case string:
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("encoding text: %w: not UTF-8", wire.ErrMalformed)
		}
		return appendText(b, v), nil
	case []byte:
		return appendBytes(b, v), nil
	}
	return nil, fmt.Errorf("encoding value: %w: a cell holds no %T", wire.ErrMalformed, v)
}

// DecodeValue takes exactly one value in canonical form. Bytes are copied.
func DecodeValue(b []byte) (any, error) {
	r := reader{b: b}
	v := r.value()
	r.end()
	if r.err != nil {
		return nil, fmt.Errorf("decoding value: %w", r.err)
	}
	return v, nil
}

const (
	cborFalse = majorOther<<5 | 20
	cborTrue  = majorOther<<5 | 21
	cborNull  = majorOther<<5 | 22
)

func appendInt(b []byte, v int64) []byte {
	if v < 0 {
		return appendHead(b, majorNeg, uint64(-1-v))
	}
	return appendHead(b, majorUint, uint64(v))
}

// value reads one scalar.
func (r *reader) value() any {
	major, arg, size := r.head()
	if r.err != nil {
		return nil
	}
	switch major {
	case majorUint, majorNeg:
		return r.int(major, arg)
	case majorBytes:
		return append([]byte{}, r.take(arg)...)
	case majorText:
		return string(r.utf8(arg))
	case majorOther:
		return r.simple(arg, size)
	}
	r.fail("a cell holds a scalar")
	return nil
}

func (r *reader) int(major byte, arg uint64) any {
	if arg > math.MaxInt64 {
		r.fail("integer beyond 64 bits")
		return nil
	}
	if major == majorNeg {
		return -1 - int64(arg)
	}
	return int64(arg)
}

func (r *reader) simple(arg uint64, size int) any {
	switch {
	case size >= 2:
		return r.float(arg, size)
	case size == 0 && arg == 20:
		return false
	case size == 0 && arg == 21:
		return true
	case size == 0 && arg == 22:
		return nil
	}
	r.fail("unknown simple value")
	return nil
}

func (r *reader) utf8(n uint64) []byte {
	s := r.take(n)
	if !utf8.Valid(s) {
		r.fail("text is not UTF-8")
		return nil
	}
	return s
}

// raw reads one scalar, checked as value does it, and returns its bytes as they
// stand in the input: the hot loop of a join allocates nothing here.
func (r *reader) raw() []byte {
	start := r.off
	switch major, arg, size := r.head(); {
	case r.err != nil:
	case major == majorUint || major == majorNeg:
		if arg > math.MaxInt64 {
			r.fail("integer beyond 64 bits")
		}
	case major == majorBytes:
		r.take(arg)
	case major == majorText:
		r.utf8(arg)
	case major == majorOther:
		r.simple(arg, size)
	default:
		r.fail("a cell holds a scalar")
	}
	if r.err != nil {
		return nil
	}
	return r.b[start:r.off:r.off]
}
