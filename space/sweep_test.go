package space_test

import (
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/space"
)

// A month after a seal the lanes of the epoch before are gone from the host. Who was
// away all that time follows all the same, and so does who comes later.
func TestSweep(t *testing.T) {
	h, alice, bob := two(t)
	bob.insert(space.Row{"title": "written before a long journey"})
	alice.seal()
	alice.insert(space.Row{"title": "meanwhile"})
	alice.sync()
	lanes := func() (n int) {
		for ref := range h.refs() {
			if strings.Contains(ref, "/0-") && (strings.Contains(ref, "/lanes/") || strings.HasSuffix(ref, "/order")) {
				n++
			}
		}
		return n
	}
	if lanes() == 0 {
		t.Fatal("no lanes of epoch 0")
	}
	later := func(p *person) {
		p.s.Close()
		o := p.options()
		o.Now = in(40 * 24 * time.Hour)
		s, err := space.Open(t.Context(), p.s.Dir(), o)
		if err != nil {
			t.Fatal(err)
		}
		p.s = s
	}
	later(alice)
	alice.sync()
	if n := lanes(); n != 0 {
		t.Errorf("%d refs of epoch 0 are still there", n)
	}
	later(bob)
	same(t, 5, alice, bob)
	if alice.digest() != bob.digest() {
		t.Error("the digests differ")
	}
}
