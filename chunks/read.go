package chunks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"sync"

	"github.com/espace-git/espace-git/internal/wire"
)

// Source looks for a chunk, wherever it may be: on the disk, on one host after
// another. It hands the bytes that it finds to take, which checks and decrypts them
// in place (the memory is take's from then on), and goes on looking while take says
// ErrWrong. Its result is take's, or why there was nothing. It may be called by
// several goroutines at once.
type Source func(ctx context.Context, ref Ref, take func(stored []byte) error) error

// kept is how many decrypted chunks a Reader holds: 32 MiB.
const kept = 4

// Reader reads a file out of its chunks: anywhere, or from a place on. What is
// needed is fetched, and no more; reading from a place on fetches one chunk ahead.
// ReadAt may be called by several goroutines at once, the rest by one.
type Reader struct {
	ctx    context.Context //nolint:containedctx // io.ReaderAt has no room for one
	space  wire.Hash
	refs   []Ref
	source Source
	size   int64
	offset int64 // of Read

	mu     sync.Mutex
	slots  map[int]*slot
	recent []int // indexes of slots, the last used at the end
}

// slot is a chunk that was opened, or is about to be.
type slot struct {
	ready chan struct{}
	plain []byte
	err   error
}

// NewReader checks the list and fetches nothing. ctx ends what is under way.
func NewReader(ctx context.Context, space wire.Hash, refs []Ref, source Source) (*Reader, error) {
	if err := check(refs); err != nil {
		return nil, err
	}
	return &Reader{ctx: ctx, space: space, refs: refs, source: source, size: Length(refs), slots: map[int]*slot{}}, nil
}

// Size is the length of the file in bytes.
func (r *Reader) Size() int64 { return r.size }

// ReadAt fills p from the byte off on, as io.ReaderAt says.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("reading at %d: %w", off, fs.ErrInvalid)
	}
	for n < len(p) {
		if off+int64(n) >= r.size {
			return n, io.EOF
		}
		at := off + int64(n)
		plain, err := r.chunk(int(at / Size))
		if err != nil {
			return n, err
		}
		n += copy(p[n:], plain[at%Size:])
	}
	return n, nil
}

// Read reads on.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.offset >= r.size {
		return 0, io.EOF
	}
	i := int(r.offset / Size)
	plain, err := r.chunk(i)
	if err != nil {
		return 0, err
	}
	if i > 0 || r.offset > 0 { // not for a look at the head of a file
		r.ahead(i + 1)
	}
	n := copy(p, plain[r.offset%Size:])
	r.offset += int64(n)
	return n, nil
}

// Seek says where Read goes on.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.size
	default:
		return 0, fmt.Errorf("seeking from %d: %w", whence, fs.ErrInvalid)
	}
	if offset < 0 {
		return 0, fmt.Errorf("seeking to %d: %w", offset, fs.ErrInvalid)
	}
	r.offset = offset
	return offset, nil
}

// WriteTo writes all from where Read would go on, decrypting several chunks at
// once: io.Copy uses it. w does not get a byte of a chunk that is wrong.
func (r *Reader) WriteTo(w io.Writer) (n int64, err error) {
	if r.offset >= r.size {
		return 0, nil
	}
	type part struct {
		index int
		plain []byte
	}
	feed := func(_ context.Context, emit func(part) bool) error {
		for i := int(r.offset / Size); i < len(r.refs); i++ {
			if !emit(part{index: i}) {
				return nil
			}
		}
		return nil
	}
	skip := r.offset % Size
	work := func(ctx context.Context, p *part) (err error) {
		p.plain, err = r.open(ctx, p.index)
		return err
	}
	drain := func(p part) error {
		m, err := w.Write(p.plain[skip:])
		n, r.offset, skip = n+int64(m), r.offset+int64(m), 0
		return err
	}
	err = pipeline(r.ctx, runtime.GOMAXPROCS(0)+1, feed, work, drain)
	return n, err
}

// open gets a chunk from the source, past what is kept.
func (r *Reader) open(ctx context.Context, i int) (plain []byte, err error) {
	ref := r.refs[i]
	err = r.source(ctx, ref, func(stored []byte) (err error) {
		plain, err = Open(r.space, ref, stored)
		return err
	})
	if err == nil && len(plain) != int(ref.Size) {
		err = errors.New("nothing was found")
	}
	if err != nil {
		return nil, fmt.Errorf("chunk %d of %d: %w", i+1, len(r.refs), err)
	}
	return plain, nil
}

// chunk is a decrypted chunk: one that is kept, or a new one.
func (r *Reader) chunk(i int) ([]byte, error) {
	s, mine := r.slot(i)
	if mine {
		s.plain, s.err = r.open(r.ctx, i)
		if s.err != nil {
			r.forget(i, s) // the next one tries again
		}
		close(s.ready)
	}
	select {
	case <-s.ready:
		return s.plain, s.err
	case <-r.ctx.Done():
		return nil, r.ctx.Err()
	}
}

// ahead begins to open a chunk that will be wanted soon.
func (r *Reader) ahead(i int) {
	if i >= len(r.refs) {
		return
	}
	r.mu.Lock()
	_, known := r.slots[i]
	r.mu.Unlock()
	if !known {
		go r.chunk(i)
	}
}

// slot gives the slot of a chunk; mine says that the caller has to fill it.
func (r *Reader) slot(i int) (s *slot, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s = r.slots[i]
	if s == nil {
		s, mine = &slot{ready: make(chan struct{})}, true
		r.slots[i] = s
	} else {
		r.unlist(i)
	}
	if r.recent = append(r.recent, i); len(r.recent) > kept {
		delete(r.slots, r.recent[0])
		r.recent = r.recent[1:]
	}
	return s, mine
}

func (r *Reader) forget(i int, s *slot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.slots[i] == s {
		delete(r.slots, i)
		r.unlist(i)
	}
}

func (r *Reader) unlist(i int) {
	for n, other := range r.recent {
		if other == i {
			r.recent = append(r.recent[:n:n], r.recent[n+1:]...)
			return
		}
	}
}
