package space_test

import (
	"testing"

	"github.com/espace-git/espace-git/space"
)

// Entries of lanes that have seen the order are part of what is verified again, too.
func TestReviewHistoryWithOrder(t *testing.T) {
	_, people := cinema(t, "alice", "bob")
	alice, bob := people[0], people[1]
	for range 2 {
		bob.take("seat " + string(rune('0'+alice.epoch())))
		bob.sync()
		alice.sync()
		alice.insert(space.Row{"title": "has seen the order"})
		alice.sync()
		bob.sync()
		bob.insert(space.Row{"title": "has seen it, too"})
		bob.sync()
		alice.sync()
		alice.seal()
		bob.sync()
	}
	for _, p := range people {
		if res, err := p.s.Verify(t.Context(), space.VerifyOptions{Full: true}); err != nil {
			t.Errorf("%s verifies: %v %q", p.name, err, res.Problems)
		}
	}
}
