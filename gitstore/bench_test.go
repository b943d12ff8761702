package gitstore

import (
	"context"
	"crypto/rand"
	"fmt"
	mrand "math/rand/v2"
	"os/exec"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// history makes a repository with n commits on main and 100 lanes.
func history(b *testing.B, n int) (*Repo, []RefUpdate) {
	b.Helper()
	r := newRepo(b)
	updates := []RefUpdate{{"refs/heads/main", none, addChain(b, r, "ledger", 50)}}
	for i := range 100 {
		updates = append(updates, RefUpdate{fmt.Sprintf("refs/espace/0-aa/lanes/d%03d", i), none, addChain(b, r, fmt.Sprint("lane", i), n/100)})
	}
	return r, updates
}

// BenchmarkPush and BenchmarkFetch: one small commit on a repository with 10,000
// commits and 101 refs, by each transport, beside the stock commands.
func BenchmarkPush(b *testing.B) {
	needGit(b)
	isolate(b)
	for _, side := range []func(testing.TB) farSide{pathSide, httpSide} {
		s := side(b)
		r, updates := history(b, 10_000)
		mustPush(b, dial(b, r, s.url, SystemGit), updates...)
		const lane = "refs/espace/0-aa/lanes/d000"
		tip := updates[1].New
		for _, via := range []Transport{InProcess, SystemGit} {
			m := dial(b, r, s.url, via)
			b.Run(s.name+"/"+string(via), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					next := addCommit(b, r, "e", rand.Text(), tip)
					b.StartTimer()
					mustPush(b, m, RefUpdate{lane, tip, next})
					tip = next
				}
			})
		}
		b.Run(s.name+"/git-push", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				next := addCommit(b, r, "e", rand.Text(), tip)
				b.StartTimer()
				run(b, "git", "--git-dir="+r.Dir(), "push", "-q", s.url, next.String()+":"+lane)
				tip = next
			}
		})
	}
}

func BenchmarkFetch(b *testing.B) {
	needGit(b)
	isolate(b)
	for _, side := range []func(testing.TB) farSide{pathSide, httpSide} {
		s := side(b)
		r, updates := history(b, 10_000)
		am := dial(b, r, s.url, InProcess)
		mustPush(b, am, updates...)
		const lane = "refs/espace/0-aa/lanes/d000"
		tip := updates[1].New
		step := func(b *testing.B) {
			b.Helper()
			next := addCommit(b, r, "e", rand.Text(), tip)
			mustPush(b, am, RefUpdate{lane, tip, next})
			tip = next
		}
		for _, via := range []Transport{InProcess, SystemGit} {
			bob := newRepo(b)
			m := dial(b, bob, s.url, via)
			mustFetch(b, m, "refs/heads/main", "refs/espace/*")
			b.Run(s.name+"/"+string(via), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					step(b)
					b.StartTimer()
					if f := mustFetch(b, m, "refs/heads/main", "refs/espace/*"); f.Objects != 4 {
						b.Fatalf("%d objects", f.Objects)
					}
				}
			})
		}
		stock := newRepo(b)
		fetch := func() {
			run(b, "git", "--git-dir="+stock.Dir(), "fetch", "-q", s.url, "refs/heads/main:refs/heads/main", "refs/espace/*:refs/espace/*")
		}
		fetch()
		b.Run(s.name+"/git-fetch", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				step(b)
				b.StartTimer()
				fetch()
			}
		})
	}
}

