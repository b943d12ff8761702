package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
)

// TestObjectsAgainstGit: what a batch writes has git's names and git's bytes, for
// git itself and for go-git.
func TestObjectsAgainstGit(t *testing.T) {
	needGit(t)
	isolate(t)
	r := newRepo(t)
	sizes := []int{0, 1, 15, 16, 17, 2047, 2048, 65534, 65535, 65536, 200_000}
	b := r.Batch()
	var ids []wire.ObjectID
	for _, n := range sizes {
		ids = append(ids, b.Blob(bytes.Repeat([]byte{byte(n), 7}, n/2+1)[:n]))
	}
	must(t, b.Flush())
	stock, err := gogit.PlainOpen(r.Dir())
	must(t, err)
	for i, n := range sizes {
		data, err := r.Blob(ids[i], MaxObject)
		if err != nil || len(data) != n {
			t.Errorf("blob of %d bytes reads as %d, %v", n, len(data), err)
		}
		if got := gitIn(t, r.Dir(), string(data), "hash-object", "--stdin"); got != ids[i].String() {
			t.Errorf("blob of %d bytes is %s for git, %s here", n, got, ids[i])
		}
		if o, err := stock.BlobObject(plumbing.Hash(ids[i])); err != nil || o.Size != int64(n) {
			t.Errorf("go-git reads blob of %d bytes: %v", n, err)
		}
	}
	must(t, r.SetRef("refs/heads/main", none, addChain(t, r, "x", 50)))
	fsck(t, r.Dir())
}

