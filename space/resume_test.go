package space_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/space"
)

// A run that was killed at any moment costs neither keys nor the link: the same
// command again, or a sync, goes on from there.
func TestJoinAfterKill(t *testing.T) {
	_, alice, bob := two(t)
	link := alice.invite()
	carol := newPerson(t, "carol")
	dir := filepath.Join(t.TempDir(), "carol")
	join := func() (*space.Space, error) {
		s, _, err := space.Join(t.Context(), dir, link, space.JoinOptions{As: "carol"}, carol.options())
		return s, err
	}
	// Killed before anything had its place: keys in the home, and rubbish beside.
	s, err := join()
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := os.RemoveAll(filepath.Join(dir, ".espace")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(carol.home, "spaces", s.ID(), "location.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := join(); err == nil {
		t.Error("a used link was good twice") // that join was pushed: its place is taken
	}
	link = alice.invite()
	if carol.s, err = join(); err != nil {
		t.Fatal(err)
	}
	if _, err := join(); err == nil {
		t.Error("joined a second time")
	}
	same(t, 3, alice, bob, carol)
}
