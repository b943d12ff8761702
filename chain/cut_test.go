package chain_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
)

func readCut(head wire.LogHead, pieces []chain.Piece) ([]string, chain.Verified, error) {
	entries, by, err := chain.ReadCut(hashOf("space"), hashOf("epoch"), pubOf("alice"), head, pieces)
	return texts(entries), by, err
}

func readOrderCut(head wire.LogHead, pieces []chain.Piece) ([]chain.Ordered, chain.Verified, error) {
	return chain.ReadOrderCut(hashOf("space"), hashOf("epoch"), member, head, pieces, byPrefix)
}

// member knows the three who may write the order.
func member(d wire.DeviceID) (ed25519.PublicKey, bool) {
	for _, name := range []string{"alice", "bob", "mallory"} {
		if deviceOf(name) == d {
			return pubOf(name), true
		}
	}
	return nil, false
}

func TestReadCut(t *testing.T) {
	w := laneOf(t, "alice")
	one := w.add("a", "b")
	at2 := w.log.Head()
	two := w.add("c")
	all := pieces(one, two)
	for name, c := range map[string]struct {
		head  wire.LogHead
		offer []chain.Piece
		want  []string
		err   error
	}{
		"whole":          {w.log.Head(), all, []string{"a", "b", "c"}, nil},
		"prefix":         {at2, all, []string{"a", "b"}, nil},
		"empty":          {wire.LogHead{Root: chain.EmptyRoot}, nil, []string{}, nil},
		"entries-gone":   {w.log.Head(), pieces(two), nil, chain.ErrNoCut},
		"commit-gone":    {w.log.Head(), pieces(one), nil, chain.ErrNoCut},
		"between":        {headOf("a"), all, nil, chain.ErrNoCut},
		"other-root":     {hashHead(3), all, nil, chain.ErrNoCut},
		"root-of-length": {wire.LogHead{Len: 0, Root: at2.Root}, all, nil, chain.ErrNoCut},
		"beyond-all":     {hashHead(1 << 52), all, nil, chain.ErrNoCut},
	} {
		got, by, err := readCut(c.head, c.offer)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
			continue
		}
		if err == nil && (cmp.Diff(c.want, got) != "" || c.head.Len > 0 && *by.Log != c.head) {
			t.Errorf("%s: read %q by %v", name, got, by.Log)
		}
	}
}

func headOf(entries ...string) wire.LogHead {
	log := logOf(entries...)
	return log.Head()
}

// The order's authors are those who signed the commits that bring the entries.
func TestReadOrderCut(t *testing.T) {
	base, bob, mallory := orderFork(t)
	copied := orderOf(t, "mallory")
	copied.log = logOf("alice:0")
	theft := copied.add("bob:spend")
	head := *bob.Commit.Log
	got, by, err := readOrderCut(head, pieces(mallory, theft, bob, base))
	want := []chain.Ordered{
		{Author: deviceOf("alice"), Index: 0, Entry: []byte("alice:0")},
		{Author: deviceOf("bob"), Index: 1, Entry: []byte("bob:spend")},
	}
	if err != nil || cmp.Diff(want, got) != "" || by.ID() != bob.Commit.ID() {
		t.Errorf("%v: %s", err, cmp.Diff(want, got))
	}
	if _, _, err := readOrderCut(head, pieces(mallory, theft, base)); !errors.Is(err, chain.ErrNoCut) {
		t.Errorf("another's entry stood for its author's: %v", err)
	}
}

// forkedLane draws a lane whose device signs several logs, with commits between
// whose roots hold nowhere, and gives a log to be named by a cut.
func forkedLane(t *rapid.T) (all []chain.Piece, logs [][]string, heads []wire.LogHead) {
	states, texts := []writer{laneOf(t, "alice")}, [][]string{nil}
	for i := range rapid.IntRange(1, 8).Draw(t, "commits") {
		on := rapid.IntRange(0, len(states)-1).Draw(t, "on")
		w := states[on]
		var added []string
		for j := range rapid.IntRange(0, 3).Draw(t, "entries") {
			added = append(added, fmt.Sprint("alice:", i%rapid.IntRange(1, 2).Draw(t, "same"), j))
		}
		if len(added) > 1 && rapid.Bool().Draw(t, "bad below") {
			w.bad(w.log.Len()+1, w.log.Len(), added[0])
			b := w.bad(w.log.Len()+1, w.log.Len(), added[0])
			from := w.log.Len()
			for _, e := range added {
				w.log.Append([]byte(e))
			}
			p := w.say(w.log.Head(), from+1, added[1:]...)
			w.parent = p.Commit.ObjectID()
			all = append(all, b, p)
		} else {
			all = append(all, w.add(added...))
		}
		states = append(states, w)
		texts = append(texts, append(slices.Clone(texts[on]), added...))
		logs, heads = append(logs, texts[i+1]), append(heads, w.log.Head())
	}
	return all, logs, heads
}

