package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/internal/wire"
)

func isPost(r *http.Request) bool { return r.Method == http.MethodPost }

// TestFaultyHost: a host that breaks off, lies or refuses gives one of the
// sentinels, and leaves both sides whole.
func TestFaultyHost(t *testing.T) {
	needGit(t)
	isolate(t)
	cut := func(service string, n int64) githost.Tamper {
		return githost.Tamper{Answer: func(r *http.Request, w io.Writer) io.Writer {
			if strings.HasSuffix(r.URL.Path, service) || strings.Contains(r.URL.RawQuery, service) {
				return githost.CutAfter(w, n)
			}
			return w
		}}
	}
	fail := func(code int, post bool) githost.Tamper {
		return githost.Tamper{Fail: func(r *http.Request) int {
			if isPost(r) == post {
				return code
			}
			return 0
		}}
	}
	for _, c := range []struct {
		name   string
		tamper githost.Tamper
		fetch  []error // nil: not asked
		push   []error
	}{
		{"list-cut-at-once", cut("info/refs", 0), []error{ErrUnreachable}, []error{ErrUnreachable}},
		{"list-cut", cut("info/refs", 50), []error{ErrUnreachable, ErrProtocol}, []error{ErrUnreachable, ErrProtocol}},
		{"pack-cut-at-once", cut("git-upload-pack", 0), []error{ErrUnreachable, ErrCorrupt}, nil},
		{"pack-cut", cut("git-upload-pack", 150), []error{ErrUnreachable, ErrCorrupt}, nil},
		{"report-cut", cut("/git-receive-pack", 10), nil, []error{ErrUnreachable}},
		{"down-after-the-push", githost.Tamper{Lost: isPost}, nil, []error{ErrUnreachable}},
		{"status-500", fail(500, false), []error{ErrUnreachable}, []error{ErrUnreachable}},
		{"status-500-later", fail(503, true), nil, []error{ErrUnreachable}},
		{"status-403", fail(403, false), []error{ErrAuth}, []error{ErrAuth}},
		{"status-404", fail(404, false), []error{ErrNotRepository}, []error{ErrNotRepository}},
		{"status-401", githost.Tamper{Auth: func(string, string) bool { return false }}, []error{ErrAuth}, []error{ErrAuth}},
		{"status-413", fail(413, true), nil, []error{ErrTooBig, ErrUnreachable, ErrRefused}},
	} {
		for _, via := range []Transport{InProcess, SystemGit} {
			t.Run(c.name+"/"+string(via), func(t *testing.T) { faultyHost(t, via, c.tamper, c.fetch, c.push) })
		}
	}
}

func faultyHost(t *testing.T, via Transport, tamper githost.Tamper, fetch, push []error) {
	side := httpSide(t)
	alice, bob := newRepo(t), newRepo(t)
	am := dial(t, alice, side.url, via)
	a := addCommit(t, alice, "a", "a")
	b := addCommit(t, alice, "b", "b", a)
	mustPush(t, am, RefUpdate{"refs/heads/main", none, a})
	side.host.SetTamper(tamper)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if fetch != nil {
		f, err := dial(t, bob, side.url, via).Fetch(ctx, FetchRequest{Patterns: []string{"refs/heads/main"}})
		if err == nil {
			err = f.Failed["refs/heads/main"]
		}
		anyOf(t, "fetch", err, fetch)
		if bob.Has(a) {
			t.Error("objects of a broken fetch are in the store")
		}
		noLeftovers(t, bob)
	}
	if push != nil {
		p, err := am.Push(ctx, []RefUpdate{{"refs/heads/main", a, b}}, PushOptions{})
		if err == nil {
			err = p.Err()
		}
		anyOf(t, "push", err, push)
		noLeftovers(t, alice)
	}
	// The host recovers: whatever happened, reading tells, and pushing again ends well.
	side.host.SetTamper(githost.Tamper{})
	f := mustFetch(t, am, "refs/heads/main")
	if now := f.Refs["refs/heads/main"]; now != a && now != b {
		t.Fatalf("main is at %s", now)
	}
	mustPush(t, am, RefUpdate{"refs/heads/main", a, b})
	mustFetch(t, dial(t, bob, side.url, via), "refs/heads/main")
	fsck(t, bob.Dir())
	fsck(t, side.dir)
}

func anyOf(t *testing.T, what string, err error, want []error) {
	t.Helper()
	for _, w := range want {
		if errors.Is(err, w) {
			return
		}
	}
	t.Errorf("%s: %v, want one of %v", what, err, want)
}

// TestPushOutcomeUnknown: when the answer to a push is lost, the caller is told
// that it may have happened.
func TestPushOutcomeUnknown(t *testing.T) {
	needGit(t)
	isolate(t)
	for _, via := range []Transport{InProcess, SystemGit} {
		side := httpSide(t)
		alice := newRepo(t)
		m := dial(t, alice, side.url, via)
		a := addCommit(t, alice, "a", "a")
		side.host.SetTamper(githost.Tamper{Lost: isPost})
		_, err := m.Push(context.Background(), []RefUpdate{{"refs/heads/main", none, a}}, PushOptions{})
		if !errors.Is(err, ErrUncertain) || !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v", via, err)
		}
		side.host.SetTamper(githost.Tamper{})
		if f := mustFetch(t, m, "refs/heads/main"); f.Refs["refs/heads/main"] != a {
			t.Errorf("%s: the push did not happen", via)
		}
	}
}

