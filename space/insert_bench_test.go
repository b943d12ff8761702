package space_test

import (
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/space"
)

// BenchmarkInsert is one durable row through the SDK; BenchmarkBatch is 10,000
// rows in one transaction. Package view has the bare SQLite beside the same rows.
func BenchmarkInsert(b *testing.B) {
	s := local(b)
	for b.Loop() {
		must(s.Insert(b.Context(), "tasks", space.Row{"title": "a task of usual length", "points": 7}))(b)
	}
}

func BenchmarkBatch(b *testing.B) {
	s := local(b)
	for b.Loop() {
		must(s.Write(b.Context(), func(tx *space.Tx) error {
			for i := range 10_000 {
				if _, err := tx.Insert("tasks", space.Row{"title": "a task of usual length", "points": i}); err != nil {
					return err
				}
			}
			return nil
		}))(b)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/row")
}

func local(b *testing.B) *space.Space {
	s, _, err := space.Create(b.Context(), filepath.Join(b.TempDir(), "s"), space.CreateOptions{Name: "Bench", As: "alice", Schema: []byte(tasks)}, benchOptions(b, "h"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}
