package view_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/espace-git/espace-git/space"
	"github.com/espace-git/espace-git/view"
)

// The SDK's writes beside bare SQLite in the same kind of encrypted file with the
// same settings, in turns: "x-bare" is the rate of the SDK as a part of the bare
// rate, which must be at least a third.

func BenchmarkSDKInsert(b *testing.B) {
	s, bare := newSDK(b), view.NewBare(b)
	var ours, theirs time.Duration
	for n := 0; b.Loop(); n++ {
		start := time.Now()
		if _, err := s.Insert(b.Context(), "tasks", row(n)); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
		start = time.Now()
		bare.Insert(b, n)
		theirs += time.Since(start)
	}
	report(b, ours, theirs, b.N)
}

const batch = 10_000

func BenchmarkSDKBatch(b *testing.B) {
	s, bare := newSDK(b), view.NewBare(b)
	var ours, theirs time.Duration
	for n := 0; b.Loop(); n += batch {
		start := time.Now()
		_, err := s.Write(b.Context(), func(tx *space.Tx) error {
			for i := range batch {
				if _, err := tx.Insert("tasks", row(n+i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
		start = time.Now()
		bare.Batch(b, func() {
			for i := range batch {
				bare.Insert(b, n+i)
			}
		})
		theirs += time.Since(start)
	}
	report(b, ours, theirs, b.N*batch)
}

func report(b *testing.B, ours, theirs time.Duration, rows int) {
	b.ReportMetric(float64(ours.Nanoseconds())/float64(rows), "ns-sdk/row")
	b.ReportMetric(float64(theirs.Nanoseconds())/float64(rows), "ns-bare/row")
	b.ReportMetric(float64(theirs)/float64(ours), "x-bare")
}

func row(n int) space.Row {
	return space.Row{"title": "buy milk and bread", "done": true, "rank": n}
}

func newSDK(b *testing.B) *space.Space {
	s, _, err := space.Create(b.Context(), filepath.Join(b.TempDir(), "s"), space.CreateOptions{
		Name: "Bench", As: "alice",
		Schema: []byte("tables: {tasks: {columns: {title: {type: text, required: true}, done: {type: bool}, rank: {type: int}}}}"),
	}, space.Options{Home: filepath.Join(b.TempDir(), "h"), NoPassphrase: true, NoAgent: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}
