package chain

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// thicket is every log that a set of signed commits supports, grown until the
// one that is looked for is found. A root names all that lies before it, so a
// commit's entries can stand in one place at most: there are no more logs than
// entries, whatever is tried. What is found does not depend on the order of the
// commits, nor on what git calls their parents, with one exception that an
// honest device has no part in (see lend).
type thicket struct {
	kind   Kind
	goal   wire.LogHead
	pieces []*piece               // shortest first
	from   map[uint64][]*stem     // what begins at an index
	twigs  map[wire.LogHead]*twig // by what they end
	depth  map[uint64][]*twig     // the same by length
	todo   []*twig                // not yet gone on from
	budget int                    // hashes that are left
}

// stem is a run of entries and the commit whose root must hold behind them.
type stem struct {
	run
	*piece
}

// twig is one entry of a log; its parent is the entry before.
type twig struct {
	parent *twig
	head   wire.LogHead
	leaf   wire.Hash
	author wire.DeviceID
	entry  []byte
	log    *Log // kept where logs are likely to go on; else made from a parent's
}

// minBudget is how many hashes a thicket may take however few entries it has: a
// few seconds. Honest lanes need about two an entry; only a device that signed
// thousands of variants of its own lane can come near.
const minBudget = 1 << 22

func newThicket(kind Kind, goal wire.LogHead, pieces []*piece) *thicket {
	t := &thicket{kind: kind, goal: goal, budget: minBudget,
		from: map[uint64][]*stem{}, twigs: map[wire.LogHead]*twig{}, depth: map[uint64][]*twig{}}
	slices.SortFunc(pieces, comparePieces)
	t.pieces = slices.CompactFunc(pieces, func(a, b *piece) bool { return b.repeats(a) })
	t.pieces = slices.DeleteFunc(t.pieces, func(p *piece) bool { return p.Log.Len > goal.Len && p.run.from >= goal.Len })
	for _, p := range t.pieces {
		t.budget += markStep * len(p.run.leaves)
	}
	t.plant(&twig{head: wire.LogHead{Root: EmptyRoot}, log: new(Log)})
	return t
}

// comparePieces puts the shorter log first, and of one commit the copy with more
// entries. What is left is decided by bytes, so that no order of arrival shows.
func comparePieces(a, b *piece) int {
	return cmp.Or(cmp.Compare(a.Log.Len, b.Log.Len), bytes.Compare(a.id[:], b.id[:]),
		cmp.Compare(len(b.run.leaves), len(a.run.leaves)),
		slices.CompareFunc(a.run.leaves, b.run.leaves, func(x, y wire.Hash) int { return bytes.Compare(x[:], y[:]) }),
		bytes.Compare(a.raw, b.raw))
}

// commit is the first commit that says the goal.
func (t *thicket) commit() (Verified, bool) {
	for _, p := range t.pieces {
		if *p.Log == t.goal {
			return p.Verified, true
		}
	}
	return Verified{}, false
}

// reach grows until the goal is there. What git calls a parent is tried first: it
// proves nothing, but is right for honest commits, so that no number of variants
// makes those dearer. Entries of a commit whose root does not hold are tried last:
// verdicts never depend on commits between (ATTACKS 9).
func (t *thicket) reach() bool {
	byObject := t.byObject()
	for _, p := range t.pieces {
		s := &stem{p.run, p}
		t.from[p.run.from] = append(t.from[p.run.from], s)
		if w := t.under(p, byObject); w != nil {
			t.attach(w, s)
		}
	}
	t.grow()
	if t.kind == Lane && t.twigs[t.goal] == nil {
		t.lendAll(byObject)
		t.grow()
	}
	return t.twigs[t.goal] != nil
}

func (t *thicket) byObject() map[wire.ObjectID]*piece {
	out := make(map[wire.ObjectID]*piece, len(t.pieces))
	for _, p := range slices.Backward(t.pieces) {
		out[p.object] = p
	}
	return out
}

