package space_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/space"
)

const narrowed = `
tables:
  tasks:
    columns:
      title: {type: text, required: true}
      points: {type: int}
`

// A schema that narrows seals. What waits under the old one is issued again as far as
// the new one takes it, and everybody who lives through it, comes late, comes new or
// makes the view anew has the same state.
func TestSchemaThatNarrows(t *testing.T) {
	h := newEvilHost(t)
	alice, bob, carol := newPerson(t, "alice"), newPerson(t, "bob"), newPerson(t, "carol")
	alice.create(h.dir)
	for _, p := range []*person{bob, carol} {
		p.join(alice.invite())
		p.sync()
		alice.sync()
		p.sync()
	}
	milk := alice.insert(space.Row{"title": "milk", "done": true, "points": 1})
	for range 2 {
		for _, p := range []*person{alice, bob, carol} {
			p.sync()
		}
	}
	bob.insert(space.Row{"title": "of bob", "points": 2})
	bob.update(milk, space.Row{"done": false})
	bob.insert(space.Row{"title": "of bob, done", "done": true})
	carol.update(milk, space.Row{"points": 3, "done": false})
	if _, err := alice.s.ApplySchema(t.Context(), []byte(narrowed)); err != nil {
		t.Fatal(err)
	}
	alice.insert(space.Row{"title": "after"})
	alice.sync()
	bob.sync()
	dave := newPerson(t, "dave")
	dave.join(alice.invite())
	for range 3 {
		for _, p := range []*person{alice, bob, dave} {
			p.sync()
		}
	}
	all := []*person{alice, bob, carol, dave}
	for range 2 {
		for _, p := range all {
			p.sync()
		}
	}
	for _, p := range all {
		if diff := cmp.Diff(alice.rows(), p.rows()); diff != "" {
			t.Errorf("%s has other rows:\n%s", p.name, diff)
		}
		conflicts, err := p.s.Conflicts(t.Context())
		t.Logf("%s: %v %+v %v", p.name, p.rows(), conflicts, err)
		if res, err := p.s.Verify(t.Context(), space.VerifyOptions{Full: true}); err != nil {
			t.Errorf("%s verifies: %v %q", p.name, err, res.Problems)
		}
	}
	if _, err := carol.s.Doctor(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	alice.seal()
	for range 2 {
		for _, p := range all {
			p.insert(space.Row{"title": "by " + p.name})
			p.sync()
		}
	}
	alice.sync()
	for _, p := range all {
		p.sync()
		if p.digest() != alice.digest() || len(p.evidence()) > 0 {
			t.Errorf("%s: another digest than alice: %v, evidence %q", p.name, p.digest() != alice.digest(), p.evidence())
		}
	}
}
