package seal

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// A frame hides how long its body is:
//
//	length of body, 8 bytes big-endian ‖ body ‖ zeros up to a Padmé length

const lengthSize = 8

// Padme is the padded size of n bytes: the next length whose binary form ends in
// enough zeros, at most 12 % more and ever less, so that a length tells O(log log n)
// bits (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
// Communication with PURBs", PETS 2019, section 4). It is at least Padme(min, 0).
func Padme(n, min int) int {
	n = max(n, min)
	if n < 2 {
		return n
	}
	e := bits.Len(uint(n)) - 1         // floor(log2 n)
	s := bits.Len(uint(e))             // bits needed to write e
	mask := 1<<(uint(max(e-s, 0))) - 1 // the last e-s bits become zero
	return (n + mask) &^ mask
}

// frame pads body.
func frame(body []byte, min int) []byte {
	out := make([]byte, Padme(lengthSize+len(body), min))
	binary.BigEndian.PutUint64(out, uint64(len(body)))
	copy(out[lengthSize:], body)
	return out
}

// unframe is the body; it shares memory with framed. Only a frame that this package
// could have made is accepted: a length of its own would mark it, and bytes behind the
// body would be a place to hide something in.
func unframe(framed []byte) ([]byte, error) {
	if len(framed) < lengthSize {
		return nil, fmt.Errorf("%w: frame of %d bytes", ErrMalformed, len(framed))
	}
	n, room := binary.BigEndian.Uint64(framed), uint64(len(framed)-lengthSize)
	if n > room {
		return nil, fmt.Errorf("%w: frame of %d bytes says %d", ErrMalformed, room, n)
	}
	if Padme(len(framed), 0) != len(framed) {
		return nil, fmt.Errorf("%w: frame of %d bytes is not padded", ErrMalformed, len(framed))
	}
	for _, b := range framed[lengthSize+n:] {
		if b != 0 {
			return nil, fmt.Errorf("%w: padding is not zero", ErrMalformed)
		}
	}
	return framed[lengthSize : lengthSize+n], nil
}
