package checkpoint

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

// Place is what a checkpoint belongs to: a space, and O of the epoch that starts
// with it.
type Place struct{ Space, Epoch wire.Hash }

// Page is one blob of a checkpoint. Its name on the host is Hash, the SHA-256 of
// the ciphertext.
type Page struct {
	Hash wire.Hash
	Blob []byte // nil if an earlier checkpoint has it
}

// Built is a finished checkpoint.
type Built struct {
	Manifest *Manifest
	Pages    []Page // in order; without blobs where Emit took them
	Digest   wire.Hash
}

// Builder makes a checkpoint from records. It holds one page in memory, and what
// Built says.
type Builder struct {
	// Emit, if set, takes each page as it ends, and Built has no blobs: for states
	// that need not fit into memory.
	Emit func(Page) error

	place  Place
	cutter hash.Hash
	buf    []byte
	old    map[wire.Hash]*PageRef // by sum
	rand   io.Reader

	digest Digest
	page   page
	out    Built
	err    error
}

// New begins a checkpoint. cut is the space's page-cut key; the same key on all
// devices makes pages end at the same records. Pages that stand in prev, which may
// be nil, keep their keys and blobs. rand draws the keys of the others.
func New(at Place, cut [32]byte, prev *Manifest, rand io.Reader) *Builder {
	b := &Builder{place: at, cutter: hmac.New(sha256.New, cut[:]), old: map[wire.Hash]*PageRef{}, rand: rand}
	b.out.Manifest = &Manifest{Place: at}
	if prev != nil && prev.Place.Space == at.Space { // blobs are bound to their space
		for i := range prev.Pages {
			b.old[prev.Pages[i].Sum] = &prev.Pages[i]
		}
	}
	return b
}

// Add appends a record; its key must be above the one before. It keeps neither
// slice. After an error the builder only repeats it.
func (b *Builder) Add(key, value []byte) error {
	if b.err == nil {
		b.err = b.add(key, value)
	}
	return b.err
}

func (b *Builder) add(key, value []byte) error {
	if err := b.digest.Add(key, value); err != nil {
		return err
	}
	big := len(value) > BigValue
	if big || b.page.size()+recordSize(key, value) > PageEnd {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.page.add(key, value)
	if big || b.ends(key, value) {
		return b.flush()
	}
	return nil
}

// ends decides by a keyed hash of the record whether a page ends after it. A record
// of n bytes ends a page with a chance of n in 64 Ki, so pages have about 64 KiB
// whatever the size of records. It depends on nothing before the record: after a
// change pages soon end where they did (spec/checkpoint.md §2).
func (b *Builder) ends(key, value []byte) bool {
	b.cutter.Reset()
	b.buf = binary.BigEndian.AppendUint64(b.buf[:0], uint64(len(key)))
	b.cutter.Write(b.buf)
	b.cutter.Write(key)
	b.cutter.Write(value)
	b.buf = b.cutter.Sum(b.buf[:0])
	n := uint64(recordSize(key, value))
	return n >= BigValue || binary.BigEndian.Uint64(b.buf) < n<<48
}

// flush ends the page, if it has records.
func (b *Builder) flush() error {
	if b.page.count == 0 {
		return nil
	}
	if len(b.out.Pages) == MaxPages {
		return fmt.Errorf("%w: more than %d pages", ErrTooBig, MaxPages)
	}
	ref, blob, err := b.seal(b.page.encode())
	if err != nil {
		return fmt.Errorf("page %d: %w", len(b.out.Pages), err)
	}
	ref.First = b.page.first
	b.page.clear()
	b.out.Manifest.Pages = append(b.out.Manifest.Pages, ref)
	p := Page{ref.Hash, blob}
	if b.Emit != nil {
		if err := b.Emit(p); err != nil {
			return err
		}
		p.Blob = nil
	}
	b.out.Pages = append(b.out.Pages, p)
	return nil
}

// seal encrypts a page under a key of its own, or finds it as it was sealed before.
func (b *Builder) seal(plaintext []byte) (PageRef, []byte, error) {
	sum := wire.Sum(plaintext)
	if old := b.old[sum]; old != nil {
		return *old, nil, nil
	}
	key, err := seal.NewKey(b.rand)
	if err != nil {
		return PageRef{}, nil, err
	}
	blob, err := key.Seal(b.rand, pageAD(b.place.Space), plaintext, wire.MinContent)
	if err != nil {
		return PageRef{}, nil, err
	}
	return PageRef{Key: key, Hash: wire.Sum(blob), Sum: sum, Length: uint64(len(blob))}, blob, nil
}

// Finish ends the last page. The builder is of no use after it.
func (b *Builder) Finish() (*Built, error) {
	if b.err == nil {
		b.err = b.flush()
	}
	if b.err != nil {
		return nil, fmt.Errorf("building a checkpoint: %w", b.err)
	}
	b.err = fmt.Errorf("%w: the checkpoint is finished", ErrOrder)
	m := b.out.Manifest
	m.Digest, m.Records, m.Bytes = b.digest.Sum(), b.digest.records, b.digest.bytes
	b.out.Digest = m.Digest
	return &b.out, nil
}

// pageAD binds a page to its space. Pages live longer than epochs.
func pageAD(space wire.Hash) []byte { return wire.AD("page", space[:]) }
