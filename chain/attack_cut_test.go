package chain_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
)

// ATTACKS 32, cut-below-seen: a cut that ends below what was verified is read as
// it is; who verified more keeps it, so that it can be told and issued again.
func TestAttackCutBelowSeen(t *testing.T) {
	w := laneOf(t, "alice")
	all := pieces(w.add("a"), w.add("b"), w.add("c"))
	r := newLane("alice")
	r.Read(all)
	cut := headOf("a", "b")
	got, _, err := readCut(cut, all)
	if err != nil || cmp.Diff([]string{"a", "b"}, got) != "" {
		t.Fatalf("%v: %q", err, got)
	}
	if !r.Covers(cut) || r.Head() != w.log.Head() || r.Cut() != r.Head() {
		t.Errorf("covers %v, head %v", r.Covers(cut), r.Head())
	}
}

// ATTACKS 33, cut-of-nothing: no commit says this root, or the one that says it
// stands on nothing. Nobody follows, whatever else lies there.
func TestAttackCutOfNothing(t *testing.T) {
	w := laneOf(t, "alice")
	all := pieces(w.add("a"), w.add("b"))
	nothing := w.bad(5, 4, "x")
	for name, cut := range map[string]wire.LogHead{
		"root-of-nothing":   hashHead(2),
		"said-but-no-log":   *nothing.Commit.Log,
		"length-of-another": {Len: 1, Root: w.log.Head().Root},
		"between-commits":   headOf("a", "b", "c"),
	} {
		if _, _, err := readCut(cut, append(all, nothing)); !errors.Is(err, chain.ErrNoCut) {
			t.Errorf("%s: %v, want ErrNoCut", name, err)
		}
		if r := newLane("alice"); r.Covers(cut) {
			t.Errorf("%s: covered by nothing", name)
		}
	}
	r := newLane("alice")
	r.Read(append(all, nothing))
	if r.Cut() != w.log.Head() || r.Covers(hashHead(2)) || r.Covers(headOf("a", "b", "c")) {
		t.Errorf("cut %v", r.Cut())
	}
}

// A length between two commits has no signature of its own: no seal may name it,
// though everybody can compute its root.
func TestCutNeedsACommit(t *testing.T) {
	w := laneOf(t, "alice")
	one, both := w.add("a"), w.add("b", "c")
	r := newLane("alice")
	r.Read(pieces(one, both))
	if cut := headOf("a", "b"); r.Covers(cut) {
		t.Error("covers a length that nobody signed")
	} else if _, _, err := readCut(cut, pieces(one, both)); !errors.Is(err, chain.ErrNoCut) {
		t.Error(err)
	}
	if !r.Covers(headOf("a")) || !r.Covers(headOf("a", "b", "c")) || !r.Covers(wire.LogHead{Root: chain.EmptyRoot}) {
		t.Error("does not cover what was signed")
	}
}

// ATTACKS 34: the host deletes the lane after the cut. Its commits are ancestors
// of the closing commit, so that its pieces are at hand without the ref; what
// was pushed there later, under the same key, changes nothing.
func TestAttackRemovedLaneDeletedAfterCut(t *testing.T) {
	w := laneOf(t, "mallory")
	before := pieces(w.add("m0"), w.add("m1"))
	cut, tip := w.log.Head(), w.parent
	closed := signed(t, closing("alice").Commit([]wire.ObjectID{tip}, 1_800_000_000), "alice")
	if _, err := chain.VerifyClose(closed.Raw(), closing("alice")); err != nil || !slices.Contains(closed.Parents, before[1].Commit.ObjectID()) {
		t.Fatal(err)
	}
	late := pieces(w.add("m2"), w.add("m3"))
	for _, offer := range [][]chain.Piece{before, append(late, before...)} {
		entries, by, err := chain.ReadCut(hashOf("space"), hashOf("epoch"), pubOf("mallory"), cut, offer)
		if err != nil || cmp.Diff([]string{"m0", "m1"}, texts(entries)) != "" || by.ID() != before[1].Commit.ID() {
			t.Errorf("%v: %q", err, texts(entries))
		}
	}
}

// ATTACKS 35 and 36: a closing commit on a lane or the order is nothing that is
// read there, and closes for exactly one entry, by its author.
func TestAttackClosingCommits(t *testing.T) {
	good := closing("alice")
	tips := []wire.ObjectID{objectOf("lane")}
	x := signed(t, good.Commit(tips, 1_800_000_000), "alice")
	on := chain.Piece{Commit: x}
	tellLane(t, newLane("alice"), story{pieces(on), nil, says(chain.Elsewhere)})
	tellOrder(t, newOrder(), story{pieces(on), nil, says(chain.Elsewhere)})
	t.Run("lost-try-X-replayed", func(t *testing.T) {
		landed := good
		landed.Entry.Hash = hashOf("the entry that landed")
		if _, err := chain.VerifyClose(x.Raw(), landed); !errors.Is(err, chain.ErrElsewhere) {
			t.Error(err)
		}
	})
	t.Run("X-by-non-member", func(t *testing.T) {
		forged := closing("mallory")
		raw := signed(t, forged.Commit(tips, 1_800_000_000), "mallory").Raw()
		if _, err := chain.VerifyClose(raw, good); !errors.Is(err, chain.ErrElsewhere) {
			t.Error(err)
		}
	})
	t.Run("lane-commit-as-X", func(t *testing.T) {
		w := laneOf(t, "alice")
		if _, err := chain.VerifyClose(w.add("a").Commit.Raw(), good); !errors.Is(err, chain.ErrElsewhere) {
			t.Error(err)
		}
	})
	t.Run("missing-parent", func(t *testing.T) {
		w := laneOf(t, "alice")
		w.add("a")
		last := w.add("b")
		if _, _, err := readCut(w.log.Head(), pieces(last)); !errors.Is(err, chain.ErrNoCut) {
			t.Errorf("a cut was read whose first commit nobody has: %v", err)
		}
	})
}

