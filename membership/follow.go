package membership

import (
	"cmp"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Move leads from the branch on which a device stands to another.
//
//	0 -- 1 -- 2 -- 3          the own branch: 2 and 3 go
//	      \-- 2'-- R          From: 1; Entries: 2', R
type Move struct {
	From    uint64   // number of the last entry that both branches share
	Entries []*Entry // of the other branch, from there on
	Roster  *Roster  // after them
	Resolve *Entry   // the last of Entries; nil if the user chooses
	Dropped []*Entry // own entries that go, as far as they are among the envelopes
}

// Follow looks for resolves on other branches that drop the one on which r stands
// (DESIGN 4). Envelopes are all that lie among the ancestors of main, those of the
// own branch included. A resolve counts only if its author is an owner, with the
// consents that the policy asks for, at both heads; if it takes away again all that
// the own branch took away; and if r is not beyond the head that it names. Those
// that name r's branch and don't count are refused, each with the rule.
//
// A device moves only after its user has agreed.
func (r *Roster) Follow(envelopes [][]byte) (moves []Move, refused []Refusal) {
	t := r.grow(envelopes)
	for _, w := range t.sorted() {
		b, ok := w.entry.Body.(*ForkResolveBody)
		from := t.leaves(w)
		if !ok || from == r.head.Number {
			continue
		}
		for _, d := range b.Drop {
			if d.First.Number != from+1 || !r.Holds(d.First.Position()) {
				continue // about another branch
			}
			if err := t.resolves(w, b, d); err != nil {
				refused = append(refused, Refusal{w.entry.Envelope, ruleErrorOf(err, w.entry)})
				continue
			}
			m := t.move(w, from, envelopes)
			m.Resolve = w.entry
			moves = append(moves, m)
		}
	}
	return moves, refused
}

// Choose moves to the branch that ends at head, by the user's choice, where no
// resolve is in sight. It asks nothing but that the entries are valid.
func (r *Roster) Choose(envelopes [][]byte, head wire.Position) (Move, error) {
	t := r.grow(envelopes)
	w, ok := t.at[head.Hash]
	if !ok || w.entry.Number != head.Number {
		return Move{}, denied("branch-unknown", "no valid branch ends at entry %d, %s", head.Number, head.Hash)
	}
	return t.move(w, t.leaves(w), envelopes), nil
}

func (t *tree) sorted() []*twig {
	var out []*twig
	for _, w := range t.at {
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b *twig) int { return comparePlaces(PlaceOf(a.entry.Position()), PlaceOf(b.entry.Position())) })
	return out
}

// chain is how one gets to w from what base holds, oldest first.
func (t *tree) chain(w *twig) []*Entry {
	var out []*Entry
	for ok := true; ok; w, ok = t.at[w.entry.Predecessor] {
		out = append(out, w.entry)
	}
	slices.Reverse(out)
	return out
}

// leaves is the number of the last entry that w's branch shares with base.
func (t *tree) leaves(w *twig) uint64 {
	for {
		below, ok := t.at[w.entry.Predecessor]
		if !ok {
			return w.entry.Number - 1
		}
		w = below
	}
}

func (t *tree) move(w *twig, from uint64, envelopes [][]byte) Move {
	m := Move{From: from, Entries: t.chain(w), Roster: w.roster}
	all, errs := parseAll(envelopes)
	seen := map[wire.Hash]bool{}
	for i, u := range all {
		if errs[i] != nil || u.Number <= from || seen[u.Hash] || !t.base.Holds(wire.Position{Number: u.Number, Hash: u.Hash}) {
			continue
		}
		seen[u.Hash] = true
		before, _ := t.base.At(u.Number - 1)
		if _, e, err := before.Judge(u); err == nil {
			m.Dropped = append(m.Dropped, e)
		}
	}
	slices.SortFunc(m.Dropped, func(a, b *Entry) int { return cmp.Compare(a.Number, b.Number) })
	return m
}

// resolves checks the resolve at w for who stands on base, which it drops with d.
func (t *tree) resolves(w *twig, b *ForkResolveBody, d Dropped) error {
	head, err := t.dropped(d)
	if err != nil {
		return err
	}
	shared, _ := head.At(d.First.Number - 1)
	return b.counts(w.entry, w.roster, head, shared)
}

// dropped is the state at the head that is named, at which base stands or which
// lies further on its branch.
func (t *tree) dropped(d Dropped) (*Roster, error) {
	at := d.Head.Position()
	if at == t.base.head {
		return t.base, nil
	}
	if t.base.Holds(at) {
		return nil, denied("beyond-dropped", "it drops what there was up to entry %d, this device is at %d", at.Number, t.base.head.Number)
	}
	if w, ok := t.at[at.Hash]; ok && w.entry.Number == at.Number && w.roster.Holds(t.base.head) {
		return w.roster, nil
	}
	return nil, denied("dropped-unseen", "the head that it drops, entry %d, is not on the branch at hand", at.Number)
}

// counts is the rest of the verdict: after is the state after the resolve, head
// that of the branch that it drops, shared the last that both share.
func (b *ForkResolveBody) counts(e *Entry, after, head, shared *Roster) error {
	if err := b.Moves(head, e.Author); err != nil {
		return err
	}
	return head.stillHolds(after, shared)
}

// Moves tells whether those who stand on a branch that b drops would move over for
// that author: what is asked at its head. The rest of the verdict is Follow's.
func (b *ForkResolveBody) Moves(head *Roster, by wire.DeviceID) error {
	author, ok := head.devices.get(by)
	if !ok || !head.counts(author) || head.RoleOf(author.ID) != Owner {
		return denied("no-owner-at-both", "its author is no owner at the head that it drops")
	}
	return b.consented(head, author, false)
}

// stillHolds: all that was taken away between shared and r is taken away in after.
func (r *Roster) stillHolds(after, shared *Roster) error {
	missing := r.taken(after, shared)
	if what := missing.first(); what != "" {
		return denied("brings-back", "it does not repeat that this branch took away %s", what)
	}
	return nil
}

func ruleErrorOf(err error, e *Entry) error {
	return ruleError(err, &Unverified{Kind: e.Kind, Number: e.Number}, e.Author)
}
