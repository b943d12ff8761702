package space_test

import (
	"testing"

	"github.com/espace-git/espace-git/space"
)

// moveTo lets a person meet another host.
func (p *person) moveTo(url string) {
	p.t.Helper()
	dir := p.s.Dir()
	if err := p.s.Close(); err != nil {
		p.t.Fatal(err)
	}
	p.rehost(dir, url)
	p.open(dir)
}

// forked: the host showed alice and bob, both owners, two ledgers for a while, in which
// do was done by each, and shows one of them to both from then on.
func forked(t *testing.T, do func(alice, bob *person)) (alice, bob, carol *person) {
	t.Helper()
	h, alice, bob := two(t)
	carol = newPerson(t, "carol")
	carol.join(alice.invite())
	same(t, 3, alice, bob, carol)
	if err := alice.s.SetRole(t.Context(), "bob", "owner"); err != nil {
		t.Fatal(err)
	}
	same(t, 3, alice, bob, carol)
	other := h.clone()
	bob.moveTo(other.dir)
	do(alice, bob)
	bob.moveTo(h.dir)
	return alice, bob, carol
}

func (p *person) syncsAnyhow() {
	p.t.Helper()
	if _, err := p.s.Sync(p.t.Context()); err != nil {
		p.t.Logf("%s syncs: %v", p.name, err)
	}
}

func (p *person) forks() *space.Fork {
	p.t.Helper()
	f, err := p.s.Forks(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return f
}

// An owner of both branches keeps one; the other device follows when its user says so,
// and what it wrote on the dropped branch is issued again.
func TestForkIsResolved(t *testing.T) {
	alice, bob, carol := forked(t, func(alice, bob *person) {
		if _, err := alice.s.Invite(t.Context(), space.InviteOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := bob.s.Invite(t.Context(), space.InviteOptions{}); err != nil {
			t.Fatal(err)
		}
		alice.insert(space.Row{"title": "of alice, on her branch"})
		bob.insert(space.Row{"title": "of bob, on his"})
		alice.sync()
		bob.sync()
	})
	for range 2 {
		bob.syncsAnyhow()
		alice.syncsAnyhow()
	}
	for _, p := range []*person{alice, bob} {
		if f := p.forks(); len(f.Branches) != 2 || !f.May {
			t.Fatalf("%s sees %+v", p.name, f)
		}
	}
	if _, err := alice.s.ResolveFork(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	bob.syncsAnyhow()
	if f := bob.forks(); f.Resolved == nil {
		t.Fatalf("bob does not see that it is resolved: %+v", f)
	}
	if err := bob.s.FollowFork(t.Context()); err != nil {
		t.Fatal(err)
	}
	carol.syncsAnyhow() // meets what bob signed on the branch that went
	same(t, 5, alice, bob, carol)
	if alice.digest() != bob.digest() || alice.digest() != carol.digest() {
		t.Error("the digests differ")
	}
	if f := bob.forks(); len(f.Branches) != 0 {
		t.Errorf("bob still sees %+v", f)
	}
}

// The branch that goes had sealed an epoch: its device begins anew with the state of the
// branch that is kept, and loses nothing.
func TestForkResolvedOverSeals(t *testing.T) {
	alice, bob, carol := forked(t, func(alice, bob *person) {
		alice.insert(space.Row{"title": "of alice, on her branch"})
		bob.insert(space.Row{"title": "of bob, on his"})
		alice.seal()
		bob.seal()
		bob.insert(space.Row{"title": "of bob, in an epoch that goes"})
		bob.sync()
	})
	for range 2 {
		bob.syncsAnyhow()
		alice.syncsAnyhow()
	}
	if _, err := alice.s.ResolveFork(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	bob.syncsAnyhow()
	if err := bob.s.FollowFork(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, 6, alice, bob, carol)
	if alice.digest() != bob.digest() || alice.digest() != carol.digest() {
		t.Error("the digests differ")
	}
}
