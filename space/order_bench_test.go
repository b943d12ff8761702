package space_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/espace-git/espace-git/space"
)

// BenchmarkOrder writes one row of an ordered table and syncs it, so that its receipt
// says pushed: one fetch, one signed commit, one push compare-and-swap. Beside it, in
// the same run, `git push` and `git fetch` of a commit with as many objects and bytes;
// "x-git" is the ratio.
func BenchmarkOrder(b *testing.B) {
	dir := b.TempDir()
	host := filepath.Join(dir, "host.git")
	run(b, dir, "git", "init", "-q", "--bare", "--initial-branch=main", host)
	s, _, err := space.Create(b.Context(), filepath.Join(dir, "s"), space.CreateOptions{Name: "Bench", As: "alice", Remote: host, Schema: []byte(seats)}, benchOptions(b, "h"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	git := newPlainGit(b, host)
	var ours, theirs time.Duration
	n := 0
	for b.Loop() {
		n++
		must(s.Insert(b.Context(), "seats", space.Row{"place": fmt.Sprint("seat ", n), "owner": "alice"}))(b)
		start := time.Now()
		must(s.Sync(b.Context()))(b)
		ours += time.Since(start)
		theirs += git.round(b)
	}
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N)/1000, "ms-sync")
	b.ReportMetric(float64(theirs.Microseconds())/float64(b.N)/1000, "ms-git")
	b.ReportMetric(float64(ours)/float64(theirs), "x-git")
}

// BenchmarkOrderRead reads an order of n transactions anew: what a newcomer does.
func BenchmarkOrderRead(b *testing.B) {
	for _, n := range []int{500, 2000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			host := filepath.Join(dir, "host.git")
			run(b, dir, "git", "init", "-q", "--bare", "--initial-branch=main", host)
			s, _, err := space.Create(b.Context(), filepath.Join(dir, "s"), space.CreateOptions{Name: "Bench", As: "alice", Remote: host, Schema: []byte(seats)}, benchOptions(b, "h"))
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			for i := range n {
				must(s.Insert(b.Context(), "seats", space.Row{"place": fmt.Sprint("seat ", i), "owner": "alice"}))(b)
			}
			must(s.Sync(b.Context()))(b)
			for b.Loop() {
				must(s.Doctor(b.Context(), true))(b)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/tx")
		})
	}
}
