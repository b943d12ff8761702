package space_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/space"
)

// mirrorStory is a few people on one host, with a clock that the test moves: mirrors
// are asked at most once a minute.
type mirrorStory struct {
	t       *testing.T
	host    *evilHost
	now     time.Time
	timeout time.Duration
	people  []*person
}

func newMirrorStory(t *testing.T, names ...string) (*mirrorStory, []*person) {
	t.Helper()
	st := &mirrorStory{t: t, host: newEvilHost(t), now: time.Now()}
	for i, name := range names {
		p := newPerson(t, name)
		if st.people = append(st.people, p); i == 0 {
			p.create(st.host.dir)
			st.reopen(p)
			p.insert(space.Row{"title": "the first row"})
			p.sync()
			continue
		}
		p.join(st.people[0].invite())
		st.reopen(p)
		st.people[0].sync()
		p.sync()
	}
	return st, st.people
}

// reopen gives a person's space the clock of the story.
func (st *mirrorStory) reopen(p *person) {
	st.t.Helper()
	dir := p.s.Dir()
	p.s.Close()
	o := p.options()
	o.Now, o.MirrorTimeout = func() time.Time { return st.now }, st.timeout
	s, err := space.Open(st.t.Context(), dir, o)
	if err != nil {
		st.t.Fatal(err)
	}
	p.s = s
}

// pass lets time pass, so that all mirrors are due.
func (st *mirrorStory) pass() { st.now = st.now.Add(2 * time.Minute) }

func (st *mirrorStory) sync(p *person) *space.SyncResult {
	st.t.Helper()
	st.pass()
	return p.sync()
}

func (st *mirrorStory) mirror(p *person, name string, share bool) *evilHost {
	st.t.Helper()
	h := newEvilHost(st.t)
	if _, err := p.s.AddMirror(st.t.Context(), name, h.dir, share); err != nil {
		st.t.Fatalf("%s adds the mirror %s: %v", p.name, name, err)
	}
	return h
}

// converge syncs everybody twice, and all see the same.
func (st *mirrorStory) converge(want int) {
	st.t.Helper()
	for range 2 {
		for _, p := range st.people {
			st.sync(p)
		}
	}
	for _, p := range st.people {
		rows := p.rows()
		if len(rows) != want {
			st.t.Errorf("%s has %d rows, want %d", p.name, len(rows), want)
		}
		if d := cmp.Diff(st.people[0].rows(), rows); d != "" {
			st.t.Errorf("%s differs:\n%s", p.name, d)
		}
		if r, err := p.s.Verify(st.t.Context(), space.VerifyOptions{Full: true}); err != nil && !errors.Is(err, space.ErrViolation) || len(r.Problems) > 0 && !keptOnly(r.Problems) {
			st.t.Errorf("%s verifies: %+v %v", p.name, r, err)
		}
	}
}

// keptOnly: nothing but evidence of what a host did.
func keptOnly(problems []string) bool {
	return !slices.ContainsFunc(problems, func(p string) bool { return !strings.Contains(p, "the host") })
}

// wipe makes the repository empty, as when a host lost its disk.
func (h *evilHost) wipe() {
	h.t.Helper()
	if err := os.RemoveAll(h.dir); err != nil {
		h.t.Fatal(err)
	}
	(&evilHost{h.t, filepath.Dir(h.dir)}).git("init", "-q", "--bare", "--initial-branch=main", h.dir)
}

func sameRefs(t *testing.T, a, b *evilHost) {
	t.Helper()
	if d := cmp.Diff(a.refs(), b.refs()); d != "" {
		t.Errorf("refs differ:\n%s", d)
	}
}

