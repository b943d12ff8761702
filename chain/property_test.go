package chain_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/espace-git/espace-git/chain"
)

// batches draws an order of the pieces and cuts it into reads.
func batches(t *rapid.T, all []chain.Piece) [][]chain.Piece {
	all = rapid.Permutation(all).Draw(t, "order")
	var out [][]chain.Piece
	for len(all) > 0 {
		n := rapid.IntRange(1, len(all)).Draw(t, "batch")
		out, all = append(out, all[:n]), all[n:]
	}
	return out
}

// honestLane draws a lane of alice: commits of several entries, some signed
// again on another parent with more behind.
func honestLane(t *rapid.T) (w writer, all []chain.Piece, entries []string) {
	w = laneOf(t, "alice")
	for range rapid.IntRange(1, 8).Draw(t, "commits") {
		before := w
		added := drawEntries(t, len(entries))
		all = append(all, w.add(added...))
		entries = append(entries, added...)
		if rapid.Bool().Draw(t, "signed again") {
			before.parent = objectOf(fmt.Sprint("foreign", len(all)))
			more := drawEntries(t, len(entries))
			all = append(all, before.add(slices.Concat(added, more)...))
			entries = append(entries, more...)
			w = before
		}
	}
	return w, all, entries
}

func drawEntries(t *rapid.T, from int) (out []string) {
	for i := range rapid.IntRange(0, 3).Draw(t, "entries") {
		out = append(out, fmt.Sprint("alice:", from+i))
	}
	return out
}

// junk draws commits that are no pieces of alice's lane: of others, of other
// places, without their entries, or with a root of nothing.
func junk(t *rapid.T) (all []chain.Piece) {
	for i := range rapid.IntRange(0, 6).Draw(t, "junk") {
		w := laneOf(t, rapid.SampledFrom([]string{"alice", "bob"}).Draw(t, "device"))
		w.parent = objectOf(fmt.Sprint("junk", i))
		if w.device == "bob" {
			all = append(all, w.add("bob:x"))
			continue
		}
		w.kind = rapid.SampledFrom([]chain.Kind{chain.Lane, chain.Order}).Draw(t, "kind")
		from := rapid.Uint64Range(0, 12).Draw(t, "from")
		all = append(all, w.bad(from+1, from, rapid.SampledFrom([]string{"x", fmt.Sprint("alice:", from)}).Draw(t, "entry")))
	}
	return all
}

// Honest commits in any order and in any batches, with junk between, give the
// whole lane, once.
func TestLaneConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, honest, entries := honestLane(t)
		r := newLane("alice")
		got := []string{}
		for _, batch := range batches(t, slices.Concat(honest, junk(t))) {
			accepted, _ := r.Read(batch)
			got = append(got, texts(accepted)...)
		}
		if d := cmp.Diff(append([]string{}, entries...), got); d != "" || r.Head() != w.log.Head() || r.Stopped() {
			t.Fatalf("stopped %v, head %v, want %v (-want +got):\n%s", r.Stopped(), r.Head(), w.log.Head(), d)
		}
	})
}

// badLane draws a lane whose device signs roots of nothing between good ones,
// and leaves entries out of its good commits that lie in the bad ones. It never
// signs two logs.
func badLane(t *rapid.T) (all []chain.Piece) {
	w := laneOf(t, "alice")
	for range rapid.IntRange(1, 6).Draw(t, "rounds") {
		from := w.log.Len()
		n := rapid.Uint64Range(1, 5).Draw(t, "entries")
		for range rapid.IntRange(0, 3).Draw(t, "bad commits") {
			a := from + rapid.Uint64Range(0, n-1).Draw(t, "from")
			b := rapid.Uint64Range(a+1, from+n).Draw(t, "to")
			all = append(all, w.bad(b, a, drawRow(t, a, b)...))
		}
		for i := range n {
			w.log.Append(fmt.Append(nil, "alice:", from+i))
		}
		a := rapid.Uint64Range(from, from+n).Draw(t, "own from")
		p := w.say(w.log.Head(), a, row(a, from+n)...)
		w.parent = p.Commit.ObjectID()
		all = append(all, p)
	}
	return all
}

func row(a, b uint64) (out []string) {
	for i := a; i < b; i++ {
		out = append(out, fmt.Sprint("alice:", i))
	}
	return out
}

func drawRow(t *rapid.T, a, b uint64) []string {
	out := row(a, b)
	if rapid.IntRange(0, 3).Draw(t, "garbage") == 0 {
		out[rapid.IntRange(0, len(out)-1).Draw(t, "which")] = "garbage"
	}
	return out
}

// Whoever follows live, whoever comes late and whoever gets it in any order
// reads the same log, whatever the device signs between (ATTACKS 9).
func TestLiveAndLateAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := badLane(t)
		live, late, mixed := newLane("alice"), newLane("alice"), newLane("alice")
		for _, p := range all {
			live.Offer(p.Commit, p.Entries)
		}
		late.Read(all)
		for _, batch := range batches(t, all) {
			mixed.Read(batch)
		}
		if live.Head() != late.Head() || mixed.Head() != late.Head() {
			t.Fatalf("live %v, late %v, mixed %v", live.Head(), late.Head(), mixed.Head())
		}
	})
}

