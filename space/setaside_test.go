package space_test

import (
	"errors"
	"testing"

	"github.com/espace-git/espace-git/space"
)

// team are alice (owner), bob and carol (editors) who have all written and seen all.
func team(t *testing.T) (h *evilHost, alice, bob, carol *person) {
	t.Helper()
	h, alice, bob = two(t)
	carol = newPerson(t, "carol")
	carol.join(alice.invite())
	alice.sync()
	carol.sync()
	carol.insert(space.Row{"title": "first of carol"})
	same(t, 4, carol, alice, bob)
	return h, alice, bob, carol
}

// cutShort: bob writes something that carol sees, and the host hides it from alice,
// who seals.
func cutShort(t *testing.T) (h *evilHost, alice, bob, carol *person, r space.Receipt) {
	t.Helper()
	h, alice, bob, carol = team(t)
	before := h.refs()[h.lane(bob)]
	r, _ = bob.write(space.Row{"title": "hidden from alice"})
	bob.sync()
	carol.sync()
	h.set(h.lane(bob), before)
	alice.seal()
	return h, alice, bob, carol, r
}

// heard syncs, whatever it is told of the host.
func (p *person) heard() {
	p.t.Helper()
	if _, err := p.s.Sync(p.t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
		p.t.Fatalf("%s syncs: %v", p.name, err)
	}
}

func (p *person) aside(n int) []space.SetAside {
	p.t.Helper()
	list, err := p.s.SetAside(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	if len(list) != n {
		p.t.Fatalf("%s has %d set aside, want %d: %+v", p.name, len(list), n, list)
	}
	return list
}

// Attack 31: the host hides a lane from the sealer. What was cut off is kept by who
// saw it, and its author issues it again.
func TestAttackHostHidesLaneFromSealer(t *testing.T) {
	_, alice, bob, carol, r := cutShort(t)
	carol.heard()
	list := carol.aside(1)
	if list[0].Name != "bob" || len(list[0].Values) != 2 || list[0].Values[0].Value != "hidden from alice" {
		t.Errorf("carol keeps %+v", list)
	}
	if got := titled(carol, "hidden from alice"); len(got) != 0 {
		t.Error("carol sees what lies beyond the cut")
	}
	bob.heard()
	bob.is(r, "pushed")
	same(t, 5, bob, alice, carol)
	carol.aside(0)
	agree(t, 5, alice, bob, carol)
}

// What an author never comes back for, any member may adopt: once, and told as such.
func TestAdopt(t *testing.T) {
	_, alice, bob, carol, _ := cutShort(t)
	carol.heard()
	list := carol.aside(1)
	r, err := carol.s.Adopt(t.Context(), list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	carol.aside(0)
	carol.sync()
	carol.is(r, "pushed")
	same(t, 5, carol, alice)
	log, err := alice.s.Log(t.Context(), space.LogQuery{Limit: 1})
	if err != nil || log[0].Kind != "adopt" || log[0].Name != "carol" {
		t.Errorf("alice's changelog: %+v, %v", log, err)
	}
	// He comes back after all: the row is there already.
	bob.heard()
	agree(t, 5, alice, bob, carol)
	if _, err := carol.s.Adopt(t.Context(), list[0].ID); !errors.Is(err, space.ErrNotFound) {
		t.Errorf("adopting it twice: %v", err)
	}
}

func TestDismissSetAside(t *testing.T) {
	_, _, _, carol, _ := cutShort(t)
	carol.heard()
	if err := carol.s.DismissSetAside(t.Context(), carol.aside(1)[0].ID); err != nil {
		t.Fatal(err)
	}
	carol.aside(0)
	if err := carol.s.DismissSetAside(t.Context(), "all"); err != nil {
		t.Error(err)
	}
}
