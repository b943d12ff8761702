package space

import (
	"context"
	"io"

	"github.com/espace-git/espace-git/chunks"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/view"
)

// What files are made of, for the tests outside this package.

// StoreChunks stores a stream, and a row that stands for the operation that names it.
func (s *Space) StoreChunks(ctx context.Context, src io.Reader, row Row) ([]chunks.Ref, error) {
	refs, err := s.storeChunks(ctx, src)
	if err != nil {
		return nil, err
	}
	_, err = s.Write(ctx, func(tx *Tx) error {
		if err := tx.needChunks(refs); err != nil {
			return err
		}
		_, err := tx.Insert("tasks", row)
		return err
	})
	return refs, err
}

// OpenChunks opens what a device stored.
func (s *Space) OpenChunks(ctx context.Context, refs []chunks.Ref, by wire.DeviceID) (*chunks.Reader, error) {
	return s.openChunks(ctx, refs, by)
}

// OpenChunksWithin is OpenChunks that fetches whole refs only up to a number of bytes.
func (s *Space) OpenChunksWithin(ctx context.Context, refs []chunks.Ref, limit int64, by wire.DeviceID) (*chunks.Reader, error) {
	f := newChunkFetcher(ctx, s, refs, []wire.DeviceID{by})
	f.left.Bytes = limit
	return chunks.NewReader(ctx, s.id, refs, f.chunk)
}

// Waiting is how many chunks no host has.
func (s *Space) Waiting(ctx context.Context) (n int, err error) {
	err = s.db.View(ctx, func(v *view.Tx) (err error) {
		n, _, err = chunksWaiting(v)
		return err
	})
	return n, err
}

// Holds: a chunk is in the own repository.
func (s *Space) Holds(ref chunks.Ref) bool { return s.repo.Has(ref.ID) }
