package chain

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// trunk is what a lane's and the order's reader share: the one log that was
// read, and signed commits that wait to extend it.
type trunk struct {
	kind         Kind
	space, epoch wire.Hash
	log          Log
	hist         history
	tip          Verified    // a commit that covers the log; unset while it is empty
	ahead        []wire.Hash // leaves of tip's log beyond ours; only when stopped
	stopped      bool        // two branches were met at once: nothing after the split counts
	waiting      []*piece
	evidence     []Evidence
}

// piece is an offered commit. run is what its own tree adds, without a gap, up
// to the length that it says; what lies before a gap cannot matter.
type piece struct {
	Verified
	object    wire.ObjectID
	run       run
	size      int
	supported bool   // its root was found to hold, in this read
	same      *piece // set when it only repeats another one
	outcome   Outcome
}

// judged is the outcome once the piece was read.
func (p *piece) judged() Outcome {
	if p.same != nil {
		return p.same.outcome
	}
	return p.outcome
}

// run is a row of entries from an index on, with their leaf hashes.
type run struct {
	from    uint64
	author  wire.DeviceID
	leaves  []wire.Hash
	entries [][]byte
}

func (r run) end() uint64 { return r.from + uint64(len(r.leaves)) }

// step is one entry on a branch.
type step struct {
	leaf, root wire.Hash
	author     wire.DeviceID
	entry      []byte
}

// is reports whether the branch has the run's i-th entry here. An entry is one
// signer's: the same bytes under another's signature are another piece.
func (s step) is(r run, i uint64) bool { return s.leaf == r.leaves[i] && s.author == r.author }

func newPiece(p Piece) *piece {
	end := p.Commit.Log.Len
	out := &piece{Verified: p.Commit, object: p.Commit.ObjectID()}
	out.run = run{from: end, author: p.Commit.Device}
	for out.run.from > 0 {
		e, ok := p.Entries[out.run.from-1]
		if !ok || len(e) > wire.MaxEntry {
			break
		}
		out.run.from--
		out.run.entries = append(out.run.entries, e)
		out.run.leaves = append(out.run.leaves, LeafHash(e))
		out.size += len(e)
	}
	slices.Reverse(out.run.entries)
	slices.Reverse(out.run.leaves)
	return out
}

// here reports whether a commit counts on this chain at all.
func (t *trunk) here(v Verified) bool {
	return v.raw != nil && v.Kind == t.kind && v.Space == t.space && v.Epoch == t.epoch
}

// read takes all pieces in, reads as far as they go without a fork, and judges
// each. The result does not depend on their order.
func (t *trunk) read(pieces []*piece) []step {
	old := t.log.Len()
	t.add(pieces)
	var steps []step
	if !t.stopped {
		steps = t.grow()
	}
	t.judge(old)
	t.trim()
	return steps
}

// add puts pieces among those that wait, shortest first. A commit may come
// twice, with more of its entries the second time.
func (t *trunk) add(pieces []*piece) {
	t.waiting = append(t.waiting, pieces...)
	slices.SortStableFunc(t.waiting, func(a, b *piece) int {
		return cmp.Or(cmp.Compare(a.Log.Len, b.Log.Len), bytes.Compare(a.id[:], b.id[:]),
			cmp.Compare(len(b.run.leaves), len(a.run.leaves)))
	})
	kept := t.waiting[:0]
	for _, p := range t.waiting {
		if n := len(kept); n > 0 && p.repeats(kept[n-1]) {
			p.same = kept[n-1]
			continue
		}
		kept = append(kept, p)
	}
	clear(t.waiting[len(kept):])
	t.waiting = kept
}

func (p *piece) repeats(o *piece) bool {
	return p.id == o.id && slices.Equal(p.run.leaves, o.run.leaves)
}

// grow finds the branches, reads what all of them have in common, and stops
// there if they are several.
func (t *trunk) grow() []step {
	bs := t.branches()
	common := commonPrefix(bs)
	for i, s := range bs[0].steps[:common] {
		t.hist.append(place{leaf: s.leaf, root: s.root, author: s.author}, func() Log { return bs[0].at(i) })
	}
	t.log = bs[0].at(int(common))
	if bs[0].tip != nil {
		t.tip = bs[0].tip.Verified
	}
	if len(bs) > 1 {
		t.stop(bs, common)
	}
	return bs[0].steps[:common]
}

// stop keeps the proof of the first fork. The tip, which covers what was read
// and more, remains as proof of that.
func (t *trunk) stop(bs []*branch, common uint64) {
	t.stopped = true
	t.ahead = leavesOf(bs[0].steps[common:])
	for _, b := range bs[1:] {
		if b.steps[common].leaf != bs[0].steps[common].leaf {
			t.prove(b.tip, t.log.Len(), leavesOf(b.steps[common:]))
			return
		}
	}
}

