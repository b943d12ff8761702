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

// BenchmarkReadCut reads a cut of n entries, one a commit: as an honest lane
// lies there, and with a second log that leaves it at every tenth entry.
func BenchmarkReadCut(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		for _, forks := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/forks-%v", n, forks), func(b *testing.B) {
				w := laneOf(b, "alice")
				var all []chain.Piece
				for i := range n {
					if other := w; forks && i%10 == 0 {
						all = append(all, other.add(fmt.Sprintf("%1024d", -i-1)))
					}
					all = append(all, w.add(fmt.Sprintf("%1024d", i)))
				}
				for b.Loop() {
					entries, _, err := chain.ReadCut(hashOf("space"), hashOf("epoch"), pubOf("alice"), w.log.Head(), all)
					if err != nil || len(entries) != n {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/entry")
			})
		}
	}
}

// BenchmarkReadCutOfVariants is the worst that a device can do to its own lane:
// n logs from one place, each with n commits that could go on from any of them.
func BenchmarkReadCutOfVariants(b *testing.B) {
	for _, n := range []int{50, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var all []chain.Piece
			var cut chain.Log
			for i := range n {
				w := laneOf(b, "alice")
				all = append(all, w.add(fmt.Sprint(i)))
				w.parent = objectOf(fmt.Sprint("nowhere", i))
				all = append(all, w.add("next"))
				cut = w.log
			}
			for b.Loop() {
				if _, _, err := chain.ReadCut(hashOf("space"), hashOf("epoch"), pubOf("alice"), cut.Head(), all); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
