package chain

import (
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// pageLen is how many places one page of history holds: a page is about 21 KB,
// and going back to any place costs at most this many hashes.
const pageLen = 256

// recordLen is the size of a place in a page: leaf, root, author, signed.
const recordLen = 32 + 32 + 16 + 1

// place is what a reader remembers of an entry that it verified. An entry's
// bytes are kept elsewhere.
type place struct {
	leaf   wire.Hash
	root   wire.Hash     // of the log up to and with this entry
	author wire.DeviceID // who signed it there
	signed bool          // a commit says exactly this length and root
}

// history remembers every place of a log, so that an old statement (a commit
// offered late, what another device has seen) can be compared with it. Pages
// that are full never change but for `signed`; a reader on disk writes only the
// pages that did (see Pages).
type history struct {
	n     uint64
	pages map[uint64]*page
	load  func(uint64) []byte // nil: all pages are in memory
}

type page struct {
	start  Log // before its first place
	places []place
	dirty  bool
}

func (h *history) page(i uint64) *page {
	if p := h.pages[i]; p != nil || h.load == nil {
		return p
	}
	p := &page{}
	if err := p.unmarshal(h.load(i)); err != nil || p.start.n != i*pageLen {
		return nil
	}
	h.put(i, p)
	return p
}

func (h *history) put(i uint64, p *page) {
	if h.pages == nil {
		h.pages = map[uint64]*page{}
	}
	h.pages[i] = p
}

// append adds a place; before gives the log without it, which a new page starts
// with. The last page is always in memory.
func (h *history) append(p place, before func() Log) {
	i := h.n / pageLen
	if h.n%pageLen == 0 {
		h.put(i, &page{start: before()})
	}
	pg := h.pages[i]
	pg.places, pg.dirty = append(pg.places, p), true
	h.n++
}

// at is the place with index i; false when i is beyond the log or its page is lost.
func (h *history) at(i uint64) (*place, bool) {
	if i >= h.n {
		return nil, false
	}
	pg := h.page(i / pageLen)
	if pg == nil || i%pageLen >= uint64(len(pg.places)) {
		return nil, false
	}
	return &pg.places[i%pageLen], true
}

// rootAt is the root of the log's first n entries.
func (h *history) rootAt(n uint64) (wire.Hash, bool) {
	if n == 0 {
		return EmptyRoot, true
	}
	p, ok := h.at(n - 1)
	if !ok {
		return wire.Hash{}, false
	}
	return p.root, true
}

// logAt is the log of the first n entries.
func (h *history) logAt(n uint64) (Log, bool) {
	if n == 0 {
		return Log{}, true
	}
	pg := h.page((n - 1) / pageLen)
	if n > h.n || pg == nil || n-pg.start.n > uint64(len(pg.places)) {
		return Log{}, false
	}
	l := pg.start
	for _, p := range pg.places[:n-l.n] {
		l.AppendLeaf(p.leaf)
	}
	return l, true
}

// whole reports whether the last page holds exactly the last places.
func (h *history) whole() bool {
	if h.n == 0 {
		return true
	}
	pg := h.page((h.n - 1) / pageLen)
	return pg != nil && pg.start.n+uint64(len(pg.places)) == h.n
}

// leaves are the leaf hashes of [from, to).
func (h *history) leaves(from, to uint64) ([]wire.Hash, bool) {
	var out []wire.Hash
	for i := from; i < to; i++ {
		p, ok := h.at(i)
		if !ok {
			return nil, false
		}
		out = append(out, p.leaf)
	}
	return out, true
}

// markSigned notes that a commit says exactly this length.
func (h *history) markSigned(n uint64) {
	if n == 0 {
		return
	}
	if p, ok := h.at(n - 1); ok && !p.signed {
		p.signed = true
		h.page((n - 1) / pageLen).dirty = true
	}
}

// marshal is the log before the page, with its length in front, and the places.
func (p *page) marshal() []byte {
	start, _ := p.start.MarshalBinary() // cannot fail
	b := append([]byte{byte(len(start) / 8)}, start...)
	for _, r := range p.places {
		b = append(b, r.leaf[:]...)
		b = append(b, r.root[:]...)
		b = append(b, r.author[:]...)
		b = append(b, flag(r.signed))
	}
	return b
}

func flag(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func (p *page) unmarshal(b []byte) error {
	if len(b) == 0 || len(b) < 1+int(b[0])*8 {
		return fmt.Errorf("page: %w: %d bytes", ErrMalformed, len(b))
	}
	head, rest := b[1:1+int(b[0])*8], b[1+int(b[0])*8:]
	if err := p.start.UnmarshalBinary(head); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	if len(rest)%recordLen != 0 || len(rest) == 0 || len(rest) > pageLen*recordLen || p.start.n%pageLen != 0 {
		return fmt.Errorf("page: %w: %d bytes of places", ErrMalformed, len(rest))
	}
	p.places = make([]place, 0, len(rest)/recordLen)
	for ; len(rest) > 0; rest = rest[recordLen:] {
		if rest[80] > 1 {
			return fmt.Errorf("page: %w: flag", ErrMalformed)
		}
		p.places = append(p.places, place{
			leaf: wire.Hash(rest[:32]), root: wire.Hash(rest[32:64]),
			author: wire.DeviceID(rest[64:80]), signed: rest[80] == 1,
		})
	}
	return nil
}