// ATTACKS 43: a seal names one of two variants; all three read the same, though
// one went on with it, one with the other, and one stopped.
func TestAttackEquivocationSealed(t *testing.T) {
	w := laneOf(t, "alice")
	base := w.add("0")
	other := w
	x, y := w.add("x"), other.add("y", "y2")
	left, right, late := newLane("alice"), newLane("alice"), newLane("alice")
	left.Read(pieces(base, x))
	right.Read(pieces(base, y))
	late.Read(pieces(y, x, base))
	if !late.Stopped() || cmp.Diff([]wire.LogHead{other.log.Head(), w.log.Head()}, late.Variants()) != "" || late.Cut() != headOf("0") {
		t.Fatalf("variants %v, cut %v", late.Variants(), late.Cut())
	}
	if left.Variants() != nil {
		t.Errorf("who did not stop has %d variants", len(left.Variants()))
	}
	cut := late.Variants()[1]
	if !left.Covers(cut) || right.Covers(cut) || late.Covers(cut) {
		t.Error("covered by one that did not read it, or not by the one that did")
	}
	got, _, err := readCut(cut, pieces(y, x, base))
	if err != nil || cmp.Diff([]string{"0", "x"}, got) != "" {
		t.Errorf("%v: %q", err, got)
	}
	if late.Read(nil); len(late.Variants()) != 2 {
		t.Error("asking for variants changed the reader")
	}
}

// ATTACKS 44: the sealer did not see bob's ordered entry, which others read. The
// cut reads without it, and who verified it can say so.
func TestAttackOrderedHiddenFromSealer(t *testing.T) {
	base, bob, _ := orderFork(t)
	saw := newOrder()
	tellOrder(t, saw, story{pieces(base, bob), []string{"alice:0", "bob:spend"}, says(chain.Extended, chain.Extended)})
	cut := *base.Commit.Log
	got, _, err := readOrderCut(cut, pieces(base, bob))
	if err != nil || join(got) != "alice:0 " {
		t.Fatalf("%v: %q", err, join(got))
	}
	if !saw.Covers(cut) || saw.Head().Len <= cut.Len {
		t.Error("who saw the entry cannot tell that it was left out")
	}
	if root, ok := saw.RootAt(2); !ok || root != bob.Commit.Log.Root {
		t.Error("what was witnessed is forgotten")
	}
}

// ATTACKS 45: one spend twice, by replay, reorder, or a fork of the order.
func TestAttackDoubleSpendOnOrder(t *testing.T) {
	base, bob, mallory := orderFork(t)
	t.Run("replay", func(t *testing.T) {
		r := newOrder()
		tellOrder(t, r,
			story{pieces(base, bob), []string{"alice:0", "bob:spend"}, says(chain.Extended, chain.Extended)},
			story{pieces(bob, base, bob), nil, says(chain.Known, chain.Known, chain.Known)})
	})
	t.Run("reorder", func(t *testing.T) {
		b := orderOf(t, "bob")
		first := b.add("bob:spend")
		r := newOrder()
		tellOrder(t, r,
			story{pieces(base, bob), []string{"alice:0", "bob:spend"}, says(chain.Extended, chain.Extended)},
			story{pieces(first), nil, says(chain.Fork)})
	})
	t.Run("fork", func(t *testing.T) {
		r := newOrder()
		r.Read(pieces(bob, mallory, base))
		if r.Head() != headOf("alice:0") || len(r.Variants()) != 2 || r.Cut() != headOf("alice:0") {
			t.Fatalf("head %v, %d variants", r.Head(), len(r.Variants()))
		}
		for _, v := range r.Variants() {
			got, by, err := readOrderCut(v, pieces(bob, mallory, base))
			if err != nil || len(got) != 2 || got[1].Author != by.Device {
				t.Errorf("%v: %q", err, join(got))
			}
		}
	})
	t.Run("by-nobody", func(t *testing.T) {
		e := orderOf(t, "eve")
		e.log = logOf("alice:0")
		p := e.add("eve:spend")
		if _, _, err := readOrderCut(*p.Commit.Log, pieces(base, p)); !errors.Is(err, chain.ErrNoCut) {
			t.Errorf("an outsider's entry was sealed: %v", err)
		}
	})
}

// After the seal a device floods its own lane with variants, each of which could
// go on from any other: the cut is read all the same, wherever it lies among them.
func TestAttackCutDrownedInVariants(t *testing.T) {
	var all []chain.Piece
	var cut writer
	var first chain.Piece
	for i := range 2200 {
		v := laneOf(t, "alice")
		p := v.add(fmt.Sprint("a", i))
		if i == 0 || less(p.Commit.ID(), first.Commit.ID()) {
			first, cut = p, v
		}
		v.parent = objectOf(fmt.Sprint("nowhere", i))
		all = append(all, p, v.bad(2, 1, "next"))
	}
	last := cut.add("b")
	got, by, err := readCut(cut.log.Head(), append(all, last))
	if err != nil || cmp.Diff(append(texts([][]byte{first.Entries[0]}), "b"), got) != "" || by.ID() != last.Commit.ID() {
		t.Errorf("%v: %q", err, got)
	}
}

func less(a, b wire.Hash) bool { return bytes.Compare(a[:], b[:]) < 0 }
