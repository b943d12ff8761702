package hooks_test

import (
	"fmt"
	"testing"
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