// orderTree draws commits of three devices, each on top of any earlier one:
// with more than one child somewhere, a fork.
func orderTree(t *rapid.T, forks bool) (all []chain.Piece, logs []string) {
	states := []writer{orderOf(t, "alice")}
	text := []string{""}
	for i := range rapid.IntRange(1, 10).Draw(t, "commits") {
		on := len(states) - 1
		if forks {
			on = rapid.IntRange(0, on).Draw(t, "on")
		}
		w := orderOf(t, rapid.SampledFrom([]string{"alice", "bob", "mallory"}).Draw(t, "device")).on(states[on])
		entry := fmt.Sprint(w.device, ":", i)
		all = append(all, w.add(entry))
		states, text = append(states, w), append(text, text[on]+entry+" ")
	}
	return all, text
}

func TestOrderConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, logs := orderTree(t, false)
		r := newOrder()
		got := ""
		for _, batch := range batches(t, all) {
			accepted, _ := r.Read(batch)
			for _, e := range accepted {
				got += string(e.Entry) + " "
			}
		}
		if want := logs[len(logs)-1]; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// Forks, in any batches: what a reader reads is always one of the branches, it
// never takes anything back, its evidence holds, and all in one read gives what
// the branches have in common, whatever the order.
func TestOrderForks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, logs := orderTree(t, true)
		r := newOrder()
		got := ""
		for _, batch := range batches(t, all) {
			accepted, _ := r.Read(batch)
			for _, e := range accepted {
				got += string(e.Entry) + " "
			}
			if !slices.ContainsFunc(logs, func(l string) bool { return l == got }) {
				t.Fatalf("read %q, which is no branch of %q", got, logs)
			}
		}
		checkAll(t, r.Evidence())
		once := newOrder()
		accepted, _ := once.Read(rapid.Permutation(all).Draw(t, "at once"))
		if want := commonText(logs); join(accepted) != want {
			t.Fatalf("at once: read %q, want %q of %q", join(accepted), want, logs)
		}
		checkAll(t, once.Evidence())
	})
}

func join(entries []chain.Ordered) (out string) {
	for _, e := range entries {
		out += string(e.Entry) + " "
	}
	return out
}

// commonText is the log up to the first split, or the whole if there is none.
func commonText(logs []string) string {
	longest := slices.MaxFunc(logs, func(a, b string) int { return len(a) - len(b) })
	n := len(longest)
	for _, l := range logs {
		i := 0
		for i < len(l) && i < len(longest) && l[i] == longest[i] {
			i++
		}
		if i < len(l) { // neither is a prefix of the other
			n = min(n, lastSpace(longest[:i]))
		}
	}
	return longest[:n]
}

func lastSpace(s string) int {
	for i := len(s); i > 0; i-- {
		if s[i-1] == ' ' {
			return i
		}
	}
	return 0
}

func checkAll(t *rapid.T, list []chain.Evidence) {
	for _, e := range list {
		if err := e.Check(signerOf(t, e.A), signerOf(t, e.B)); err != nil {
			t.Fatal(err)
		}
	}
}

func signerOf(t *rapid.T, raw []byte) []byte {
	u, err := chain.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alice", "bob", "mallory"} {
		if deviceOf(name) == u.Claims().Device {
			return pubOf(name)
		}
	}
	t.Fatal("signed by nobody")
	return nil
}

// A reader that is saved and restored between any two reads is the same reader.
func TestSavedReaderIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := slices.Concat(badLane(t), forkedPieces(t))
		kept, disk := newLane("alice"), newStored(t)
		for _, batch := range batches(t, all) {
			a, out := kept.Read(batch)
			b, out2 := disk.read(batch)
			if d := cmp.Diff(texts(a), texts(b)); d != "" {
				t.Fatal(d)
			}
			if d := cmp.Diff(verdicts(out), verdicts(out2)); d != "" {
				t.Fatal(d)
			}
		}
	})
}

func forkedPieces(t *rapid.T) []chain.Piece {
	if rapid.Bool().Draw(t, "no fork") {
		return nil
	}
	w := laneOf(t, "alice")
	return []chain.Piece{w.add("other"), w.add("way", "out")}
}

// stored keeps a lane's reader as its caller would, in memory.
type stored struct {
	t     tb
	state []byte
	pages map[uint64][]byte
}

func newStored(t tb) *stored {
	s := &stored{t: t, pages: map[uint64][]byte{}}
	s.save(newLane("alice"))
	return s
}

func (s *stored) save(r *chain.LaneReader) {
	state, pages := r.Save()
	s.state = state
	for i, p := range pages {
		s.pages[i] = p
	}
	r.Saved()
}

func (s *stored) open() *chain.LaneReader {
	s.t.Helper()
	r, err := chain.RestoreLane(hashOf("space"), hashOf("epoch"), pubOf("alice"), s.state, func(i uint64) []byte { return s.pages[i] })
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *stored) read(batch []chain.Piece) ([][]byte, []chain.Outcome) {
	r := s.open()
	accepted, out := r.Read(batch)
	s.save(r)
	return accepted, out
}
