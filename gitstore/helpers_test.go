package gitstore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/internal/wire"
)

// isolate gives a test a home without configuration, so that the machine's own
// git settings decide nothing.
func isolate(t testing.TB) {
	t.Helper()
	home := t.TempDir()
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "GIT_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "xdg"))
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
}

func needGit(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: the tests against stock git are skipped")
	}
}

func newRepo(t testing.TB) *Repo {
	t.Helper()
	r, err := Init(filepath.Join(t.TempDir(), "repo"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// git runs stock git in a repository.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// fsck is the judgement of stock git on a whole repository.
func fsck(t testing.TB, dir string) {
	t.Helper()
	needGit(t)
	cmd := exec.Command("git", "-C", dir, "fsck", "--full", "--strict", "--no-dangling")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "error") {
		t.Errorf("git fsck: %v\n%s", err, out)
	}
}

var testTime int64 = 1_700_000_000

// commitText is a commit that git takes; spec form is package chain's matter.
func commitText(tree wire.ObjectID, message string, parents ...wire.ObjectID) []byte {
	testTime++
	var b strings.Builder
	fmt.Fprintf(&b, "tree %s\n", tree)
	for _, p := range parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	fmt.Fprintf(&b, "author d <d@espace.invalid> %d +0000\ncommitter d <d@espace.invalid> %d +0000\n\n%s\n", testTime, testTime, message)
	return []byte(b.String())
}

// addCommit writes a commit with one file on top of parents.
func addCommit(t testing.TB, r *Repo, name, content string, parents ...wire.ObjectID) wire.ObjectID {
	t.Helper()
	b := r.Batch()
	blob := b.Blob([]byte(content))
	dir := b.Tree([]TreeEntry{{name, ModeFile, blob}})
	tree := b.Tree([]TreeEntry{{"entries", ModeDir, dir}})
	id := b.Commit(commitText(tree, name, parents...))
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	return id
}

// chain writes n commits, the last one first named.
func addChain(t testing.TB, r *Repo, label string, n int, parents ...wire.ObjectID) wire.ObjectID {
	t.Helper()
	b := r.Batch()
	var id wire.ObjectID
	for i := range n {
		blob := b.Blob([]byte(fmt.Sprintf("%s %d", label, i)))
		tree := b.Tree([]TreeEntry{{fmt.Sprintf("%08d", i), ModeFile, blob}})
		id = b.Commit(commitText(tree, label, parents...))
		parents = []wire.ObjectID{id}
	}
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	return id
}

// farSide is a repository at a host and the ways to it.
type farSide struct {
	name string
	url  string
	dir  string          // of the bare repository on this disk
	host *githost.Server // nil but for http
}

// pathSide: a bare repository by its path, served without a child.
func pathSide(t testing.TB) farSide {
	h := githost.New(t.TempDir())
	if err := h.Create("space.git"); err != nil {
		t.Fatal(err)
	}
	return farSide{name: "path", url: h.Path("space.git"), dir: h.Path("space.git")}
}

// hookedSide: one with a hook, so that git's services must run.
func hookedSide(t testing.TB) farSide {
	h := githost.New(t.TempDir())
	if err := h.Create("space.git"); err != nil {
		t.Fatal(err)
	}
	if err := h.Hook("space.git", "pre-receive", "#!/bin/sh\nexit 0\n"); err != nil {
		t.Fatal(err)
	}
	return farSide{name: "path-with-hook", url: h.Path("space.git"), dir: h.Path("space.git")}
}

func httpSide(t testing.TB) farSide {
	s, err := githost.Start(context.Background(), "127.0.0.1:0", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Create("space.git"); err != nil {
		t.Fatal(err)
	}
	return farSide{name: "http", url: s.URL("space.git"), dir: s.Path("space.git"), host: s}
}

func dial(t testing.TB, r *Repo, url string, via Transport) Remote {
	t.Helper()
	m, err := NewRemote(r, url, RemoteOptions{Prefer: via})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func mustPush(t testing.TB, m Remote, updates ...RefUpdate) {
	t.Helper()
	p, err := m.Push(context.Background(), updates, PushOptions{})
	if err == nil {
		err = p.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func mustFetch(t testing.TB, m Remote, patterns ...string) *Fetched {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	f, err := m.Fetch(ctx, FetchRequest{Patterns: patterns})
	if err != nil {
		t.Fatal(err)
	}
	return f
}
