package chunks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/espace-git/espace-git/internal/wire"
)

// Writer says how a stream becomes chunks. All fields are needed.
type Writer struct {
	Space wire.Hash
	Rand  io.Reader // 56 bytes for each chunk: a key and a nonce
	// Put stores a chunk. It is called in the order of the file, by one goroutine at
	// a time; stored is valid until it returns.
	Put func(ref Ref, stored []byte) error
}

// piece is a part of a file on its way.
type piece struct {
	buf    *buffer
	secret secrets
	size   int
	ref    Ref
	stored []byte
}

// Write reads src to its end and gives the list of its chunks. Several are
// encrypted at once; in memory are at most as many as there are processors, and
// two. After an error what was put is of no use. It waits for a Read of src that is
// under way, also after ctx ended.
func (w Writer) Write(ctx context.Context, src io.Reader) ([]Ref, error) {
	width := runtime.GOMAXPROCS(0)
	free := make(chan *buffer, width+2)
	for range cap(free) {
		free <- nil // made when it is needed: most files are small
	}
	refs := []Ref{}
	feed := func(ctx context.Context, emit func(piece) bool) error {
		return w.read(ctx, src, free, emit)
	}
	work := func(_ context.Context, p *piece) (err error) {
		p.ref, p.stored, err = p.buf.seal(w.Space, p.secret, p.size)
		return err
	}
	drain := func(p piece) error {
		if len(refs) == MaxRefs {
			return fmt.Errorf("%w: more than %d chunks", ErrTooLong, MaxRefs)
		}
		if err := w.Put(p.ref, p.stored); err != nil {
			return fmt.Errorf("storing a chunk: %w", err)
		}
		refs = append(refs, p.ref)
		free <- p.buf
		return nil
	}
	if err := pipeline(ctx, width, feed, work, drain); err != nil {
		return nil, err
	}
	return refs, nil
}

// read cuts src into pieces.
func (w Writer) read(ctx context.Context, src io.Reader, free chan *buffer, emit func(piece) bool) error {
	for {
		var p piece
		select {
		case p.buf = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		if p.buf == nil {
			p.buf = new(buffer)
		}
		var err error
		p.size, err = io.ReadFull(src, p.buf.plain())
		last := err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return fmt.Errorf("reading what is to be stored: %w", err)
		}
		if p.size == 0 {
			return nil
		}
		if p.secret, err = draw(w.Rand); err != nil {
			return fmt.Errorf("drawing a key: %w", err)
		}
		if !emit(p) {
			return ctx.Err()
		}
		if last {
			return nil
		}
	}
}
