package gitstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// packSet is the packs of one moment; it is replaced, never changed.
type packSet struct {
	packs  []*pack // most recently found first
	broken map[string]error
	mtime  time.Time // of the directory, before it was read
}

func (r *Repo) packDir() string { return filepath.Join(r.dir, "objects", "pack") }

// current gives the packs as last seen.
func (r *Repo) current() *packSet {
	if s := r.packs.Load(); s != nil {
		return s
	}
	s, _ := r.rescan(nil)
	return s
}

// rescan looks for packs that came or went since old. It reports whether
// there may be anything new.
func (r *Repo) rescan(old *packSet) (*packSet, bool) {
	r.scanning.Lock()
	defer r.scanning.Unlock()
	if now := r.packs.Load(); now != old && now != nil {
		return now, true // another goroutine did it
	}
	st, err := os.Stat(r.packDir())
	if err != nil {
		return &packSet{}, false
	}
	// A directory changed within the clock's grain may change again unseen.
	if old != nil && st.ModTime().Equal(old.mtime) && time.Since(old.mtime) > time.Second {
		return old, false
	}
	s := r.scanPacks(old)
	s.mtime = st.ModTime()
	r.packs.Store(s)
	return s, old == nil || len(s.packs) != len(old.packs) || !samePacks(s, old)
}

func samePacks(a, b *packSet) bool {
	for i := range a.packs {
		if a.packs[i] != b.packs[i] {
			return false
		}
	}
	return true
}

func (r *Repo) scanPacks(old *packSet) *packSet {
	known := map[string]*pack{}
	if old != nil {
		for _, p := range old.packs {
			known[p.base] = p
		}
	}
	s := &packSet{broken: map[string]error{}}
	names, _ := os.ReadDir(r.packDir())
	var kept []*pack
	for _, n := range names {
		stem, ok := strings.CutSuffix(n.Name(), ".idx")
		if !ok || !strings.HasPrefix(stem, "pack-") {
			continue
		}
		base := filepath.Join(r.packDir(), stem)
		if p := known[base]; p != nil {
			kept = append(kept, p)
			continue
		}
		p, err := openPack(base)
		switch {
		case err == nil:
			s.packs = append(s.packs, p)
		case !isNotExist(err): // not one that was consolidated away just now
			s.broken[stem] = err
		}
	}
	s.packs = append(s.packs, kept...)
	return s
}

// Has reports whether the object is here.
func (r *Repo) Has(id wire.ObjectID) bool {
	set := r.current()
	for {
		for _, p := range set.packs {
			if _, ok := p.idx.find(id); ok {
				return true
			}
		}
		if r.hasLoose(id) {
			return true
		}
		next, fresh := r.rescan(set)
		if !fresh {
			return false
		}
		set = next
	}
}

// inPacks is Has without looking again for packs of others: enough to spare a
// batch most copies, and without a system call for each new object.
func (r *Repo) inPacks(id wire.ObjectID) bool {
	for _, p := range r.current().packs {
		if _, ok := p.idx.find(id); ok {
			return true
		}
	}
	return false
}

// Object reads any object of at most max bytes; typ is blob, tree, commit or
// tag. Its bytes are checked against its name. ErrNotFound, ErrTooBig, ErrCorrupt.
func (r *Repo) Object(id wire.ObjectID, max int) (typ string, data []byte, err error) {
	k, data, err := r.object(id, max)
	return k.String(), data, err
}

func (r *Repo) object(id wire.ObjectID, max int) (kind, []byte, error) {
	k, data, err := r.lookup(id, min(max, MaxObject))
	if err != nil {
		return 0, nil, fmt.Errorf("reading %s: %w", id, err)
	}
	if got := nameOf(k, data); got != id {
		return 0, nil, wrongName(id, got)
	}
	return k, data, nil
}

// lookup tries each pack that knows the name: one spoilt copy hides no good one.
func (r *Repo) lookup(id wire.ObjectID, max int) (kind, []byte, error) {
	set := r.current()
	var bad error
	for {
		for _, p := range set.packs {
			i, ok := p.idx.find(id)
			if !ok {
				continue
			}
			k, data, err := p.object(i, max, func(base wire.ObjectID) (kind, []byte, error) {
				return r.lookupBase(base)
			})
			if err == nil || errors.Is(err, ErrTooBig) {
				return k, data, err
			}
			bad = err
		}
		k, data, err := r.loose(id, max)
		if !errors.Is(err, ErrNotFound) {
			return k, data, err
		}
		next, fresh := r.rescan(set)
		if !fresh {
			return 0, nil, r.notFound(set, bad)
		}
		set = next
	}
}

// lookupBase reads the base of a delta from another pack. git writes no such
// packs; a base that leads back here is a loop, so only whole objects count.
func (r *Repo) lookupBase(base wire.ObjectID) (kind, []byte, error) {
	none := func(wire.ObjectID) (kind, []byte, error) { return 0, nil, errEntry }
	for _, p := range r.current().packs {
		if i, ok := p.idx.find(base); ok {
			if k, data, err := p.object(i, MaxObject, none); err == nil {
				return k, data, nil
			}
		}
	}
	return r.loose(base, MaxObject)
}

// notFound says what is known about an object that can't be had: a pack that
// can't be read may have held it.
func (r *Repo) notFound(set *packSet, bad error) error {
	if bad != nil {
		return bad
	}
	for name, err := range set.broken {
		return fmt.Errorf("%w (%s can't be read: %w)", ErrNotFound, name, err)
	}
	return ErrNotFound
}

// Blob reads a blob of at most max bytes.
func (r *Repo) Blob(id wire.ObjectID, max int) ([]byte, error) {
	return r.typed(id, kindBlob, max)
}

// Tree reads a tree in the one form that Batch.Tree writes; ErrBadTree when it
// is whole but of another form.
func (r *Repo) Tree(id wire.ObjectID) ([]TreeEntry, error) {
	b, err := r.typed(id, kindTree, MaxTreeBytes)
	if err != nil {
		return nil, err
	}
	entries, err := parseTree(b)
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w", id, err)
	}
	return entries, nil
}

// CommitBytes reads a commit as it was signed.
func (r *Repo) CommitBytes(id wire.ObjectID) ([]byte, error) {
	return r.typed(id, kindCommit, MaxCommitBytes)
}

func (r *Repo) typed(id wire.ObjectID, want kind, max int) ([]byte, error) {
	k, data, err := r.object(id, max)
	if err != nil {
		return nil, err
	}
	if k != want {
		return nil, fmt.Errorf("%s is a %s, not a %s: %w", id, k, want, ErrCorrupt)
	}
	return data, nil
}
