package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"

	"github.com/espace-git/espace-git/internal/wire"
)

// digestLabel begins what is hashed; it changes when the form does.
const digestLabel = "espace/v1/state\x00"

// Digest hashes a state, record by record: SHA-256 over a label and, for each
// record, the length of its key, the key, the length of its value, the value;
// lengths in 8 bytes, big-endian. It does not depend on pages. The zero value is
// ready for the first record.
type Digest struct {
	h       hash.Hash
	last    []byte
	buf     []byte
	records uint64
	bytes   uint64
}

// Add hashes a record. Errors: ErrOrder, ErrTooBig; it is then not part of the digest.
func (d *Digest) Add(key, value []byte) error {
	if err := d.check(key, value); err != nil {
		return fmt.Errorf("record %d: %w", d.records, err)
	}
	d.begin()
	d.buf = binary.BigEndian.AppendUint64(d.buf[:0], uint64(len(key)))
	d.buf = append(d.buf, key...)
	d.buf = binary.BigEndian.AppendUint64(d.buf, uint64(len(value)))
	d.h.Write(d.buf)
	d.h.Write(value)
	d.last = append(d.last[:0], key...)
	d.records++
	d.bytes += uint64(len(key) + len(value))
	return nil
}

// Sum is the digest of what was added so far.
func (d *Digest) Sum() (sum wire.Hash) {
	d.begin()
	d.h.Sum(sum[:0])
	return sum
}

// Records and Bytes are how much was added: Bytes counts keys and values.
func (d *Digest) Records() uint64 { return d.records }

// Bytes is the length of all keys and values.
func (d *Digest) Bytes() uint64 { return d.bytes }

func (d *Digest) begin() {
	if d.h == nil {
		d.h = sha256.New()
		d.h.Write([]byte(digestLabel))
	}
}

func (d *Digest) check(key, value []byte) error {
	switch {
	case len(key) == 0:
		return fmt.Errorf("%w: key without bytes", ErrOrder)
	case len(key) > MaxKey:
		return fmt.Errorf("%w: key of %d bytes, limit %d", ErrTooBig, len(key), MaxKey)
	case len(value) > MaxValue:
		return fmt.Errorf("%w: value of %d bytes, limit %d", ErrTooBig, len(value), MaxValue)
	case string(key) <= string(d.last):
		return fmt.Errorf("%w: key is not above the one before", ErrOrder)
	}
	return nil
}
