package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// A page is one CBOR array in canonical form: its records' keys and values, byte
// strings, in turn.
const (
	cborBytes = 2 << 5
	cborArray = 4 << 5

	maxHead = 9 // bytes of an item's head
)

// page gathers records. The head of the array comes last, when their number is
// known, into room that is kept for it.
type page struct {
	buf   []byte
	count int
	first []byte
}

func (p *page) add(key, value []byte) {
	if p.count == 0 {
		p.buf = append(p.buf[:0], make([]byte, maxHead)...)
		p.first = slices.Clone(key)
	}
	p.buf = append(appendHead(p.buf, cborBytes, len(key)), key...)
	p.buf = append(appendHead(p.buf, cborBytes, len(value)), value...)
	p.count++
}

// size is the length of the records as encoded.
func (p *page) size() int { return max(len(p.buf)-maxHead, 0) }

// encode is the page; it is valid until the next add.
func (p *page) encode() []byte {
	head := appendHead(nil, cborArray, 2*p.count)
	start := maxHead - len(head)
	copy(p.buf[start:], head)
	return p.buf[start:]
}

func (p *page) clear() { p.buf, p.count, p.first = p.buf[:0], 0, nil }

// recordSize is what a record takes in a page.
func recordSize(key, value []byte) int {
	return headSize(len(key)) + len(key) + headSize(len(value)) + len(value)
}

// readPage hands out the records of an encoded page, in the one form that encode
// prints. Keys and values share memory with b.
func readPage(b []byte, fn func(key, value []byte) error) error {
	n, rest, err := takeHead(b, cborArray)
	if err != nil {
		return err
	}
	if n == 0 || n%2 != 0 || n > uint64(len(rest)) {
		return fmt.Errorf("%w: page of %d items", ErrMalformed, n)
	}
	if n > 2 && len(rest) > PageEnd {
		return fmt.Errorf("%w: page of %d bytes, limit %d", ErrMalformed, len(rest), PageEnd)
	}
	for range n / 2 {
		var key, value []byte
		if key, rest, err = takeBytes(rest); err != nil {
			return err
		}
		if value, rest, err = takeBytes(rest); err != nil {
			return err
		}
		if err := fn(key, value); err != nil {
			return err
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: trailing bytes", ErrMalformed)
	}
	return nil
}

func takeBytes(b []byte) (item, rest []byte, err error) {
	n, rest, err := takeHead(b, cborBytes)
	if err != nil {
		return nil, nil, err
	}
	if n > uint64(len(rest)) {
		return nil, nil, fmt.Errorf("%w: ends early", ErrMalformed)
	}
	return rest[:n:n], rest[n:], nil
}

// takeHead reads the head of an item of the given major type, in shortest form only
// (RFC 8949 section 4.2.1).
func takeHead(b []byte, major byte) (n uint64, rest []byte, err error) {
	if len(b) == 0 || b[0]&^31 != major || b[0]&31 > 27 {
		return 0, nil, fmt.Errorf("%w: no item of the kind that belongs here", ErrMalformed)
	}
	info := b[0] & 31
	if info < 24 {
		return uint64(info), b[1:], nil
	}
	size := 1 << (info - 24)
	if len(b) < 1+size {
		return 0, nil, fmt.Errorf("%w: ends early", ErrMalformed)
	}
	for _, c := range b[1 : 1+size] {
		n = n<<8 | uint64(c)
	}
	if n > math.MaxInt32 || headSize(int(n)) != 1+size {
		return 0, nil, fmt.Errorf("%w: not the shortest form, or too long", ErrMalformed)
	}
	return n, b[1+size:], nil
}

func appendHead(b []byte, major byte, n int) []byte {
	switch headSize(n) {
	case 1:
		return append(b, major|byte(n))
	case 2:
		return append(b, major|24, byte(n))
	case 3:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
}

func headSize(n int) int {
	switch {
	case n < 24:
		return 1
	case n <= math.MaxUint8:
		return 2
	case n <= math.MaxUint16:
		return 3
	}
	return 5
}
