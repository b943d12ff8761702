package space_test

import (
	"crypto/rand"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/space"
)

// BenchmarkSync writes one row and syncs it: one fetch, verification, one signed
// commit, one push. Beside it, in the same run, `git push` of a commit with the
// same four objects and the same bytes, and `git fetch`; "x-git" is the ratio,
// which must stay below 1.5.
func BenchmarkSync(b *testing.B) {
	for _, kind := range []string{"path", "http"} {
		b.Run(kind, func(b *testing.B) {
			dir := b.TempDir()
			host, url := filepath.Join(dir, "host.git"), ""
			run(b, dir, "git", "init", "-q", "--bare", "--initial-branch=main", host)
			if url = host; kind == "http" {
				run(b, host, "git", "config", "http.receivepack", "true")
				srv := httptest.NewServer(githost.New(dir))
				b.Cleanup(srv.Close)
				url = srv.URL + "/host.git"
			}
			s, _, err := space.Create(b.Context(), filepath.Join(dir, "s"), space.CreateOptions{Name: "Bench", As: "alice", Remote: url, Schema: []byte(tasks)}, benchOptions(b, "h"))
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			git := newPlainGit(b, url)
			var ours, theirs time.Duration
			for b.Loop() {
				must(s.Insert(b.Context(), "tasks", space.Row{"title": "a task of usual length"}))(b)
				start := time.Now()
				must(s.Sync(b.Context()))(b)
				ours += time.Since(start)
				theirs += git.round(b)
			}
			b.ReportMetric(float64(ours.Microseconds())/float64(b.N)/1000, "ms-sync")
			b.ReportMetric(float64(theirs.Microseconds())/float64(b.N)/1000, "ms-git")
			b.ReportMetric(float64(ours)/float64(theirs), "x-git")
		})
	}
}

// plainGit is somebody who commits as many bytes with stock git.
type plainGit struct{ dir string }

func newPlainGit(b *testing.B, url string) *plainGit {
	g := &plainGit{filepath.Join(b.TempDir(), "plain")}
	run(b, b.TempDir(), "git", "init", "-q", "--initial-branch=side", g.dir)
	run(b, g.dir, "git", "config", "user.name", "a")
	run(b, g.dir, "git", "config", "user.email", "a@example.org")
	run(b, g.dir, "git", "remote", "add", "origin", url)
	g.round(b)
	return g
}

// round commits (not timed), pushes and fetches.
func (g *plainGit) round(b *testing.B) time.Duration {
	data := make([]byte, 1100)
	rand.Read(data)
	if err := os.WriteFile(filepath.Join(g.dir, "entry"), data, 0o600); err != nil {
		b.Fatal(err)
	}
	run(b, g.dir, "git", "add", "entry")
	run(b, g.dir, "git", "commit", "-q", "-m", "x")
	start := time.Now()
	run(b, g.dir, "git", "push", "-q", "origin", "side")
	run(b, g.dir, "git", "fetch", "-q", "origin")
	return time.Since(start)
}

func run(b *testing.B, dir string, args ...string) {
	b.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v\n%s", args, err, out)
	}
}
