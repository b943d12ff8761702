package gitstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sort"

	"github.com/espace-git/espace-git/internal/wire"
)

// Consolidate removes what killed writers left, and merges packs when there are more
// than about 50. It never drops an object. Several processes may run it at once:
// each removes only packs whose every object it has put into its own, durable
// one before, so the worst is double work.
//
// Merged are the smallest packs, as many as keep the rest at least twice as
// large as what was merged (as git repack --geometric=2): each object moves a
// logarithmic number of times in its life. Large packs stay as they are: they hold
// chunks of files, and moving those costs more than looking into some packs more.
func (r *Repo) Consolidate(ctx context.Context) error {
	r.sweepPacks()
	set, _ := r.rescan(r.packs.Load())
	var small []*pack
	for _, p := range set.packs {
		if p.size < largePack {
			small = append(small, p)
		}
	}
	if len(small) <= consolidateAt {
		return nil
	}
	return r.merge(ctx, geometric(small))
}

// geometric picks the packs to merge: all that are smaller than twice what
// stands below them, and at least enough to come down to half the bound.
func geometric(packs []*pack) []*pack {
	sorted := append([]*pack(nil), packs...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].size < sorted[j].size })
	take, sum := 0, int64(0)
	for i, p := range sorted {
		if len(sorted)-i <= consolidateAt/2 && p.size > 2*sum {
			break
		}
		take, sum = i+1, sum+p.size
	}
	return sorted[:take]
}

// merge writes one pack with all objects of packs, then removes them.
func (r *Repo) merge(ctx context.Context, packs []*pack) error {
	w, err := newPackWriter(r.disk, r.packDir(), -1)
	if err != nil {
		return fmt.Errorf("consolidating: %w", err)
	}
	defer w.discard()
	seen := map[wire.ObjectID]bool{}
	whole := make([]*pack, 0, len(packs))
	for _, p := range packs {
		switch err := r.copyPack(ctx, w, p, seen); {
		case errors.Is(err, ErrCorrupt), errors.Is(err, ErrTooBig), errors.Is(err, ErrNotFound):
			continue // what can't be copied stays where it is
		case err != nil:
			return fmt.Errorf("consolidating: %w", err)
		}
		whole = append(whole, p)
	}
	if len(whole) < 2 {
		return nil
	}
	sum, err := w.finish()
	if err != nil {
		return err
	}
	if err := w.keep(r.packDir(), sum); err != nil {
		return err
	}
	r.dropPacks(whole, sum)
	return nil
}

// copyPack appends the objects of p that w lacks, in the order they lie in.
func (r *Repo) copyPack(ctx context.Context, w *packWriter, p *pack, seen map[wire.ObjectID]bool) error {
	order, ends, err := p.layout()
	if err != nil {
		return err
	}
	for n, i := range order {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := p.idx.name(i)
		if seen[id] {
			continue
		}
		entry, err := r.copyEntry(p, i, ends[n])
		if err != nil {
			return err
		}
		if err := w.raw(id, entry); err != nil {
			return err
		}
		seen[id] = true
	}
	return nil
}

// layout gives the index places of all objects by offset, and where each ends.
func (p *pack) layout() (order []int, ends []uint64, err error) {
	offsets := make([]uint64, p.idx.n)
	order = make([]int, p.idx.n)
	for i := range order {
		var ok bool
		if offsets[i], ok = p.idx.offset(i); !ok {
			return nil, nil, errEntry
		}
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return offsets[order[a]] < offsets[order[b]] })
	ends = make([]uint64, len(order))
	for n := range order {
		ends[n] = uint64(p.size) - 20
		if n+1 < len(order) {
			ends[n] = offsets[order[n+1]]
		}
	}
	return order, ends, nil
}

// copyEntry takes an entry as it is when it is whole and still has the bytes
// it was indexed with; a delta is resolved.
func (r *Repo) copyEntry(p *pack, i int, end uint64) ([]byte, error) {
	entry, err := p.rawEntry(i, end)
	if err == nil && crc(entry) == p.idx.crc(i) {
		return entry, nil
	}
	k, data, err := p.object(i, MaxObject, func(base wire.ObjectID) (kind, []byte, error) {
		return r.lookupBase(base)
	})
	if err != nil {
		return nil, err
	}
	if got := nameOf(k, data); got != p.idx.name(i) {
		return nil, wrongName(p.idx.name(i), got)
	}
	return appendEntry(nil, k, data), nil
}

// dropPacks removes packs, the index first: a pack without one is invisible.
func (r *Repo) dropPacks(packs []*pack, except wire.ObjectID) {
	// git's index over several packs is a cache, and must not name what is gone.
	r.disk.Remove(filepath.Join(r.packDir(), "multi-pack-index"))
	for _, p := range packs {
		if p.name() == except.String() {
			continue
		}
		for _, ext := range []string{".idx", ".rev", ".bitmap", ".pack"} {
			r.disk.Remove(p.base + ext)
		}
	}
	r.rescan(r.packs.Load())
}