// A cut reads the same from any order, with junk, forks and repeats; and it is
// always the log that it names.
func TestReadCutIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, logs, heads := forkedLane(t)
		which := rapid.IntRange(0, len(logs)-1).Draw(t, "cut")
		got, by, err := readCut(heads[which], all)
		if err != nil {
			t.Fatalf("cut %v: %v", heads[which], err)
		}
		if d := cmp.Diff(append([]string{}, logs[which]...), got); d != "" {
			t.Fatal(d)
		}
		noise := slices.Concat(all, junk(t), rapid.Permutation(all).Draw(t, "repeats"))
		again, by2, err := readCut(heads[which], rapid.Permutation(noise).Draw(t, "order"))
		if err != nil || cmp.Diff(got, again) != "" {
			t.Fatalf("%v: %s", err, cmp.Diff(got, again))
		}
		if heads[which].Len > 0 && (*by.Log != heads[which] || *by2.Log != heads[which]) {
			t.Fatalf("signed by %v and %v", by.Log, by2.Log)
		}
	})
}

// Whatever a reader read, live or late, before or after a fork, can be named by
// a cut and read by everybody who has the same commits.
func TestWhatWasReadCanBeCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []chain.Piece
		if rapid.Bool().Draw(t, "forks") {
			all, _, _ = forkedLane(t)
		} else {
			all = badLane(t)
		}
		r := newLane("alice")
		var read []string
		for _, batch := range batches(t, all) {
			accepted, _ := r.Read(batch)
			read = append(read, texts(accepted)...)
		}
		cut := r.Cut()
		if !r.Covers(cut) || !r.Stopped() && cut != r.Head() {
			t.Fatalf("cut %v of %v, stopped %v", cut, r.Head(), r.Stopped())
		}
		for _, head := range append(r.Variants(), cut) {
			got, _, err := readCut(head, all)
			n := min(len(got), len(read))
			if err != nil || cmp.Diff(append([]string{}, read[:n]...), append([]string{}, got[:n]...)) != "" {
				t.Fatalf("%v: %v: read %q, cut %q", head, err, read, got)
			}
		}
	})
}

// orderTree's forks again: each branch can be read, with its authors.
func TestReadOrderCutIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, logs := orderTree(t, true)
		i := rapid.IntRange(0, len(all)-1).Draw(t, "cut")
		head := *all[i].Commit.Log
		noise := rapid.Permutation(slices.Concat(all, all, junk(t))).Draw(t, "order")
		got, _, err := readOrderCut(head, noise)
		if err != nil || join(got) != logs[i+1] {
			t.Fatalf("%v: read %q, want %q", err, join(got), logs[i+1])
		}
		for _, e := range got {
			if !byPrefix(e.Author, e.Index, e.Entry) {
				t.Fatalf("%q by %s", e.Entry, e.Author)
			}
		}
	})
}

// Commits with many entries, and one that goes on from the middle of another.
func TestReadCutOfLongCommits(t *testing.T) {
	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprint("alice:", i))
	}
	w := laneOf(t, "alice")
	middle := laneOf(t, "alice")
	for _, e := range want[:130] {
		middle.log.Append([]byte(e))
	}
	long, over := w.add(want[:200]...), middle.add(want[130:]...)
	got, _, err := readCut(middle.log.Head(), pieces(over, long))
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v: %s", err, cmp.Diff(want, got))
	}
}

// Two accomplices sign the same bytes as theirs, and both their keys open them: one
// of them is the author, the same for all who see both.
func TestOrderCutOfAccomplices(t *testing.T) {
	b, m := orderOf(t, "bob"), orderOf(t, "mallory")
	one, two := b.add("spend"), m.add("spend")
	all := func(wire.DeviceID, uint64, []byte) bool { return true }
	var authors []wire.DeviceID
	for _, offer := range [][]chain.Piece{pieces(one, two), pieces(two, one), pieces(two, one, two)} {
		got, _, err := chain.ReadOrderCut(hashOf("space"), hashOf("epoch"), member, *one.Commit.Log, offer, all)
		if err != nil || len(got) != 1 {
			t.Fatalf("%v: %d entries", err, len(got))
		}
		authors = append(authors, got[0].Author)
	}
	if len(slices.Compact(authors)) != 1 {
		t.Errorf("authors %v", authors)
	}
}