// judge says what became of each waiting piece and keeps those that still wait.
// Everything up to old was read before.
func (t *trunk) judge(old uint64) {
	for _, p := range t.waiting {
		p.outcome = t.verdict(p, old)
	}
	t.waiting = slices.DeleteFunc(t.waiting, func(p *piece) bool {
		return p.outcome.Verdict != Waiting && p.outcome.Verdict != Held
	})
	for _, p := range t.waiting {
		p.supported = false
	}
}

func (t *trunk) verdict(p *piece, old uint64) Outcome {
	if p.Log.Len > t.log.Len() {
		return t.beyond(p)
	}
	root, ok := t.hist.rootAt(p.Log.Len)
	switch {
	case !ok:
		return Outcome{Verdict: Unchecked}
	case root != p.Log.Root:
		return t.contradicted(p)
	case t.kind == Order && !t.authored(p):
		return Outcome{Verdict: NotAuthor}
	}
	t.hist.markSigned(p.Log.Len)
	if p.supported && p.Log.Len > old {
		return Outcome{Verdict: Extended}
	}
	return Outcome{Verdict: Known}
}

// beyond judges a commit that says more than was read.
func (t *trunk) beyond(p *piece) Outcome {
	if o, ok := t.forked(p); ok {
		return o
	}
	if t.stopped {
		return Outcome{Verdict: Held}
	}
	return Outcome{Verdict: Waiting}
}

// contradicted judges a commit whose root is not the one that was read for its
// length. Two statements about one length are a fork even where the entries of
// one are not at hand; a root that nothing supports and that stands alone is
// the bad commit under a good tip, of which no verdict may depend.
func (t *trunk) contradicted(p *piece) Outcome {
	if o, ok := t.forked(p); ok {
		return o
	}
	n := p.Log.Len
	signed, _ := t.hist.at(n - 1)
	o := Outcome{Verdict: Contradiction, Evidence: t.prove(p, n, nil)}
	if signed != nil && signed.signed {
		o.Verdict = t.forkVerdict()
	}
	return o
}

// forked reports whether p's own entries leave the log that was read and its
// root holds for them: then another valid log exists, and ours goes on.
func (t *trunk) forked(p *piece) (Outcome, bool) {
	at, ok := t.leaves(p.run)
	if !ok {
		return Outcome{}, false
	}
	log, ok := t.hist.logAt(at)
	if !ok {
		return Outcome{}, false
	}
	own := p.run.leaves[at-p.run.from:]
	for _, l := range own {
		log.AppendLeaf(l)
	}
	if log.Head() != *p.Log {
		return Outcome{}, false
	}
	return Outcome{Verdict: t.forkVerdict(), Evidence: t.prove(p, at, own)}, true
}

// leaves finds where a run leaves the log that was read.
func (t *trunk) leaves(r run) (uint64, bool) {
	for i := r.from; i < min(r.end(), t.log.Len()); i++ {
		pl, ok := t.hist.at(i)
		if !ok {
			return 0, false
		}
		if pl.leaf != r.leaves[i-r.from] || pl.author != r.author {
			return i, true
		}
	}
	return 0, false
}

// authored reports whether the entries that a known commit brings are its
// signer's, as they were read.
func (t *trunk) authored(p *piece) bool {
	_, differs := t.leaves(p.run)
	return !differs
}

func (t *trunk) forkVerdict() Verdict {
	if t.kind == Lane {
		return Equivocation
	}
	return Fork
}

// prove makes the evidence that b contradicts the tip: they have at entries in
// common, and b goes on with own. Nil if it cannot be shown by hashes.
func (t *trunk) prove(b *piece, at uint64, own []wire.Hash) *Evidence {
	ours, ok := t.hist.leaves(at, t.log.Len())
	common, ok2 := t.hist.logAt(at)
	if !ok || !ok2 || t.tip.raw == nil {
		return nil
	}
	e := Evidence{A: t.tip.raw, B: b.raw, At: at}
	e.Common, _ = common.MarshalBinary() // cannot fail
	e.LeafA, e.RestA = splitLeaves(at, append(ours, t.ahead...))
	e.LeafB, e.RestB = splitLeaves(at, own)
	if e.contradiction(*t.tip.Log, *b.Log) != nil {
		return nil
	}
	if len(t.evidence) < maxEvidence {
		t.evidence = append(t.evidence, e)
	}
	return &e
}

func splitLeaves(at uint64, leaves []wire.Hash) (first wire.Hash, rest []wire.Hash) {
	if len(leaves) == 0 {
		return wire.Hash{}, nil
	}
	return leaves[0], tail(at+1, leaves[1:])
}

// trim drops what waits beyond the bounds, the longest first.
func (t *trunk) trim() {
	size := 0
	for i, p := range t.waiting {
		if size += p.size; i >= maxWaiting || size > maxWaitingBytes {
			for _, q := range t.waiting[i:] {
				q.outcome = Outcome{Verdict: Dropped}
			}
			t.waiting = slices.Clip(t.waiting[:i])
			return
		}
	}
}
