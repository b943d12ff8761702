package space_test

import (
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/space"
)

// pushing: this request carries a pack to the host.
func pushing(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git-receive-pack")
}

// outages are the ways in which a host goes away in the middle of a push.
var outages = map[string]func(down *atomic.Bool) githost.Tamper{
	"before": func(down *atomic.Bool) githost.Tamper {
		return githost.Tamper{Fail: func(r *http.Request) int {
			if down.Load() && pushing(r) {
				return http.StatusBadGateway
			}
			return 0
		}}
	},
	"half-a-request": func(down *atomic.Bool) githost.Tamper {
		return githost.Tamper{Body: func(r *http.Request, body io.Reader) io.Reader {
			if down.Load() && pushing(r) {
				return io.LimitReader(body, 700)
			}
			return body
		}}
	},
	"answer-lost": func(down *atomic.Bool) githost.Tamper {
		return githost.Tamper{Lost: func(r *http.Request) bool { return down.Load() && pushing(r) }}
	},
	"answer-cut": func(down *atomic.Bool) githost.Tamper {
		return githost.Tamper{Answer: func(r *http.Request, w io.Writer) io.Writer {
			if down.Load() && pushing(r) {
				return githost.CutAfter(w, 11)
			}
			return w
		}}
	},
}

func eachOutage(t *testing.T, play func(t *testing.T, name string, repo *repository, down *atomic.Bool, via string)) {
	t.Helper()
	t.Parallel()
	for name, tamper := range outages {
		for _, via := range transports {
			t.Run(name+"/"+via, func(t *testing.T) {
				t.Parallel()
				down := new(atomic.Bool)
				repo := httpRepository(t, func(h *githost.Server, _ string) { h.SetTamper(tamper(down)) })
				play(t, name, repo, down, via)
			})
		}
	}
}

// The host goes down in the middle of a push: nothing is lost, the next sync
// completes, and nothing counts twice.
func TestHostDownInPush(t *testing.T) {
	eachOutage(t, func(t *testing.T, name string, repo *repository, down *atomic.Bool, via string) {
		alice, bob := newTraveller(t, "alice", via, repo), newTraveller(t, "bob", via, repo)
		if err := alice.create(); err != nil {
			t.Fatal(err)
		}
		bob.mustJoin(alice.invite())
		alice.sync()
		bob.sync()
		down.Store(true)
		row := alice.add("paint the quetzals")
		if _, err := alice.s.Sync(t.Context()); err == nil || errors.Is(err, space.ErrViolation) {
			t.Errorf("syncing with a host that goes away: %v", err)
		} else if name != "half-a-request" && !errors.Is(err, space.ErrUnreachable) {
			t.Errorf("syncing with a host that goes away: %v, want ErrUnreachable", err)
		}
		alice.change(row, space.Row{"done": true})
		if _, err := alice.s.Sync(t.Context()); err == nil && name != "answer-lost" && name != "answer-cut" {
			t.Error("a second sync says that all is well")
		}
		down.Store(false)
		alice.sync()
		bob.sync()
		if got := bob.list(); len(got) != 1 || got[0]["done"] != true {
			t.Errorf("bob sees %v", got)
		}
		st, err := alice.s.Status(t.Context())
		if err != nil || st.Pending != 0 {
			t.Errorf("%d writes of alice wait, %v", st.Pending, err)
		}
		log, err := bob.s.Log(t.Context(), space.LogQuery{Writes: true})
		if err != nil || len(log) != 2 {
			t.Errorf("bob's changelog has %d lines: %v, %v", len(log), log, err)
		}
		if n := strings.Fields(hostGit(t, repo, "rev-list", "--all", "--grep", "^espace lane")); len(n) != 2 {
			t.Errorf("%d lane commits on the host", len(n))
		}
		if r, err := bob.s.Verify(t.Context(), space.VerifyOptions{Full: true}); err != nil || r.Operations != 2 {
			t.Errorf("verify: %+v, %v", r, err)
		}
	})
}

// The host goes down while a space is made on it: trying again works.
func TestHostDownInCreate(t *testing.T) {
	eachOutage(t, func(t *testing.T, name string, repo *repository, down *atomic.Bool, via string) {
		alice := newTraveller(t, "alice", via, repo)
		down.Store(true)
		err := alice.create()
		t.Logf("creating: %v", err)
		down.Store(false)
		if err == nil {
			return // it landed, and that was found out
		}
		if err := alice.create(); err != nil {
			t.Fatalf("creating again: %v", err)
		}
		alice.sync()
	})
}

// The host goes down while somebody joins: the link is good still, or the join
// stands and its keys are here.
func TestHostDownInJoin(t *testing.T) {
	eachOutage(t, func(t *testing.T, name string, repo *repository, down *atomic.Bool, via string) {
		alice, bob := newTraveller(t, "alice", via, repo), newTraveller(t, "bob", via, repo)
		if err := alice.create(); err != nil {
			t.Fatal(err)
		}
		alice.add("paint the quetzals")
		link := alice.invite()
		down.Store(true)
		dir := filepath.Join(t.TempDir(), "bob")
		join := func() error {
			s, _, err := space.Join(t.Context(), dir, link, space.JoinOptions{As: "bob"}, bob.options())
			bob.s = s
			return err
		}
		err := join()
		t.Logf("joining: %v", err)
		down.Store(false)
		if err != nil {
			if err := join(); err != nil {
				t.Fatalf("joining again: %v", err)
			}
		}
		alice.sync()
		bob.sync()
		if got := bob.list(); len(got) != 1 {
			t.Errorf("bob sees %v", got)
		}
		if members, err := alice.s.Members(t.Context()); err != nil || len(members) != 2 {
			t.Errorf("%d members, %v", len(members), err)
		}
	})
}
