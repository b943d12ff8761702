package chain_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/chain"
)

// step is one Read of a story: what is offered, what must come out.
type story struct {
	offer    []chain.Piece
	accepted []string
	verdicts []chain.Verdict
}

func tellLane(t *testing.T, r *chain.LaneReader, steps ...story) {
	t.Helper()
	for i, s := range steps {
		accepted, out := r.Read(s.offer)
		if d := cmp.Diff(append([]string{}, s.accepted...), texts(accepted)); d != "" {
			t.Fatalf("step %d: accepted (-want +got):\n%s", i, d)
		}
		if d := cmp.Diff(s.verdicts, verdicts(out)); d != "" {
			t.Fatalf("step %d: verdicts (-want +got):\n%s", i, d)
		}
	}
}

// pieces is a short way to write what is offered.
func pieces(p ...chain.Piece) []chain.Piece { return p }

func says(v ...chain.Verdict) []chain.Verdict { return v }

func TestLaneFollows(t *testing.T) {
	w := laneOf(t, "alice")
	one, two, three := w.add("a"), w.add("b", "c"), w.add()
	r := newLane("alice")
	tellLane(t, r,
		story{pieces(one), []string{"a"}, says(chain.Extended)},
		story{pieces(two, three), []string{"b", "c"}, says(chain.Extended, chain.Extended)},
		story{pieces(one, two), nil, says(chain.Known, chain.Known)},
	)
	if r.Head() != w.log.Head() {
		t.Errorf("head %v, want %v", r.Head(), w.log.Head())
	}
	if root, ok := r.RootAt(1); !ok || root != one.Commit.Log.Root {
		t.Errorf("root at 1 is %v, %v", root, ok)
	}
}

func TestLaneWaitsForEntries(t *testing.T) {
	w := laneOf(t, "alice")
	one, two, three := w.add("a"), w.add("b"), w.add("c")
	tellLane(t, newLane("alice"),
		story{pieces(three), nil, says(chain.Waiting)},
		story{pieces(one), []string{"a"}, says(chain.Extended)},
		story{pieces(two), []string{"b", "c"}, says(chain.Extended)},
	)
}

// A commit without its entries, as when the host withholds a blob, may come
// again with them.
func TestLaneEntriesComeLater(t *testing.T) {
	w := laneOf(t, "alice")
	one := w.add("a", "b")
	short := chain.Piece{Commit: one.Commit, Entries: map[uint64][]byte{1: []byte("b")}}
	tellLane(t, newLane("alice"),
		story{pieces(short), nil, says(chain.Waiting)},
		story{pieces(short, one), []string{"a", "b"}, says(chain.Extended, chain.Extended)},
	)
}

// The outbox repeats entries byte for byte; the commit may be signed again on
// another parent, with more behind.
func TestLaneEntriesRepeated(t *testing.T) {
	w := laneOf(t, "alice")
	base := w.add("a")
	again := w
	two := w.add("b")
	again.parent = objectOf("foreign")
	both := again.add("b", "c")
	tellLane(t, newLane("alice"),
		story{pieces(base, two), []string{"a", "b"}, says(chain.Extended, chain.Extended)},
		story{pieces(both), []string{"c"}, says(chain.Extended)},
	)
	tellLane(t, newLane("alice"),
		story{pieces(both, two, base), []string{"a", "b", "c"}, says(chain.Extended, chain.Extended, chain.Extended)},
	)
}

func TestLaneStatementAboutOldLength(t *testing.T) {
	w := laneOf(t, "alice")
	one := w.add("a", "b", "c")
	lie := w.say(hashHead(2), 2)
	r := newLane("alice")
	tellLane(t, r, story{pieces(one), []string{"a", "b", "c"}, says(chain.Extended)})
	_, out := r.Offer(lie.Commit, lie.Entries)
	if out.Verdict != chain.Contradiction {
		t.Fatalf("a root of nothing for a length without a commit: %s", out.Verdict)
	}
	checkEvidence(t, out.Evidence, "alice", "alice")
}

func TestLaneTooLongEntryNeverCounts(t *testing.T) {
	w := laneOf(t, "alice")
	huge := w.add(string(make([]byte, 16<<20+1)))
	tellLane(t, newLane("alice"), story{pieces(huge), nil, says(chain.Waiting)})
}

func TestLaneWaitingIsBounded(t *testing.T) {
	r := newLane("alice")
	var all []chain.Piece
	for i := range 1030 {
		w := laneOf(t, "alice")
		all = append(all, w.bad(uint64(i+2), uint64(i+1), "x"))
	}
	_, out := r.Read(all)
	if r.Waiting() != 1024 {
		t.Errorf("%d commits wait", r.Waiting())
	}
	if out[1029].Verdict != chain.Dropped || out[0].Verdict != chain.Waiting {
		t.Errorf("first %s, last %s", out[0].Verdict, out[1029].Verdict)
	}
}

// A commit whose root is right and whose tree is not says nothing new once the
// entries came from elsewhere: its tree is void, not its word.
func TestLaneRootRightTreeWrong(t *testing.T) {
	w := laneOf(t, "alice")
	one := w.add("a")
	junk := chain.Piece{Commit: one.Commit, Entries: map[uint64][]byte{0: []byte("junk")}}
	tellLane(t, newLane("alice"),
		story{pieces(junk), nil, says(chain.Waiting)},
		story{pieces(one), []string{"a"}, says(chain.Extended)},
		story{pieces(junk), nil, says(chain.Known)},
	)
}

// Two trees under one commit, as a SHA-1 collision would give: the root decides,
// in whatever order they come, together or apart.
func TestLaneTwoTreesUnderOneCommit(t *testing.T) {
	w := laneOf(t, "alice")
	one := w.add("a", "b")
	junk := chain.Piece{Commit: one.Commit, Entries: map[uint64][]byte{0: []byte("a"), 1: []byte("junk")}}
	for _, offer := range [][]chain.Piece{pieces(one, junk), pieces(junk, one)} {
		r := newLane("alice")
		accepted, _ := r.Read(offer)
		if d := cmp.Diff([]string{"a", "b"}, texts(accepted)); d != "" || r.Stopped() {
			t.Errorf("stopped %v (-want +got):\n%s", r.Stopped(), d)
		}
	}
}
