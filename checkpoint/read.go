package checkpoint

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

// Unread is a manifest as somebody made it: well-formed and of the right place,
// no more. Digest is what its author says.
type Unread struct{ m *Manifest }

// Open opens a sealed manifest of this place.
//
// Errors: seal.ErrNotMine if the key does not open it: it is of another epoch or
// space, or no manifest. ErrWrong: whoever had the key made it wrong.
func Open(at Place, key seal.Key, box []byte) (*Unread, error) {
	b, err := key.Open(manifestAD(at), box, wire.MaxEntry)
	if errors.Is(err, seal.ErrNotMine) {
		return nil, fmt.Errorf("opening a manifest: %w", err)
	}
	var m *Manifest
	if err == nil {
		m, err = Decode(b)
	}
	if err == nil && m.Place != at {
		err = fmt.Errorf("%w: it names another space or epoch", ErrMalformed)
	}
	if err != nil {
		return nil, fmt.Errorf("opening a manifest: %w: %w", ErrWrong, err)
	}
	return &Unread{m}, nil
}

// Digest is what the state's digest should be. Compare it with what members
// endorsed before reading pages.
func (u *Unread) Digest() wire.Hash { return u.m.Digest }

// Records is how many records there should be. Read stops beyond.
func (u *Unread) Records() uint64 { return u.m.Records }

// Bytes is how long all keys and values should be. Read stops beyond.
func (u *Unread) Bytes() uint64 { return u.m.Bytes }

// Blobs are the names and lengths of all pages, in order.
func (u *Unread) Blobs() []Blob {
	out := make([]Blob, len(u.m.Pages))
	for i, p := range u.m.Pages {
		out[i] = Blob{p.Hash, p.Length}
	}
	return out
}

// Blob is a page's name, the SHA-256 of its ciphertext, and its length in bytes.
type Blob struct {
	Hash   wire.Hash
	Length uint64
}

// Read hands every record to fn, in order, and returns the manifest once all of
// them gave the digest that it names. Until then nothing that fn got is to be
// believed: fn writes into a transaction that is rolled back on an error. Slices
// are fn's only until it returns; fn may be nil. One page is in memory at a time.
//
// fetch returns a blob by its hash. What it returns is checked, so it may come from
// anywhere: seal.ErrWrongBytes if it is another, and then the host is to blame, not
// the author. ErrWrong is the author's fault. Errors of fetch and fn come back as
// they are, wrapped.
func Read(u *Unread, fetch func(wire.Hash) ([]byte, error), fn func(key, value []byte) error) (*Manifest, error) {
	r := reader{m: u.m, fetch: fetch, fn: fn}
	for i := range u.m.Pages {
		if err := r.page(&u.m.Pages[i]); err != nil {
			return nil, fmt.Errorf("reading a checkpoint: page %d: %w", i, err)
		}
	}
	if r.digest.Sum() != u.m.Digest || r.digest.records != u.m.Records || r.digest.bytes != u.m.Bytes {
		return nil, fmt.Errorf("reading a checkpoint: %w: its records have the digest %s, it says %s", ErrWrong, r.digest.Sum(), u.m.Digest)
	}
	return u.m, nil
}

type reader struct {
	m      *Manifest
	fetch  func(wire.Hash) ([]byte, error)
	fn     func(key, value []byte) error
	digest Digest
}

func (r *reader) page(p *PageRef) error {
	blob, err := r.fetch(p.Hash)
	if err != nil {
		return err
	}
	plaintext, err := r.open(p, blob)
	if err != nil {
		return err
	}
	first := true
	var callers error
	err = readPage(plaintext, func(key, value []byte) error {
		if first && !bytes.Equal(key, p.First) {
			return fmt.Errorf("%w: it begins with another key than the manifest says", ErrMalformed)
		}
		first = false
		if err := r.count(key, value); err != nil || r.fn == nil {
			return err
		}
		callers = r.fn(key, value)
		return callers
	})
	if err != nil && callers == nil {
		err = fmt.Errorf("%w: %w", ErrWrong, err)
	}
	return err
}

// open refuses every blob but the one that is named, before it looks at it: an
// insider can make one that opens under two keys, as two things (attack
// page-two-keys).
func (r *reader) open(p *PageRef, blob []byte) ([]byte, error) {
	if uint64(len(blob)) != p.Length {
		blame := seal.ErrWrongBytes
		if wire.Sum(blob) == p.Hash {
			blame = ErrWrong
		}
		return nil, fmt.Errorf("%w: blob of %d bytes, the manifest says %d", blame, len(blob), p.Length)
	}
	plaintext, err := p.Key.OpenHashed(p.Hash, pageAD(r.m.Space), blob, maxPage)
	if errors.Is(err, seal.ErrWrongBytes) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWrong, err)
	}
	if wire.Sum(plaintext) != p.Sum {
		return nil, fmt.Errorf("%w: not the page that the manifest names", ErrWrong)
	}
	return plaintext, nil
}

// count checks the order over all pages, and stops at what the manifest says that
// there is: so who looks at Bytes first is safe from bombs.
func (r *reader) count(key, value []byte) error {
	if err := r.digest.Add(key, value); err != nil {
		return err
	}
	if r.digest.bytes > r.m.Bytes || r.digest.records > r.m.Records {
		return fmt.Errorf("%w: more than the %d records of %d bytes that the manifest says", ErrMalformed, r.m.Records, r.m.Bytes)
	}
	return nil
}
