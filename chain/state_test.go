package chain_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/espace-git/espace-git/chain"
)

// A long lane, saved after each read: old pages leave the memory and come back
// when an old length is asked about.
func TestHistoryOnDisk(t *testing.T) {
	s := newStored(t)
	w := laneOf(t, "alice")
	var heads []chain.Piece
	for i := range 40 {
		var more []string
		for j := range 20 {
			more = append(more, fmt.Sprint(i, "/", j))
		}
		p := w.add(more...)
		heads = append(heads, p)
		if _, out := s.read(pieces(p)); out[0].Verdict != chain.Extended {
			t.Fatalf("commit %d: %s", i, out[0].Verdict)
		}
	}
	r := s.open()
	for _, p := range heads {
		if root, ok := r.RootAt(p.Commit.Log.Len); !ok || root != p.Commit.Log.Root {
			t.Errorf("root at %d: %v %v", p.Commit.Log.Len, root, ok)
		}
	}
	if _, ok := r.RootAt(801); ok {
		t.Error("a root beyond the lane")
	}
	if len(s.pages) != 4 || len(s.state) > 3000 {
		t.Errorf("%d pages, %d bytes of state", len(s.pages), len(s.state))
	}
	delete(s.pages, 1)
	_, out := s.open().Read(pieces(heads[15]))
	if out[0].Verdict != chain.Unchecked {
		t.Errorf("with a lost page: %s", out[0].Verdict)
	}
}

// That a length was signed is remembered, also in a page that was full and
// saved: another root for it is then an equivocation.
func TestSignedLengthIsRemembered(t *testing.T) {
	s := newStored(t)
	w := laneOf(t, "alice")
	for i := range 300 {
		w.log.Append(fmt.Append(nil, i))
	}
	var all []string
	for i := range 300 {
		all = append(all, fmt.Sprint(i))
	}
	whole := w.say(w.log.Head(), 0, all...)
	ten := logOf(all[:10]...)
	s.read(pieces(whole))
	if _, out := s.read(pieces(w.say(ten.Head(), 10))); out[0].Verdict != chain.Known {
		t.Fatal(out[0].Verdict)
	}
	_, out := s.read(pieces(w.say(hashHead(10), 10)))
	if out[0].Verdict != chain.Equivocation {
		t.Fatal(out[0].Verdict)
	}
	checkEvidence(t, out[0].Evidence, "alice", "alice")
}

// A reader that stopped at a fork stays so on disk, with one proof.
func TestStoppedReaderOnDisk(t *testing.T) {
	s := newStored(t)
	w := laneOf(t, "alice")
	other := w
	s.read(pieces(w.add("x"), other.add("y")))
	if _, out := s.read(pieces(w.add("x2"))); out[0].Verdict != chain.Held {
		t.Fatal(out[0].Verdict)
	}
	r := s.open()
	if !r.Stopped() || r.Waiting() != 3 || len(r.Evidence()) != 1 {
		t.Errorf("stopped %v, %d wait, %d proofs", r.Stopped(), r.Waiting(), len(r.Evidence()))
	}
	if tip, ok := r.Tip(); !ok || tip.Device != r.Device() {
		t.Error("no commit covers what was read")
	}
}

