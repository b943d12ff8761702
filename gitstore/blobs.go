package gitstore

import (
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// Blobs writes blobs one after another, holding one at a time, into packs of up to
// 256 MiB: for what a Batch would have to hold in memory. It is for one goroutine.
// After an error all that is left to do is Close.
type Blobs struct {
	repo *Repo
	w    *packWriter
	seen map[wire.ObjectID]bool

	unsynced int        // bytes written since a sync began
	syncing  chan error // of the sync under way; nil if there is none
}

// syncEvery is how much is written before the disk gets it: what is left for Flush to
// wait for is then little.
const syncEvery = 32 << 20

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
	if err := s.w.storedBlobEntry(id, data); err != nil {
		return fmt.Errorf("writing pack: %w", err)
	}
	if err := s.syncAhead(len(data)); err != nil {
		return err
	}
	if s.seen[id] = true; len(s.w.records) == blobsInPack {
		return s.Flush()
	}
	return nil
}

// syncAhead begins to bring to the disk what was written, beside what follows.
func (s *Blobs) syncAhead(n int) error {
	if s.unsynced += n; s.unsynced < syncEvery {
		return nil
	}
	if err := s.synced(); err != nil {
		return err
	}
	f, done := s.w.f, make(chan error, 1)
	go func() { done <- f.Sync() }()
	s.syncing, s.unsynced = done, 0
	return nil
}

// synced waits for the sync under way. Its error is told: a disk says it once.
func (s *Blobs) synced() error {
	if s.syncing == nil {
		return nil
	}
	err := <-s.syncing
	s.syncing = nil
	if err != nil {
		return fmt.Errorf("writing pack: %w", err)
	}
	return nil
}

// Flush makes everything added durable.
func (s *Blobs) Flush() error {
	if s.w == nil {
		return nil
	}
	if err := s.synced(); err != nil {
		return err
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
	_ = s.synced() // it holds the file
	if s.w != nil {
		s.w.discard()
		s.w = nil
	}
}
