package space_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/space"
)

// Who meets both branches at once takes the one on which all stand who say anything;
// what only the host or one member's tool made up, nobody signs for. It is told once.
func TestForkNamedByPlaces(t *testing.T) {
	h, alice, bob := two(t)
	carol := newPerson(t, "carol")
	carol.join(alice.invite())
	same(t, 3, alice, bob, carol)
	if err := alice.s.SetRole(t.Context(), "bob", "admin"); err != nil {
		t.Fatal(err)
	}
	same(t, 3, alice, bob, carol)
	other := h.clone()
	bob.moveTo(other.dir)
	alice.invites()
	alice.insert(space.Row{"title": "of alice, who signs where she stands"})
	alice.sync()
	bob.invites() // an entry, and nothing signed on top of it
	h.showsBoth(other)
	carol.caught("two branches")
	if f := carol.forks(); f.Undecided || len(f.Branches) != 2 {
		t.Fatalf("carol sees %+v", f)
	}
	if a, c := alice.fingerprint(), carol.fingerprint(); a != c {
		t.Errorf("carol stands at %s, alice at %s", c, a)
	}
	carol.warned("fork show")
	same(t, 4, carol)
	carol.accusesNobody()
}

// Members signed on both branches: nothing after the split counts, until the user
// chooses.
func TestForkMetAtOnce(t *testing.T) {
	h, alice, bob := two(t)
	carol := newPerson(t, "carol")
	carol.join(alice.invite())
	same(t, 3, alice, bob, carol)
	if err := alice.s.SetRole(t.Context(), "bob", "admin"); err != nil {
		t.Fatal(err)
	}
	same(t, 3, alice, bob, carol)
	shared := carol.fingerprint()
	other := h.clone()
	bob.moveTo(other.dir)
	for _, p := range []*person{alice, bob} {
		p.invites()
		p.insert(space.Row{"title": "of " + p.name})
		p.sync()
	}
	h.showsBoth(other, bob)
	carol.caught("two branches")
	for range 2 {
		carol.warned("fork show")
	}
	f := carol.forks()
	if !f.Undecided || len(f.Branches) != 2 || f.May || carol.fingerprint() != shared {
		t.Fatalf("carol sees %+v", f)
	}
	if err := carol.s.FollowFork(t.Context()); !errors.Is(err, space.ErrNotFound) {
		t.Errorf("carol follows: %v", err)
	}
	if err := carol.s.ChooseFork(t.Context(), alice.fingerprint()[:10]); err != nil && !errors.Is(err, space.ErrViolation) {
		t.Fatal(err)
	}
	if carol.fingerprint() != alice.fingerprint() {
		t.Error("carol did not move")
	}
	if f := carol.forks(); f.Undecided || len(f.Branches) != 2 {
		t.Errorf("carol sees %+v", f)
	}
	carol.accusesNobody()
	carol.insert(space.Row{"title": "of carol, who chose"})
	carol.syncsAnyhow()
	alice.syncsAnyhow()
	if got := len(alice.rows()); got < 5 {
		t.Errorf("alice has %d rows", got)
	}
}

// Attack 33: an admin seals at a cut that nobody can supply. Nobody follows; an owner
// drops the entry, all move on, and nothing is lost.
func TestAttackCutOfNothing(t *testing.T) {
	h, alice, bob := two(t)
	carol := newPerson(t, "carol")
	carol.join(alice.invite())
	same(t, 3, alice, bob, carol)
	if err := alice.s.SetRole(t.Context(), "bob", "admin"); err != nil {
		t.Fatal(err)
	}
	same(t, 3, alice, bob, carol)
	f := newForger(h, bob)
	f.propose(&membership.RotateBody{Seal: &membership.SealPart{Commitment: wire.Sum([]byte("nothing")), Cut: membership.Cut{
		Lanes: []membership.LaneCut{{Device: f.keys.Device().ID(), LogHead: wire.LogHead{Len: 7, Root: wire.Sum([]byte("no such root"))}}},
		Order: wire.LogHead{Root: wire.Sum()},
	}}}, nil, nil)
	bad := uint64(len(ledgerOf(t, h).entries) - 1)
	for _, p := range []*person{alice, bob, carol} {
		p.warned("the host does not show")
		p.insert(space.Row{"title": p.name + " is stuck and writes on"})
		p.sync()
		if st, err := p.s.Status(t.Context()); err != nil || st.State != space.StateBehind || st.Epoch != 0 {
			t.Fatalf("%s: %+v, %v", p.name, st, err)
		}
	}
	if _, err := carol.s.ResolveBefore(t.Context(), bad, nil); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("an editor drops the seal: %v", err)
	}
	if _, err := alice.s.ResolveBefore(t.Context(), bad-1, nil); !errors.Is(err, space.ErrUsage) {
		t.Errorf("alice drops what is no seal: %v", err)
	}
	if _, err := alice.s.ResolveBefore(t.Context(), bad, nil); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*person{bob, carol} {
		p.syncsAnyhow()
		if f := p.forks(); f.Resolved == nil || f.Resolved.From != bad-1 || len(f.Resolved.Drops) == 0 || f.Resolved.Drops[0].Seq != bad {
			t.Fatalf("%s sees %+v", p.name, f)
		}
		p.follows()
	}
	dave := newPerson(t, "dave")
	dave.join(alice.invite())
	same(t, 6, alice, bob, carol, dave)
	for _, p := range []*person{bob, carol, dave} {
		if p.digest() != alice.digest() {
			t.Errorf("the digest of %s differs", p.name)
		}
	}
}

