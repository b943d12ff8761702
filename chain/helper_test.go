package chain_test

import (
	"fmt"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
)

// writer makes the commits of one device on one chain. Its fields are the state
// after the last commit; a copy of a writer is a fork of the device.
type writer struct {
	t      tb
	device string
	kind   chain.Kind
	space  wire.Hash
	epoch  wire.Hash
	log    chain.Log
	parent wire.ObjectID
}

func laneOf(t tb, device string) writer {
	return writer{t: t, device: device, kind: chain.Lane, space: hashOf("space"), epoch: hashOf("epoch")}
}

func orderOf(t tb, device string) writer {
	w := laneOf(t, device)
	w.kind = chain.Order
	return w
}

// add commits the entries and goes on from there.
func (w *writer) add(entries ...string) chain.Piece {
	from := w.log.Len()
	for _, e := range entries {
		w.log.Append([]byte(e))
	}
	p := w.say(w.log.Head(), from, entries...)
	w.parent = p.Commit.ObjectID()
	return p
}

// on is the writer that builds on another's commit, as order writers do.
func (w writer) on(other writer) writer {
	w.log, w.parent = other.log, other.parent
	return w
}

// bad commits entries at the end under a root that is not theirs. The log of
// the writer stays; its next commit stands on this one.
func (w *writer) bad(length uint64, from uint64, entries ...string) chain.Piece {
	p := w.say(wire.LogHead{Len: length, Root: hashOf(fmt.Sprint("bad root ", length, entries))}, from, entries...)
	w.parent = p.Commit.ObjectID()
	return p
}

// say signs a commit with this head and entries, whatever the log is.
func (w *writer) say(head wire.LogHead, from uint64, entries ...string) chain.Piece {
	w.t.Helper()
	c := chain.Commit{
		Tree: objectOf(fmt.Sprint("tree", from, entries)),
		Time: 1_800_000_000,
		Message: chain.Message{
			Kind: w.kind, Space: w.space, Epoch: w.epoch, Device: deviceOf(w.device),
			Ledger: &wire.Position{Number: 1, Hash: hashOf("entry 1")}, Log: &head,
		},
	}
	if !w.parent.IsZero() {
		c.Parents = []wire.ObjectID{w.parent}
	}
	p := chain.Piece{Commit: signed(w.t, c, w.device), Entries: map[uint64][]byte{}}
	for i, e := range entries {
		p.Entries[from+uint64(i)] = []byte(e)
	}
	return p
}

func signed(t tb, c chain.Commit, device string) chain.Verified {
	t.Helper()
	raw, err := chain.Sign(c, keyOf(device))
	if err != nil {
		t.Fatal(err)
	}
	return verified(t, raw, device)
}

func verified(t tb, raw []byte, device string) chain.Verified {
	t.Helper()
	u, err := chain.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	v, err := u.Verify(pubOf(device))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newLane(device string) *chain.LaneReader {
	return chain.NewLaneReader(hashOf("space"), hashOf("epoch"), pubOf(device))
}

// newOrder reads an order whose entries begin with their author's name, which
// stands for what only the author's key seals.
func newOrder() *chain.OrderReader {
	return chain.NewOrderReader(hashOf("space"), hashOf("epoch"), byPrefix)
}

func byPrefix(author wire.DeviceID, _ uint64, entry []byte) bool {
	for _, name := range []string{"alice", "bob", "mallory"} {
		if deviceOf(name) == author {
			return len(entry) >= len(name) && string(entry[:len(name)]) == name
		}
	}
	return false
}

// texts are entries as strings, for comparing.
func texts(entries [][]byte) []string {
	out := []string{}
	for _, e := range entries {
		out = append(out, string(e))
	}
	return out
}

func orderedTexts(entries []chain.Ordered) []string {
	out := []string{}
	for _, e := range entries {
		out = append(out, string(e.Entry))
	}
	return out
}

func verdicts(out []chain.Outcome) []chain.Verdict {
	vs := make([]chain.Verdict, len(out))
	for i, o := range out {
		vs[i] = o.Verdict
	}
	return vs
}

// checkEvidence fails unless the evidence convinces a third party, and no longer
// does after the two commits' logs were exchanged for equal ones.
func checkEvidence(t testing.TB, e *chain.Evidence, a, b string) {
	t.Helper()
	if e == nil {
		t.Fatal("no evidence")
	}
	again, err := chain.ParseEvidence(e.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Check(pubOf(a), pubOf(b)); err != nil {
		t.Error(err)
	}
	self := again
	self.B, self.LeafB, self.RestB = self.A, self.LeafA, self.RestA
	if self.Check(pubOf(a), pubOf(a)) == nil {
		t.Error("a commit was found to contradict itself")
	}
}

func hashHead(n uint64) wire.LogHead {
	return wire.LogHead{Len: n, Root: hashOf(fmt.Sprint("head", n))}
}

// tb is what helpers need of *testing.T and *rapid.T.
type tb interface {
	Helper()
	Fatal(args ...any)
}
