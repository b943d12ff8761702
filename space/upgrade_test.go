package space

import (
	"errors"
	"testing"

	"github.com/espace-git/espace-git/membership"
)

// A space that asks for what this program does not have: nothing is written, nothing is
// guessed, and an owner takes the requirement back.
func TestAttackRequiresUnknownFeature(t *testing.T) {
	_, alice, bob, carol := trio(t)
	bob.writes("before")
	bob.syncs()
	_, err := alice.sealWith(t.Context(), SealOptions{}, func(*round) (membership.Body, map[string][]byte, error) {
		return &membership.UpgradeBody{Format: 1, Requires: []string{"telepathy"}}, nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	bob.syncs()
	carol.syncs()
	for _, p := range []*peer{alice, bob, carol} {
		if _, err := p.Insert(t.Context(), "notes", Row{"text": "guessed"}); !errors.Is(err, ErrUpgrade) {
			t.Errorf("%s writes: %v", p.name, err)
		}
		if st, err := p.Status(t.Context()); err != nil || st.State != StateBehind {
			t.Errorf("%s is %q, %v", p.name, st.State, err)
		}
	}
	if _, err := bob.Require(t.Context(), nil, []string{"telepathy"}); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("an editor took it back: %v", err)
	}
	if _, err := alice.Require(t.Context(), []string{"telekinesis"}, nil); !errors.Is(err, ErrUsage) {
		t.Errorf("an owner asked for what this program does not have: %v", err)
	}
	if _, err := alice.Require(t.Context(), nil, []string{"telepathy"}); err != nil {
		t.Fatal(err)
	}
	bob.syncs()
	bob.writes("after")
	bob.syncs()
	carol.syncs()
	carol.writes("too")
	carol.syncs()
	alice.syncs()
	bob.syncs()
	rows := func(p *peer) []Row {
		r, err := p.Select(t.Context(), Query{Table: "notes"})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if a, b := len(rows(alice)), len(rows(bob)); a != b || a < 3 {
		t.Errorf("alice has %d rows, bob %d", a, b)
	}
}
