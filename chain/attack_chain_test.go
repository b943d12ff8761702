package chain_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/chain"
)

func tellOrder(t *testing.T, r *chain.OrderReader, steps ...story) {
	t.Helper()
	for i, s := range steps {
		accepted, out := r.Read(s.offer)
		if d := cmp.Diff(append([]string{}, s.accepted...), orderedTexts(accepted)); d != "" {
			t.Fatalf("step %d: accepted (-want +got):\n%s", i, d)
		}
		if d := cmp.Diff(s.verdicts, verdicts(out)); d != "" {
			t.Fatalf("step %d: verdicts (-want +got):\n%s", i, d)
		}
	}
}

// orderFork is an order with two branches after its first entry:
//
//	alice:0 ─┬─ bob:spend
//	         └─ mallory:spend
func orderFork(t *testing.T) (base, bob, mallory chain.Piece) {
	a := orderOf(t, "alice")
	base = a.add("alice:0")
	b, m := orderOf(t, "bob").on(a), orderOf(t, "mallory").on(a)
	return base, b.add("bob:spend"), m.add("mallory:spend")
}

// ATTACKS 1: whoever joined the branches, the spend stays for all who saw it;
// who meets both applies neither.
func TestAttackForkByMergeOrder(t *testing.T) {
	base, bob, mallory := orderFork(t)
	t.Run("who-saw-it-goes-on", func(t *testing.T) {
		r := newOrder()
		tellOrder(t, r, story{pieces(base, bob), []string{"alice:0", "bob:spend"}, says(chain.Extended, chain.Extended)})
		accepted, out := r.Offer(mallory.Commit, mallory.Entries)
		if len(accepted) != 0 || out.Verdict != chain.Fork || r.Stopped() {
			t.Fatalf("accepted %d, %s, stopped %v", len(accepted), out.Verdict, r.Stopped())
		}
		checkEvidence(t, out.Evidence, "bob", "mallory")
	})
	t.Run("who-meets-both-stops", func(t *testing.T) {
		r := newOrder()
		tellOrder(t, r, story{pieces(mallory, base, bob), []string{"alice:0"}, says(chain.Held, chain.Extended, chain.Held)})
		if !r.Stopped() || len(r.Evidence()) != 1 {
			t.Fatalf("stopped %v, %d proofs", r.Stopped(), len(r.Evidence()))
		}
		more := orderOf(t, "bob")
		more.log = logOf("alice:0", "bob:spend")
		tellOrder(t, r, story{pieces(more.add("bob:more")), nil, says(chain.Held)})
	})
	t.Run("goes-on-after-the-fork", func(t *testing.T) {
		r := newOrder()
		tellOrder(t, r, story{pieces(base, bob), []string{"alice:0", "bob:spend"}, says(chain.Extended, chain.Extended)})
		more := orderOf(t, "alice")
		more.log = logOf("alice:0", "bob:spend")
		tellOrder(t, r, story{pieces(mallory, more.add("alice:1")), []string{"alice:1"}, says(chain.Fork, chain.Extended)})
	})
}

// ATTACKS 2: (9, J→10) and (10', 10). Foreign commits between are not offered;
// the branches are what counts, however git joined them.
func TestAttackForkByJunkMerge(t *testing.T) {
	base, bob, _ := orderFork(t)
	m := orderOf(t, "mallory")
	m.log, m.parent = logOf("alice:0"), objectOf("junk on bob's commit")
	mallory := m.add("mallory:spend")
	r := newOrder()
	tellOrder(t, r, story{pieces(base, bob), []string{"alice:0", "bob:spend"}, says(chain.Extended, chain.Extended)})
	tellOrder(t, r, story{pieces(mallory), nil, says(chain.Fork)})
	r = newOrder()
	tellOrder(t, r, story{pieces(base, bob, mallory), []string{"alice:0"}, says(chain.Extended, chain.Held, chain.Held)})
}

