package chain_test

import (
	"fmt"
	"testing"

	"github.com/espace-git/espace-git/chain"
)

func BenchmarkSign(b *testing.B) {
	c, key := examples()["lane"], keyOf("alice")
	for b.Loop() {
		if _, err := chain.Sign(c, key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	raw := []byte(goodCommit(b))
	for b.Loop() {
		if _, err := chain.Parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	u, err := chain.Parse([]byte(goodCommit(b)))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := u.Verify(pubOf("alice")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLogAppend(b *testing.B) {
	var log chain.Log
	entry := make([]byte, 1024)
	for b.Loop() {
		log.Append(entry)
	}
}

// BenchmarkLaneRead reads a lane of n commits with one entry each: the cost per
// entry must not grow with n.
func BenchmarkLaneRead(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := laneOf(b, "alice")
			all := make([]chain.Piece, n)
			for i := range all {
				all[i] = w.add(fmt.Sprintf("%1024d", i))
			}
			for b.Loop() {
				r := newLane("alice")
				if r.Read(all); r.Head() != w.log.Head() {
					b.Fatal("not read")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/entry")
		})
	}
}

// BenchmarkLaneFollow offers one commit at a time to a lane of n entries and
// saves: what a sync costs.
func BenchmarkLaneFollow(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := laneOf(b, "alice")
			r := newLane("alice")
			var first []string
			for i := range n {
				first = append(first, fmt.Sprint(i))
			}
			r.Read([]chain.Piece{w.add(first...)})
			r.Save()
			r.Saved()
			all := make([]chain.Piece, 0, 100)
			for i := range 100 {
				all = append(all, w.add(fmt.Sprint(n+i)))
			}
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				r.Offer(all[i%100].Commit, all[i%100].Entries)
				r.Save()
				r.Saved()
			}
		})
	}
}
