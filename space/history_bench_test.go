package space_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/espace-git/espace-git/space"
)

// BenchmarkJoinByCheckpoint joins a space in which n operations changed 1,000 rows:
// before a seal, when all of them are folded, and after it, when a checkpoint is
// taken. That one grows with the state and not with the history. ESPACE_BENCH_HISTORY
// adds a million operations.
func BenchmarkJoinByCheckpoint(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		if n > 100_000 && os.Getenv("ESPACE_BENCH_HISTORY") == "" {
			continue
		}
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			host := bareHostB(b)
			alice := historied(b, host, n)
			for range b.N {
				b.ReportMetric(float64(joins(b, alice, "replay").Milliseconds()), "ms-replay")
				must(alice.Seal(b.Context(), space.SealOptions{}))(b)
				b.ReportMetric(float64(joins(b, alice, "checkpoint").Milliseconds()), "ms-checkpoint")
			}
		})
	}
}

// historied writes n operations on 1,000 rows.
func historied(b *testing.B, host string, n int) *space.Space {
	b.Helper()
	ctx := b.Context()
	alice, _, err := space.Create(ctx, filepath.Join(b.TempDir(), "alice"), space.CreateOptions{Name: "Bench", As: "alice", Remote: host, Schema: []byte(tasks)}, benchOptions(b, "ha"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { alice.Close() })
	var ids []string
	for done := 0; done < n; {
		must(alice.Write(ctx, func(tx *space.Tx) error {
			for range 100 {
				if len(ids) < 1000 {
					id, err := tx.Insert("tasks", space.Row{"title": "a task of usual length", "points": done})
					if err != nil {
						return err
					}
					ids = append(ids, id)
				} else if err := tx.Update("tasks", ids[done%1000], space.Row{"points": done}); err != nil {
					return err
				}
				done++
			}
			return nil
		}))(b)
		if done%10_000 == 0 {
			must(alice.Sync(ctx))(b)
		}
	}
	must(alice.Sync(ctx))(b)
	return alice
}

// joins measures what a newcomer waits for its rows, once it is let in.
func joins(b *testing.B, alice *space.Space, name string) time.Duration {
	b.Helper()
	ctx := b.Context()
	link := must(alice.Invite(ctx, space.InviteOptions{}))(b).Link
	s, _, err := space.Join(ctx, filepath.Join(b.TempDir(), name), link, space.JoinOptions{As: name}, benchOptions(b, "h"+name))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	must(alice.Sync(ctx))(b)
	start := time.Now()
	must(s.Sync(ctx))(b)
	took := time.Since(start)
	rows := must(s.SQL(ctx, "select count(*) from tasks"))(b)
	if got := fmt.Sprint(rows.Rows[0][0]); got != "1000" {
		b.Fatalf("%s rows", got)
	}
	return took
}
