package bench

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkCommand times whole commands, process start included, in a space with
// 1,000 rows; "x-git" is the ratio to `git for-each-ref`,
// about the least that a command beside git can cost.
func BenchmarkCommand(b *testing.B) {
	bin := filepath.Join(b.TempDir(), "espace-git")
	if out, err := exec.Command("go", "build", "-o", bin, "../cmd/espace-git").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	dir, home := filepath.Join(b.TempDir(), "s"), filepath.Join(b.TempDir(), "h")
	host := filepath.Join(b.TempDir(), "host.git")
	command(b, ".", home, "git", "init", "-q", "--bare", host)
	command(b, ".", home, bin, "init", dir, "--name", "B", "--as", "alice", "--remote", host, "--template", "todo", "--no-passphrase")
	for range 10 {
		command(b, dir, home, "sh", "-c", `for i in 0 1 2 3 4 5 6 7 8 9; do for j in 0 1 2 3 4 5 6 7 8 9; do echo '{"title":"a task of usual length"}'; done; done > rows.jsonl; "$0" import tasks rows.jsonl`, bin)
	}
	command(b, dir, home, bin, "sync")
	for name, args := range map[string][]string{
		"insert": {"insert", "tasks", "title=a task"},
		"select": {"select", "tasks", "--limit", "10"},
		"status": {"status"},
		"sync":   {"sync"},
	} {
		b.Run(name, func(b *testing.B) {
			var ours, git time.Duration
			for b.Loop() {
				start := time.Now()
				command(b, dir, home, append([]string{bin}, args...)...)
				ours += time.Since(start)
				start = time.Now()
				command(b, host, home, "git", "for-each-ref", "--count=1")
				git += time.Since(start)
			}
			b.ReportMetric(float64(ours)/float64(git), "x-git")
		})
	}
}
