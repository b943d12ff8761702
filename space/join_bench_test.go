package space_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/espace-git/espace-git/space"
)

// BenchmarkJoin makes a space in which 10 devices wrote n operations, in
// transactions of 10, 100 to a sync, and joins it: fetched, verified, decrypted, folded,
// queryable. The ratio is to `git clone --mirror` of the same repository.
// ESPACE_BENCH_JOIN sets the numbers of operations (default 1000 and 10000).
func BenchmarkJoin(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		if n > 10_000 && os.Getenv("ESPACE_BENCH_JOIN") == "" {
			continue
		}
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			host := bareHostB(b)
			alice := populate(b, host, 10, n)
			b.ResetTimer()
			for range b.N {
				joinOnce(b, alice, host, n)
			}
		})
	}
}

func bareHostB(b *testing.B) string {
	dir := filepath.Join(b.TempDir(), "host.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", "--initial-branch=main", dir).CombinedOutput(); err != nil {
		b.Skipf("%v %s", err, out)
	}
	return dir
}

func benchOptions(b *testing.B, name string) space.Options {
	return space.Options{Home: filepath.Join(b.TempDir(), name), NoPassphrase: true, NoAgent: true}
}

func must[T any](v T, err error) func(b *testing.B) T {
	return func(b *testing.B) T {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
}

// populate writes ops operations by some devices and returns the founder.
func populate(b *testing.B, host string, devices, ops int) *space.Space {
	ctx := b.Context()
	alice, _, err := space.Create(ctx, filepath.Join(b.TempDir(), "alice"), space.CreateOptions{Name: "Bench", As: "alice", Remote: host, Schema: []byte(tasks)}, benchOptions(b, "ha"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { alice.Close() })
	people := []*space.Space{alice}
	for i := 1; i < devices; i++ {
		inv := must(alice.Invite(ctx, space.InviteOptions{}))(b)
		p, _, err := space.Join(ctx, filepath.Join(b.TempDir(), fmt.Sprint("p", i)), inv.Link, space.JoinOptions{As: fmt.Sprint("p", i)}, benchOptions(b, fmt.Sprint("h", i)))
		if err != nil {
			b.Fatal(err)
		}
		defer p.Close()
		people = append(people, p)
	}
	for range 2 {
		for _, p := range people {
			must(p.Sync(ctx))(b)
		}
	}
	const perWrite, perSync = 10, 100
	rounds := ops / devices / perSync
	for r := range rounds {
		for _, p := range people {
			for range perSync / perWrite {
				must(p.Write(ctx, func(tx *space.Tx) error {
					for range perWrite {
						if _, err := tx.Insert("tasks", space.Row{"title": "a task of usual length", "points": r}); err != nil {
							return err
						}
					}
					return nil
				}))(b)
			}
			must(p.Sync(ctx))(b)
		}
	}
	must(alice.Sync(ctx))(b)
	return alice
}

func joinOnce(b *testing.B, alice *space.Space, host string, n int) {
	b.StopTimer()
	ctx := b.Context()
	link := must(alice.Invite(ctx, space.InviteOptions{}))(b).Link
	start := time.Now()
	phases := newPhases()
	o := benchOptions(b, "hj")
	o.Progress = phases.enter
	s, _, err := space.Join(ctx, filepath.Join(b.TempDir(), "joiner"), link, space.JoinOptions{As: "joiner"}, o)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms-ask")
	must(alice.Sync(ctx))(b)
	phases.reset()
	b.StartTimer()
	must(s.Sync(ctx))(b)
	b.StopTimer()
	phases.report(b)
	rows := must(s.SQL(ctx, "select count(*) from tasks"))(b)
	if got := fmt.Sprint(rows.Rows[0][0]); got != strconv.Itoa(n) {
		b.Fatalf("%s rows, want %d", got, n)
	}
	begin := time.Now()
	if out, err := exec.Command("git", "clone", "-q", "--mirror", "file://"+host, filepath.Join(b.TempDir(), "clone.git")).CombinedOutput(); err != nil {
		b.Fatalf("%v %s", err, out)
	}
	b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms-clone")
}

// phases measures how long each phase of a sync takes, by what Progress tells.
type phases struct {
	name  string
	since time.Time
	took  map[string]time.Duration
}

func newPhases() *phases { return &phases{took: map[string]time.Duration{}} }

func (p *phases) reset() { *p = *newPhases() }

func (p *phases) enter(now space.Progress) {
	if now.Phase == p.name {
		return
	}
	if p.name != "" {
		p.took[p.name] += time.Since(p.since)
	}
	p.name, p.since = now.Phase, time.Now()
}

func (p *phases) report(b *testing.B) {
	p.enter(space.Progress{})
	for name, took := range p.took {
		b.ReportMetric(float64(took.Microseconds())/1000, "ms-"+name)
	}
}
