package space_test

import (
	"testing"

	"github.com/espace-git/espace-git/space"
)

const moreTables = tasks + `  more:
    columns:
      text: {type: text}
`

// A schema that needs approvals is nobody's before it has them, and everybody's
// afterwards, also of who begins with a checkpoint.
func TestAttackSchemaWithoutApproval(t *testing.T) {
	_, alice, bob := two(t)
	if err := alice.s.SetRole(t.Context(), "bob", "admin"); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.s.ChangePolicy(t.Context(), func(p *space.Policy) error { p.Approvals["schema"] = 1; return nil }); err != nil {
		t.Fatal(err)
	}
	same(t, 3, alice, bob)
	if _, err := alice.s.ApplySchema(t.Context(), []byte(moreTables)); err != nil {
		t.Fatal(err)
	}
	same(t, 3, alice, bob)
	insert := func(p *person) error {
		_, err := p.s.Insert(t.Context(), "more", space.Row{"text": "x"})
		return err
	}
	for _, p := range []*person{alice, bob} {
		if insert(p) == nil {
			t.Errorf("%s writes by a schema that nobody approved", p.name)
		}
	}
	list, err := bob.s.Proposals(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("proposals: %+v %v", list, err)
	}
	if o, err := bob.s.Approve(t.Context(), list[0].Entry); err != nil || !o.InForce() {
		t.Fatalf("bob approves: %+v %v", o, err)
	}
	same(t, 3, alice, bob)
	alice.seal()
	carol := newPerson(t, "carol")
	carol.join(alice.invite())
	same(t, 3, alice, bob, carol)
	for _, p := range []*person{alice, bob, carol} {
		if err := insert(p); err != nil {
			t.Errorf("%s writes by the approved schema: %v", p.name, err)
		}
	}
}
