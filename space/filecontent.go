package space

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/espace-git/espace-git/chunks"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// How the data of a version says where its content is: the first byte, and a list
// of chunks. Of a long file the list is a file itself. spec/files.md §3
const (
	chunksHere  = 0 // the chunks of the content
	chunksThere = 1 // the chunks of the list of the chunks of the content
)

// ErrContent: what the author of a version says of its content is not so.
var ErrContent = errors.New("the version's author says what is not so")

// content is what a version holds, ready to be written into a transaction.
type content struct {
	state merge.FileState
	fresh []chunks.Ref // stored by this device, to be pushed with the transaction
}

// reader is what both kinds of content are read by.
type reader interface {
	io.ReadSeeker
	io.ReaderAt
	io.WriterTo
	Size() int64
}

// openVersion reads a version's content; what is not here is fetched as it is read.
func (s *Space) openVersion(ctx context.Context, v *merge.FileVersion) (reader, error) {
	if v.Content.Inline {
		return bytes.NewReader(v.Content.Data), nil
	}
	refs, err := s.versionChunks(ctx, v)
	if err != nil {
		return nil, err
	}
	return s.openChunks(ctx, refs, v.Device)
}

// versionChunks is the list of a version's chunks. It must say the size that the
// version does: who shows sizes before anything is fetched shows what is true.
func (s *Space) versionChunks(ctx context.Context, v *merge.FileVersion) ([]chunks.Ref, error) {
	refs, err := s.listedChunks(ctx, v)
	if err == nil && chunks.Length(refs) != int64(v.Content.Size) {
		err = fmt.Errorf("%w: %d bytes, where its chunks have %d", ErrContent, v.Content.Size, chunks.Length(refs))
	}
	return refs, err
}

// chunkList reads the data of a version; here says that the list is that of the
// content, and not that of a list.
func chunkList(data []byte) (refs []chunks.Ref, here bool, err error) {
	if len(data) == 0 || data[0] > chunksThere {
		return nil, false, fmt.Errorf("%w: no list of chunks", ErrContent)
	}
	if refs, err = chunks.Decode(data[1:]); err != nil {
		err = join(ErrContent, err)
	}
	return refs, data[0] == chunksHere, err
}

func (s *Space) listedChunks(ctx context.Context, v *merge.FileVersion) ([]chunks.Ref, error) {
	refs, here, err := chunkList(v.Content.Data)
	if err != nil || here {
		return refs, err
	}
	if chunks.Length(refs) > wire.MaxChunk {
		return nil, fmt.Errorf("%w: a list of chunks of %d bytes", ErrContent, chunks.Length(refs))
	}
	r, err := s.openChunks(ctx, refs, v.Device)
	if err != nil {
		return nil, err
	}
	list, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading the list of chunks: %w", err)
	}
	if refs, err = chunks.Decode(list); err != nil {
		return nil, join(ErrContent, err)
	}
	return refs, nil
}

// storer encrypts a stream and keeps its chunks.
type storer func(ctx context.Context, src io.Reader) ([]chunks.Ref, error)

// store brings a stream into the form of a version. Chunks that are as in the
// version before are taken from there; same says that all is.
func (s *Space) store(ctx context.Context, src io.Reader, before *merge.FileVersion, chunk storer) (c content, same bool, err error) {
	head := make([]byte, merge.MaxFileInline+1)
	n, err := io.ReadFull(src, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		c.state.Inline, c.state.Data, c.state.Size = true, head[:n], uint64(n)
		return c, before != nil && before.Content.Inline && bytes.Equal(before.Content.Data, head[:n]), nil
	}
	if err != nil {
		return c, false, err
	}
	old := s.oldChunks(ctx, before)
	changed := &changedReader{src: io.MultiReader(bytes.NewReader(head), src), old: old, block: make([]byte, chunks.Size)}
	if c.fresh, err = chunk(ctx, changed); err != nil {
		return c, false, err
	}
	refs := changed.list(c.fresh)
	c.state.Size = uint64(chunks.Length(refs))
	if old != nil && len(c.fresh) == 0 && len(refs) == len(old.refs) {
		return c, true, nil
	}
	return c, false, c.storeList(ctx, refs, chunk)
}

func (c *content) storeList(ctx context.Context, refs []chunks.Ref, chunk storer) error {
	list, err := chunks.Encode(refs)
	if err != nil {
		return err
	}
	level := byte(chunksHere)
	if len(list) >= merge.MaxFileChunks {
		level = chunksThere
		of, err := chunk(ctx, bytes.NewReader(list))
		if err != nil {
			return err
		}
		c.fresh = append(c.fresh, of...)
		if list, err = chunks.Encode(of); err != nil {
			return err
		}
	}
	c.state.Data = append([]byte{level}, list...)
	return nil
}

// oldContent is the content that a new version follows.
type oldContent struct {
	s    *Space
	refs []chunks.Ref
	r    *chunks.Reader
	same bool // all so far is as it was
}

// oldChunks is nil where there is nothing to compare with.
func (s *Space) oldChunks(ctx context.Context, before *merge.FileVersion) *oldContent {
	if before == nil || before.Content.Inline || before.Content.Gone {
		return nil
	}
	refs, err := s.versionChunks(ctx, before)
	if err != nil {
		return nil // then it is of no use
	}
	r, err := s.openChunks(ctx, refs, before.Device)
	if err != nil {
		return nil
	}
	return &oldContent{s, refs, r, true}
}

// has says whether chunk i holds these bytes. It looks, whatever its author says
// of it; what is not on this device it fetches only while all was the same.
func (o *oldContent) has(i int, block []byte) bool {
	if o == nil || i >= len(o.refs) || int(o.refs[i].Size) != len(block) || !o.same && !o.s.repo.Has(o.refs[i].ID) {
		return false
	}
	old := make([]byte, len(block))
	_, err := o.r.ReadAt(old, int64(i)*chunks.Size)
	if err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(old, block) {
		o.same = false
		return false
	}
	return true
}

// changedReader reads those blocks of a stream that are not as they were. All but
// the last are whole, so what it gives falls into the same blocks.
type changedReader struct {
	src   io.Reader
	old   *oldContent
	block []byte
	rest  []byte        // of the block that is being read
	kept  []*chunks.Ref // for each block, that of before, or nil: it is new
	err   error
}

func (r *changedReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.next()
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *changedReader) next() {
	n, err := io.ReadFull(r.src, r.block)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	if r.err = err; n == 0 || err != nil && !errors.Is(err, io.EOF) {
		return
	}
	i := len(r.kept)
	if r.old.has(i, r.block[:n]) {
		r.kept = append(r.kept, &r.old.refs[i])
		return
	}
	if r.old != nil {
		r.old.same = false
	}
	r.kept, r.rest = append(r.kept, nil), r.block[:n]
}

// list puts the chunks that were stored where nothing was kept.
func (r *changedReader) list(fresh []chunks.Ref) []chunks.Ref {
	out := make([]chunks.Ref, 0, len(r.kept))
	for _, k := range r.kept {
		if k == nil {
			out, fresh = append(out, fresh[0]), fresh[1:]
		} else {
			out = append(out, *k)
		}
	}
	return out
}
