package hooks_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/hooks"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// ATTACKS 69, hook-refuses-X-outside-seal; 35, 36: a closing commit goes nowhere
// but with the entry that seals, by its author, and as that author made it.
func TestHookRefusesXOutsideSeal(t *testing.T) {
	fresh := func(t *testing.T) (*world, *sealing) {
		w := busyWorld(t)
		return w, w.rotate("alice")
	}
	t.Run("X-without-entry", func(t *testing.T) {
		w, s := fresh(t)
		x := s.x()
		for _, ref := range s.moved {
			w.refused(hooks.OutsideSeal, gitstore.RefUpdate{Name: ref, Old: w.tip(ref), New: x})
		}
		w.refused(hooks.UnknownRef, gitstore.RefUpdate{Name: s.closeRef(), New: x})
		w.refused(hooks.OutsideSeal, gitstore.RefUpdate{Name: w.refs.Keys(s.ended), Old: w.tip(w.refs.Keys(s.ended)), New: x})
		w.refused(hooks.OutsideSeal, gitstore.RefUpdate{Name: w.refs.Ledger, Old: w.tip(w.refs.Ledger), New: x})
	})
	t.Run("after-the-seal", func(t *testing.T) {
		w, s := fresh(t)
		left := s.moved[1:]
		s.moved = s.moved[:1]
		w.mustPush(s.push()...)
		s.moved = left
		w.refused(hooks.OutsideSeal, s.moves(w.tip(s.closeRef()))...)
	})
	t.Run("after-the-seal-with-close-put-back", func(t *testing.T) {
		w, s := fresh(t)
		left := s.moved[1:]
		s.moved = s.moved[:1]
		w.mustPush(s.push()...)
		x := w.tip(s.closeRef())
		w.force(gitstore.RefUpdate{Name: s.closeRef(), Old: x})
		s.moved = left
		w.refused(hooks.OutsideSeal, append([]gitstore.RefUpdate{{Name: s.closeRef(), New: x}}, s.moves(x)...)...)
		w.mustPush(gitstore.RefUpdate{Name: s.closeRef(), New: x})
	})
	t.Run("X-by-non-member", func(t *testing.T) {
		w, s := fresh(t)
		c := s.closing()
		c.Device = deviceOf("mallory")
		x := w.closingCommit("mallory", c, s.tips...)
		w.refused(hooks.OutsideSeal, append(s.opens(x), s.moves(x)...)...)
	})
	t.Run("X-by-another-member", func(t *testing.T) {
		w, s := fresh(t)
		c := s.closing()
		c.Device = deviceOf("bob")
		x := w.closingCommit("bob", c, s.tips...)
		w.refused(hooks.OutsideSeal, append(s.opens(x), s.moves(x)...)...)
	})
	t.Run("lost-try-X-replayed", func(t *testing.T) {
		w := busyWorld(t)
		lost := w.branch()
		old := lost.sealAt("alice", &membership.RotateBody{}, cutOf(w), []wire.ObjectID{w.tip(w.order())}, nil).x()
		w.add(w.draft("alice", &membership.MemberRoleBody{Member: wire.MemberIDOf(deviceOf("vera")), Role: membership.Editor}))
		s := w.rotate("alice")
		w.refused(hooks.OutsideSeal, append(s.opens(old), s.moves(old)...)...)
	})
	t.Run("two-of-them", func(t *testing.T) {
		w, s := fresh(t)
		x := s.x()
		s.tips = append(s.tips[1:], s.tips[0])
		w.refused(hooks.OutsideSeal, append(s.opens(x), s.moves(s.x())...)...)
	})
	t.Run("without-close", func(t *testing.T) {
		w, s := fresh(t)
		x := s.x()
		all := append(s.opens(x), s.moves(x)...)
		w.refused(hooks.NoClose, w.main("alice"))
		w.refused(hooks.NoClose, slices.DeleteFunc(slices.Clone(all), func(u gitstore.RefUpdate) bool { return u.Name == s.closeRef() })...)
		w.mustPush(all...)
		w.refused(hooks.NotForward, gitstore.RefUpdate{Name: s.closeRef(), Old: x, New: s.x2()})
	})
	t.Run("of-an-epoch-sealed-before", func(t *testing.T) {
		w, s := fresh(t)
		w.mustPush(s.push()...)
		x := w.tip(s.closeRef())
		next := w.rotate("alice")
		w.refused(hooks.OutsideSeal, append(next.opens(x), next.moves(x)...)...)
		y := next.x()
		s.moved = []string{w.refs.Keys(s.ended)}
		w.refused(hooks.OutsideSeal, append(next.opens(y), s.moves(y)...)...)
	})
}

// x2 is another closing commit of the same entry.
func (s *sealing) x2() wire.ObjectID {
	s.w.t.Helper()
	s.tips = slices.Clone(s.tips)
	slices.Reverse(s.tips)
	return s.x()
}

func cutOf(w *world) membership.Cut {
	cut, _, _ := w.cutHere()
	return cut
}

