package membership

import (
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// ForkEvidence shows that the ledger has two branches: a second valid entry for a
// place that this ledger has filled. It names facts only; that two entries exist
// is no accusation of who signed one of them, who may have lost a race while the
// host kept the loser (DESIGN 3, 7).
type ForkEvidence struct {
	Number   uint64
	Ours     wire.Position // the entry that this ledger has there
	Theirs   *Entry        // the other one, valid on the same predecessor
	Declared bool          // its author declared it lost to a race, in this ledger: no fork yet
	Dropped  bool          // a resolve in this ledger dropped the branch that it begins
	Shared   wire.Position // the last place that both share
}

// Contradicts judges an entry for a place before the head that has another entry.
// Evidence is only what would have been accepted there: signed by a device that
// could, under the rules and the state of that place. For entries further along
// another branch fold that branch: At(evidence.Number-1), then Apply.
func (r *Roster) Contradicts(env []byte) (*ForkEvidence, bool) {
	u, err := Parse(env)
	if err != nil || u.Space != r.space || u.Number == 0 {
		return nil, false
	}
	ours, ok := r.HashAt(u.Number)
	if !ok || ours == u.Hash {
		return nil, false
	}
	before, _ := r.At(u.Number - 1)
	_, e, err := before.Judge(u)
	if err != nil {
		return nil, false
	}
	return r.evidence(e), true
}

// evidence shows e, valid on this ledger's entry before it, against its own.
func (r *Roster) evidence(e *Entry) *ForkEvidence {
	ours, _ := r.HashAt(e.Number)
	by, declared := r.tries.get(short(e.Hash))
	return &ForkEvidence{
		Number: e.Number, Ours: wire.Position{Number: e.Number, Hash: ours}, Theirs: e,
		Declared: declared && by == e.Author,
		Dropped:  slices.ContainsFunc(r.dropped, func(d Dropped) bool { return d.First.Position() == e.Position() }),
		Shared:   wire.Position{Number: e.Number - 1, Hash: e.Predecessor},
	}
}

// Dropped reports whether a place can lie on a branch that a resolve in this ledger
// dropped: it is not of this ledger, and its number is one of that branch.
func (r *Roster) Dropped(at wire.Position) bool {
	return !r.Holds(at) && slices.ContainsFunc(r.dropped, func(d Dropped) bool {
		return d.First.Number <= at.Number && at.Number <= d.Head.Number
	})
}

// Rivals are the branches that leave this ledger before its head: what a resolve
// has to drop. Left out are lost races that their author declared, and branches
// that a resolve in this ledger named up to where they end.
func (r *Roster) Rivals(envelopes [][]byte) []Branch {
	t := r.grow(envelopes)
	var out []Branch
	for _, w := range t.sorted() {
		if len(t.next[w.entry.Hash]) > 0 || t.leaves(w) >= r.head.Number {
			continue
		}
		b := Branch{Entries: t.chain(w), Roster: w.roster}
		first := b.Entries[0]
		named := Dropped{First: PlaceOf(first.Position()), Head: PlaceOf(w.entry.Position())}
		if !slices.Contains(r.dropped, named) && !(len(b.Entries) == 1 && r.evidence(first).Declared) {
			out = append(out, b)
		}
	}
	return out
}