// Attack 17: an owner who was removed on the branch to drop can't resolve, whatever
// program made the entry.
func TestAttackForkResolveByRemovedOwner(t *testing.T) {
	var other *evilHost
	alice, bob, _ := forked(t, func(alice, bob *person) {
		other = &evilHost{t, bob.s.Remote()}
		alice.removes("bob")
		bob.invites()
	})
	f := newForger(other, bob)
	r, _ := f.roster()
	h := &evilHost{t, alice.s.Remote()}
	drop := ledgerOf(t, h)
	f.propose(&membership.ForkResolveBody{Keep: membership.PlaceOf(r.Head()), Drop: []membership.Dropped{drop.leaves(r)}, Seal: emptySeal()}, nil, nil)
	h.showsBoth(other)
	alice.caught("two branches")
	seen := alice.forks()
	if seen.Resolved != nil || len(seen.Refused) != 1 || !strings.Contains(seen.Refused[0], "no-owner-at-both") {
		t.Fatalf("alice sees %+v", seen)
	}
	if err := alice.s.FollowFork(t.Context()); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("alice follows: %v", err)
	}
	bob.syncsAnyhow()
	if _, err := bob.s.ResolveFork(t.Context(), nil); err == nil {
		t.Error("bob resolves")
	}
}

// Attack 17: a resolve that does not take away again what the dropped branch took away.
func TestAttackForkResolveThatReadmits(t *testing.T) {
	var other *evilHost
	alice, bob, _ := forked(t, func(alice, bob *person) {
		other = &evilHost{t, bob.s.Remote()}
		alice.removes("carol")
		bob.invites()
	})
	f := newForger(other, bob)
	r, _ := f.roster()
	h := &evilHost{t, alice.s.Remote()}
	f.propose(&membership.ForkResolveBody{Keep: membership.PlaceOf(r.Head()), Drop: []membership.Dropped{ledgerOf(t, h).leaves(r)}, Seal: emptySeal()}, nil, nil)
	h.showsBoth(other)
	alice.syncsAnyhow()
	if seen := alice.forks(); seen.Resolved != nil || len(seen.Refused) != 1 || !strings.Contains(seen.Refused[0], "brings-back") {
		t.Fatalf("alice sees %+v", seen)
	}
	alice.resolves()
	bob.syncsAnyhow()
	bob.follows()
	for _, p := range []*person{alice, bob} {
		if got := p.memberState("carol"); got != "removed" {
			t.Errorf("%s sees carol as %q", p.name, got)
		}
	}
}

// Attack 17: no owner may resolve for both, so nobody moves by himself.
func TestAttackOwnersRemoveEachOther(t *testing.T) {
	alice, bob, carol := forked(t, func(alice, bob *person) {
		alice.removes("bob")
		bob.removes("alice")
	})
	meet(bob, alice)
	for _, p := range []*person{alice, bob} {
		if f := p.forks(); len(f.Branches) != 2 || f.May || f.Resolved != nil || f.Branches[0].Role != "owner" || f.Branches[1].Role != "" {
			t.Errorf("%s sees %+v", p.name, f)
		}
		if _, err := p.s.ResolveFork(t.Context(), nil); err == nil {
			t.Errorf("%s resolves", p.name)
		}
		p.accusesNobody()
	}
	carol.syncsAnyhow()
	carol.syncsAnyhow()
	if f := carol.forks(); !f.Undecided || f.Resolved != nil {
		t.Errorf("carol sees %+v", f)
	}
	if err := carol.s.ChooseFork(t.Context(), alice.fingerprint()); err != nil && !errors.Is(err, space.ErrViolation) {
		t.Fatal(err)
	}
	carol.syncsAnyhow()
	if carol.fingerprint() != alice.fingerprint() {
		t.Error("carol does not stand where she chose")
	}
	carol.accusesNobody()
}

