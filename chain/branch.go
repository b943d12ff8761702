package chain

import (
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// branch is one way in which the log may go on: entries under signed roots that
// hold. Honest chains give one branch.
type branch struct {
	base  Log // what was read: before the first step
	steps []step
	marks []Log // at each multiple of markStep behind base: going back is cheap
	log   Log   // at the end
	tip   *piece
}

const markStep = 64 // divides pageLen

func (b *branch) push(s step, log Log) {
	b.steps, b.log = append(b.steps, s), log
	if log.n%markStep == 0 {
		b.marks = append(b.marks, log)
	}
}

// at is the log before step i.
func (b *branch) at(i int) Log {
	n := b.base.n + uint64(i)
	log, from := b.base, 0
	if k := n/markStep - b.base.n/markStep; k > 0 {
		log = b.marks[k-1]
		from = int(log.n - b.base.n)
	}
	for _, s := range b.steps[from:i] {
		log.AppendLeaf(s.leaf)
	}
	return log
}

// until is a copy of the branch's first n steps.
func (b *branch) until(n int) *branch {
	out := &branch{base: b.base, steps: slices.Clone(b.steps[:n]), log: b.at(n)}
	out.marks = slices.Clone(b.marks[:out.log.n/markStep-b.base.n/markStep])
	return out
}

// branches are the ways in which the waiting pieces extend the trunk. A later
// piece may be what an earlier one needs, so it passes over them until nothing
// changes; pieces are sorted by length, so honest ones need one pass.
func (t *trunk) branches() []*branch {
	bs := []*branch{{base: t.log, log: t.log}}
	byObject := make(map[wire.ObjectID]*piece, len(t.waiting))
	for _, p := range t.waiting {
		byObject[p.object] = p
	}
	for range maxPasses {
		again := false
		for _, p := range t.waiting {
			if !p.supported && p.Log.Len > t.log.Len() && t.support(p, &bs, byObject) {
				p.supported, again = true, true
			}
		}
		if !again {
			break
		}
	}
	return bs
}

// support looks for a log on which p's root holds, with p's own entries and, in
// a lane, those of the commits right below it of which the root does not hold:
// a verdict never depends on commits between (ATTACKS 9). Which these are is
// fixed by p itself, so that every reader tries the same. Parents prove nothing
// here either: the root decides.
func (t *trunk) support(p *piece, bs *[]*branch, byObject map[wire.ObjectID]*piece) bool {
	r, below := p.run, p
	for range maxLend {
		if t.supportRun(p, r, bs) {
			return true
		}
		if t.kind != Lane || len(below.Parents) == 0 {
			return false
		}
		below = byObject[below.Parents[0]]
		if below == nil || below.supported || !r.lend(below.run) {
			return false
		}
	}
	return false
}

// lend puts those entries of o in front that end where r begins.
func (r *run) lend(o run) bool {
	if o.from >= r.from || o.end() < r.from {
		return false
	}
	n := r.from - o.from
	r.leaves = slices.Concat(o.leaves[:n], r.leaves)
	r.entries = slices.Concat(o.entries[:n], r.entries)
	r.from = o.from
	return true
}

func (t *trunk) supportRun(p *piece, r run, bs *[]*branch) bool {
	if _, differs := t.leaves(r); differs {
		return false
	}
	if n := t.log.Len(); r.from < n {
		r.leaves, r.entries, r.from = r.leaves[n-r.from:], r.entries[n-r.from:], n
	}
	for _, b := range *bs {
		next := b.with(p, r, r.from-t.log.Len())
		if next == nil {
			continue
		}
		if next != b && len(*bs) < maxBranches {
			*bs = append(*bs, next)
		}
		return true
	}
	return false
}

// with says where p's root holds for r put on b, off steps from its start: on b
// itself (which may grow), on a new branch, or nowhere.
func (b *branch) with(p *piece, r run, off uint64) *branch {
	if off > uint64(len(b.steps)) {
		return nil
	}
	same := uint64(0)
	for same < uint64(len(r.leaves)) && off+same < uint64(len(b.steps)) && b.steps[off+same].is(r, same) {
		same++
	}
	end := off + uint64(len(r.leaves))
	if off+same == end {
		return b.contains(p, end)
	}
	next := b
	if off+same < uint64(len(b.steps)) {
		next = b.until(int(off + same))
	}
	return next.extended(p, r, same)
}

// contains reports whether p only repeats what b has.
func (b *branch) contains(p *piece, end uint64) *branch {
	if end == 0 || b.steps[end-1].root != p.Log.Root {
		return nil
	}
	return b
}

// extended appends r from its entry i on if p's root holds for that.
func (b *branch) extended(p *piece, r run, i uint64) *branch {
	log := b.log
	logs := make([]Log, 0, len(r.leaves))
	for _, leaf := range r.leaves[i:] {
		log.AppendLeaf(leaf)
		logs = append(logs, log)
	}
	if log.Head() != *p.Log {
		return nil
	}
	for k, log := range logs {
		j := i + uint64(k)
		b.push(step{leaf: r.leaves[j], root: log.Head().Root, author: r.author, entry: r.entries[j]}, log)
	}
	b.tip = p
	return b
}

// commonPrefix is how many steps all branches share. No branch continues
// another: what continues it was put on it.
func commonPrefix(bs []*branch) uint64 {
	n := len(bs[0].steps)
	for _, b := range bs[1:] {
		i := 0
		for i < min(n, len(b.steps)) && b.steps[i].leaf == bs[0].steps[i].leaf && b.steps[i].author == bs[0].steps[i].author {
			i++
		}
		n = i
	}
	return uint64(n)
}

func leavesOf(steps []step) []wire.Hash {
	out := make([]wire.Hash, len(steps))
	for i, s := range steps {
		out[i] = s.leaf
	}
	return out
}
