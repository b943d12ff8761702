package chain

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/espace-git/espace-git/internal/wire"
)

// encoder and decoder write and read fields with 4-byte big-endian lengths. The
// decoder checks each length against what is there before it takes anything,
// and remembers the first error.
type encoder []byte

type decoder struct {
	rest []byte
	err  error
}

func (e *encoder) count(n int) { *e = binary.BigEndian.AppendUint32(*e, uint32(n)) }

func (e *encoder) bytes(b []byte) {
	e.count(len(b))
	*e = append(*e, b...)
}

func (e *encoder) hashes(hs []wire.Hash) {
	e.count(len(hs))
	for _, h := range hs {
		*e = append(*e, h[:]...)
	}
}

// commit writes a verified commit with its key; nothing for none.
func (e *encoder) commit(v Verified) {
	e.bytes(v.raw)
	e.bytes(v.key)
}

// take is the next n bytes, shared with the input.
func (d *decoder) take(n uint64) []byte {
	if d.err != nil || n > uint64(len(d.rest)) {
		d.fail("cut short")
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrMalformed, what)
	}
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

// count reads a number that must be at most limit.
func (d *decoder) count(limit uint64) uint64 {
	b := d.take(4)
	if b == nil {
		return 0
	}
	n := uint64(binary.BigEndian.Uint32(b))
	if n > limit {
		d.fail("too many")
		return 0
	}
	return n
}

func (d *decoder) bytes() []byte { return d.take(d.count(math.MaxUint32)) }

func (d *decoder) hashes() []wire.Hash {
	b := d.take(32 * d.count(math.MaxUint32))
	out := make([]wire.Hash, 0, len(b)/32)
	for ; len(b) > 0; b = b[32:] {
		out = append(out, wire.Hash(b))
	}
	return out
}

// commit reads, parses and verifies a commit; the zero value stands for none.
func (d *decoder) commit() Verified {
	raw, key := d.bytes(), d.bytes()
	if d.err != nil || len(raw)+len(key) == 0 {
		return Verified{}
	}
	v, err := verifyLogCommit(raw, key)
	if err != nil && d.err == nil {
		d.err = err
	}
	return v
}

// piece reads a commit that waits.
func (d *decoder) piece() *piece {
	v := d.commit()
	n := d.count(wire.MaxItems)
	entries := map[uint64][]byte{}
	for i := range n {
		if v.raw == nil || n > v.Log.Len || d.err != nil {
			d.fail("more entries than the log")
			return nil
		}
		entries[v.Log.Len-n+i] = d.bytes()
	}
	if v.raw == nil {
		d.fail("no commit")
		return nil
	}
	return newPiece(Piece{Commit: v, Entries: entries})
}

func (d *decoder) evidence() (e Evidence) {
	e.A, e.B = d.bytes(), d.bytes()
	if b := d.take(8); b != nil {
		e.At = binary.BigEndian.Uint64(b)
	}
	e.Common = d.bytes()
	if first := d.hashes(); len(first) == 2 {
		e.LeafA, e.LeafB = first[0], first[1]
	} else {
		d.fail("not two leaves")
	}
	e.RestA, e.RestB = d.hashes(), d.hashes()
	return e
}
