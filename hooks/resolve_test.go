package hooks_test

import (
	"slices"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/hooks"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// branch is a second world on the same host, with a ledger of its own from here on.
func (w *world) branch() *world {
	b := *w
	b.entries, b.logs = slices.Clone(w.entries), map[string]*chain.Log{}
	for ref, log := range w.logs {
		l := *log
		b.logs[ref] = &l
	}
	return &b
}

func (w *world) raise(name string, role membership.Role) {
	w.t.Helper()
	w.add(w.draft("alice", &membership.MemberRoleBody{Member: wire.MemberIDOf(deviceOf(name)), Role: role}))
}

// resolving is the seal that ends the fork in favour of w, dropping other.
func (w *world) resolving(author string, other *world) *sealing {
	w.t.Helper()
	rivals := w.r.Rivals(slices.Concat(w.entries, other.entries))
	if len(rivals) != 1 {
		w.t.Fatalf("%d rivals", len(rivals))
	}
	return w.seal(author, w.r.Resolving(rivals))
}

// A host that stands on one branch goes to the other by an owner's resolve, and
// work goes on there; without one it stays.
func TestHookFollowsAResolve(t *testing.T) {
	for _, remembered := range []bool{false, true} {
		w := busyWorld(t)
		if remembered {
			w.memo = memo{}
		}
		other := w.branch()
		w.raise("vera", membership.Editor)
		other.raise("vera", membership.Admin)
		other.raise("bob", membership.Admin)
		w.mustPush(w.main("alice"))
		other.refused(hooks.Tree, other.main("alice"))
		s := other.resolving("alice", w)
		push := s.push()
		other.mustPush(push...)
		other.mustPush(other.write("bob", "b1"))
		w.refused(hooks.Tree, w.main("alice"))
		other.raise("vera", membership.Owner)
		other.mustPush(other.main("alice"))
		other.memo = nil
		other.mustPush(other.write("bob", "b2")) // read again from all that lies there
	}
}

// A resolve that does not count where the host stands moves nothing.
func TestHookRefusesResolves(t *testing.T) {
	t.Run("beyond-dropped", func(t *testing.T) {
		w := busyWorld(t)
		other := w.branch()
		w.raise("vera", membership.Editor)
		other.raise("vera", membership.Admin)
		s := other.resolving("alice", w)
		w.raise("bob", membership.Admin)
		w.mustPush(w.main("alice"))
		other.refused(hooks.Tree, s.push()...)
	})
	t.Run("no-owner-at-both", func(t *testing.T) {
		w := busyWorld(t)
		other := w.branch()
		w.raise("vera", membership.Editor)
		other.raise("bob", membership.Owner)
		w.mustPush(w.main("alice"))
		other.refused(hooks.Tree, other.resolving("bob", w).push()...)
	})
	t.Run("below-the-resolve", func(t *testing.T) {
		w := busyWorld(t)
		other := w.branch()
		w.raise("vera", membership.Editor)
		other.raise("vera", membership.Admin)
		w.mustPush(w.main("alice"))
		s := other.resolving("alice", w)
		all := other.entries
		other.entries = all[:len(all)-1]
		without := other.main("alice")
		other.entries = all
		other.refused(hooks.Tree, append(s.push(), without)[1:]...)
	})
}

// Two branches lie on main since before the hook: nothing is built on either until
// a resolve comes.
func TestHookTakesResolveOfWhatLiesThere(t *testing.T) {
	w := busyWorld(t)
	other := w.branch()
	w.raise("vera", membership.Editor)
	other.raise("vera", membership.Admin)
	base := w.tip(w.refs.Ledger)
	for _, side := range []*world{w, other} {
		w.force(side.main("alice"))
	}
	if base == w.tip(w.refs.Ledger) {
		t.Fatal("nothing lies there")
	}
	w.refused(hooks.Forked, w.wraps("bob", "vera"))
	bad := other.branch()
	bad.raise("bob", membership.Admin)
	bad.refused(hooks.Forked, bad.main("alice"))
	other.mustPush(other.resolving("alice", w).push()...)
	other.mustPush(other.write("bob", "b1"))
}
