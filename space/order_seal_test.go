package space_test

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/space"
)

// What a cut covers is final, also for who wrote nothing but into the order; and its
// rules hold on the sealed state.
func TestOrderSealed(t *testing.T) {
	t.Parallel()
	_, people := cinema(t, "alice", "bob")
	alice, bob := people[0], people[1]
	a, b := alice.take("1A"), bob.take("1B")
	bob.sync()
	alice.sync()
	bob.take("1C")
	bob.sync()
	alice.seal()
	alice.is(a, "sealed")
	bob.sync()
	bob.is(b, "sealed")
	want := []string{"1A alice", "1B bob", "1C bob"}
	alice.sync()
	settledOrder(t, want, alice, bob)
	if _, err := bob.s.Insert(t.Context(), "seats", space.Row{"place": "1A"}); !errors.Is(err, space.ErrConflict) {
		t.Errorf("taken before the seal is taken: %v", err)
	}
	frank, _ := late(t, alice) // begins with the sealed state
	if d := cmp.Diff(want, frank.taken()); d != "" {
		t.Error(d)
	}
	mine := frank.take("1D")
	frank.sync()
	frank.is(mine, "pushed")
	if err := bob.s.Delete(t.Context(), "seats", bob.seat("1B")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, p := range []*person{bob, alice, frank} {
			p.sync()
		}
	}
	settledOrder(t, []string{"1A alice", "1C bob", "1D frank"}, alice, bob, frank)
	alice.seal()
	for _, p := range []*person{bob, frank, alice} {
		p.sync()
	}
	frank.is(mine, "sealed")
	settledOrder(t, []string{"1A alice", "1C bob", "1D frank"}, alice, bob, frank)
}

// Attack 40: ordered writes wait on a device while the epoch is sealed twice. They
// come into the order that is open then, judged on what it holds, each once.
func TestAttackOrderedQueuedWhileSealed(t *testing.T) {
	t.Parallel()
	h, people := cinema(t, "alice", "bob")
	alice, bob := people[0], people[1]
	away := h.dir + ".away"
	offline := func(fn func()) {
		if err := os.Rename(h.dir, away); err != nil {
			t.Fatal(err)
		}
		fn()
		if err := os.Rename(away, h.dir); err != nil {
			t.Fatal(err)
		}
	}
	lane := "bob's note of that time"
	var lost, kept space.Receipt
	offline(func() {
		bob.insert(space.Row{"title": lane})
		lost, kept = bob.take("1A"), bob.take("1B")
		bob.insert(space.Row{"title": "and another"})
	})
	alice.take("1A")
	alice.seal()
	alice.take("2A")
	alice.seal()
	bob.sync()
	bob.is(lost, "refused")
	bob.is(kept, "pushed")
	for range 2 {
		alice.sync()
		bob.sync()
	}
	settledOrder(t, []string{"1A alice", "1B bob", "2A alice"}, alice, bob)
	if rows := alice.rows(); len(rows) != 2 || rows[0]["title"] != lane {
		t.Errorf("alice sees %v", rows)
	}
	alice.seal()
	bob.sync()
	bob.is(kept, "sealed")
	bob.is(lost, "refused")
	settledOrder(t, []string{"1A alice", "1B bob", "2A alice"}, alice, bob)
}

// Who is removed can't write the order any more; what it had written stays.
func TestOrderAfterRemoval(t *testing.T) {
	t.Parallel()
	_, alice, carol, mallory := heist(t)
	mallory.show(mallory.spend(mallory.order, mallory.book("5E"), mallory.tip()))
	alice.sync()
	carol.sync()
	if _, err := alice.s.RemoveMember(t.Context(), "mallory", space.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	mallory.show(mallory.spend(mallory.order, mallory.book("6F"), mallory.tip())) // beyond the cut
	for range 2 {
		for _, p := range []*person{carol, alice} {
			if _, err := p.s.Sync(t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
				t.Fatal(err)
			}
		}
	}
	r := carol.take("6F")
	carol.sync()
	carol.is(r, "pushed")
	alice.sync()
	settledOrder(t, []string{"1A alice", "5E mallory", "6F carol"}, alice, carol)
}
