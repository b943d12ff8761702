package gitstore

import (
	"bufio"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/espace-git/espace-git/internal/wire"
)

// A pack from a host is never stored as it came. It is read once, within
// bounds, every object is named by our own hash, deltas are resolved, and what
// comes out is a pack of our own form: later reads meet no chain, no bomb and
// no index that somebody else wrote.

// importer turns one foreign pack into entries of a packWriter.
type importer struct {
	out      *packWriter
	limits   Limits
	inflated int64 // budget left for inflated bytes
	external func(wire.ObjectID) (kind, []byte, error)

	places  map[uint64]wire.ObjectID // offset in the foreign pack → object
	byName  map[wire.ObjectID]place
	pending []pendingDelta
	held    int // bytes in pending
}

// place is where an object's own entry lies in the new pack.
type place struct {
	offset uint64
	length int
}

type pendingDelta struct {
	offset uint64 // its own, in the foreign pack
	back   uint64
	base   wire.ObjectID
	data   []byte
}

// inflateFactor: how much larger than received objects may be all together.
const inflateFactor = 4

// pendingMax bounds the deltas that wait for a base, in bytes.
const pendingMax = 128 << 20

func newImporter(out *packWriter, l Limits) *importer {
	return &importer{
		out: out, limits: l, inflated: max(l.Bytes, l.Bytes*inflateFactor),
		places: map[uint64]wire.ObjectID{}, byName: map[wire.ObjectID]place{},
	}
}

// countingReader counts and hashes what is consumed, byte-exact: flate takes
// single bytes, so the hash is fed a buffer at a time.
type countingReader struct {
	r    io.Reader
	sum  hash.Hash
	buf  [64 << 10]byte
	from int // first byte not hashed yet
	at   int // next byte
	end  int
	past uint64 // bytes in buffers before this one
}

func (c *countingReader) consumed() uint64 { return c.past + uint64(c.at) }

