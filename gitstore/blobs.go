package gitstore

import (
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// Blobs writes blobs one after another, holding one at a time, into packs of up to
// 256 MiB: for what a Batch would have to hold in memory. It is for one goroutine.
type Blobs struct {
	repo  *Repo
	w     *packWriter
	seen  map[wire.ObjectID]bool
	entry []byte
}

// blobsInPack: a full pack needs no second look for its checksum.
const blobsInPack = 32

// Blobs starts a stream of blobs. Close ends it.
func (r *Repo) Blobs() *Blobs { return &Blobs{repo: r, seen: map[wire.ObjectID]bool{}} }

// Add writes a blob whose name the caller knows: it must be BlobID(data). Until Flush
// it may be lost.
func (s *Blobs) Add(id wire.ObjectID, data []byte) error {
	if len(data) > MaxObject {
		return fmt.Errorf("blob of %d bytes: %w", len(data), ErrTooBig)
	}
	if s.seen[id] || s.repo.inPacks(id) {
		return nil
	}
	if s.w == nil {
		w, err := newPackWriter(s.repo.disk, s.repo.packDir(), blobsInPack)
		if err != nil {
			return fmt.Errorf("writing pack: %w", err)
		}
		s.w = w
	}
	s.entry = appendEntry(s.entry[:0], kindBlob, data)
	if err := s.w.raw(id, s.entry); err != nil {
		return fmt.Errorf("writing pack: %w", err)
	}
	if s.seen[id] = true; len(s.w.records) == blobsInPack {
		return s.Flush()
	}
	return nil
}

// Flush makes everything added durable.
func (s *Blobs) Flush() error {
	if s.w == nil {
		return nil
	}
	sum, err := s.w.finish()
	if err == nil {
		err = s.w.keep(s.repo.packDir(), sum)
	}
	if err != nil {
		return err
	}
	s.w, s.seen = nil, map[wire.ObjectID]bool{}
	s.repo.rescan(s.repo.packs.Load())
	return nil
}

// Close drops what was not flushed.
func (s *Blobs) Close() {
	if s.w != nil {
		s.w.discard()
		s.w = nil
	}
}