// ATTACKS 3: a later commit of the same device that forgets its entry.
func TestAttackOwnEntryWithdrawn(t *testing.T) {
	t.Run("order", func(t *testing.T) {
		base, bob, _ := orderFork(t)
		b := orderOf(t, "bob")
		b.log, b.parent = logOf("alice:0"), bob.Commit.ObjectID()
		instead := b.add("bob:other", "bob:more")
		r := newOrder()
		tellOrder(t, r, story{pieces(base, bob), []string{"alice:0", "bob:spend"}, says(chain.Extended, chain.Extended)})
		_, out := r.Offer(instead.Commit, instead.Entries)
		if out.Verdict != chain.Fork {
			t.Fatal(out.Verdict)
		}
		checkEvidence(t, out.Evidence, "bob", "bob")
	})
	t.Run("lane", func(t *testing.T) {
		w := laneOf(t, "alice")
		base := w.add("a")
		other := w
		spend := w.add("spend")
		other.parent = w.parent
		r := newLane("alice")
		tellLane(t, r, story{pieces(base, spend), []string{"a", "spend"}, says(chain.Extended, chain.Extended)})
		_, out := r.Offer(pieceOf(other.add("nothing")))
		if out.Verdict != chain.Equivocation {
			t.Fatal(out.Verdict)
		}
		checkEvidence(t, out.Evidence, "alice", "alice")
	})
}

func pieceOf(p chain.Piece) (chain.Verified, map[uint64][]byte) { return p.Commit, p.Entries }

func logOf(entries ...string) chain.Log {
	var l chain.Log
	for _, e := range entries {
		l.Append([]byte(e))
	}
	return l
}

// ATTACKS 5: a commit of somebody else changes nothing, and the next honest
// commit, which stands on it, is read.
func TestAttackForeignCommit(t *testing.T) {
	t.Run("foreign-commit-on-lane", func(t *testing.T) {
		w := laneOf(t, "alice")
		one := w.add("a")
		foreign := laneOf(t, "bob")
		foreign.parent = w.parent
		junk := foreign.add("x", "y")
		w.parent = junk.Commit.ObjectID()
		two := w.add("b")
		tellLane(t, newLane("alice"), story{
			pieces(one, junk, two), []string{"a", "b"}, says(chain.Extended, chain.Elsewhere, chain.Extended),
		})
	})
	t.Run("foreign-commit-on-order", func(t *testing.T) {
		w := orderOf(t, "alice")
		one := w.add("alice:0")
		lane := laneOf(t, "bob").on(w)
		junk := lane.add("bob:x")
		w.parent = junk.Commit.ObjectID()
		two := w.add("alice:1")
		tellOrder(t, newOrder(), story{
			pieces(one, junk, two), []string{"alice:0", "alice:1"}, says(chain.Extended, chain.Elsewhere, chain.Extended),
		})
	})
}

// ATTACKS 8, as far as a reader sees it: entries dropped, doubled, moved to
// another index, lanes exchanged. Nothing of it is read.
func TestAttackEntriesMoved(t *testing.T) {
	w := laneOf(t, "alice")
	one := w.add("a", "b")
	for name, entries := range map[string]map[uint64][]byte{
		"dropped":   {1: []byte("b")},
		"doubled":   {0: []byte("a"), 1: []byte("a")},
		"moved":     {0: []byte("b"), 1: []byte("a")},
		"beyond":    {2: []byte("a"), 3: []byte("b")},
		"exchanged": {0: []byte("a"), 1: []byte("c")},
	} {
		t.Run(name, func(t *testing.T) {
			r := newLane("alice")
			tellLane(t, r, story{pieces(chain.Piece{Commit: one.Commit, Entries: entries}), nil, says(chain.Waiting)})
			tellLane(t, r, story{pieces(one), []string{"a", "b"}, says(chain.Extended)})
		})
	}
	bob := laneOf(t, "bob")
	tellLane(t, newLane("bob"), story{pieces(one, bob.add("a")), []string{"a"}, says(chain.Elsewhere, chain.Extended)})
}

