package gitstore

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

func id(n byte) wire.ObjectID { return wire.ObjectID{0: n, 19: n} }

func TestRefCompareAndSwap(t *testing.T) {
	r := newRepo(t)
	const name = "refs/espace/0-aa/lanes/x"
	steps := []struct {
		what     string
		old, new wire.ObjectID
		want     error
	}{
		{"replace what is not there", id(1), id(2), ErrConflict},
		{"create", none, id(1), nil},
		{"create twice", none, id(2), ErrConflict},
		{"wrong old", id(3), id(2), ErrConflict},
		{"replace", id(1), id(2), nil},
		{"delete with wrong old", id(1), none, ErrConflict},
		{"delete", id(2), none, nil},
		{"create again", none, id(4), nil},
	}
	for _, s := range steps {
		if err := r.SetRef(name, s.old, s.new); !errors.Is(err, s.want) || s.want == nil && err != nil {
			t.Fatalf("%s: %v, want %v", s.what, err, s.want)
		}
	}
	if got, ok, err := r.Ref(name); got != id(4) || !ok || err != nil {
		t.Errorf("ref is %s, %v, %v", got, ok, err)
	}
}

// TestEmptyRefFile: what a crash of another writer leaves is as if not there, and
// the packed value under it comes back.
func TestEmptyRefFile(t *testing.T) {
	r := newRepo(t)
	must(t, r.SetRef("refs/heads/main", none, id(1)))
	for _, torn := range []string{"", "\n", strings.Repeat("\x00", 41)} {
		must(t, os.WriteFile(r.refPath("refs/heads/main"), []byte(torn), 0o600))
		if _, ok, err := r.Ref("refs/heads/main"); ok || err != nil {
			t.Errorf("torn file %q reads as %v, %v", torn, ok, err)
		}
		must(t, r.SetRef("refs/heads/main", none, id(2)))
		must(t, r.SetRef("refs/heads/main", id(2), id(1)))
	}
	must(t, os.WriteFile(filepath.Join(r.Dir(), "packed-refs"), []byte("# pack-refs with: peeled\n"+id(9).String()+" refs/heads/main\n"), 0o600))
	must(t, os.WriteFile(r.refPath("refs/heads/main"), nil, 0o600))
	must(t, r.SetRef("refs/heads/main", id(9), id(3)))
}

func TestRefsStandInTheWay(t *testing.T) {
	for _, packed := range []bool{false, true} {
		r := newRepo(t)
		a := addCommit(t, r, "a", "a")
		must(t, r.SetRef("refs/espace/a/8", none, a))
		if packed {
			needGit(t)
			git(t, r.Dir(), "pack-refs", "--all")
		}
		if err := r.SetRef("refs/espace/a/8/x", none, a); !errors.Is(err, ErrConflict) {
			t.Errorf("packed %v: below a ref: %v", packed, err)
		}
		if err := r.SetRef("refs/espace/a", none, a); !errors.Is(err, ErrConflict) {
			t.Errorf("packed %v: above a ref: %v", packed, err)
		}
		must(t, r.SetRef("refs/espace/a/8", a, none))
		must(t, r.SetRef("refs/espace/a/8/x", none, a))
		must(t, r.SetRef("refs/espace/a/8/x", a, none))
		must(t, r.SetRef("refs/espace/a", none, a))
		if all, err := r.Refs("refs/"); err != nil || len(all) != 1 {
			t.Errorf("refs %v, %v", all, err)
		}
	}
}

func TestRefNames(t *testing.T) {
	good := []string{"refs/heads/main", "refs/espace/3-9f86d081884c7d65/lanes/aaaa", "refs/a"}
	bad := []string{"", "HEAD", "main", "refs/", "refs", "/refs/x", "refs//x", "refs/x/", "refs/../x", "refs/x.lock", "refs/x.lock/y",
		"refs/.x", "refs/x.", "refs/x..y", "refs/x y", "refs/x\x00", "refs/x\n", "refs/x~1", "refs/x^", "refs/x:y", "refs/x?", "refs/x*",
		"refs/x[", `refs/x\y`, "refs/x@{1}", "refs/\u202ex", "refs/é", "refs/" + strings.Repeat("x", 300), "--upload-pack=x", "-x"}
	for _, n := range good {
		if err := checkRefName(n); err != nil {
			t.Errorf("%q: %v", n, err)
		}
	}
	for _, n := range bad {
		if err := checkRefName(n); !errors.Is(err, ErrBadRefName) {
			t.Errorf("%q passed: %v", n, err)
		}
	}
}