func TestMirrorGetsWhatWasVerified(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	m := st.mirror(alice, "backup", false)
	sameRefs(t, st.host, m)
	bob.insert(space.Row{"title": "of bob"})
	bob.sync()
	st.sync(alice)
	sameRefs(t, st.host, m)
	m.git("fsck", "--full", "--strict")
	alice.insert(space.Row{"title": "another"})
	st.sync(alice)
	// Within the minute it is left alone.
	alice.insert(space.Row{"title": "soon after"})
	before := m.refs()
	alice.sync()
	if d := cmp.Diff(before, m.refs()); d != "" {
		t.Errorf("asked again within the minute:\n%s", d)
	}
	// A mirror that is behind is just that.
	m.set(m.lane(alice), m.git("rev-parse", m.lane(alice)+"~1"))
	if r := st.sync(alice); len(r.Warnings) > 0 {
		t.Errorf("warnings %q", r.Warnings)
	}
	sameRefs(t, st.host, m)
	status, err := alice.s.Status(t.Context())
	if err != nil || len(status.Mirrors) != 1 || status.Mirrors[0].Problem != "" || !status.Mirrors[0].Synced.Equal(st.now.UTC().Truncate(time.Millisecond)) {
		t.Errorf("%+v %v", status.Mirrors, err)
	}
}

// The host rolls back what it showed to one member and hides it from the other: the
// mirror shows it.
func TestMirrorShowsWhatTheHostHides(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	m := st.mirror(alice, "backup", true)
	st.sync(bob)
	old := st.host.clone()
	alice.insert(space.Row{"title": "hidden"})
	alice.invite() // the ledger goes on
	st.sync(alice)
	sameRefs(t, st.host, m)
	for ref, id := range old.refs() {
		st.host.set(ref, id)
	}
	st.pass()
	res, err := bob.s.Sync(t.Context())
	if !errors.Is(err, space.ErrViolation) || !strings.Contains(err.Error(), "the host hides") || !strings.Contains(err.Error(), "the ledger") {
		t.Errorf("%v", err)
	}
	t.Log(res.Warnings)
	sameRefs(t, st.host, m)
	var evidence strings.Builder
	if err := bob.s.Evidence(t.Context(), &evidence); err != nil || strings.Count(evidence.String(), `"kind": "hidden"`) != 2 {
		t.Errorf("%s %v", evidence.String(), err)
	}
	st.converge(2)
}

func TestMirrorUnreachable(t *testing.T) {
	st, people := newMirrorStory(t, "alice")
	alice := people[0]
	m := st.mirror(alice, "backup", false)
	if err := os.Rename(m.dir, m.dir+".away"); err != nil {
		t.Fatal(err)
	}
	alice.insert(space.Row{"title": "more"})
	res := st.sync(alice)
	if len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], "mirror backup") {
		t.Errorf("%q", res.Warnings)
	}
	// The longer it is away, the more seldom it is asked.
	if res := st.sync(alice); len(res.Warnings) != 1 {
		t.Errorf("after 2 minutes: %q", res.Warnings)
	}
	if res := st.sync(alice); len(res.Warnings) != 0 {
		t.Errorf("after 2 minutes more: %q", res.Warnings)
	}
	if err := os.Rename(m.dir+".away", m.dir); err != nil {
		t.Fatal(err)
	}
	st.now = st.now.Add(time.Hour)
	if res := st.sync(alice); len(res.Warnings) != 0 {
		t.Errorf("%q", res.Warnings)
	}
	sameRefs(t, st.host, m)
}

// Everybody follows to the mirror that was promoted, and then nobody needs the old
// host.
func TestRemotePromote(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	m := st.mirror(alice, "backup", false)
	if _, err := bob.s.Promote(t.Context(), "backup", false); !errors.Is(err, space.ErrNotFound) {
		t.Errorf("bob promotes: %v", err)
	}
	if _, err := alice.s.Promote(t.Context(), "backup", false); err != nil {
		t.Fatal(err)
	}
	if alice.s.Remote() != m.dir {
		t.Errorf("alice is at %s", alice.s.Remote())
	}
	sameRefs(t, st.host, m)
	bob.insert(space.Row{"title": "written before bob knew"})
	st.sync(bob)
	if bob.s.Remote() != m.dir {
		t.Errorf("bob is at %s", bob.s.Remote())
	}
	if err := os.RemoveAll(st.host.dir); err != nil {
		t.Fatal(err)
	}
	carol := newPerson(t, "carol")
	carol.join(alice.invite())
	st.people = append(st.people, carol)
	st.reopen(carol)
	st.converge(2)
	remotes, err := carol.s.Remotes(t.Context())
	if err != nil || remotes[0].Name != "backup" || remotes[0].URL != m.dir {
		t.Errorf("%+v %v", remotes, err)
	}
}

