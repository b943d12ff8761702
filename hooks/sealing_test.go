package hooks_test

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// sealing is a seal before it is pushed: the entry is in the world's ledger, and
// nothing of it on the host. Tests change what they play with.
type sealing struct {
	w      *world
	author string
	ended  wire.Epoch
	cut    membership.Cut
	entry  *membership.Entry
	tips   []wire.ObjectID // parents of X
	moved  []string        // refs that go to X
}

// cutHere is the cut at what lies on the host, and the tips there.
func (w *world) cutHere() (cut membership.Cut, tips []wire.ObjectID, refs []string) {
	e := w.r.Epoch().Epoch
	order := w.refs.Order(e)
	cut.Order, tips, refs = w.logs[order].Head(), []wire.ObjectID{w.tip(order)}, []string{order}
	for _, d := range w.r.Devices() {
		ref := w.refs.Lane(e, d.ID)
		if log := w.logs[ref]; log != nil && log.Len() > 0 {
			cut.Lanes = append(cut.Lanes, membership.LaneCut{Device: d.ID, LogHead: log.Head()})
			tips, refs = append(tips, w.tip(ref)), append(refs, ref)
		}
	}
	slices.SortFunc(cut.Lanes, func(a, b membership.LaneCut) int { return bytes.Compare(a.Device[:], b.Device[:]) })
	return cut, tips, refs
}

// seal makes the entry that seals at what lies on the host.
func (w *world) seal(author string, body membership.Body) *sealing {
	w.t.Helper()
	cut, tips, refs := w.cutHere()
	return w.sealAt(author, body, cut, tips, refs)
}

func (w *world) sealAt(author string, body membership.Body, cut membership.Cut, tips []wire.ObjectID, refs []string) *sealing {
	w.t.Helper()
	s := &sealing{w: w, author: author, ended: w.r.Epoch().Epoch, cut: cut, tips: tips, moved: refs}
	body, ok := membership.WithSeal(body, membership.SealPart{Commitment: seed("commitment", w.r.Head().Hash.String()), Cut: cut})
	if !ok {
		w.t.Fatalf("%s never seals", body.Kind())
	}
	s.entry = w.add(w.draft(author, body))
	return s
}

func (w *world) rotate(author string) *sealing {
	w.t.Helper()
	return w.seal(author, &membership.RotateBody{})
}

// closing is what X has to say.
func (s *sealing) closing() chain.Closing {
	return chain.Closing{
		Space: s.w.r.Space(), Epoch: s.ended.O, Device: deviceOf(s.author),
		Key: keyOf(s.author).Public().(ed25519.PublicKey), Entry: s.entry.Position(),
	}
}

// x signs and stores the closing commit.
func (s *sealing) x() wire.ObjectID {
	s.w.t.Helper()
	return s.w.closingCommit(s.author, s.closing(), s.tips...)
}

func (w *world) closingCommit(signer string, c chain.Closing, tips ...wire.ObjectID) wire.ObjectID {
	w.t.Helper()
	w.tree(nil)
	raw, err := chain.Sign(c.Commit(tips, clock), keyOf(signer))
	w.must(err)
	return w.store(raw)
}

// moves are the refs of the epoch that ended, going to x.
func (s *sealing) moves(x wire.ObjectID) (out []gitstore.RefUpdate) {
	for _, ref := range s.moved {
		out = append(out, gitstore.RefUpdate{Name: ref, Old: s.w.tip(ref), New: x})
	}
	return out
}

func (s *sealing) closeRef() string { return s.w.refs.Close(s.w.r.Epoch().Epoch) }

// opens is what the seal creates: main's entry, close, keys and order.
func (s *sealing) opens(x wire.ObjectID) []gitstore.RefUpdate {
	s.w.t.Helper()
	order := s.w.refs.Order(s.w.r.Epoch().Epoch)
	delete(s.w.logs, order)
	return []gitstore.RefUpdate{
		s.w.main(s.author), {Name: s.closeRef(), New: x}, s.w.wraps(s.author, s.author), s.w.logUpdate(chain.Order, order, s.author),
	}
}

// push is the whole seal as an honest author pushes it.
func (s *sealing) push() []gitstore.RefUpdate {
	s.w.t.Helper()
	x := s.x()
	return append(s.opens(x), s.moves(x)...)
}

func (w *world) order() string { return w.refs.Order(w.r.Epoch().Epoch) }

// busyWorld is a world in which all have written.
func busyWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.mustPush(w.write("alice", "a0", "a1"), w.wraps("alice", "bob", "vera"))
	w.mustPush(w.write("bob", "b0"), w.write("vera", "v0"))
	w.mustPush(w.logUpdate(chain.Order, w.order(), "bob", "o0"))
	return w
}

// What an honest sealer pushes, the hook takes, three times running, with and
// without a memo; work goes on in the new epoch.
func TestHookTakesSeals(t *testing.T) {
	for _, remembered := range []bool{false, true} {
		w := busyWorld(t)
		if remembered {
			w.memo = memo{}
		}
		w.mustPush(w.rotate("alice").push()...)
		w.mustPush(w.write("bob", "b1"), w.wraps("alice", "bob"))
		w.mustPush(w.seal("alice", &membership.MemberRemoveBody{Member: wire.MemberIDOf(deviceOf("vera"))}).push()...)
		w.mustPush(w.logUpdate(chain.Order, w.order(), "bob", "o1"))
		w.mustPush(w.rotate("alice").push()...)
		if n := w.r.Epoch().Number; n != 3 {
			t.Errorf("epoch %d", n)
		}
	}
}

// The seal may leave lanes where they are: those that moved since, or that a
// slow host would not take in one push.
func TestHookTakesSealThatMovesSomeLanes(t *testing.T) {
	w := busyWorld(t)
	s := w.rotate("alice")
	s.moved = s.moved[:2]
	bob := w.refs.Lane(s.ended, deviceOf("bob"))
	tip, log := w.tip(bob), *w.logs[bob]
	x := s.x()
	late := lateCommit(w, s, "bob", log)
	w.force(gitstore.RefUpdate{Name: bob, Old: tip, New: late})
	w.mustPush(append(s.opens(x), s.moves(x)...)...)
}

// lateCommit is one more entry on a lane of the epoch that ends, by one who has
// not seen the entry that ends it.
func lateCommit(w *world, s *sealing, name string, log chain.Log) wire.ObjectID {
	w.t.Helper()
	path := chain.EntryPath(log.Len())
	log.Append([]byte("late"))
	head, hash := log.Head(), s.entry.Predecessor
	m := chain.Message{Kind: chain.Lane, Space: w.r.Space(), Epoch: s.ended.O, Device: deviceOf(name),
		Ledger: &wire.Position{Number: s.entry.Number - 1, Hash: hash}, Log: &head}
	return w.commit(name, m, map[string][]byte{path: []byte("late")}, w.tip(w.refs.Lane(s.ended, deviceOf(name))))
}