// BenchmarkClone fetches 10,000 commits (30,000 objects) into an empty store.
func BenchmarkClone(b *testing.B) {
	needGit(b)
	isolate(b)
	for _, side := range []func(testing.TB) farSide{pathSide, httpSide} {
		s := side(b)
		r, updates := history(b, 10_000)
		mustPush(b, dial(b, r, s.url, InProcess), updates...)
		for _, via := range []Transport{InProcess, SystemGit} {
			b.Run(s.name+"/"+string(via), func(b *testing.B) {
				for b.Loop() {
					mustFetch(b, dial(b, newRepo(b), s.url, via), "refs/heads/main", "refs/espace/*")
				}
			})
		}
		b.Run(s.name+"/git-clone-mirror", func(b *testing.B) {
			for b.Loop() {
				run(b, "git", "clone", "-q", "--mirror", "--no-local", s.url, b.TempDir()+"/c")
			}
		})
	}
}

// BenchmarkPollNothingNew is what a device does every few seconds.
func BenchmarkPollNothingNew(b *testing.B) {
	needGit(b)
	isolate(b)
	for _, side := range []func(testing.TB) farSide{pathSide, hookedSide, httpSide} {
		s := side(b)
		r, updates := history(b, 1000)
		mustPush(b, dial(b, r, s.url, InProcess), updates...)
		for _, via := range []Transport{InProcess, SystemGit} {
			m := dial(b, r, s.url, via)
			b.Run(s.name+"/"+string(via), func(b *testing.B) {
				for b.Loop() {
					mustFetch(b, m, "refs/espace/*")
				}
			})
		}
	}
}

// BenchmarkBatch writes commits of four objects each (commit, two trees, an entry
// of 1 KiB), n to a durable pack.
func BenchmarkBatch(b *testing.B) {
	for _, n := range []int{1, 100, 2_000} {
		b.Run(fmt.Sprint(n, "-commits"), func(b *testing.B) {
			r := newRepo(b)
			entry := make([]byte, 1024)
			total := 0
			for b.Loop() {
				batch := r.Batch()
				var parents []wire.ObjectID
				for i := range n {
					rand.Read(entry)
					dir := batch.Tree([]TreeEntry{{fmt.Sprintf("%08d", i), ModeFile, batch.Blob(entry)}})
					tree := batch.Tree([]TreeEntry{{"entries", ModeDir, dir}})
					parents = []wire.ObjectID{batch.Commit(commitText(tree, "espace lane", parents...))}
				}
				must(b, batch.Flush())
				if total += n; len(r.current().packs) > consolidateAt {
					b.StopTimer()
					must(b, r.Consolidate(context.Background()))
					b.StartTimer()
				}
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}

// BenchmarkRead reads objects at random from 1, 50 and 200 packs.
func BenchmarkRead(b *testing.B) {
	for _, packs := range []int{1, 50, 200} {
		b.Run(fmt.Sprint(packs, "-packs"), func(b *testing.B) {
			r := newRepo(b)
			var ids []wire.ObjectID
			for range packs {
				batch := r.Batch()
				for range 20_000 / packs {
					ids = append(ids, batch.Blob([]byte(rand.Text()+rand.Text())))
				}
				must(b, batch.Flush())
			}
			for b.Loop() {
				if _, err := r.Blob(ids[mrand.IntN(len(ids))], 1000); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "objects/s")
		})
	}
}

// BenchmarkSetRef is one durable move of a ref.
func BenchmarkSetRef(b *testing.B) {
	r := newRepo(b)
	var old wire.ObjectID
	for n := byte(1); b.Loop(); n++ {
		next := wire.ObjectID{1, n, n ^ 1}
		must(b, r.SetRef("refs/heads/main", old, next))
		old = next
	}
}

// BenchmarkConsolidate merges 100 packs of 100 commits each; ten times as many
// objects must cost about ten times as much.
func BenchmarkConsolidate(b *testing.B) {
	for _, commits := range []int{10, 100} {
		b.Run(fmt.Sprint(commits*100, "-commits"), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				r := newRepo(b)
				for i := range 100 {
					addChain(b, r, fmt.Sprint(i), commits)
				}
				b.StartTimer()
				must(b, r.merge(context.Background(), r.current().packs))
			}
		})
	}
}

func run(b *testing.B, name string, args ...string) {
	b.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		b.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}
