package hooks_test

import (
	"fmt"
	"testing"

	"github.com/espace-git/espace-git/membership"
)

// BenchmarkLanePush is one more entry on a lane of n: with a memo its cost does
// not grow with the lane.
func BenchmarkLanePush(b *testing.B) {
	for _, n := range []int{10, 100} {
		for _, remembered := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/memo-%v", n, remembered), func(b *testing.B) {
				w := newWorld(b)
				if remembered {
					w.memo = memo{}
				}
				for i := range n {
					w.mustPush(w.write("alice", fmt.Sprint("a", i)))
				}
				u := w.write("alice", "more")
				for b.Loop() {
					w.must(w.check(u))
				}
			})
		}
	}
}

// BenchmarkSeal is a seal of n lanes with ten entries each, all of which it moves,
// none of which it moves, and with a memo: then nothing is read again.
func BenchmarkSeal(b *testing.B) {
	for _, n := range []int{10, 50} {
		for _, how := range []string{"moved", "left", "moved/memo"} {
			b.Run(fmt.Sprintf("%d/%s", n, how), func(b *testing.B) {
				w := newWorld(b)
				if how == "moved/memo" {
					w.memo = memo{}
				}
				for i := range n {
					w.join(fmt.Sprint("m", i), membership.Editor)
				}
				w.mustPush(w.main("alice"))
				for i := range n {
					for j := range 10 {
						w.mustPush(w.write(fmt.Sprint("m", i), fmt.Sprint(j)))
					}
				}
				s := w.rotate("alice")
				if how == "left" {
					s.moved = nil
				}
				push := s.push()
				for b.Loop() {
					w.must(w.check(push...))
				}
			})
		}
	}
}