// under is the twig on which p's run stands if its git parent is what it goes on
// from; the empty log for a commit that begins one. Nil if that says nothing.
func (t *thicket) under(p *piece, byObject map[wire.ObjectID]*piece) *twig {
	head := wire.LogHead{Root: EmptyRoot}
	if len(p.Parents) > 0 {
		below := byObject[p.Parents[0]]
		if below == nil || below.Log.Len < p.run.from {
			return nil
		}
		head = *below.Log
	}
	w := t.twigs[head]
	for w != nil && w.head.Len > p.run.from {
		w = w.parent
	}
	if w == nil || w.head.Len != p.run.from {
		return nil
	}
	return w
}

// add makes a late run known, and tries it on every log that is there already.
func (t *thicket) add(s *stem) {
	t.from[s.from] = append(t.from[s.from], s)
	for _, w := range t.depth[s.from] {
		t.attach(w, s)
	}
}

func (t *thicket) grow() {
	for len(t.todo) > 0 && t.twigs[t.goal] == nil {
		w := t.todo[len(t.todo)-1]
		t.todo = t.todo[:len(t.todo)-1]
		for _, s := range t.from[w.head.Len] {
			t.attach(w, s)
		}
	}
}

// attach puts a run on w if the commit's root holds for that.
func (t *thicket) attach(w *twig, s *stem) {
	if s.supported || t.budget < len(s.leaves) {
		return
	}
	log := w.logHere(&t.budget)
	heads := make([]wire.LogHead, 0, len(s.leaves))
	for _, leaf := range s.leaves {
		log.AppendLeaf(leaf)
		heads = append(heads, log.Head())
	}
	t.budget -= len(s.leaves)
	if log.Head() != *s.Log {
		return
	}
	s.supported = true
	for i, h := range heads {
		w = t.step(w, h, s.run, i)
	}
	if w.log == nil {
		w.log = &log
	}
}

// step is the twig behind w that ends at h.
func (t *thicket) step(w *twig, h wire.LogHead, r run, i int) *twig {
	if old := t.twigs[h]; old != nil {
		old.claim(r.author)
		return old
	}
	next := &twig{parent: w, head: h, leaf: r.leaves[i], author: r.author, entry: r.entries[i]}
	if h.Len%markStep == 0 {
		log := w.logHere(&t.budget)
		log.AppendLeaf(next.leaf)
		next.log = &log
	}
	t.plant(next)
	return next
}

// claim settles who wrote an entry that two devices signed as theirs, both of
// whose keys open it: two accomplices. It must only be the same for all.
func (w *twig) claim(d wire.DeviceID) {
	if bytes.Compare(d[:], w.author[:]) < 0 {
		w.author = d
	}
}

func (t *thicket) plant(w *twig) {
	t.twigs[w.head] = w
	t.depth[w.head.Len] = append(t.depth[w.head.Len], w)
	t.todo = append(t.todo, w)
}

// logHere is the log that ends with w, made from the nearest one that was kept.
func (w *twig) logHere(budget *int) Log {
	var above []wire.Hash
	at := w
	for ; at.log == nil; at = at.parent {
		above = append(above, at.leaf)
	}
	log := *at.log
	for _, leaf := range slices.Backward(above) {
		log.AppendLeaf(leaf)
	}
	*budget -= len(above)
	return log
}

// path is the log that ends at the goal, first entry first.
func (t *thicket) path() []*twig {
	out := make([]*twig, t.goal.Len)
	for w := t.twigs[t.goal]; w.parent != nil; w = w.parent {
		out[w.head.Len-1] = w
	}
	return out
}

// lendAll lets each commit whose root found no log of its own take entries from
// the commits right below it, as a reader does that met them in time (see
// trunk.support). Which these are the commit itself says.
func (t *thicket) lendAll(byObject map[wire.ObjectID]*piece) {
	for _, p := range t.pieces {
		if p.supported {
			continue
		}
		r, below := p.run, p
		for range maxLend {
			if len(below.Parents) == 0 {
				break
			}
			below = byObject[below.Parents[0]]
			if below == nil || !r.lend(below.run) {
				break
			}
			t.add(&stem{r, p})
		}
	}
}