// TestHookRefuses: the host's words arrive, cleaned, and it is no conflict.
func TestHookRefuses(t *testing.T) {
	bothWays(t, func(t *testing.T, side farSide, via Transport) {
		h := githost.New(filepath.Dir(side.dir))
		must(t, h.Hook("space.git", "update", "#!/bin/sh\nprintf 'not \\033[31mtoday\\n' >&2\nexit 1\n"))
		alice := newRepo(t)
		a := addCommit(t, alice, "a", "a")
		p, err := dial(t, alice, side.url, via).Push(context.Background(), []RefUpdate{{"refs/heads/main", none, a}}, PushOptions{})
		if err != nil || !errors.Is(p.Err(), ErrRefused) || errors.Is(p.Err(), ErrConflict) {
			t.Fatalf("%+v, %v", p, err)
		}
		if words := p.Err().Error(); !strings.Contains(words, "hook") || strings.Contains(words, "\x1b") {
			t.Errorf("words: %q", words)
		}
	})
}

// TestCredentials: from the address, or from the user's helper when the host asks.
func TestCredentials(t *testing.T) {
	needGit(t)
	isolate(t)
	for _, via := range []Transport{InProcess, SystemGit} {
		for _, from := range []string{"address", "helper"} {
			t.Run(string(via)+"/"+from, func(t *testing.T) {
				side := httpSide(t)
				side.host.SetTamper(githost.Tamper{Auth: func(u, p string) bool { return u == "alice" && p == "s3cret" }})
				url := side.url
				if from == "address" {
					url = strings.Replace(url, "http://", "http://alice:s3cret@", 1)
				} else {
					config := "[credential]\n\thelper = \"!f() { test $1 = get && echo username=alice && echo password=s3cret; }; f\"\n"
					must(t, os.WriteFile(filepath.Join(os.Getenv("HOME"), ".gitconfig"), []byte(config), 0o600))
					defer os.Remove(filepath.Join(os.Getenv("HOME"), ".gitconfig"))
				}
				alice := newRepo(t)
				m := dial(t, alice, url, via)
				mustPush(t, m, RefUpdate{"refs/heads/main", none, addCommit(t, alice, "a", "a")})
				mustFetch(t, m, "refs/heads/main")
				_, err := dial(t, alice, strings.Replace(url, "space", "other", 1), via).Fetch(context.Background(), FetchRequest{Patterns: []string{"refs/heads/main"}})
				if err == nil || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("error: %v", err)
				}
			})
		}
	}
}

// TestRedirect: within a host it is followed, to another it is not.
func TestRedirect(t *testing.T) {
	needGit(t)
	isolate(t)
	var hits atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer other.Close()
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.RequestURI(), http.StatusFound)
	}))
	defer away.Close()
	_, err := dial(t, newRepo(t), away.URL+"/x.git", InProcess).Fetch(context.Background(), FetchRequest{Patterns: []string{"refs/heads/main"}})
	if !errors.Is(err, ErrRefused) || hits.Load() != 0 {
		t.Errorf("%v, %d requests went away", err, hits.Load())
	}
}

// TestDiskFullInFetch: every writing step of a fetch fails once; the store stays as
// it was, and the next try brings everything.
func TestDiskFullInFetch(t *testing.T) {
	needGit(t)
	isolate(t)
	for _, via := range []Transport{InProcess, SystemGit} {
		side := httpSide(t)
		alice := newRepo(t)
		a := addChain(t, alice, "a", 5)
		mustPush(t, dial(t, alice, side.url, via), RefUpdate{"refs/heads/main", none, a})
		for step := 1; ; step++ {
			bob := newRepo(t)
			d := &faultyDisk{left: step, mode: "full"}
			bob.disk = d
			m := dial(t, bob, side.url, via)
			_, err := m.Fetch(context.Background(), FetchRequest{Patterns: []string{"refs/heads/main"}})
			if len(d.steps) < step {
				break
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%s step %d (%s): %v", via, step, d.steps[step-1], err)
			}
			noLeftovers(t, bob)
			f := mustFetch(t, m, "refs/heads/main")
			if list, err := bob.Commits([]wire.ObjectID{f.Refs["refs/heads/main"]}, nil, 0); err != nil || len(list) != 5 {
				t.Errorf("%s step %d: then %d commits, %v", via, step, len(list), err)
			}
		}
	}
}

// TestHostGone: nobody listens.
func TestHostGone(t *testing.T) {
	needGit(t)
	isolate(t)
	s := httptest.NewServer(nil)
	url := s.URL
	s.Close()
	for _, via := range []Transport{InProcess, SystemGit} {
		r := newRepo(t)
		a := addCommit(t, r, "a", "a")
		m := dial(t, r, url+"/x.git", via)
		_, err := m.Fetch(context.Background(), FetchRequest{Patterns: []string{"refs/heads/main"}})
		anyOf(t, fmt.Sprint(via, " fetch"), err, []error{ErrUnreachable})
		_, err = m.Push(context.Background(), []RefUpdate{{"refs/heads/main", none, a}}, PushOptions{})
		anyOf(t, fmt.Sprint(via, " push"), err, []error{ErrUnreachable})
	}
}