// Attack 53: two openings of one number; the secrets of both are kept apart.
func TestAttackForkKeyring(t *testing.T) {
	alice, bob, _ := forked(t, func(alice, bob *person) {
		alice.seal()
		bob.seal()
	})
	h := &evilHost{t, bob.s.Remote()}
	meet(bob, alice)
	alice.resolves()
	bob.syncsAnyhow()
	bob.follows()
	var opened []wire.Hash
	for _, e := range bob.forkOpenings(h) {
		if e.Number == 1 {
			opened = append(opened, e.O)
		}
	}
	if len(opened) != 2 {
		t.Fatalf("%d openings of epoch 1", len(opened))
	}
	keys := bob.keyring(bob.s.Dir())
	one, ok := keys.Secret(opened[0])
	two, also := keys.Secret(opened[1])
	if !ok || !also || string(one) == string(two) {
		t.Errorf("secrets of both openings: %v, %v; the same: %v", ok, also, string(one) == string(two))
	}
	same(t, 3, alice, bob)
}

// A device beyond the head that a resolve names does not move: it brings what it has,
// and the owner resolves again.
func TestForkBeyondTheNamedHead(t *testing.T) {
	var shown *evilHost // of bob's branch
	alice, bob, carol := forked(t, func(alice, bob *person) {
		alice.invites()
		bob.invites()
		shown = (&evilHost{t, bob.s.Remote()}).clone()
		bob.invites()
		bob.insert(space.Row{"title": "of bob, beyond the head"})
		bob.sync()
	})
	h := &evilHost{t, alice.s.Remote()}
	h.showsBoth(shown)
	alice.caught("two branches")
	alice.resolves()
	bob.syncsAnyhow()
	if f := bob.forks(); f.Resolved != nil || len(f.Refused) != 1 || !strings.Contains(f.Refused[0], "beyond-dropped") {
		t.Fatalf("bob sees %+v", f)
	}
	if err := bob.s.FollowFork(t.Context()); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("bob follows: %v", err)
	}
	alice.syncsAnyhow()
	alice.syncsAnyhow()
	if f := alice.forks(); len(f.Branches) != 2 {
		t.Fatalf("alice does not see what bob brought: %+v", f)
	}
	alice.resolves()
	bob.syncsAnyhow()
	bob.follows()
	carol.syncsAnyhow()
	carol.syncsAnyhow()
	same(t, 4, alice, bob, carol)
	bob.accusesNobody()
}

// Attack 18: the host refuses a seal and keeps what was pushed. The next try declares
// the lost one, so that nobody is accused when the host shows it after all.
func TestAttackSealRetryKeptByHost(t *testing.T) {
	h, alice, bob := two(t)
	lost := h.keepsPush(mainRef, func() {
		if _, err := alice.s.Seal(t.Context(), space.SealOptions{}); err == nil {
			t.Fatal("the host took the seal")
		}
	})
	alice.seal()
	tip := h.refs()[mainRef]
	h.set(mainRef, h.commitTree(h.git("rev-parse", tip+"^{tree}"), tip, lost()))
	same(t, 3, alice, bob)
	for _, p := range []*person{alice, bob} {
		if f := p.forks(); len(f.Branches) != 0 || len(p.evidence()) != 0 {
			t.Errorf("%s sees %+v, evidence %v", p.name, f, p.evidence())
		}
	}
}

// Attack 18: the host refuses an ordered write and keeps it; its author lost the race
// then. Who met both at once waits for a seal; nobody is accused.
func TestAttackOrderLostRaceKeptByHost(t *testing.T) {
	h, people := cinema(t, "alice", "bob", "carol")
	alice, bob, carol := people[0], people[1], people[2]
	order := h.ref("/order")
	bob.take("1A")
	bob.take("1B")
	lost := h.keepsPush(order, func() { bob.syncsAnyhow() })
	alice.take("1A")
	alice.sync()
	bob.sync()
	tip := h.refs()[order]
	h.set(order, h.commitTree(h.git("rev-parse", tip+"^{tree}"), tip, lost()))
	meet(carol, alice, bob)
	alice.seal()
	meet(bob, carol, alice)
	settledOrder(t, []string{"1A alice", "1B bob"}, alice, bob, carol)
	for _, p := range people {
		for _, kind := range p.evidence() {
			if kind != "order-fork" {
				t.Errorf("%s keeps evidence of %s", p.name, kind)
			}
		}
	}
}
