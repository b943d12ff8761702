package space_test

import (
	"strings"
	"testing"

	"github.com/espace-git/espace-git/space"
)

func (p *person) seal() *space.Sealed {
	p.t.Helper()
	sealed, err := p.s.Seal(p.t.Context(), space.SealOptions{})
	if err != nil {
		p.t.Fatalf("%s seals: %v", p.name, err)
	}
	return sealed
}

func (p *person) epoch() uint64 {
	p.t.Helper()
	st, err := p.s.Status(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return st.Epoch
}

// Everybody moves on over a seal with the same rows, and writes in the new epoch.
func TestSeal(t *testing.T) {
	_, alice, bob := two(t)
	if got := alice.seal(); got.Epoch != 1 {
		t.Errorf("sealed: %+v", got)
	}
	same(t, 3, alice, bob)
	if alice.epoch() != 1 || bob.epoch() != 1 {
		t.Fatalf("alice is in epoch %d, bob in %d, want 1", alice.epoch(), bob.epoch())
	}
	bob.insert(space.Row{"title": "of bob, in epoch 1"})
	alice.insert(space.Row{"title": "of alice, in epoch 1"})
	same(t, 5, alice, bob)
	if alice.digest() != bob.digest() {
		t.Error("the digests differ")
	}
}

// What was written while the seal was made is issued again by its author.
func TestSealReissues(t *testing.T) {
	_, alice, bob := two(t)
	row := bob.insert(space.Row{"title": "written offline"})
	if err := bob.s.Update(t.Context(), "tasks", row, space.Row{"points": 7}); err != nil {
		t.Fatal(err)
	}
	alice.seal()
	same(t, 4, bob, alice)
	if alice.digest() != bob.digest() {
		t.Error("the digests differ")
	}
}

// Who comes later begins with a checkpoint, and needs nothing from before.
func TestJoinByCheckpoint(t *testing.T) {
	_, alice, bob := two(t)
	alice.seal()
	bob.sync()
	carol := newPerson(t, "carol")
	carol.join(alice.invite())
	for range 2 {
		bob.sync()
		alice.sync()
		carol.sync()
	}
	same(t, 3, alice, bob, carol)
	carol.insert(space.Row{"title": "of carol"})
	same(t, 4, carol, alice, bob)
	alice.seal()
	same(t, 4, carol, alice, bob)
	if carol.epoch() != 2 || carol.digest() != bob.digest() {
		t.Errorf("carol is in epoch %d; same digest: %v", carol.epoch(), carol.digest() == bob.digest())
	}
}

// What was written under a schema that a seal narrowed, and no cut covers, is not lost:
// its author has it among the conflicts.
func TestNarrowingSchema(t *testing.T) {
	_, alice, bob := two(t)
	wider := strings.Replace(tasks, "tables:\n", "tables:\n  chairs:\n    columns:\n      kind: {type: text}\n", 1)
	if _, err := alice.s.ApplySchema(t.Context(), []byte(wider)); err != nil {
		t.Fatal(err)
	}
	same(t, 3, alice, bob)
	for _, kind := range []string{"stool", "bench"} {
		if _, err := bob.s.Insert(t.Context(), "chairs", space.Row{"kind": kind}); err != nil {
			t.Fatal(err)
		}
		if kind == "stool" {
			bob.sync()
		}
	}
	if _, err := alice.s.ApplySchema(t.Context(), []byte(tasks)); err != nil {
		t.Fatal(err)
	}
	same(t, 3, bob, alice)
	if alice.digest() != bob.digest() {
		t.Error("the digests differ")
	}
	conflicts, err := bob.s.Conflicts(t.Context())
	if err != nil || len(conflicts) != 1 || !conflicts[0].Whole {
		t.Errorf("conflicts of bob: %+v, %v", conflicts, err)
	}
	if _, err := bob.s.Insert(t.Context(), "chairs", space.Row{"kind": "late"}); err == nil {
		t.Error("a table that was removed takes rows")
	}
}
