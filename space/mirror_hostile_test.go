package space_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/space"
)

// move puts one repository in the place of another.
func (h *evilHost) become(other *evilHost) {
	h.t.Helper()
	if err := os.RemoveAll(h.dir); err != nil {
		h.t.Fatal(err)
	}
	if err := os.CopyFS(h.dir, os.DirFS(other.dir)); err != nil {
		h.t.Fatal(err)
	}
}

func TestAttackMirrorHoldsSomethingElse(t *testing.T) {
	other := newPerson(t, "mallory")
	theirs := newEvilHost(t)
	other.create(theirs.dir)
	code := newEvilHost(t)
	code.set("refs/heads/main", code.commit(map[string]string{"main.go": "package main"}))
	for name, h := range map[string]*evilHost{"another-space": theirs, "code": code} {
		t.Run(name, func(t *testing.T) {
			st, people := newMirrorStory(t, "alice")
			alice := people[0]
			want := h.refs()
			if _, err := alice.s.AddMirror(t.Context(), "wrong", h.dir, false); err == nil || !strings.Contains(err.Error(), "something else") {
				t.Errorf("adding it: %v", err)
			}
			m := st.mirror(alice, "backup", false)
			m.become(h)
			before, alices := st.host.refs(), alice.rows()
			res := st.sync(alice)
			if len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], "mirror backup: refs/heads/main holds something else") {
				t.Errorf("%q", res.Warnings)
			}
			for what, d := range map[string]string{
				"mirror": cmp.Diff(want, m.refs()), "host": cmp.Diff(before, st.host.refs()), "rows": cmp.Diff(alices, alice.rows()),
			} {
				if d != "" {
					t.Errorf("%s changed:\n%s", what, d)
				}
			}
		})
	}
}

// Two admins are shown two hosts, and each adds to the ledger: the branch that a
// device has not verified is told, kept as evidence, and left where it is.
func TestAttackMirrorForksTheLedger(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	if err := alice.s.SetRole(t.Context(), "bob", "admin"); err != nil {
		t.Fatal(err)
	}
	m := st.mirror(alice, "backup", false)
	st.sync(bob)
	before := st.host.clone()
	bob.insert(space.Row{"title": "on the other branch"})
	bob.invite()
	bob.sync()
	branch := st.host.clone()
	st.host.become(before)
	alice.invite()
	st.sync(alice)
	m.become(branch)
	host, shown, rows := st.host.refs(), m.refs(), alice.rows()
	st.pass()
	_, err := alice.s.Sync(t.Context())
	if !errors.Is(err, space.ErrViolation) || !strings.Contains(err.Error(), "two branches") {
		t.Errorf("%v", err)
	}
	for what, d := range map[string]string{
		"mirror": cmp.Diff(shown, m.refs()), "host": cmp.Diff(host, st.host.refs()), "rows": cmp.Diff(rows, alice.rows()),
	} {
		if d != "" {
			t.Errorf("%s changed:\n%s", what, d)
		}
	}
	if res := st.sync(alice); len(res.Warnings) == 0 {
		t.Error("it is not told again")
	}
	if f := alice.forks(); len(f.Branches) != 2 || !f.May {
		t.Fatalf("alice sees %+v", f)
	}
	alice.resolves() // so that who stands there can move over
	bob.syncsAnyhow()
	bob.syncsAnyhow()
	bob.follows()
	st.sync(bob)
	st.sync(alice)
	if alice.fingerprint() != bob.fingerprint() || len(bob.rows()) != len(alice.rows()) || len(alice.rows()) != len(rows)+1 {
		t.Errorf("alice has %d rows, bob %d, before there were %d", len(alice.rows()), len(bob.rows()), len(rows))
	}
}

// Junk on a mirror: what blocks a name or can't be read gives way, commits of
// strangers are ignored, and what nobody knows is left alone.
func TestAttackMirrorWithJunk(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	m := st.mirror(alice, "backup", false)
	lane := m.lane(alice)
	blob := m.gitIn([]byte("junk"), "hash-object", "-w", "--stdin")
	main := m.refs()["refs/heads/main"]
	m.set("refs/heads/main", m.commit(map[string]string{"ledger/0000/00000099.json": "{}"}, main))
	m.git("update-ref", "-d", lane)
	m.set(lane+"/x", main)
	writeRef(t, m, m.ref("/keys"), blob)
	m.set("refs/heads/other", main)
	m.set(strings.TrimSuffix(lane, alice.device())+"aaaaaaaaaaaaaaaaaaaaaaaaae", main)
	bob.insert(space.Row{"title": "of bob"})
	bob.sync()
	st.sync(alice)
	st.sync(alice)
	got := m.refs()
	for ref, id := range st.host.refs() {
		if got[ref] != id && ref != "refs/heads/main" {
			t.Errorf("%s is at %s, want %s", ref, got[ref], id)
		}
	}
	if got["refs/heads/other"] == "" {
		t.Error("what is not ours was deleted")
	}
	// The next entry takes the place of the junk.
	alice.invite()
	st.sync(alice)
	if d := cmp.Diff(st.host.refs()["refs/heads/main"], m.refs()["refs/heads/main"]); d != "" {
		t.Errorf("main differs:\n%s", d)
	}
	st.converge(2)
}

// Objects that a mirror names and does not have are put right.
func TestMirrorLostObjects(t *testing.T) {
	st, people := newMirrorStory(t, "alice")
	alice := people[0]
	m := st.mirror(alice, "backup", false)
	for _, ref := range []string{"refs/heads/main", m.lane(alice)} {
		writeRef(t, m, ref, strings.Repeat("ab", 20))
	}
	st.sync(alice)
	st.sync(alice)
	sameRefs(t, st.host, m)
	m.git("fsck", "--full")
}