// ATTACKS 9: a bad commit under a good tip. Whoever follows live and whoever
// comes late read the same.
func TestAttackBadIntermediateCommit(t *testing.T) {
	w := laneOf(t, "alice")
	one := w.add("a")
	bad := w.bad(3, 1, "b", "c")
	w.log = logOf("a", "b", "c")
	good := w.add("d")
	live, late := newLane("alice"), newLane("alice")
	tellLane(t, live,
		story{pieces(one), []string{"a"}, says(chain.Extended)},
		story{pieces(bad), nil, says(chain.Waiting)},
		story{pieces(good), []string{"b", "c", "d"}, says(chain.Extended)},
	)
	tellLane(t, late, story{
		pieces(good, bad, one), []string{"a", "b", "c", "d"}, says(chain.Extended, chain.Contradiction, chain.Extended),
	})
	if live.Head() != late.Head() {
		t.Errorf("live %v, late %v", live.Head(), late.Head())
	}
	if len(live.Evidence()) != 1 || len(late.Evidence()) != 1 {
		t.Error("an audit must report the bad commit")
	}
}

// ATTACKS 10: valid signatures that were made for another place.
func TestAttackSignatureFromElsewhere(t *testing.T) {
	elsewhere := map[string]func(*writer){
		"other-space":          func(w *writer) { w.space = hashOf("another space") },
		"other-epoch":          func(w *writer) { w.epoch = hashOf("another epoch") },
		"lane-commit-on-order": func(w *writer) { w.kind = chain.Lane },
		"order-commit-on-lane": func(w *writer) { w.kind = chain.Order },
		"other-lane":           func(w *writer) { w.device = "mallory" },
	}
	for name, change := range elsewhere {
		t.Run(name, func(t *testing.T) {
			w := laneOf(t, "alice")
			if name == "lane-commit-on-order" {
				w.kind = chain.Order
			}
			change(&w)
			p := w.add("alice:0")
			if w.kind == chain.Lane && name == "lane-commit-on-order" {
				tellOrder(t, newOrder(), story{pieces(p), nil, says(chain.Elsewhere)})
				return
			}
			tellLane(t, newLane("alice"), story{pieces(p), nil, says(chain.Elsewhere)})
		})
	}
	t.Run("zero-verified", func(t *testing.T) {
		tellLane(t, newLane("alice"), story{pieces(chain.Piece{}), nil, says(chain.Elsewhere)})
	})
}

// On the order a signer can put its name only under its own entries.
func TestAttackOrderEntryOfAnother(t *testing.T) {
	a := orderOf(t, "alice")
	m := orderOf(t, "mallory")
	own, stolen := a.add("alice:0"), m.add("alice:0")
	tellOrder(t, newOrder(), story{pieces(stolen), nil, says(chain.NotAuthor)})
	tellOrder(t, newOrder(), story{pieces(stolen, own), []string{"alice:0"}, says(chain.NotAuthor, chain.Extended)})
	tellOrder(t, newOrder(), story{pieces(own, stolen), []string{"alice:0"}, says(chain.Extended, chain.NotAuthor)})
}

// ATTACKS 43: two entries at one index, shown to two halves, then joined.
func TestAttackEquivocation(t *testing.T) {
	w := laneOf(t, "mallory")
	base := w.add("0")
	other := w
	x, y := w.add("x"), other.add("y")
	moreX, moreY := w.add("x2"), other.add("y2", "y3")
	t.Run("each-half-goes-on", func(t *testing.T) {
		left, right := newLane("mallory"), newLane("mallory")
		tellLane(t, left, story{pieces(base, x), []string{"0", "x"}, says(chain.Extended, chain.Extended)})
		tellLane(t, right, story{pieces(base, y), []string{"0", "y"}, says(chain.Extended, chain.Extended)})
		tellLane(t, left, story{pieces(y, moreX, moreY), []string{"x2"}, says(chain.Equivocation, chain.Extended, chain.Waiting)})
		tellLane(t, right, story{pieces(moreX, x, moreY), []string{"y2", "y3"}, says(chain.Contradiction, chain.Equivocation, chain.Extended)})
		checkEvidence(t, &left.Evidence()[0], "mallory", "mallory")
		for i := range right.Evidence() {
			checkEvidence(t, &right.Evidence()[i], "mallory", "mallory")
		}
	})
	t.Run("who-comes-late-stops", func(t *testing.T) {
		r := newLane("mallory")
		tellLane(t, r, story{
			pieces(moreY, moreX, x, y, base), []string{"0"},
			says(chain.Held, chain.Held, chain.Held, chain.Held, chain.Extended),
		})
		checkEvidence(t, &r.Evidence()[0], "mallory", "mallory")
	})
}
