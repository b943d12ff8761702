package gitstore

import "fmt"

// Deltas are read, never written: git makes them when a user repacks, and a
// host may send them.

// deltaSizes reads the two lengths at the head of a delta and what follows.
func deltaSizes(delta []byte) (base, result uint64, rest []byte, err error) {
	base, delta, ok1 := leb(delta)
	result, delta, ok2 := leb(delta)
	if !ok1 || !ok2 {
		return 0, 0, nil, fmt.Errorf("%w: delta without sizes", ErrCorrupt)
	}
	return base, result, delta, nil
}

// leb reads a little-endian base-128 number below 2^63.
func leb(b []byte) (n uint64, rest []byte, ok bool) {
	for i := 0; i < len(b) && i < 9; i++ {
		n |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return n, b[i+1:], true
		}
	}
	return 0, nil, false
}

// applyDelta makes the object that delta describes, at most max bytes.
// (gitformat-pack, "Deltified representation")
func applyDelta(base, delta []byte, max int) ([]byte, error) {
	want, size, ops, err := deltaSizes(delta)
	if err != nil {
		return nil, err
	}
	if want != uint64(len(base)) {
		return nil, fmt.Errorf("%w: delta for a base of another length", ErrCorrupt)
	}
	if size > uint64(max) {
		return nil, fmt.Errorf("delta makes %d bytes: %w", size, ErrTooBig)
	}
	out := make([]byte, 0, size)
	for len(ops) > 0 {
		var piece []byte
		if piece, ops, err = deltaOp(base, ops); err != nil {
			return nil, err
		}
		if len(out)+len(piece) > int(size) {
			return nil, fmt.Errorf("%w: delta makes more than its size", ErrCorrupt)
		}
		out = append(out, piece...)
	}
	if len(out) != int(size) {
		return nil, fmt.Errorf("%w: delta makes less than its size", ErrCorrupt)
	}
	return out, nil
}

// deltaOp reads one instruction: copy from base, or insert literal bytes.
func deltaOp(base, ops []byte) (piece, rest []byte, err error) {
	op := ops[0]
	ops = ops[1:]
	if op&0x80 == 0 {
		if op == 0 || int(op) > len(ops) {
			return nil, nil, fmt.Errorf("%w: delta inserts what is not there", ErrCorrupt)
		}
		return ops[:op], ops[op:], nil
	}
	var offset, size uint64
	for i := range 7 {
		if op&(1<<i) == 0 {
			continue
		}
		if len(ops) == 0 {
			return nil, nil, fmt.Errorf("%w: delta ends in an instruction", ErrCorrupt)
		}
		if i < 4 {
			offset |= uint64(ops[0]) << (8 * i)
		} else {
			size |= uint64(ops[0]) << (8 * (i - 4))
		}
		ops = ops[1:]
	}
	if size == 0 {
		size = 0x10000
	}
	if offset+size > uint64(len(base)) {
		return nil, nil, fmt.Errorf("%w: delta copies beyond its base", ErrCorrupt)
	}
	return base[offset : offset+size], ops, nil
}
