package gitstore

import (
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// Batch collects objects and writes them as one pack. Their names are known
// before they are stored. A batch is for one goroutine.
//
// Objects that the store or the batch has already cost nothing. A batch beyond
// 64 MiB writes a pack early: an object nobody points to harms nobody.
type Batch struct {
	repo    *Repo
	buf     []byte
	entries []batchEntry
	seen    map[wire.ObjectID]bool
	err     error // of the first object that was not allowed; Flush returns it
}

type batchEntry struct {
	id    wire.ObjectID
	start int
}

// Batch starts an empty batch.
func (r *Repo) Batch() *Batch { return &Batch{repo: r, seen: map[wire.ObjectID]bool{}} }

// Blob adds a blob and gives its name.
func (b *Batch) Blob(data []byte) wire.ObjectID { return b.add(kindBlob, data) }

// Commit adds a commit. Its form is the caller's: this package checks none.
func (b *Batch) Commit(raw []byte) wire.ObjectID { return b.add(kindCommit, raw) }

// Tree adds a tree, sorting its entries. Entries that Repo.Tree would not read
// back make Flush fail with ErrBadTree.
func (b *Batch) Tree(entries []TreeEntry) wire.ObjectID {
	data, err := encodeTree(entries)
	if err != nil {
		b.fail(err)
		return wire.ObjectID{}
	}
	return b.add(kindTree, data)
}

func (b *Batch) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *Batch) add(k kind, data []byte) wire.ObjectID {
	if len(data) > maxOf(k) {
		b.fail(fmt.Errorf("%s of %d bytes: %w", k, len(data), ErrTooBig))
		return wire.ObjectID{}
	}
	id := nameOf(k, data)
	if b.seen[id] || b.repo.inPacks(id) {
		return id
	}
	if len(b.buf)+len(data) > spillAt && len(b.entries) > 0 {
		if err := b.write(); err != nil {
			b.fail(err)
		}
	}
	b.seen[id] = true
	b.entries = append(b.entries, batchEntry{id, len(b.buf)})
	b.buf = appendEntry(b.buf, k, data)
	return id
}

func maxOf(k kind) int {
	switch k {
	case kindCommit, kindTag:
		return MaxCommitBytes
	case kindTree:
		return MaxTreeBytes
	}
	return MaxObject
}

// Flush makes everything added durable, as one pack with its index. After an
// error nothing of the pack is there and the batch still holds its objects, so
// that Flush may be tried again, unless an object itself was not allowed.
func (b *Batch) Flush() error {
	if b.err != nil {
		return b.err
	}
	return b.write()
}

func (b *Batch) write() error {
	if len(b.entries) == 0 {
		return nil
	}
	p, err := newPackWriter(b.repo.disk, b.repo.packDir(), len(b.entries))
	if err != nil {
		return fmt.Errorf("writing pack: %w", err)
	}
	defer p.discard()
	if err := b.fill(p); err != nil {
		return fmt.Errorf("writing pack: %w", err)
	}
	sum, err := p.finish()
	if err != nil {
		return err
	}
	if err := p.keep(b.repo.packDir(), sum); err != nil {
		return err
	}
	b.entries, b.buf, b.seen = nil, nil, map[wire.ObjectID]bool{}
	b.repo.rescan(b.repo.packs.Load())
	return nil
}

func (b *Batch) fill(p *packWriter) error {
	for i, e := range b.entries {
		end := len(b.buf)
		if i+1 < len(b.entries) {
			end = b.entries[i+1].start
		}
		if err := p.raw(e.id, b.buf[e.start:end]); err != nil {
			return err
		}
	}
	return nil
}