// The old primary is gone for ever: who knows a mirror from the ledger finds the new
// one by itself.
func TestRemotePromoteAfterHostIsGone(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	m := st.mirror(alice, "backup", true)
	st.sync(bob)
	if err := os.RemoveAll(st.host.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.s.Promote(t.Context(), "backup", true); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("bob promotes: %v", err)
	}
	if _, err := alice.s.Promote(t.Context(), "backup", false); !errors.Is(err, space.ErrHostGone) || !errors.Is(err, space.ErrNotRepository) {
		t.Errorf("without saying that it is gone: %v", err)
	}
	if _, err := alice.s.Promote(t.Context(), "backup", true); err != nil {
		t.Fatal(err)
	}
	bob.insert(space.Row{"title": "of bob"})
	st.sync(bob)
	if bob.s.Remote() != m.dir {
		t.Errorf("bob is at %s", bob.s.Remote())
	}
	st.converge(2)
	for _, p := range people {
		remotes, err := p.s.Remotes(t.Context())
		if err != nil || len(remotes) != 1 || remotes[0].Name != "backup" {
			t.Errorf("%s: %+v %v", p.name, remotes, err)
		}
	}
}

// Whoever has not heard of the new primary and asks the old one learns of it, and
// adds to the ledger there only.
func TestRemotePromotedWhileAnotherProposes(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	if err := alice.s.SetRole(t.Context(), "bob", "admin"); err != nil {
		t.Fatal(err)
	}
	st.sync(bob)
	m := st.mirror(alice, "backup", false)
	if _, err := alice.s.Promote(t.Context(), "backup", false); err != nil {
		t.Fatal(err)
	}
	i, err := bob.s.Invite(t.Context(), space.InviteOptions{})
	if err != nil || i.Host != m.dir || bob.s.Remote() != m.dir {
		t.Fatalf("%+v %v, bob is at %s", i, err, bob.s.Remote())
	}
	if st.host.refs()["refs/heads/main"] == m.refs()["refs/heads/main"] {
		t.Error("the entry is on the old host")
	}
	st.converge(1)
}

// Who did not know the mirror adds it, and finds the new primary there.
func TestRemoteAddedAfterHostIsGone(t *testing.T) {
	st, people := newMirrorStory(t, "alice", "bob")
	alice, bob := people[0], people[1]
	m := st.mirror(alice, "backup", false)
	if err := os.RemoveAll(st.host.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.s.Promote(t.Context(), "backup", true); err != nil {
		t.Fatal(err)
	}
	bob.insert(space.Row{"title": "of bob"})
	if _, err := bob.s.Sync(t.Context()); !errors.Is(err, space.ErrNotRepository) {
		t.Errorf("syncing without knowing: %v", err)
	}
	if _, err := bob.s.AddMirror(t.Context(), "what-alice-told-me", m.dir, false); err != nil {
		t.Fatal(err)
	}
	st.sync(bob)
	if bob.s.Remote() != m.dir {
		t.Errorf("bob is at %s", bob.s.Remote())
	}
	st.converge(2)
}

// Who comes after a seal, and may read nothing of what was before, knows the remotes.
func TestRemoteKnownAfterSeal(t *testing.T) {
	st, people := newMirrorStory(t, "alice")
	alice := people[0]
	m := st.mirror(alice, "backup", true)
	if _, err := alice.s.Promote(t.Context(), "backup", false); err != nil {
		t.Fatal(err)
	}
	spare := st.mirror(alice, "spare", true)
	if _, err := alice.s.Seal(t.Context(), space.SealOptions{}); err != nil {
		t.Fatal(err)
	}
	st.sync(alice)
	i, err := alice.s.Invite(t.Context(), space.InviteOptions{History: "none"})
	if err != nil {
		t.Fatal(err)
	}
	bob := newPerson(t, "bob")
	bob.join(i.Link)
	st.people = append(st.people, bob)
	st.reopen(bob)
	for range 3 {
		st.sync(alice)
		st.sync(bob)
	}
	remotes, err := bob.s.Remotes(t.Context())
	if err != nil || len(remotes) != 2 || remotes[0].Name != "backup" || remotes[0].URL != m.dir || remotes[1].Name != "spare" || remotes[1].URL != spare.dir {
		t.Errorf("%+v %v", remotes, err)
	}
}
