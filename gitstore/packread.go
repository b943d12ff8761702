package gitstore

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/espace-git/espace-git/internal/wire"
)

// pack is one pack with its index, open for reading. It is immutable and safe
// for use by several goroutines: reads name their offset. The file stays open
// until nobody holds the pack (os.File closes itself then), so a pack that
// another process consolidated away can still be read.
type pack struct {
	base string // path without extension
	f    *os.File
	size int64
	idx  *idx
}

func openPack(base string) (*pack, error) {
	b, err := os.ReadFile(base + ".idx")
	if err != nil {
		return nil, err
	}
	x, err := parseIdx(b)
	if err != nil {
		return nil, fmt.Errorf("%s.idx: %w", filepath.Base(base), err)
	}
	f, err := os.Open(base + ".pack")
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &pack{base: base, f: f, size: st.Size(), idx: x}, nil
}

func (p *pack) name() string { return strings.TrimPrefix(filepath.Base(p.base), "pack-") }

// packHandle is a buffered reader at one place of a pack.
type packHandle struct {
	sec io.SectionReader
	buf *bufio.Reader
}

var packHandles = sync.Pool{New: func() any {
	return &packHandle{buf: bufio.NewReaderSize(nil, 4096)}
}}

func (p *pack) at(offset uint64) *packHandle {
	h := packHandles.Get().(*packHandle)
	h.sec = *io.NewSectionReader(p.f, int64(offset), p.size-20-int64(offset))
	h.buf.Reset(&h.sec)
	return h
}

func (h *packHandle) done() { packHandles.Put(h) }

// entryHead is what stands before the compressed bytes of an entry.
type entryHead struct {
	kind kind
	size uint64        // inflated; of a delta, the delta's
	back uint64        // ofs-delta: distance to the base
	base wire.ObjectID // ref-delta
	n    int           // bytes of the head itself
}

var errEntry = fmt.Errorf("%w: bad pack entry", ErrCorrupt)

// readEntryHead reads kind, size and base of an entry.
func readEntryHead(r io.ByteReader) (e entryHead, err error) {
	c, err := r.ReadByte()
	if err != nil {
		return e, corruptOr(err)
	}
	e.n, e.kind, e.size = 1, kind(c>>4&7), uint64(c&0x0f)
	for shift := 4; c&0x80 != 0; shift += 7 {
		if c, err = r.ReadByte(); err != nil {
			return e, corruptOr(err)
		}
		if e.n++; shift > 53 {
			return e, errEntry
		}
		e.size |= uint64(c&0x7f) << shift
	}
	return e, e.readBase(r)
}

func (e *entryHead) readBase(r io.ByteReader) error {
	switch {
	case e.kind == kindOfsDelta:
		return e.readBack(r)
	case e.kind == kindRefDelta:
		for i := range e.base {
			c, err := r.ReadByte()
			if err != nil {
				return corruptOr(err)
			}
			e.base[i] = c
		}
		e.n += 20
	case e.kind.String() == "":
		return errEntry
	}
	return nil
}

func (e *entryHead) readBack(r io.ByteReader) error {
	for i := 0; ; i++ {
		c, err := r.ReadByte()
		if err != nil {
			return corruptOr(err)
		}
		if e.n++; i > 7 {
			return errEntry
		}
		if i > 0 {
			e.back++
		}
		if e.back = e.back<<7 | uint64(c&0x7f); c&0x80 == 0 {
			return nil
		}
	}
}

// entry reads the entry at offset, not yet resolved. Data is of at most max bytes.
func (p *pack) entry(offset uint64, max int) (entryHead, []byte, error) {
	if offset < packHeaderSize || int64(offset) >= p.size-20 {
		return entryHead{}, nil, fmt.Errorf("%w: pack index points outside its pack", ErrCorrupt)
	}
	h := p.at(offset)
	defer h.done()
	e, err := readEntryHead(h.buf)
	if err != nil {
		return e, nil, err
	}
	if e.size > uint64(max) {
		return e, nil, fmt.Errorf("object of %d bytes: %w", e.size, ErrTooBig)
	}
	data, err := inflate(h.buf, int(e.size))
	return e, data, err
}

// object reads and resolves the i-th object. A base that is not in this pack
// is asked from other.
func (p *pack) object(i, max int, other func(wire.ObjectID) (kind, []byte, error)) (kind, []byte, error) {
	offset, ok := p.idx.offset(i)
	if !ok {
		return 0, nil, fmt.Errorf("%w: pack index points nowhere", ErrCorrupt)
	}
	var deltas [][]byte
	for held := 0; ; {
		e, data, err := p.entry(offset, max)
		if err != nil {
			return 0, nil, err
		}
		if e.kind <= kindTag {
			return undelta(e.kind, data, deltas, max)
		}
		deltas = append(deltas, data)
		if held += len(data); len(deltas) > MaxDeltaDepth || held > 4*MaxObject {
			return 0, nil, fmt.Errorf("chain of deltas: %w", ErrTooBig)
		}
		if e.kind == kindOfsDelta {
			if e.back == 0 || e.back > offset {
				return 0, nil, errEntry
			}
			offset -= e.back
			continue
		}
		if j, ok := p.idx.find(e.base); ok {
			if offset, ok = p.idx.offset(j); !ok {
				return 0, nil, errEntry
			}
			continue
		}
		k, base, err := other(e.base)
		if err != nil {
			return 0, nil, fmt.Errorf("base of a delta: %w", err)
		}
		return undelta(k, base, deltas, max)
	}
}

// undelta applies deltas, the last one first.
func undelta(k kind, data []byte, deltas [][]byte, max int) (kind, []byte, error) {
	for i := len(deltas) - 1; i >= 0; i-- {
		var err error
		if data, err = applyDelta(data, deltas[i], MaxObject); err != nil {
			return 0, nil, err
		}
	}
	if len(data) > max {
		return 0, nil, fmt.Errorf("object of %d bytes: %w", len(data), ErrTooBig)
	}
	return k, data, nil
}

// rawEntry gives the bytes of the i-th entry as they lie in the pack, for a
// copy into another pack; errDelta when it is not a whole object.
func (p *pack) rawEntry(i int, end uint64) ([]byte, error) {
	offset, ok := p.idx.offset(i)
	if !ok || end <= offset || int64(end) > p.size-20 || end-offset > MaxObject+MaxObject/100+1024 {
		return nil, errEntry
	}
	b := make([]byte, end-offset)
	if _, err := p.f.ReadAt(b, int64(offset)); err != nil {
		return nil, corruptOr(err)
	}
	if k := kind(b[0] >> 4 & 7); k > kindTag {
		return nil, errDelta
	}
	return b, nil
}

var errDelta = errors.New("entry is a delta")