// TestReadsGitsPacks: after git repacks with deltas, or unpacks, all is still read.
func TestReadsGitsPacks(t *testing.T) {
	needGit(t)
	isolate(t)
	r := newRepo(t)
	b := r.Batch()
	var parents []wire.ObjectID
	text := strings.Repeat("a line of text that makes deltas worth while\n", 200)
	for i := range 40 {
		text += fmt.Sprintln("line", i)
		tree := b.Tree([]TreeEntry{{"f", ModeFile, b.Blob([]byte(text))}})
		parents = []wire.ObjectID{b.Commit(commitText(tree, "m", parents...))}
	}
	must(t, b.Flush())
	must(t, r.SetRef("refs/heads/main", none, parents[0]))
	check := func(what string) {
		t.Helper()
		fresh, err := Open(r.Dir())
		must(t, err)
		list, err := fresh.Commits(parents, nil, 0)
		if err != nil || len(list) != 40 {
			t.Fatalf("%s: %d commits, %v", what, len(list), err)
		}
		for _, c := range list {
			entries, err := fresh.Tree(c.Tree)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if _, err := fresh.Blob(entries[0].ID, MaxObject); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	git(t, r.Dir(), "-c", "pack.window=50", "-c", "pack.depth=50", "repack", "-adfq", "--window=50")
	check("offset deltas")
	must(t, r.merge(context.Background(), r.current().packs))
	git(t, r.Dir(), "-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq", "--window=50")
	check("reference deltas")
	p, _ := filepath.Glob(filepath.Join(r.packDir(), "*.pack"))
	raw, err := os.ReadFile(p[0])
	must(t, err)
	os.Remove(p[0])
	os.Remove(strings.TrimSuffix(p[0], ".pack") + ".idx")
	gitIn(t, r.Dir(), string(raw), "unpack-objects", "-q")
	check("loose objects")
	// And as a foreign pack, with its deltas, through the importer.
	other := newRepo(t)
	q, err := other.newQuarantine()
	must(t, err)
	defer q.close()
	must(t, q.take(Limits{}.orDefault(), bytes.NewReader(raw)))
	bad, good := q.check(parents)
	if len(bad) > 0 || len(good) < 120 {
		t.Fatalf("import: %v, %d good", bad, len(good))
	}
	must(t, q.admit(good))
	must(t, other.SetRef("refs/heads/main", none, parents[0]))
	fsck(t, other.Dir())
}

// TestFlippedBytes: whatever byte of a pack or index is wrong, reading gives the
// right bytes or an error, never others.
func TestFlippedBytes(t *testing.T) {
	r := newRepo(t)
	tip := addChain(t, r, "x", 3)
	list, err := r.Commits([]wire.ObjectID{tip}, nil, 0)
	must(t, err)
	for _, ext := range []string{"pack", "idx"} {
		path, _ := filepath.Glob(filepath.Join(r.packDir(), "*."+ext))
		whole, err := os.ReadFile(path[0])
		must(t, err)
		for i := range whole {
			spoilt := bytes.Clone(whole)
			spoilt[i] ^= 0x41
			must(t, os.WriteFile(path[0], spoilt, 0o600))
			fresh, err := Open(r.Dir())
			must(t, err)
			for _, c := range list {
				raw, err := fresh.CommitBytes(c.ID)
				if err == nil && !bytes.Equal(raw, c.Raw) {
					t.Fatalf("byte %d of the %s: another commit", i, ext)
				}
				if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrTooBig) {
					t.Fatalf("byte %d of the %s: %v", i, ext, err)
				}
			}
		}
		must(t, os.WriteFile(path[0], whole, 0o600))
	}
}

func TestLimitsOfObjects(t *testing.T) {
	r := newRepo(t)
	b := r.Batch()
	b.Blob(make([]byte, MaxObject+1))
	if err := b.Flush(); !errors.Is(err, ErrTooBig) {
		t.Errorf("blob beyond the limit: %v", err)
	}
	b = r.Batch()
	id := b.Blob(make([]byte, 1000))
	must(t, b.Flush())
	if _, err := r.Blob(id, 999); !errors.Is(err, ErrTooBig) {
		t.Errorf("reading beyond the caller's bound: %v", err)
	}
	if _, err := r.Tree(id); !errors.Is(err, ErrCorrupt) {
		t.Errorf("blob read as a tree: %v", err)
	}
	if _, _, err := r.Object(wire.ObjectID{1}, 10); !errors.Is(err, ErrNotFound) {
		t.Errorf("object that is not there: %v", err)
	}
}

// TestConsolidate: 130 packs become few, in several processes' worth of stores at
// once, while readers read; nothing is lost.
func TestConsolidate(t *testing.T) {
	isolate(t)
	r := newRepo(t)
	var ids []wire.ObjectID
	var last []wire.ObjectID
	for i := range 130 {
		tip := addCommit(t, r, "f", fmt.Sprint(i), last...)
		last = []wire.ObjectID{tip}
		ids = append(ids, tip)
	}
	must(t, r.SetRef("refs/heads/main", none, last[0]))
	var wg sync.WaitGroup
	for range 3 {
		other, err := Open(r.Dir())
		must(t, err)
		wg.Go(func() {
			if err := other.Consolidate(context.Background()); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for _, id := range ids {
				if _, err := other.CommitBytes(id); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(mustOpen(t, r.Dir()).current().packs); n > consolidateAt {
		t.Errorf("%d packs are left", n)
	}
	for _, id := range ids {
		if _, err := r.CommitBytes(id); err != nil {
			t.Fatal(err)
		}
	}
	fsck(t, r.Dir())
	r = mustOpen(t, r.Dir())
	before := len(r.current().packs)
	must(t, r.Consolidate(context.Background()))
	if after := len(r.current().packs); after != before {
		t.Errorf("consolidating %d packs made %d", before, after)
	}
}

func mustOpen(t testing.TB, dir string) *Repo {
	t.Helper()
	r, err := Open(dir)
	must(t, err)
	return r
}

// TestSeveralWriters: batches of several goroutines and stores do not disturb
// each other, and what one wrote the others see at once.
func TestSeveralWriters(t *testing.T) {
	r := newRepo(t)
	var wg sync.WaitGroup
	for g := range 4 {
		mine := mustOpen(t, r.Dir())
		wg.Go(func() {
			for i := range 15 {
				b := mine.Batch()
				id := b.Blob(fmt.Appendf(nil, "%d %d", g, i))
				if err := b.Flush(); err != nil {
					t.Error(err)
				}
				if !r.Has(id) {
					t.Errorf("writer %d, blob %d: not seen by the other store", g, i)
				}
			}
		})
	}
	wg.Wait()
}

// TestCommits draws a small history and reads it in order.
//
//	a ─ b ─ d ─ f      known: b
//	 \─ c ─/   /
//	    e ────/        e: a root of its own; x: no commit at all
func TestCommits(t *testing.T) {
	r := newRepo(t)
	a := addCommit(t, r, "a", "a")
	b := addCommit(t, r, "b", "b", a)
	c := addCommit(t, r, "c", "c", a)
	d := addCommit(t, r, "d", "d", b, c)
	e := addCommit(t, r, "e", "e")
	x := BlobID([]byte("a"))
	f := addCommit(t, r, "f", "f", d, e, x)
	list, err := r.Commits([]wire.ObjectID{f}, []wire.ObjectID{b}, 0)
	must(t, err)
	place := map[wire.ObjectID]int{}
	for i, l := range list {
		place[l.ID] = i + 1
		if (l.Err != nil) != (l.ID == x) {
			t.Errorf("%s: %v", l.ID, l.Err)
		}
	}
	if len(list) != 5 || place[a] != 0 || place[b] != 0 {
		t.Errorf("got %d commits: %v", len(list), place)
	}
	if place[c] > place[d] || place[d] > place[f] || place[e] > place[f] || place[x] > place[f] {
		t.Errorf("order %v", place)
	}
	if _, err := r.Commits([]wire.ObjectID{f}, nil, 3); !errors.Is(err, ErrTooBig) {
		t.Errorf("beyond the limit: %v", err)
	}
	again, _ := r.Commits([]wire.ObjectID{e, f}, []wire.ObjectID{b}, 0)
	for i := range again {
		if again[i].ID != list[i].ID {
			t.Fatal("the order depends on how the tips are named")
		}
	}
}