func TestRestoreRefuses(t *testing.T) {
	s := newStored(t)
	w := laneOf(t, "alice")
	one := w.add("a", "b")
	s.read(pieces(one, w.bad(9, 8, "z")))
	restore := func(state []byte, load func(uint64) []byte) error {
		_, err := chain.RestoreLane(hashOf("space"), hashOf("epoch"), pubOf("alice"), state, load)
		return err
	}
	load := func(i uint64) []byte { return s.pages[i] }
	if err := restore(s.state, load); err != nil {
		t.Fatal(err)
	}
	for n := range s.state {
		if err := restore(s.state[:n], load); !errors.Is(err, chain.ErrState) {
			t.Fatalf("state cut at %d: %v", n, err)
		}
	}
	record := s.pages[0][len(s.pages[0])-81:]
	for name, page := range map[string][]byte{
		"older": s.pages[0][:len(s.pages[0])-81], "newer": slices.Concat(s.pages[0], record),
		"lost": nil, "cut": s.pages[0][:100], "long": append(s.pages[0], 0), "other": make([]byte, 300),
	} {
		if err := restore(s.state, func(uint64) []byte { return page }); !errors.Is(err, chain.ErrState) {
			t.Errorf("page %s: %v", name, err)
		}
	}
	if _, err := chain.RestoreLane(hashOf("space"), hashOf("epoch"), pubOf("bob"), s.state, load); !errors.Is(err, chain.ErrState) {
		t.Error("restored as another lane")
	}
	if _, err := chain.RestoreOrder(hashOf("space"), hashOf("epoch"), byPrefix, s.state, load); !errors.Is(err, chain.ErrState) {
		t.Error("restored as the order")
	}
}

func TestOrderOnDisk(t *testing.T) {
	base, bob, mallory := orderFork(t)
	r := newOrder()
	r.Read(pieces(base, bob))
	state, pages := r.Save()
	again, err := chain.RestoreOrder(hashOf("space"), hashOf("epoch"), byPrefix, state, func(i uint64) []byte { return pages[i] })
	if err != nil {
		t.Fatal(err)
	}
	r.Saved()
	if again.Head() != r.Head() || again.Waiting() != 0 {
		t.Errorf("head %v, want %v", again.Head(), r.Head())
	}
	if root, ok := again.RootAt(1); !ok || root != base.Commit.Log.Root {
		t.Error("root at 1")
	}
	if _, out := again.Offer(mallory.Commit, mallory.Entries); out.Verdict != chain.Fork {
		t.Error(out.Verdict)
	}
	log := again.Log()
	if tip, ok := again.Tip(); !ok || *tip.Log != log.Head() {
		t.Error("tip is not the head")
	}
}

func TestEvidenceDoesNotHold(t *testing.T) {
	w := laneOf(t, "mallory")
	base := w.add("0")
	other := w
	x, y := w.add("x"), other.add("y")
	r := newLane("mallory")
	r.Read(pieces(base, x))
	_, out := r.Offer(y.Commit, y.Entries)
	good := *out.Evidence
	honest := w.add("x2")
	for name, change := range map[string]func(*chain.Evidence){
		"continues":     func(e *chain.Evidence) { e.B = honest.Commit.Raw() },
		"other-leaf":    func(e *chain.Evidence) { e.LeafA = hashOf("x") },
		"no-leaf":       func(e *chain.Evidence) { e.LeafB = [32]byte{} },
		"common":        func(e *chain.Evidence) { e.Common = nil },
		"at":            func(e *chain.Evidence) { e.At++ },
		"rest":          func(e *chain.Evidence) { e.RestA = append(e.RestA, hashOf("r")) },
		"garbage":       func(e *chain.Evidence) { e.A = []byte("x") },
		"not-a-log":     func(e *chain.Evidence) { e.B = keysCommit(t) },
		"another-space": func(e *chain.Evidence) { e.B = elsewhere(t) },
	} {
		e := good
		change(&e)
		if err := e.Check(pubOf("mallory"), pubOf("mallory")); !errors.Is(err, chain.ErrEvidence) {
			t.Errorf("%s: %v, want ErrEvidence", name, err)
		}
	}
	if err := good.Check(pubOf("mallory"), pubOf("alice")); !errors.Is(err, chain.ErrEvidence) {
		t.Errorf("wrong key: %v", err)
	}
}

func keysCommit(t *testing.T) []byte {
	c := examples()["keys"]
	c.Device = deviceOf("mallory")
	return signed(t, c, "mallory").Raw()
}

func elsewhere(t *testing.T) []byte {
	w := laneOf(t, "mallory")
	w.space = hashOf("another space")
	w.log = logOf("0")
	return w.add("y").Commit.Raw()
}
