package space

import (
	"context"
	"fmt"
	"io"

	"github.com/espace-git/espace-git/chunks"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/view"
)

// The bytes of files go into the local repository as encrypted chunks when they are
// written, and from there to the host (spec/files.md):
//
//	stream ─chunkWriter─▶ local git ──────────────────────────▶ <e>/files/<device>
//	                          ▲                                         │
//	transaction ─needChunks─▶ list of what waits: the lane stops there  │ by name, when wanted
//	                                                                    ▼
//	reader ◀──────────────────────────────────────────────────── chunkFetcher
//
// What no transaction names is never pushed: a `put` that was broken off leaves
// nothing on the host.

// chunkWait is a chunk of this device that no host is known to have. Its key in
// bucketChunk: number of the transaction that names it ‖ SHA-256.
type chunkWait struct {
	_      struct{} `cbor:",toarray"`
	ID     wire.ObjectID
	Stored uint64 // bytes
}

// chunkWriter encrypts streams into the local repository. It is for one goroutine.
type chunkWriter struct {
	s     *Space
	blobs *gitstore.Blobs
}

// chunkWriter begins one. close ends it.
func (s *Space) chunkWriter() *chunkWriter { return &chunkWriter{s, s.repo.Blobs()} }

// store reads src to its end. The chunks are on disk after flush, and on their way to
// the host once a transaction needs them.
func (w *chunkWriter) store(ctx context.Context, src io.Reader) ([]chunks.Ref, error) {
	out := chunks.Writer{Space: w.s.id, Rand: w.s.opts.Rand, Put: func(ref chunks.Ref, stored []byte) error {
		return w.blobs.Add(ref.ID, stored)
	}}
	return out.Write(ctx, src)
}

// flush makes what was stored durable: before the transaction that names it.
func (w *chunkWriter) flush() error { return w.blobs.Flush() }

func (w *chunkWriter) close() { w.blobs.Close() }

// storeChunks is one stream, durable when it returns.
func (s *Space) storeChunks(ctx context.Context, src io.Reader) ([]chunks.Ref, error) {
	w := s.chunkWriter()
	defer w.close()
	refs, err := w.store(ctx, src)
	if err == nil {
		err = w.flush()
	}
	if err != nil {
		return nil, err
	}
	return refs, nil
}

// needChunks says that this transaction names chunks that were stored here: Sync
// pushes them before the lane goes past it.
func (tx *Tx) needChunks(refs []chunks.Ref) error {
	for _, ref := range refs {
		if !tx.s.repo.Has(ref.ID) {
			return fmt.Errorf("%v was not stored: %w", ref, gitstore.ErrNotFound)
		}
		wait := chunkWait{ID: ref.ID, Stored: uint64(ref.Stored())}
		if err := putValue(tx.v, bucketChunk, chunkKey(tx.stamp.Number, ref.Sum), wait); err != nil {
			return err
		}
	}
	return nil
}

func chunkKey(number uint64, sum wire.Hash) []byte { return append(wire.U64(number), sum[:]...) }

// splitChunkKey is the number and the SHA-256 in a key of bucketChunk.
func splitChunkKey(key []byte) (number uint64, sum wire.Hash, err error) {
	if len(key) != 8+len(sum) {
		return 0, sum, fmt.Errorf("local store: a key of %d bytes for a chunk", len(key))
	}
	return wire.ReadU64(key), wire.Hash(key[8:]), nil
}

// firstWaiting is the number of the first transaction with a chunk that waits.
func firstWaiting(v *view.Tx) (number uint64, any bool, err error) {
	for pair, err := range v.Each(bucketChunk, nil) {
		if err != nil {
			return 0, false, err
		}
		number, _, err = splitChunkKey(pair.Key)
		return number, err == nil, err
	}
	return 0, false, nil
}

// chunksWaiting is how many chunks wait, and how many bytes they are.
func chunksWaiting(v *view.Tx) (n int, size int64, err error) {
	for pair, err := range v.Each(bucketChunk, nil) {
		if err != nil {
			return n, size, err
		}
		var w chunkWait
		if err := wire.UnmarshalCBOR(pair.Value, &w); err != nil {
			return n, size, fmt.Errorf("local store: %s: %w", bucketChunk, err)
		}
		n, size = n+1, size+int64(w.Stored)
	}
	return n, size, nil
}

// withChunks are the first of the rows, those that need no chunk that waits. A number
// that a transaction is given later is higher, so this holds back too much at most.
func (r *round) withChunks(rows []view.JournalRow) ([]view.JournalRow, error) {
	first, any, err := firstWaiting(r.v)
	if err != nil || !any {
		return rows, err
	}
	for i, row := range rows {
		if row.Number >= first {
			return rows[:i], nil
		}
	}
	return rows, nil
}