// While the primary is away a mirror is read. The ledger's order is the primary's: a
// longer one on a mirror is not taken, unless it names a new primary.
func TestMirrorReadWhilePrimaryIsAway(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	st.mirror(alice, "backup", true)
	st.sync(bob)
	alice.insert(space.Row{"title": "read from the mirror"})
	alice.invite()
	st.sync(alice)
	if err := os.Rename(st.host.dir, st.host.dir+".away"); err != nil {
		t.Fatal(err)
	}
	before, err := bob.s.Fingerprint(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	st.pass()
	if _, err := bob.s.Sync(t.Context()); !errors.Is(err, space.ErrNotRepository) {
		t.Errorf("syncing: %v", err)
	}
	after, err := bob.s.Fingerprint(t.Context(), nil)
	if err != nil || after.Seq != before.Seq {
		t.Errorf("bob's ledger went from %d to %d: %v", before.Seq, after.Seq, err)
	}
	if err := os.Rename(st.host.dir+".away", st.host.dir); err != nil {
		t.Fatal(err)
	}
	st.converge(2)
}

// A mirror that does not answer delays a sync by its timeout and no more.
func TestMirrorThatHangs(t *testing.T) {
	host := githost.New(t.TempDir())
	var hangs atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hangs.Load() {
			<-r.Context().Done()
			return
		}
		host.ServeHTTP(w, r)
	}))
	defer srv.Close()
	for _, via := range transports {
		t.Run(via, func(t *testing.T) {
			hangs.Store(false)
			st, people := newMirrorStory(t, "alice")
			st.timeout = time.Second
			alice := people[0]
			st.reopen(alice)
			if err := host.Create(via + ".git"); err != nil {
				t.Skip(err)
			}
			if _, err := alice.s.AddMirror(t.Context(), "backup", srv.URL+"/"+via+".git", false); err != nil {
				t.Fatal(err)
			}
			hangs.Store(true)
			alice.insert(space.Row{"title": "more"})
			began := time.Now()
			res := st.sync(alice)
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("it took %v", took)
			}
			if res.Pushed != 1 || len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], "in time") {
				t.Errorf("%+v", res)
			}
		})
	}
}

func TestRemoteNames(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	m := st.mirror(alice, "backup", true)
	st.sync(bob)
	for name, url := range map[string]string{
		"":        newEvilHost(t).dir,
		"Backup":  newEvilHost(t).dir,
		"a b":     newEvilHost(t).dir,
		"-x":      newEvilHost(t).dir,
		"origin":  newEvilHost(t).dir,
		"backup":  newEvilHost(t).dir,
		"same":    m.dir,
		"primary": st.host.dir,
		"secret":  "https://me:hunter2@example.org/x.git",
		"helper":  "ext::sh -c true",
		"http":    "http://example.org/x.git",
	} {
		_, err := alice.s.AddMirror(t.Context(), name, url, false)
		if !errors.Is(err, space.ErrUsage) && !errors.Is(err, space.ErrAddress) {
			t.Errorf("%q %s: %v", name, url, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is shown: %v", err)
		}
	}
	if _, err := bob.s.AddMirror(t.Context(), "mine", newEvilHost(t).dir, true); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("an editor tells everybody: %v", err)
	}
	st.mirror(bob, "mine", false)
	if _, err := alice.s.RemoveMirror(t.Context(), "origin", false); !errors.Is(err, space.ErrUsage) {
		t.Errorf("removing the primary: %v", err)
	}
	if _, err := alice.s.RemoveMirror(t.Context(), "nothing", false); !errors.Is(err, space.ErrNotFound) {
		t.Errorf("removing none: %v", err)
	}
	if _, err := alice.s.RemoveMirror(t.Context(), "backup", true); err != nil {
		t.Error(err)
	}
	st.sync(bob)
	remotes, err := bob.s.Remotes(t.Context())
	if err != nil || len(remotes) != 2 || remotes[1].Name != "mine" {
		t.Errorf("bob has %+v %v", remotes, err)
	}
}

// The old primary was said to be gone and is not; somebody added to the ledger there:
// both see the two branches, and nobody is led from one to the other.
func TestRemotePromoteThoughHostWasNotGone(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	if err := alice.s.SetRole(t.Context(), "bob", "admin"); err != nil {
		t.Fatal(err)
	}
	m := st.mirror(alice, "backup", true)
	st.sync(bob)
	bob.invite()
	if err := os.Rename(st.host.dir, st.host.dir+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.s.Promote(t.Context(), "backup", true); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(st.host.dir+".away", st.host.dir); err != nil {
		t.Fatal(err)
	}
	host, mirror := st.host.refs()["refs/heads/main"], m.refs()["refs/heads/main"]
	st.pass()
	if _, err := bob.s.Sync(t.Context()); !errors.Is(err, space.ErrViolation) || !strings.Contains(err.Error(), "two branches") {
		t.Errorf("bob syncs: %v", err)
	}
	if bob.s.Remote() != st.host.dir || alice.s.Remote() != m.dir {
		t.Errorf("alice is at %s, bob at %s", alice.s.Remote(), bob.s.Remote())
	}
	st.sync(alice)
	if st.host.refs()["refs/heads/main"] != host || m.refs()["refs/heads/main"] != mirror {
		t.Error("a branch was pushed over the other")
	}
}