// TestStaleLock: the lock of a dead process is broken after a minute, a fresh
// one is respected.
func TestStaleLock(t *testing.T) {
	r := newRepo(t)
	lock := r.refPath("refs/heads/main") + ".lock"
	must(t, os.WriteFile(lock, nil, 0o600))
	if err := r.SetRef("refs/heads/main", none, id(1)); !errors.Is(err, ErrConflict) {
		t.Errorf("under a fresh lock: %v", err)
	}
	old := time.Now().Add(-2 * lockStale)
	must(t, os.Chtimes(lock, old, old))
	if err := r.SetRef("refs/heads/main", none, id(1)); err != nil {
		t.Errorf("under a stale lock: %v", err)
	}
}

// TestRefsWithGit: git and this package move the same refs under the same locks.
func TestRefsWithGit(t *testing.T) {
	needGit(t)
	isolate(t)
	r := newRepo(t)
	a := addCommit(t, r, "a", "a")
	b := addCommit(t, r, "b", "b", a)
	must(t, r.SetRef("refs/heads/main", none, a))
	git(t, r.Dir(), "pack-refs", "--all")
	git(t, r.Dir(), "update-ref", "refs/heads/main", b.String(), a.String())
	if got, _, _ := r.Ref("refs/heads/main"); got != b {
		t.Errorf("after git update-ref: %s", got)
	}
	must(t, r.SetRef("refs/heads/main", b, a))
	if got := git(t, r.Dir(), "rev-parse", "refs/heads/main"); got != a.String() {
		t.Errorf("git reads %s", got)
	}
	must(t, r.SetRef("refs/heads/main", a, none))
	if got := git(t, r.Dir(), "for-each-ref"); got != "" {
		t.Errorf("git still sees %s", got)
	}
}

// TestRefRaces: many goroutines and, by re-running this test, many processes
// count up one ref; no step is lost. git packs refs meanwhile.
func TestRefRaces(t *testing.T) {
	needGit(t)
	if dir := os.Getenv("GITSTORE_RACE_DIR"); dir != "" {
		countUp(t, dir, 20)
		return
	}
	isolate(t)
	r := newRepo(t)
	must(t, r.SetRef("refs/count", none, number(r, 0)))
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestRefRaces$")
			cmd.Env = append(os.Environ(), "GITSTORE_RACE_DIR="+r.Dir())
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
		wg.Go(func() { countUp(t, r.Dir(), 20) })
	}
	done := make(chan bool)
	go func() { wg.Wait(); close(done) }()
	for {
		select {
		case <-done:
			if got, _, err := r.Ref("refs/count"); got != number(r, 80) || err != nil {
				t.Errorf("counted to %s, %v", got, err)
			}
			return
		case <-time.After(20 * time.Millisecond):
			exec.Command("git", "-C", r.Dir(), "pack-refs", "--all").Run()
		}
	}
}

// number is a blob with a number: git packs only refs whose object is there.
func number(r *Repo, n int) wire.ObjectID {
	b := r.Batch()
	id := b.Blob([]byte(fmt.Sprint(n)))
	if err := b.Flush(); err != nil {
		panic(err)
	}
	return id
}

func countUp(t *testing.T, dir string, n int) {
	r, err := Open(dir)
	if err != nil {
		t.Error(err)
		return
	}
	for n > 0 {
		old, ok, err := r.Ref("refs/count")
		if err != nil || !ok {
			t.Errorf("reading: %v, %v", ok, err)
			return
		}
		data, err := r.Blob(old, 100)
		if err != nil {
			t.Error(err)
			return
		}
		var k int
		fmt.Sscan(string(data), &k)
		switch err := r.SetRef("refs/count", old, number(r, k+1)); {
		case err == nil:
			n--
		case !errors.Is(err, ErrConflict):
			t.Error(err)
			return
		}
	}
}
