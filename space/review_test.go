package space

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/view"
)

// Findings of a hostile review. These tests stand inside the package, since a member
// who cheats signs what the SDK would not.

type peer struct {
	t    *testing.T
	name string
	dir  string
	opts Options
	*Space
}

func newPeer(t *testing.T, name string) *peer {
	p := &peer{t: t, name: name, dir: filepath.Join(t.TempDir(), name)}
	p.opts = Options{Home: filepath.Join(t.TempDir(), name+"-home"), NoPassphrase: true, NoAgent: true}
	t.Cleanup(func() {
		if p.Space != nil {
			p.Close()
		}
	})
	return p
}

const reviewTable = "tables: {notes: {columns: {text: {type: text}}}}"

func (p *peer) founds(url string) {
	p.t.Helper()
	s, _, err := Create(p.t.Context(), p.dir, CreateOptions{Name: "Team", As: p.name, Remote: url, Schema: []byte(reviewTable)}, p.opts)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Space = s
}

func (p *peer) joins(by *peer, o InviteOptions) {
	p.t.Helper()
	i, err := by.Invite(p.t.Context(), o)
	if err != nil {
		p.t.Fatal(err)
	}
	s, _, err := Join(p.t.Context(), p.dir, i.Link, JoinOptions{As: p.name}, p.opts)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Space = s
}

func (p *peer) writes(text string) {
	p.t.Helper()
	if _, err := p.Insert(p.t.Context(), "notes", Row{"text": text}); err != nil {
		p.t.Fatalf("%s writes: %v", p.name, err)
	}
}

func (p *peer) syncs() *SyncResult {
	p.t.Helper()
	r, err := p.Sync(p.t.Context())
	if err != nil {
		p.t.Fatalf("%s syncs: %v", p.name, err)
	}
	return r
}

// caught: the sync is a violation that says so, and not something else.
func (p *peer) caught(words string) {
	p.t.Helper()
	if _, err := p.Sync(p.t.Context()); !errors.Is(err, ErrViolation) || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "set aside") {
		p.t.Fatalf("%s syncs: %v, want a violation about %q", p.name, err, words)
	}
}

func (p *peer) texts() (out []string) {
	p.t.Helper()
	rows, err := p.Select(p.t.Context(), Query{Table: "notes"})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, r := range rows {
		out = append(out, fmt.Sprint(r["text"]))
	}
	slices.Sort(out)
	return out
}

func (p *peer) isIn(want string) {
	p.t.Helper()
	if st, err := p.Status(p.t.Context()); err != nil || st.State != want {
		p.t.Errorf("%s is %+v, %v; want %s", p.name, st, err, want)
	}
}

func (p *peer) device() wire.DeviceID { return p.keys.Device().ID() }

// moves makes p use another host from now on.
func (p *peer) moves(url string) {
	p.t.Helper()
	p.url, p.remote = url, nil
	if err := p.db.Update(p.t.Context(), p.savePlace); err != nil { // what the store says counts
		p.t.Fatal(err)
	}
}

