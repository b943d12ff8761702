package merge

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/espace-git/espace-git/internal/wire"
)

// Counter is the sum of all deltas that were added. The sum is exact, in 128
// bits, so that the order of arrival does not matter at the ends of an int64;
// only what is shown is cut to them.
//
// A counter does not know which deltas it has: whoever folds adds each
// transaction once (a number counts once, DESIGN 5). The zero value is 0.
//
// At a seal a counter stays as it is. A re-issue adds its delta (DESIGN 5), so
// nothing about it is ever lost.
type Counter struct {
	hi int64 // two's complement, with lo below it
	lo uint64
}

// Add folds one delta.
func (c *Counter) Add(delta int64) {
	lo, carry := bits.Add64(c.lo, uint64(delta), 0)
	c.lo, c.hi = lo, c.hi+delta>>63+int64(carry)
}

// Sub takes one delta back that was added, as when a pending one is dropped.
func (c *Counter) Sub(delta int64) {
	lo, borrow := bits.Sub64(c.lo, uint64(delta), 0)
	c.lo, c.hi = lo, c.hi-delta>>63-int64(borrow)
}

// Merge adds the deltas of another counter; they must not be among its own.
func (c *Counter) Merge(o Counter) {
	lo, carry := bits.Add64(c.lo, o.lo, 0)
	c.lo, c.hi = lo, c.hi+o.hi+int64(carry)
}

// Value is the sum, or the int64 nearest to it.
func (c Counter) Value() int64 {
	v, exact := c.Exact()
	switch {
	case exact:
		return v
	case c.hi < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// Exact is the sum's lower half, and whether it is all of it.
func (c Counter) Exact() (v int64, ok bool) {
	v = int64(c.lo)
	return v, c.hi == v>>63
}

// EncodeCounterOp is the operation that adds a delta: the scalar of an int.
func EncodeCounterOp(delta int64) []byte { return appendInt(nil, delta) }

// DecodeCounterOp takes what EncodeCounterOp prints and nothing else.
func DecodeCounterOp(b []byte) (delta int64, err error) {
	v, err := DecodeValue(b)
	if err != nil {
		return 0, fmt.Errorf("decoding counter operation: %w", err)
	}
	delta, ok := v.(int64)
	if !ok {
		return 0, fmt.Errorf("decoding counter operation: %w: %T is no integer", wire.ErrMalformed, v)
	}
	return delta, nil
}

// EncodeCounter prints the sum as the shortest two's complement, big-endian;
// nothing is 0.
func EncodeCounter(c Counter) []byte {
	var all [16]byte
	for i := range 8 {
		all[i], all[8+i] = byte(c.hi>>(56-8*i)), byte(c.lo>>(56-8*i))
	}
	b := all[:]
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:]
	}
	if len(b) == 1 && b[0] == 0 {
		return []byte{}
	}
	return b
}

// DecodeCounter takes what EncodeCounter prints and nothing else.
func DecodeCounter(b []byte) (c Counter, err error) {
	if len(b) > 16 {
		return c, fmt.Errorf("decoding counter: %w: %d bytes", wire.ErrMalformed, len(b))
	}
	if len(b) > 0 && b[0] >= 0x80 {
		c = Counter{-1, math.MaxUint64}
	}
	for _, x := range b {
		c.hi, c.lo = c.hi<<8|int64(c.lo>>56), c.lo<<8|uint64(x)
	}
	if string(EncodeCounter(c)) != string(b) {
		return Counter{}, fmt.Errorf("decoding counter: %w: not the canonical encoding", wire.ErrMalformed)
	}
	return c, nil
}