// ATTACKS 32 and 33 at the hook: each ref that moves stands exactly at its place
// in the cut, and all that the cut names can be read from X.
func TestHookChecksTheCut(t *testing.T) {
	type play struct {
		cut  func(*world, *membership.Cut)
		tips func(*world, []wire.ObjectID, []string) ([]wire.ObjectID, []string)
		want hooks.Rule
	}
	for name, p := range map[string]play{
		"cut-of-nothing": {cut: func(_ *world, c *membership.Cut) { c.Lanes[0].Root = wire.Sum([]byte("nothing")) }, want: hooks.Cut},
		"order-of-nothing": {cut: func(_ *world, c *membership.Cut) {
			c.Order = wire.LogHead{Len: 7, Root: wire.Sum([]byte("nothing"))}
		}, want: hooks.Cut},
		"lane-left-out": {cut: func(_ *world, c *membership.Cut) { c.Lanes = c.Lanes[1:] }, want: hooks.Cut},
		"cut-below-host": {cut: func(_ *world, c *membership.Cut) {
			for i, l := range c.Lanes {
				if l.Device == deviceOf("alice") {
					var log chain.Log
					log.Append([]byte("a0"))
					c.Lanes[i].LogHead = log.Head()
				}
			}
		}, want: hooks.Cut},
		"missing-parent": {tips: func(_ *world, tips []wire.ObjectID, refs []string) ([]wire.ObjectID, []string) {
			return tips[:1], refs[:1]
		}, want: hooks.Cut},
		"moves-what-is-no-parent": {tips: func(_ *world, tips []wire.ObjectID, refs []string) ([]wire.ObjectID, []string) {
			return tips[:1], refs
		}, want: hooks.Cut},
		"nothing-moves": {tips: func(_ *world, tips []wire.ObjectID, _ []string) ([]wire.ObjectID, []string) { return tips, nil }},
		"no-parents":    {tips: func(*world, []wire.ObjectID, []string) ([]wire.ObjectID, []string) { return nil, nil }, want: hooks.Cut},
	} {
		t.Run(name, func(t *testing.T) {
			w := busyWorld(t)
			cut, tips, refs := w.cutHere()
			if p.cut != nil {
				p.cut(w, &cut)
			}
			if p.tips != nil {
				tips, refs = p.tips(w, tips, refs)
			}
			s := w.sealAt("alice", &membership.RotateBody{}, cut, tips, refs)
			if p.want == "" {
				w.mustPush(s.push()...)
				return
			}
			w.refused(p.want, s.push()...)
		})
	}
}

// A lane that lies there with junk on top, or of which its device signed two
// variants before the hook was there, is moved with what the cut names.
func TestHookSealsForksAndJunk(t *testing.T) {
	w := busyWorld(t)
	w.force(w.junk(w.lane("bob")))
	w.force(w.junk(w.order()))
	alice := w.lane("alice")
	sides := w.forkLane("alice", "x", "y")
	w.logs[alice].Append([]byte("y"))
	branch := w.branch()
	cut, tips, refs := branch.cutHere()
	for i, tip := range tips {
		if tip == w.tip(alice) {
			tips[i] = sides[1] // the variant itself, not the tip that it would be moved from
		}
	}
	branch.refused(hooks.NotForward, branch.sealAt("alice", &membership.RotateBody{}, cut, tips, refs).push()...)
	w.mustPush(w.rotate("alice").push()...)
}

// forkLane puts a merge of two variants on name's lane, past the hook.
func (w *world) forkLane(name string, texts ...string) (sides []wire.ObjectID) {
	w.t.Helper()
	ref := w.lane(name)
	old, log := w.tip(ref), *w.logs[ref]
	for _, text := range texts {
		l := log
		l.Append([]byte(text))
		head := l.Head()
		m := w.message(chain.Lane, name)
		m.Log = &head
		sides = append(sides, w.commit(name, m, map[string][]byte{chain.EntryPath(log.Len()): []byte(text)}, old))
	}
	merge := fmt.Sprintf("tree %s\nparent %s\nparent %s\nauthor M <m@example.org> 1 +0000\ncommitter M <m@example.org> 1 +0000\n\nm\n", w.tree(nil), sides[0], sides[1])
	w.force(gitstore.RefUpdate{Name: ref, Old: old, New: w.store([]byte(merge))})
	return sides
}

// After the seal its epoch is over: lanes and order take nothing more, whatever
// the position that it claims, and nobody brings the old epoch back.
func TestAttackWritesAfterTheSeal(t *testing.T) {
	w := busyWorld(t)
	s := w.seal("alice", &membership.MemberRemoveBody{Member: wire.MemberIDOf(deviceOf("vera"))})
	vera := w.refs.Lane(s.ended, deviceOf("vera"))
	log := *w.logs[vera]
	late := gitstore.RefUpdate{Name: vera, Old: w.tip(vera), New: lateCommit(w, s, "vera", log)}
	w.refused(hooks.Sealed, append(s.opens(s.x()), late)...)
	w.mustPush(s.push()...)
	late.Old = w.tip(vera)
	w.refused(hooks.Sealed, late)
	late.New = lateCommit(w, s, "vera", log)
	w.refused(hooks.Sealed, late)
	w.refused(hooks.NotPermitted, w.write("vera", "v1"))
	w.refused(hooks.NotPermitted, w.keysWith("vera", map[string][]byte{"x": nil}))
	w.refused(hooks.Sealed, gitstore.RefUpdate{Name: w.refs.Lane(s.ended, deviceOf("carol")), New: late.New})
}

// ATTACKS 7, squat-next-epoch: whoever took names for epochs to come, before the
// hook was there, took the wrong ones; and with the hook nobody can.
func TestAttackSquatNextEpoch(t *testing.T) {
	w := busyWorld(t)
	lane := w.tip(w.lane("bob"))
	for i := range uint64(8) {
		next := wire.Epoch{Number: w.r.Epoch().Number + 1, O: wire.Sum(wire.U64(i))}
		for _, ref := range []string{w.refs.Close(next), w.refs.Keys(next), w.refs.Order(next), w.refs.Lane(next, deviceOf("alice"))} {
			w.refused(hooks.UnknownRef, gitstore.RefUpdate{Name: ref, New: lane})
			w.force(gitstore.RefUpdate{Name: ref, New: lane})
		}
	}
	w.mustPush(w.rotate("alice").push()...)
	w.mustPush(w.write("alice", "a2"))
}
