package membership

import (
	"cmp"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Reading is what a reader makes of the entries that it found among the
// ancestors of a tip, in whatever order and company (DESIGN 3, "Reading a chain").
type Reading struct {
	Roster   *Roster         // after all that could be taken
	Accepted []*Entry        // in order; they lead from the old roster to the new
	Forks    []*ForkEvidence // other valid entries at places that were verified before
	Split    *Split          // two or more branches met at once: nothing after it is taken
	Refused  []Refusal       // all else; a violation only where Signer is set
}

// Refusal is an entry that was not taken, and why.
type Refusal struct {
	Envelope []byte
	Err      error
}

// Read takes what extends r. Entries that r holds already are passed over. The
// outcome depends on the set of envelopes, not on their order.
func (r *Roster) Read(envelopes [][]byte) Reading {
	t := r.grow(envelopes)
	t.climb()
	return t.out
}

// grow judges all entries that r does not hold, wherever they branch off.
func (r *Roster) grow(envelopes [][]byte) *tree {
	t := &tree{base: r, at: map[wire.Hash]*twig{}, next: map[wire.Hash][]*twig{}}
	t.out.Roster = r
	batch := t.parse(envelopes)
	t.good = ahead(r, batch)
	for _, u := range batch {
		t.judge(u)
	}
	return t
}

// tree holds all valid entries beyond what base verified, by hash and by
// predecessor.
type tree struct {
	base *Roster
	at   map[wire.Hash]*twig
	next map[wire.Hash][]*twig
	good signatures
	out  Reading
}

// twig is one valid entry and the state after it.
type twig struct {
	entry  *Entry
	roster *Roster
}

func (t *tree) refuse(env []byte, err error) {
	t.out.Refused = append(t.out.Refused, Refusal{env, err})
}

// parse keeps what is new, lower numbers first; ties go by hash so that the
// outcome does not depend on the order in which a host shows things.
func (t *tree) parse(envelopes [][]byte) []*Unverified {
	var out []*Unverified
	seen := map[wire.Hash]bool{}
	all, errs := parseAll(envelopes)
	for i, u := range all {
		if errs[i] != nil {
			t.refuse(envelopes[i], errs[i])
			continue
		}
		if !seen[u.Hash] && !t.base.Holds(wire.Position{Number: u.Number, Hash: u.Hash}) {
			out = append(out, u)
		}
		seen[u.Hash] = true
	}
	slices.SortFunc(out, func(a, b *Unverified) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), slices.Compare(a.Hash[:], b.Hash[:]))
	})
	return out
}

func (t *tree) judge(u *Unverified) {
	before := t.before(u)
	next, e, err := before.judge(u, t.good)
	if err != nil {
		t.refuse(u.Envelope, err)
		return
	}
	w := &twig{e, next}
	t.at[e.Hash] = w
	t.next[e.Predecessor] = append(t.next[e.Predecessor], w)
}

// before is the state on which u builds; if nobody knows it, the roster at hand,
// which then says what is wrong.
func (t *tree) before(u *Unverified) *Roster {
	if w, ok := t.at[u.Predecessor]; ok {
		return w.roster
	}
	if u.Number > 0 && t.base.Holds(wire.Position{Number: u.Number - 1, Hash: u.Predecessor}) {
		r, _ := t.base.At(u.Number - 1)
		return r
	}
	return t.base
}

// climb takes entries from the head on, as long as there is one to take.
func (t *tree) climb() {
	for _, w := range t.at {
		if t.base.Holds(wire.Position{Number: w.entry.Number - 1, Hash: w.entry.Predecessor}) && w.entry.Number <= t.base.head.Number {
			t.out.Forks = append(t.out.Forks, t.base.evidence(w.entry))
		}
	}
	slices.SortFunc(t.out.Forks, func(a, b *ForkEvidence) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), slices.Compare(a.Theirs.Hash[:], b.Theirs.Hash[:]))
	})
	for {
		next := t.contenders(t.out.Roster.head.Hash)
		if len(next) == 0 {
			return
		}
		if len(next) > 1 {
			t.out.Split = t.split(next)
			return
		}
		t.out.Roster, t.out.Accepted = next[0].roster, append(t.out.Accepted, next[0].entry)
	}
}

// contenders are the entries for the place after parent, without tries that
// their own authors gave up in a later entry and on which nobody built.
func (t *tree) contenders(parent wire.Hash) []*twig {
	all := t.next[parent]
	if len(all) < 2 {
		return all
	}
	given := map[wire.Hash]wire.DeviceID{}
	for _, w := range all {
		t.walk(w, func(w *twig) {
			for _, h := range w.entry.Tries {
				given[h] = w.entry.Author
			}
		})
	}
	return slices.DeleteFunc(slices.Clone(all), func(w *twig) bool {
		by, ok := given[w.entry.Hash]
		return ok && by == w.entry.Author && len(t.next[w.entry.Hash]) == 0
	})
}

// walk visits w and all that builds on it.
func (t *tree) walk(w *twig, visit func(*twig)) {
	for todo := []*twig{w}; len(todo) > 0; {
		w = todo[len(todo)-1]
		todo = append(todo[:len(todo)-1], t.next[w.entry.Hash]...)
		visit(w)
	}
}

func (t *tree) split(next []*twig) *Split {
	s := &Split{Shared: t.out.Roster}
	for _, w := range next {
		s.Branches = append(s.Branches, t.branch(w))
	}
	return s
}

// branch is the longest way up from w; between equals the smaller hash decides.
func (t *tree) branch(w *twig) Branch {
	top := w
	t.walk(w, func(w *twig) {
		if cmp.Or(cmp.Compare(top.entry.Number, w.entry.Number), slices.Compare(w.entry.Hash[:], top.entry.Hash[:])) < 0 {
			top = w
		}
	})
	b := Branch{Roster: top.roster}
	for at := top; ; at = t.at[at.entry.Predecessor] {
		if b.Entries = append(b.Entries, at.entry); at == w {
			slices.Reverse(b.Entries)
			return b
		}
	}
}
