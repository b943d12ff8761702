package space_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/space"
)

// typist has a text of about 100 kB.
func typist(b *testing.B, url string) (*space.Space, *space.Text) {
	s, _, err := space.Create(b.Context(), filepath.Join(b.TempDir(), "s"), space.CreateOptions{Name: "Bench", As: "alice", Remote: url}, benchOptions(b, "h"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	text := s.Text("paper")
	must(text.Append(b.Context(), strings.Repeat("words of a paper, line by line\n", 3300)))(b)
	return s, text
}

// BenchmarkTyping types one key in the middle of a text of 100 kB, each key a
// transaction of its own: on disk when it returns.
func BenchmarkTyping(b *testing.B) {
	_, text := typist(b, "")
	for i := 0; b.Loop(); i++ {
		must(text.Insert(b.Context(), 50_000+i, "k"))(b)
	}
}

// BenchmarkTypingInARow is a row's insert, for comparison.
func BenchmarkTypingInARow(b *testing.B) {
	s, _, err := space.Create(b.Context(), filepath.Join(b.TempDir(), "s"), space.CreateOptions{Name: "Bench", As: "alice", Schema: []byte(tasks)}, benchOptions(b, "h"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		must(s.Insert(b.Context(), "tasks", space.Row{"title": "k"}))(b)
	}
}

// BenchmarkSyncKeystroke syncs one key beside a push and a fetch of stock git of as
// many bytes, see BenchmarkSync.
func BenchmarkSyncKeystroke(b *testing.B) {
	host := filepath.Join(b.TempDir(), "host.git")
	run(b, b.TempDir(), "git", "init", "-q", "--bare", "--initial-branch=main", host)
	s, text := typist(b, host)
	must(s.Sync(b.Context()))(b)
	git := newPlainGit(b, host)
	var ours, theirs time.Duration
	for i := 0; b.Loop(); i++ {
		must(text.Insert(b.Context(), 50_000+i, "k"))(b)
		start := time.Now()
		must(s.Sync(b.Context()))(b)
		ours += time.Since(start)
		theirs += git.round(b)
	}
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N)/1000, "ms-sync")
	b.ReportMetric(float64(theirs.Microseconds())/float64(b.N)/1000, "ms-git")
	b.ReportMetric(float64(ours)/float64(theirs), "x-git")
}