// fill hashes what was consumed and reads on; the buffer must be used up.
func (c *countingReader) fill() error {
	c.hash()
	c.past += uint64(c.at)
	c.from, c.at, c.end = 0, 0, 0
	for {
		n, err := c.r.Read(c.buf[:])
		if c.end = n; n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (c *countingReader) hash() {
	c.sum.Write(c.buf[c.from:c.at])
	c.from = c.at
}

func (c *countingReader) ReadByte() (byte, error) {
	if c.at == c.end {
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	c.at++
	return c.buf[c.at-1], nil
}

func (c *countingReader) Read(p []byte) (int, error) {
	if c.at == c.end {
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.buf[c.at:c.end])
	c.at += n
	return n, nil
}

// read consumes a whole pack: header, entries, checksum.
func (m *importer) read(r io.Reader) error {
	in := &packStream{r: r}
	count, err := in.header()
	if err != nil {
		return err
	}
	if count > m.limits.Objects {
		return fmt.Errorf("pack of %d objects, limit %d: %w", count, m.limits.Objects, ErrTooBig)
	}
	for range count {
		if err := m.entry(in); err != nil {
			return err
		}
	}
	if err := in.trailer(); err != nil {
		return err
	}
	return m.resolve()
}

func (m *importer) entry(in *packStream) error {
	offset := in.offset
	e, data, err := in.entry(m.allow)
	if err != nil {
		return err
	}
	switch e.kind {
	case kindOfsDelta, kindRefDelta:
		return m.delta(offset, e, data)
	}
	return m.whole(offset, e.kind, data)
}

// allow is asked before size bytes are inflated.
func (m *importer) allow(e entryHead) error {
	limit := MaxObject
	if e.kind <= kindTag {
		limit = maxOf(e.kind)
	}
	if e.size > uint64(limit) {
		return fmt.Errorf("%s of %d bytes: %w", e.kind, e.size, ErrTooBig)
	}
	return m.spend(int(e.size))
}

func (m *importer) spend(n int) error {
	if m.inflated -= int64(n); m.inflated < 0 {
		return fmt.Errorf("pack that inflates beyond its limit: %w", ErrTooBig)
	}
	return nil
}

// whole stores an object that needs no base.
func (m *importer) whole(offset uint64, k kind, data []byte) error {
	id, err := nameOfForeign(k, data)
	if err != nil {
		return err
	}
	m.places[offset] = id
	if _, twice := m.byName[id]; twice {
		return nil
	}
	entry := appendEntry(nil, k, data)
	m.byName[id] = place{m.out.offset, len(entry)}
	return m.out.raw(id, entry)
}

func (m *importer) delta(offset uint64, e entryHead, data []byte) error {
	d := pendingDelta{offset: offset, base: e.base, data: data}
	if e.kind == kindOfsDelta {
		if e.back == 0 || e.back > offset {
			return errEntry
		}
		d.back = offset - e.back
	}
	if k, base, err := m.base(d); err == nil {
		return m.apply(d, k, base)
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	m.pending = append(m.pending, d)
	if m.held += len(data) + 64; m.held > pendingMax {
		return fmt.Errorf("deltas without bases: %w", ErrTooBig)
	}
	return nil
}

// base finds what a delta stands on: in this pack or in the store.
func (m *importer) base(d pendingDelta) (kind, []byte, error) {
	id := d.base
	if d.back != 0 {
		p, ok := m.places[d.back]
		if !ok {
			return 0, nil, ErrNotFound
		}
		id = p
	}
	if at, ok := m.byName[id]; ok {
		return m.reread(at)
	}
	if m.external == nil {
		return 0, nil, ErrNotFound
	}
	return m.external(id)
}

// reread takes back an object that was written to the new pack.
func (m *importer) reread(at place) (kind, []byte, error) {
	if err := m.out.w.Flush(); err != nil {
		return 0, nil, err
	}
	sec := io.NewSectionReader(m.out.f, int64(at.offset), int64(at.length))
	r := bufio.NewReader(sec)
	e, err := readEntryHead(r)
	if err != nil {
		return 0, nil, err
	}
	if err := m.spend(int(e.size)); err != nil {
		return 0, nil, err
	}
	data, err := inflate(r, int(e.size))
	return e.kind, data, err
}

func (m *importer) apply(d pendingDelta, k kind, base []byte) error {
	_, size, _, err := deltaSizes(d.data)
	if err != nil {
		return err
	}
	if size > uint64(maxOf(k)) {
		return fmt.Errorf("delta makes %d bytes: %w", size, ErrTooBig)
	}
	if err := m.spend(int(size)); err != nil {
		return err
	}
	data, err := applyDelta(base, d.data, maxOf(k))
	if err != nil {
		return err
	}
	return m.whole(d.offset, k, data)
}

// resolve goes over the deltas whose bases came later, until a round brings
// nothing. A chain in reverse order costs a round each: bounded.
func (m *importer) resolve() error {
	for round := 0; len(m.pending) > 0; round++ {
		left := m.pending[:0:0]
		for _, d := range m.pending {
			k, base, err := m.base(d)
			if errors.Is(err, ErrNotFound) {
				left = append(left, d)
				continue
			}
			if err != nil {
				return err
			}
			if err := m.apply(d, k, base); err != nil {
				return err
			}
		}
		if len(left) == len(m.pending) || round > 64 {
			return fmt.Errorf("%w: %d deltas without a base", ErrCorrupt, len(left))
		}
		m.pending = left
	}
	return nil
}

// packStream reads a pack from its first byte to its checksum.
type packStream struct {
	r      io.Reader
	c      *countingReader
	offset uint64
}

func (s *packStream) header() (int, error) {
	s.c = &countingReader{r: s.r, sum: sha1.New()}
	var h [packHeaderSize]byte
	if _, err := io.ReadFull(s.c, h[:]); err != nil {
		return 0, truncated(err)
	}
	if string(h[:4]) != "PACK" || binary.BigEndian.Uint32(h[4:]) != 2 {
		return 0, fmt.Errorf("%w: not a pack of version 2", ErrProtocol)
	}
	s.offset = packHeaderSize
	return int(binary.BigEndian.Uint32(h[8:])), nil
}

func (s *packStream) entry(allow func(entryHead) error) (entryHead, []byte, error) {
	e, err := readEntryHead(s.c)
	if err != nil {
		return e, nil, truncated(err)
	}
	if err := allow(e); err != nil {
		return e, nil, err
	}
	data, err := inflate(s.c, int(e.size))
	s.offset = s.c.consumed()
	return e, data, truncated(err)
}

func (s *packStream) trailer() error {
	s.c.hash()
	want := s.c.sum.Sum(nil)
	var got [20]byte
	if _, err := io.ReadFull(s.c, got[:]); err != nil {
		return truncated(err)
	}
	if string(want) != string(got[:]) {
		return fmt.Errorf("%w: pack does not have its checksum", ErrCorrupt)
	}
	return nil
}

// truncated tells a pack that ended early from one that is wrong.
func truncated(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		return fmt.Errorf("%w: the pack ended early", ErrUnreachable)
	}
	return err
}
