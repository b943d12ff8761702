package space_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/space"
)

// A store that is damaged, or gone, is made anew from the keys and from git.
func TestRescue(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, store string){
		"gone": func(t *testing.T, store string) {
			if err := os.Remove(store); err != nil {
				t.Fatal(err)
			}
		},
		"damaged": func(t *testing.T, store string) {
			b, err := os.ReadFile(store)
			if err != nil {
				t.Fatal(err)
			}
			for i := range len(b) / 2 {
				b[i] ^= byte(i)
			}
			if err := os.WriteFile(store, b, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, alice, bob := two(t)
			before := bob.rows()
			dir := bob.s.Dir()
			if err := bob.s.Close(); err != nil {
				t.Fatal(err)
			}
			harm(t, filepath.Join(dir, ".espace", "store.db"))
			if s, err := space.Open(t.Context(), dir, bob.options()); err == nil {
				s.Close()
				t.Fatal("a broken store opens")
			}
			did, err := space.Rescue(t.Context(), dir, bob.options())
			if err != nil || len(did) == 0 {
				t.Fatalf("%v %v", did, err)
			}
			if bob.s, err = space.Open(t.Context(), dir, bob.options()); err != nil {
				t.Fatal(err)
			}
			if got := bob.rows(); len(got) != len(before) {
				t.Errorf("%d rows without asking the host, want %d", len(got), len(before))
			}
			bob.insert(space.Row{"title": "after the rescue"})
			same(t, 4, alice, bob)
			if r, err := bob.s.Verify(t.Context(), space.VerifyOptions{Full: true}); err != nil {
				t.Errorf("%+v %v", r, err)
			}
		})
	}
}