// cheats lets fn make what the SDK would not, and pushes it.
func (p *peer) cheats(fn func(*round, *gitstore.Batch, *display) gitstore.RefUpdate) {
	p.t.Helper()
	var u gitstore.RefUpdate
	err := p.readThen(p.t.Context(), func(r *round, b *gitstore.Batch, shown *display) error {
		u = fn(r, b, shown)
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	host, err := p.host()
	if err != nil {
		p.t.Fatal(err)
	}
	if pushed, err := host.Push(p.t.Context(), []gitstore.RefUpdate{u}, gitstore.PushOptions{}); err != nil || pushed.Err() != nil {
		p.t.Fatal(err, pushed)
	}
}

// keysCommit is a keys commit with these files.
func (p *peer) keysCommit(files map[string][]byte) func(*round, *gitstore.Batch, *display) gitstore.RefUpdate {
	return func(r *round, b *gitstore.Batch, shown *display) gitstore.RefUpdate {
		ref := p.refs.Keys(r.epoch())
		old, _ := r.wrapsOf(shown.at(ref))
		adds := chain.AddsHash(files)
		msg := r.message(chain.Keys)
		msg.Adds, msg.Device = &adds, p.device()
		id, err := r.commit(b, ref, shown.at(ref), keysTree(b, old, files), msg)
		if err != nil {
			p.t.Fatal(err)
		}
		return gitstore.RefUpdate{Name: ref, Old: shown.at(ref), New: id}
	}
}

// bare is a host whose owner may do anything to it.
type bare struct {
	t   *testing.T
	dir string
}

func newBare(t *testing.T) bare {
	h := bare{t, filepath.Join(t.TempDir(), "host.git")}
	if out, err := exec.Command("git", "init", "-q", "--bare", "--initial-branch=main", h.dir).CombinedOutput(); err != nil {
		t.Skipf("git is needed for a host: %v %s", err, out)
	}
	return h
}

func (h bare) git(args ...string) string {
	h.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = h.dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=m", "GIT_AUTHOR_EMAIL=m@example.org", "GIT_COMMITTER_NAME=m", "GIT_COMMITTER_EMAIL=m@example.org")
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (h bare) copy() bare {
	h.t.Helper()
	c := bare{h.t, filepath.Join(h.t.TempDir(), "copy.git")}
	if err := os.CopyFS(c.dir, os.DirFS(h.dir)); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// takes shows what another host has of a ref.
func (h bare) takes(from bare, ref string) {
	h.t.Helper()
	h.git("fetch", "-q", from.dir, "+"+ref+":"+ref)
}

func (h bare) lane(p *peer) string {
	return p.refs.Lane(wire.Epoch{O: p.id}, p.device())
}

// trio are three people who have seen each other.
func trio(t *testing.T) (h bare, alice, bob, carol *peer) {
	t.Helper()
	h = newBare(t)
	alice, bob, carol = newPeer(t, "alice"), newPeer(t, "bob"), newPeer(t, "carol")
	alice.founds(h.dir)
	bob.joins(alice, InviteOptions{Role: "admin"})
	if err := alice.ApproveMember(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	carol.joins(alice, InviteOptions{})
	for range 2 {
		for _, p := range []*peer{alice, bob, carol} {
			p.syncs()
		}
	}
	for _, p := range []*peer{alice, bob, carol} {
		p.writes("first of " + p.name)
		p.syncs()
	}
	for _, p := range []*peer{alice, bob, carol} {
		p.syncs()
	}
	return h, alice, bob, carol
}

// deaf is a host that answers no push, or takes it to itself without saying so.
type deaf struct {
	gitstore.Remote
	take bool
}

func (d deaf) Push(ctx context.Context, u []gitstore.RefUpdate, o gitstore.PushOptions) (*gitstore.Pushed, error) {
	if d.take {
		if _, err := d.Remote.Push(ctx, u, o); err != nil {
			return nil, err
		}
	}
	return nil, gitstore.ErrUnreachable
}

func (p *peer) deafens(take bool) {
	p.t.Helper()
	host, err := p.host()
	if err != nil {
		p.t.Fatal(err)
	}
	p.remote = deaf{host, take}
}

// A host that takes something back must not keep that quiet by refusing the push
// that puts it right.
func TestReviewViolationSurvivesFailedPush(t *testing.T) {
	h, alice, bob, _ := trio(t)
	l := h.lane(alice)
	alice.writes("second of alice")
	alice.syncs()
	bob.syncs()
	h.git("update-ref", l, h.git("rev-parse", l+"~1"))
	bob.deafens(false)
	if _, err := bob.Sync(t.Context()); !errors.Is(err, ErrViolation) || !errors.Is(err, ErrUnreachable) {
		t.Errorf("bob syncs: %v", err)
	}
}

// Two people who were shown two branches of the ledger: the branches are reported,
// and neither of the two is accused or cut off (DESIGN 7).
func TestReviewOtherBranchAccusesNobody(t *testing.T) {
	h, alice, bob, _ := trio(t)
	other := h.copy()
	bob.moves(other.dir)
	for _, p := range []*peer{alice, bob} {
		if _, err := p.Invite(t.Context(), InviteOptions{}); err != nil {
			t.Fatal(err)
		}
		p.writes("on the branch of " + p.name)
		p.syncs()
	}
	h.takes(other, h.lane(bob))
	alice.caught("there are two")
	alice.syncs() // told once
	err := alice.look(t.Context(), func(r *round) error {
		d, _ := r.roster().Device(bob.device())
		l, err := r.loadLane(d)
		if l.SetAside != "" || len(l.pending) != 1 {
			t.Errorf("bob's lane is set aside (%q), %d entries are held", l.SetAside, len(l.pending))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whoever meets two branches at once applies neither, whatever the host shows next.
func TestReviewSplitStaysSplit(t *testing.T) {
	h, alice, bob, carol := trio(t)
	other := h.copy()
	bob.moves(other.dir)
	for _, p := range []*peer{alice, bob} {
		if _, err := p.Invite(t.Context(), InviteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	main := h.git("rev-parse", "main")
	h.git("fetch", "-q", other.dir, "main:refs/heads/theirs")
	h.git("update-ref", "refs/heads/main", h.git("commit-tree", "main^{tree}", "-m", "x", "-p", "main", "-p", "theirs"))
	entries := func() (n int) {
		_ = carol.look(t.Context(), func(r *round) error { n = r.ledger.len(); return nil })
		return n
	}
	before := entries()
	carol.caught("two branches")
	h.git("update-ref", "refs/heads/main", main)
	if _, err := alice.Invite(t.Context(), InviteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, _ = carol.Sync(t.Context())
	if got := entries(); got != before {
		t.Errorf("carol has %d entries after the split, %d before", got, before)
	}
	if _, err := carol.AddDevice(t.Context(), InviteOptions{}); !errors.Is(err, ErrViolation) {
		t.Errorf("carol adds to a split ledger: %v", err)
	}
}

// A host keeps an entry, says nothing, and shows it later: its author had no part in
// that, also when another process made the next try.
func TestReviewKeptTryIsNoFork(t *testing.T) {
	h, alice, _, carol := trio(t)
	before := h.git("rev-parse", "main")
	alice.deafens(true)
	if _, err := alice.Invite(t.Context(), InviteOptions{}); !errors.Is(err, ErrUnreachable) {
		t.Fatal(err)
	}
	h.git("branch", "kept", "main")
	h.git("update-ref", "refs/heads/main", before)
	alice.moves(h.dir)
	if _, err := alice.Invite(t.Context(), InviteOptions{}); err != nil {
		t.Fatal(err)
	}
	h.git("update-ref", "refs/heads/main", h.git("commit-tree", "main^{tree}", "-m", "x", "-p", "kept", "-p", "main"))
	for _, p := range []*peer{carol, alice} {
		p.syncs()
		if v, err := p.Verify(t.Context(), VerifyOptions{}); err != nil {
			t.Errorf("%s verifies: %+v %v", p.name, v, err)
		}
	}
	if i, err := carol.Invites(t.Context()); err != nil || len(i) != 3 {
		t.Errorf("carol has %d invites, %v", len(i), err)
	}
}

// A member signs two histories of its lane and the host shows each to one half. Those
// who believed one are not cut off by those who believed the other.
func TestReviewEquivocationAccusesNoWitness(t *testing.T) {
	h, alice, bob, carol := trio(t)
	other := h.copy()
	bob.moves(other.dir)
	twin := newPeer(t, "carol")
	twin.dir, twin.opts = filepath.Join(t.TempDir(), "twin"), carol.opts
	carol.Close()
	if err := os.CopyFS(twin.dir, os.DirFS(carol.dir)); err != nil {
		t.Fatal(err)
	}
	for p, at := range map[*peer]bare{carol: h, twin: other} {
		s, err := Open(t.Context(), p.dir, p.opts)
		if err != nil {
			t.Fatal(err)
		}
		p.Space = s
		p.moves(at.dir)
		p.writes("at " + at.dir)
		p.syncs()
	}
	for _, p := range []*peer{alice, bob} {
		p.syncs()
		p.writes("after carol, by " + p.name)
		p.syncs()
	}
	h.takes(other, h.lane(bob))
	r, err := alice.Sync(t.Context())
	if !errors.Is(err, ErrViolation) || !strings.Contains(err.Error(), "two histories") || strings.Contains(err.Error(), "set aside") {
		t.Errorf("alice is told %v", err)
	}
	if !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "other entries of carol") }) {
		t.Errorf("alice is warned of %q", r.Warnings)
	}
	alice.syncs() // told once
}

// Garbage in the place of a newcomer's wrap, by a member or by somebody who is not
// let in yet, keeps nobody out.
func TestReviewGarbageWrapKeepsNobodyOut(t *testing.T) {
	_, alice, bob, carol := trio(t)
	dave, eve := newPeer(t, "dave"), newPeer(t, "eve")
	eve.joins(alice, InviteOptions{Approve: true})
	dave.joins(alice, InviteOptions{})
	for _, p := range []*peer{eve, carol} {
		p.cheats(p.keysCommit(map[string][]byte{
			seal.WrapPath(dave.keys.Device().Recipient(), p.device(), 0): []byte("garbage"),
		}))
	}
	bob.syncs()
	alice.syncs()
	dave.syncs()
	dave.isIn(StateActive)
	eve.isIn(StateWaiting)
}

// Whoever may push hides the wraps under a commit without them.
func TestReviewHiddenWraps(t *testing.T) {
	h, alice, _, carol := trio(t)
	dave := newPeer(t, "dave")
	dave.joins(alice, InviteOptions{})
	alice.syncs()
	keys := carol.refs.Keys(wire.Epoch{O: carol.id})
	empty := h.git("hash-object", "-t", "tree", "-w", "/dev/null")
	h.git("update-ref", keys, h.git("commit-tree", empty, "-m", "x", "-p", keys))
	dave.syncs()
	dave.isIn(StateActive)
}

// One small push must not fill anybody's memory.
func TestReviewWrapBomb(t *testing.T) {
	_, alice, bob, carol := trio(t)
	files := map[string][]byte{}
	wrap := make([]byte, maxWrap)
	for i := range 20_000 {
		files[fmt.Sprintf("%026d/%s-0.age", i, carol.device())] = wrap
	}
	carol.cheats(carol.keysCommit(files))
	for _, p := range []*peer{alice, bob} {
		if r := p.syncs(); !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "limit") }) {
			t.Errorf("%s is warned of %q", p.name, r.Warnings)
		}
	}
}

// An own write that everybody refuses has no effect here either, and does not drag
// the next ones with it.
func TestReviewOwnRefusedIsUndone(t *testing.T) {
	_, alice, bob, _ := trio(t)
	err := alice.db.Update(t.Context(), func(v *view.Tx) error {
		me, err := loadSelf(v)
		if err != nil {
			return err
		}
		c, err := loadClock(v)
		if err != nil {
			return err
		}
		c.Past = me.Opening + 2*merge.Ahead // as after years of a wrong clock, in a version that did not bound it
		return c.save(v)
	})
	if err != nil {
		t.Fatal(err)
	}
	alice.writes("dated ahead")
	alice.syncs()
	alice.writes("the next one")
	alice.syncs()
	bob.syncs()
	if a, b := alice.texts(), bob.texts(); !slices.Equal(a, b) || !slices.Contains(b, "the next one") || slices.Contains(a, "dated ahead") {
		t.Errorf("alice has %q, bob %q", a, b)
	}
	if v, err := alice.Verify(t.Context(), VerifyOptions{Full: true}); err != nil {
		t.Errorf("%+v %v", v, err)
	}
}

// Attack restore-plus-hidden-own-lane, where what tells it stands behind an entry
// that is held.
func TestReviewRestoredBehindHeldEntry(t *testing.T) {
	h, alice, bob, carol := trio(t)
	alice.Close()
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(alice.dir)); err != nil {
		t.Fatal(err)
	}
	old := map[string]string{}
	for _, p := range []*peer{alice, carol} {
		old[h.lane(p)] = h.git("rev-parse", h.lane(p))
	}
	var err error
	if alice.Space, err = Open(t.Context(), alice.dir, alice.opts); err != nil {
		t.Fatal(err)
	}
	carol.writes("second of carol")
	carol.syncs()
	bob.syncs()
	bob.writes("after carol")
	bob.syncs()
	alice.writes("lost in the restore")
	alice.syncs()
	bob.syncs()
	bob.writes("after alice")
	bob.syncs()

	alice.Close()
	restored := newPeer(t, "alice")
	if restored.Space, err = Open(t.Context(), backup, alice.opts); err != nil {
		t.Fatal(err)
	}
	for ref, id := range old {
		h.git("update-ref", ref, id)
	}
	restored.writes("a second history")
	_, _ = restored.Sync(t.Context())
	if got := h.git("rev-parse", h.lane(restored)); got != old[h.lane(restored)] {
		t.Error("the restored device signed another history of its lane")
	}
}

// Those who joined long ago are not late for one who joins today.
func TestReviewOldMembersAreNotLate(t *testing.T) {
	_, alice, _, carol := trio(t)
	dave := newPeer(t, "dave")
	later := func() time.Time { return time.Now().Add(30 * 24 * time.Hour) }
	dave.opts.Now, alice.Space.opts.Now, carol.Space.opts.Now = later, later, later
	dave.joins(alice, InviteOptions{})
	alice.syncs()
	for range 2 {
		if r := dave.syncs(); slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "expired") }) {
			t.Errorf("dave is warned: %q", r.Warnings)
		}
	}
}

// An entry made while the host shows something unreadable goes on where the chain
// was: nobody finds that something was taken back.
func TestReviewEntryOverUnreadableMain(t *testing.T) {
	h, alice, bob, _ := trio(t)
	blob := h.git("hash-object", "-w", "HEAD")
	if err := os.WriteFile(filepath.Join(h.dir, "refs", "heads", "main"), []byte(blob+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Invite(t.Context(), InviteOptions{}); err != nil {
		t.Skipf("this git does not move such a ref: %v", err)
	}
	bob.syncs()
	alice.syncs()
}

// Names are others' words.
func TestReviewNamesAreHarmless(t *testing.T) {
	h, alice, bob, _ := trio(t)
	i, err := alice.Invite(t.Context(), InviteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := membership.ParseLink(i.Link)
	if err != nil {
		t.Fatal(err)
	}
	eve := newPeer(t, "eve")
	o, err := eve.opts.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	vault, err := ensureVault(o)
	if err != nil {
		t.Fatal(err)
	}
	if eve.Space, _, err = join1(t.Context(), vault, eve.dir, l, JoinOptions{As: "\x1b]0;owned\a\u202eecila"}, o); err != nil {
		t.Fatal(err)
	}
	junk := h.git("commit-tree", h.git("hash-object", "-t", "tree", "-w", "/dev/null"), "-m", "x", "-p", "main")
	h.git("update-ref", "refs/heads/main", junk)
	r := bob.syncs()
	members, err := bob.Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		r.Warnings = append(r.Warnings, m.Name)
	}
	for _, w := range r.Warnings {
		if w != harmless(w) {
			t.Errorf("shown to people: %q", w)
		}
	}
	if got := harmless(strings.Repeat("\x1b", 5000)); len(got) > 4*maxWarningSize || strings.Contains(got, "\x1b") {
		t.Errorf("%d bytes: %.20q", len(got), got)
	}
}

// What a transaction read that failed later was not read.
func TestReviewLedgerOfFailedTransaction(t *testing.T) {
	_, alice, bob, _ := trio(t)
	if _, err := alice.Invite(t.Context(), InviteOptions{}); err != nil {
		t.Fatal(err)
	}
	host, err := bob.host()
	if err != nil {
		t.Fatal(err)
	}
	shown, err := bob.fetchAll(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	err = bob.db.Update(t.Context(), func(v *view.Tx) error {
		r, err := bob.newRound(v, &SyncResult{})
		if err != nil {
			return err
		}
		if err := r.read(t.Context(), shown); err != nil {
			return err
		}
		if err := bob.rebuild(t.Context(), v); err != nil {
			return err
		}
		return full
	})
	if !errors.Is(err, full) {
		t.Fatal(err)
	}
	bob.syncs()
	bob.Close()
	if bob.Space, err = Open(t.Context(), bob.dir, bob.opts); err != nil {
		t.Fatal(err)
	}
	if v, err := bob.Verify(t.Context(), VerifyOptions{Full: true}); err != nil {
		t.Errorf("%+v %v", v, err)
	}
	if i, err := bob.Invites(t.Context()); err != nil || len(i) != 3 {
		t.Errorf("bob has %d invites, %v", len(i), err)
	}
}

// A store that was set aside may hold what was never pushed: a second run keeps it.
func TestReviewSetAsideTwice(t *testing.T) {
	marker := t.TempDir()
	for _, content := range []string{"the journal", "another"} {
		if err := os.WriteFile(filepath.Join(marker, storeFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := setAside(marker); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := filepath.Glob(filepath.Join(marker, storeAside+"*", storeFile)); err != nil || len(kept) != 2 {
		t.Errorf("kept: %q, %v", kept, err)
	}
}

// Whoever may push puts more on a lane than anybody reads: junk, and the host has
// taken nothing back.
func TestReviewTooBigOnTop(t *testing.T) {
	h, alice, bob, _ := trio(t)
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, make([]byte, gitstore.MaxObject+1), 0o600); err != nil {
		t.Fatal(err)
	}
	lane := h.lane(alice)
	index := "GIT_INDEX_FILE=" + filepath.Join(t.TempDir(), "index")
	blob := h.git("hash-object", "-w", big)
	cmd := exec.Command("git", "update-index", "--add", "--cacheinfo", "100644,"+blob+",x")
	cmd.Dir, cmd.Env = h.dir, append(os.Environ(), index)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	cmd = exec.Command("git", "write-tree")
	cmd.Dir, cmd.Env = h.dir, append(os.Environ(), index)
	tree, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	before := h.git("rev-parse", lane)
	h.git("update-ref", lane, h.git("commit-tree", strings.TrimSpace(string(tree)), "-m", "x", "-p", lane))
	bob.syncs()
	if got := h.git("rev-parse", lane); got != before {
		t.Errorf("the lane is at %s, want %s", got, before)
	}
	alice.writes("goes on")
	alice.syncs()
	bob.syncs()
	if a, b := alice.texts(), bob.texts(); !slices.Equal(a, b) {
		t.Errorf("alice has %q, bob %q", a, b)
	}
}

// One who takes another's name is told from it, in whatever is said of the two.
func TestReviewTakenName(t *testing.T) {
	_, alice, bob, carol := trio(t)
	mallory := newPeer(t, "Bob")
	mallory.joins(alice, InviteOptions{})
	for _, p := range []*peer{alice, mallory, bob, carol} {
		p.syncs()
	}
	for _, p := range []*peer{alice, bob, carol, mallory} {
		err := p.look(t.Context(), func(r *round) error {
			if a, b := r.deviceName(bob.device()), r.deviceName(mallory.device()); a != "bob" || !strings.HasPrefix(b, "Bob (") {
				t.Errorf("%s sees %q and %q", p.name, a, b)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A join that was begun is gone on with, but not in the place of another one.
func TestReviewJoinByAnotherLink(t *testing.T) {
	h, alice, _, _ := trio(t)
	stranger := newPeer(t, "stranger")
	stranger.founds(newBare(t).dir)
	link := func(by *peer) *Invitation {
		i, err := by.Invite(t.Context(), InviteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	first := link(alice)
	dave := newPeer(t, "dave")
	s, _, err := Join(t.Context(), dave.dir, first.Link, JoinOptions{As: "dave"}, dave.opts)
	if err != nil {
		t.Fatal(err)
	}
	// As if it had been killed before the push, and the link been revoked since.
	h.git("update-ref", "refs/heads/main", h.git("rev-parse", "main~1"))
	if err := alice.RevokeInvite(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	err = s.db.Update(t.Context(), func(v *view.Tx) error {
		l, err := membership.ParseLink(first.Link)
		if err != nil {
			return err
		}
		last := wire.U64(l.Invite.Number + 1)
		if err := v.Delete(bucketLedger, last); err != nil {
			return err
		}
		if err := v.Delete(bucketTip, []byte(s.refs.Ledger)); err != nil {
			return err
		}
		s.cached = nil
		r, err := s.newRound(v, &SyncResult{})
		if err != nil {
			return err
		}
		q, err := s.joinRequest(r, l, JoinOptions{As: "dave"})
		if err != nil {
			return err
		}
		request, err := q.Encode()
		if err != nil {
			return err
		}
		return underWay{Step: stepJoin, Request: request}.save(v)
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if s, _, err := Join(t.Context(), dave.dir, link(stranger).Link, JoinOptions{As: "dave"}, dave.opts); !errors.Is(err, ErrUsage) {
		t.Errorf("joined %v in the place of another space: %v", s, err)
	}
	if dave.Space, _, err = Join(t.Context(), dave.dir, link(alice).Link, JoinOptions{As: "dave"}, dave.opts); err != nil {
		t.Fatal(err)
	}
	alice.syncs()
	dave.syncs()
	dave.isIn(StateActive)
}
