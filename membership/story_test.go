package membership

import (
	"maps"
	"slices"
	"testing"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func TestStoryTwoPeople(t *testing.T) {
	s := found(t, "alice")
	s.join("bob", s.invite("alice", "for bob", Editor))
	if !s.r.MayWriteLane(id("bob")) || s.r.RoleOf(id("bob")) != Editor {
		t.Fatal("bob may not write")
	}
}
