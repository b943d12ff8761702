package bench

import (
	"io/fs"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/space"
)

const schema = "tables: {tasks: {columns: {title: {type: text, required: true}, points: {type: int}}}}"

// BenchmarkBytes counts what one operation costs: on the wire in both directions
// (HTTP bodies of a sync that pushes), in the host's repository, and on the own
// disk (repository and store). An operation is an insert of a row with a title of
// 22 bytes and a number.
func BenchmarkBytes(b *testing.B) {
	for name, batch := range map[string]int{"single": 1, "batch-100": 100} {
		b.Run(name, func(b *testing.B) {
			root := b.TempDir()
			host := githost.New(root)
			if err := host.Create("team.git"); err != nil {
				b.Skip(err)
			}
			srv := httptest.NewServer(host)
			defer srv.Close()
			dir := filepath.Join(b.TempDir(), "s")
			s, _, err := space.Create(b.Context(), dir, space.CreateOptions{Name: "B", As: "alice", Remote: srv.URL + "/team.git", Schema: []byte(schema)},
				space.Options{Home: filepath.Join(b.TempDir(), "h"), NoPassphrase: true, NoAgent: true})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			ops := 0
			up, down := traffic(host)
			disk, there := size(b, dir), size(b, filepath.Join(root, "team.git"))
			for b.Loop() {
				write(b, s, batch)
				ops += batch
			}
			up2, down2 := traffic(host)
			per := func(bytes int64) float64 { return float64(bytes) / float64(ops) }
			b.ReportMetric(per(up2-up), "B-up/op")
			b.ReportMetric(per(down2-down), "B-down/op")
			b.ReportMetric(per(size(b, filepath.Join(root, "team.git"))-there), "B-host/op")
			b.ReportMetric(per(size(b, dir)-disk), "B-disk/op")
		})
	}
}

func write(b *testing.B, s *space.Space, n int) {
	_, err := s.Write(b.Context(), func(tx *space.Tx) error {
		for range n {
			if _, err := tx.Insert("tasks", space.Row{"title": "a task of usual length", "points": 7}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func traffic(h *githost.Host) (up, down int64) {
	for _, r := range h.Requests() {
		up, down = up+r.In, down+r.Out
	}
	return up, down
}

func size(b *testing.B, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// command runs the built program.
func command(b *testing.B, dir, home string, args ...string) {
	b.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "ESPACE_HOME="+home)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v\n%s", args, err, out)
	}
}
