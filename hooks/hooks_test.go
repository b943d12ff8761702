package hooks_test

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/hooks"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
)

// What honest devices push, the hook takes: a space, joins, lanes, wraps.
func TestHookTakesHonestPushes(t *testing.T) {
	w := newWorld(t)
	w.mustPush(w.write("alice", "a0", "a1"), w.wraps("alice", "bob", "vera"))
	w.mustPush(w.write("bob", "b0"))
	w.mustPush(w.write("alice", "a2"))
	w.mustPush(w.write("alice"))
	w.mustPush(w.logUpdate(chain.Order, w.refs.Order(w.r.Epoch().Epoch), "bob", "o0"))
	w.mustPush(w.wraps("bob", "vera"))
	w.add(w.draft("alice", &membership.MemberRoleBody{Member: wire.MemberIDOf(deviceOf("vera")), Role: membership.Editor}))
	w.mustPush(w.main("alice"), w.write("vera", "v0"))
}

// ATTACKS 69, hook-refuses-other-lane: each device writes its own lane only,
// whoever pushes and however it is dressed up.
func TestHookRefusesOtherLane(t *testing.T) {
	w := newWorld(t)
	w.mustPush(w.write("alice", "a0"))
	alice := w.lane("alice")
	t.Run("signed-by-another", func(t *testing.T) {
		m := w.message(chain.Lane, "bob")
		log := *w.logs[alice]
		log.Append([]byte("b0"))
		head := log.Head()
		m.Log = &head
		w.refused(hooks.OtherLane, w.update(alice, "bob", m, map[string][]byte{chain.EntryPath(1): []byte("b0")}))
	})
	t.Run("own-lane-commit-moved", func(t *testing.T) {
		u := w.write("bob", "b0")
		w.refused(hooks.OtherLane, gitstore.RefUpdate{Name: w.lane("vera"), New: u.New})
		w.mustPush(u)
	})
	t.Run("of-nobody", func(t *testing.T) {
		ref := w.lane("mallory")
		w.refused(hooks.NotPermitted, w.logUpdate(chain.Lane, ref, "mallory", "m0"))
	})
	t.Run("name-of-alice-key-of-mallory", func(t *testing.T) {
		w.refused(hooks.Signature, forged(t, w, w.write("alice", "a1"), "mallory"))
	})
	t.Run("behind-an-honest-push", func(t *testing.T) {
		good := w.write("bob", "b1")
		w.refused(hooks.NotPermitted, good, w.logUpdate(chain.Lane, w.lane("mallory"), "mallory", "m1"))
		w.mustPush(good)
	})
}

// forged is the update with the last commit signed by another key, under the
// name that it had.
func forged(t *testing.T, w *world, u gitstore.RefUpdate, signer string) gitstore.RefUpdate {
	t.Helper()
	raw, err := w.repo.CommitBytes(u.New)
	w.must(err)
	commit, err := chain.Parse(raw)
	w.must(err)
	c := commit.Git()
	name := c.Device
	c.Device = deviceOf(signer)
	other, err := chain.Sign(c, keyOf(signer))
	w.must(err)
	u.New = w.store([]byte(strings.ReplaceAll(string(other), c.Device.String(), name.String())))
	return u
}

// ATTACKS 69, hook-without-secrets: the package does not even contain what could
// hold or open a secret, and takes entries that nobody can read.
func TestHookWithoutSecrets(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Skipf("the go tool is not there to ask: %v", err)
	}
	for _, dep := range strings.Fields(string(out)) {
		for _, secret := range []string{"espace-git/identity", "espace-git/seal", "espace-git/view", "espace-git/space", "filippo.io/age"} {
			if strings.Contains(dep, secret) {
				t.Errorf("the hook depends on %s", dep)
			}
		}
	}
}

func TestHookRefusesRefs(t *testing.T) {
	w := newWorld(t)
	lane := w.write("alice", "a0")
	e := w.r.Epoch().Epoch
	next := wire.Epoch{Number: e.Number + 1, O: wire.Sum([]byte("next"))}
	at := func(name string) gitstore.RefUpdate { return gitstore.RefUpdate{Name: name, New: lane.New} }
	w.refused(hooks.UnknownRef, at("refs/heads/feature"))
	w.refused(hooks.UnknownRef, at("refs/tags/v1"))
	w.refused(hooks.UnknownRef, at(w.refs.Prefix+"x"))
	w.refused(hooks.UnknownRef, at(w.refs.Lane(next, deviceOf("alice"))))
	w.refused(hooks.UnknownRef, at(lane.Name+"/x"))
	w.refused(hooks.UnknownRef, at(w.refs.Close(e)))
	w.refused(hooks.UnknownRef, at(w.refs.Close(next)))
	w.refused(hooks.OtherPlace, at(w.refs.State(e, deviceOf("alice"))))
	w.refused(hooks.OtherPlace, at(w.refs.Files(e, deviceOf("alice"))))
	w.refused(hooks.Twice, lane, lane)
	w.mustPush(lane)
	w.refused(hooks.Deletion, gitstore.RefUpdate{Name: lane.Name, Old: lane.New})
	w.refused(hooks.Deletion, gitstore.RefUpdate{Name: w.refs.Ledger, Old: w.tip(w.refs.Ledger)})
	empty := emptyHost(t)
	empty.r = w.r
	empty.refused(hooks.NoLedger, empty.write("alice", "a0"))
}

func TestHookRefusesLaneCommits(t *testing.T) {
	w := newWorld(t)
	ref := w.lane("alice")
	first := w.write("alice", "a0", "a1")
	w.mustPush(first)
	log := *w.logs[ref]
	log.Append([]byte("a2"))
	head := log.Head()
	entry := map[string][]byte{chain.EntryPath(2): []byte("a2")}
	push := func(change func(*chain.Message), files map[string][]byte) gitstore.RefUpdate {
		m := w.message(chain.Lane, "alice")
		h := head
		m.Log = &h
		if change != nil {
			change(&m)
		}
		return w.update(ref, "alice", m, files)
	}
	w.refused(hooks.OtherPlace, push(func(m *chain.Message) { m.Kind = chain.Order }, entry))
	w.refused(hooks.OtherPlace, push(func(m *chain.Message) { m.Space = wire.Sum([]byte("other")) }, entry))
	w.refused(hooks.OtherPlace, push(func(m *chain.Message) { m.Epoch = wire.Sum([]byte("other")) }, entry))
	w.refused(hooks.Log, push(func(m *chain.Message) { m.Log.Root = wire.Sum([]byte("wrong")) }, entry))
	w.refused(hooks.Log, push(func(m *chain.Message) { m.Log.Len = 4 }, entry))
	w.refused(hooks.Log, push(func(m *chain.Message) { m.Log.Len = 1 }, entry))
	w.refused(hooks.Log, push(nil, nil))
	w.refused(hooks.Log, push(nil, map[string][]byte{chain.EntryPath(2): []byte("other")}))
	w.refused(hooks.Log, push(nil, map[string][]byte{chain.EntryPath(2): []byte("a2"), "more": nil}))
	w.refused(hooks.Tree, push(nil, map[string][]byte{chain.EntryPath(3): []byte("a2")}))
	w.refused(hooks.Tree, push(nil, map[string][]byte{"entries/2": []byte("a2")}))
	w.refused(hooks.LedgerPosition, push(func(m *chain.Message) { m.Ledger = &wire.Position{Number: 99, Hash: m.Ledger.Hash} }, entry))
	w.refused(hooks.LedgerPosition, push(func(m *chain.Message) { m.Ledger = &wire.Position{Number: m.Ledger.Number, Hash: m.Space} }, entry))
	w.refused(hooks.LedgerPosition, push(func(m *chain.Message) { m.Ledger = lower(t, w) }, entry))
	w.mustPush(push(nil, entry))
}

// lower is a place of the ledger before the head.
func lower(t *testing.T, w *world) *wire.Position {
	t.Helper()
	h, ok := w.r.HashAt(1)
	if !ok {
		t.Fatal("no entry 1")
	}
	return &wire.Position{Number: 1, Hash: h}
}

func TestHookRefusesHistoryOfALane(t *testing.T) {
	w := newWorld(t)
	one := w.write("alice", "a0")
	w.mustPush(one)
	two := w.write("alice", "a1")
	w.mustPush(two)
	m := w.message(chain.Lane, "alice")
	m.Log = &wire.LogHead{Root: chain.EmptyRoot}
	restart := w.commit("alice", m, nil)
	w.refused(hooks.NotForward, gitstore.RefUpdate{Name: one.Name, Old: two.New, New: restart})
	w.refused(hooks.NotForward, gitstore.RefUpdate{Name: one.Name, Old: two.New, New: one.New})
	raw, err := w.repo.CommitBytes(two.New)
	w.must(err)
	gpg := strings.Replace(string(raw), "gpgsig ", "gpgsigX y\ngpgsig ", 1)
	w.refused(hooks.Malformed, gitstore.RefUpdate{Name: one.Name, Old: one.New, New: w.store([]byte(gpg))})
	w.refused(hooks.Malformed, gitstore.RefUpdate{Name: one.Name, Old: one.New, New: wire.ObjectID{1}})
}

// Commits that somebody put there before the hook stay; the next honest commit
// stands on them, and the log goes on from what readers read.
func TestHookBuildsOnForeignTips(t *testing.T) {
	for _, remembered := range []bool{false, true} {
		t.Run(fmt.Sprint("memo-", remembered), func(t *testing.T) {
			w := newWorld(t)
			if remembered {
				w.memo = memo{}
			}
			w.mustPush(w.write("alice", "a0"))
			w.force(w.junk(w.lane("alice")))
			w.mustPush(w.write("alice", "a1"))
			w.force(w.junk(w.refs.Ledger))
			w.add(w.draft("alice", &membership.MemberRoleBody{Member: wire.MemberIDOf(deviceOf("vera")), Role: membership.Editor}))
			w.mustPush(w.main("alice"))
			w.force(w.junk(w.refs.Keys(w.r.Epoch().Epoch)))
			w.mustPush(w.keysOnJunk("bob"))
			w.mustPush(w.write("alice", "a2"))
		})
	}
}

// junk is a foreign commit on a ref, with a tree of its own.
func (w *world) junk(ref string) gitstore.RefUpdate {
	w.t.Helper()
	old := w.tip(ref)
	tree := w.tree(map[string][]byte{"junk": []byte("junk"), "ledger/0000/00000001.json": []byte("{}")})
	raw := fmt.Sprintf("tree %s\nparent %s\nauthor M <m@example.org> 1 +0100\ncommitter M <m@example.org> 1 +0100\n\njunk\n", tree, old)
	return gitstore.RefUpdate{Name: ref, Old: old, New: w.store([]byte(raw))}
}

func (w *world) keysOnJunk(signer string) gitstore.RefUpdate {
	ref := w.refs.Keys(w.r.Epoch().Epoch)
	add := map[string][]byte{seal.WrapPath(recipientOf(w.t, "vera"), deviceOf(signer), 0): []byte("wrap")}
	m := w.message(chain.Keys, signer)
	adds := chain.AddsHash(add)
	m.Adds = &adds
	return w.update(ref, signer, m, add)
}

// A ref that holds no commit begins anew.
func TestHookRefHoldsNoCommit(t *testing.T) {
	w := newWorld(t)
	blob := w.repo.Batch()
	id := blob.Blob([]byte("not a commit"))
	w.must(blob.Flush())
	u := w.write("alice", "a0")
	u.Old = id
	w.must(w.check(u))
}

func TestHookRefusesKeys(t *testing.T) {
	w := newWorld(t)
	path := func(recipient, wrapper string, i int) string {
		return seal.WrapPath(recipientOf(t, recipient), deviceOf(wrapper), i)
	}
	one := func(p string) map[string][]byte { return map[string][]byte{p: []byte("wrap")} }
	w.refused(hooks.Recipient, w.keysWith("alice", one(path("mallory", "alice", 0))))
	w.refused(hooks.Recipient, w.keysWith("alice", one(path("bob", "bob", 0))))
	w.refused(hooks.Recipient, w.keysWith("alice", one(path("bob", "alice", 16))))
	w.refused(hooks.Recipient, w.keysWith("alice", one("README.md")))
	w.refused(hooks.Recipient, w.keysWith("alice", one(strings.Replace(path("bob", "alice", 1), "-1", "-01", 1))))
	w.refused(hooks.Adds, w.keysWith("alice", nil))
	w.refused(hooks.Tree, w.keysWith("alice", map[string][]byte{path("bob", "alice", 0): make([]byte, 1<<17+1)}))
	w.refused(hooks.NotPermitted, w.keysWith("mallory", one(path("bob", "mallory", 0))))
	w.refused(hooks.Tree, w.keysWith("alice", one(path("alice", "alice", 0)))) // replaces the one of the founding
	ref := w.refs.Keys(w.r.Epoch().Epoch)
	m := w.message(chain.Keys, "alice")
	adds := chain.AddsHash(one(path("bob", "alice", 0)))
	m.Adds = &adds
	w.refused(hooks.Tree, w.update(ref, "alice", m, one(path("bob", "alice", 0)))) // takes it out
	wrong := w.keysFiles(ref)
	wrong[path("bob", "alice", 0)] = []byte("another wrap")
	w.refused(hooks.Adds, w.update(ref, "alice", m, wrong))
	m.Kind = chain.Files
	w.refused(hooks.OtherPlace, w.update(ref, "alice", m, wrong))
	w.mustPush(w.wraps("alice", "bob"))
}

func TestHookRefusesLedger(t *testing.T) {
	w := newWorld(t)
	n := len(w.entries)
	files := func(change func(map[string][]byte)) gitstore.RefUpdate {
		f := w.ledgerFiles(len(w.entries))
		change(f)
		return w.mainWith("alice", f)
	}
	t.Run("main-tree-rollback", func(t *testing.T) {
		w.refused(hooks.Tree, files(func(f map[string][]byte) { delete(f, membership.Path(2)) }))
		w.refused(hooks.Tree, files(func(f map[string][]byte) { f[membership.Path(2)] = f[membership.Path(1)] }))
		w.refused(hooks.Tree, files(func(f map[string][]byte) { delete(f, "README.md") }))
	})
	t.Run("not-an-entry", func(t *testing.T) {
		w.refused(hooks.Tree, files(func(f map[string][]byte) { f["virus.exe"] = nil }))
		w.refused(hooks.LedgerEntry, files(func(f map[string][]byte) { f[membership.Path(uint64(n))] = []byte("{}") }))
		w.refused(hooks.LedgerEntry, files(func(f map[string][]byte) { f[membership.Path(uint64(n))] = w.entries[n-1] }))
		w.refused(hooks.Tree, files(func(f map[string][]byte) { f[membership.Path(uint64(n+1))] = w.entries[n-1] }))
	})
	t.Run("not-permitted", func(t *testing.T) {
		w.refused(hooks.NotPermitted, w.mainWith("mallory", w.ledgerFiles(n)))
		w.refused(hooks.Signature, forged(t, w, w.mainWith("alice", w.ledgerFiles(n)), "mallory"))
	})
	t.Run("other-place", func(t *testing.T) {
		m := w.message(chain.Ledger, "alice")
		adds := chain.AddsHash(nil)
		m.Adds = &adds
		m.Space = wire.Sum([]byte("other"))
		w.refused(hooks.OtherPlace, w.update(w.refs.Ledger, "alice", m, w.ledgerFiles(n)))
	})
	t.Run("another-genesis", func(t *testing.T) {
		other := emptyHost(t)
		other.found("mallory")
		f := w.ledgerFiles(n)
		f[membership.Path(0)] = other.entries[0]
		w.refused(hooks.Tree, w.mainWith("alice", f))
	})
	t.Run("entry-by-a-viewer", func(t *testing.T) {
		body := &membership.MemberRoleBody{Member: wire.MemberIDOf(deviceOf("vera")), Role: membership.Owner}
		if _, err := w.r.Propose(w.draft("vera", body)); !errors.Is(err, membership.ErrNotPermitted) {
			t.Fatalf("a viewer raised itself: %v", err)
		}
	})
}

// A newcomer's join may be pushed by the newcomer, with commits signed by the
// device that the join brings, or by any member.
func TestHookTakesJoins(t *testing.T) {
	for _, carrier := range []string{"carol", "bob"} {
		t.Run(carrier, func(t *testing.T) {
			w := newWorld(t)
			q := w.request("carol", membership.Editor)
			w.mustPush(w.main("alice"))
			d := q.Draft(w.r)
			d.Time, d.Signer = time.Unix(clock, 0), keyOf(carrier)
			w.add(d)
			w.mustPush(w.main(carrier))
			w.mustPush(w.wraps("bob", "carol"), w.write("carol", "c0"))
		})
	}
}

func TestHookTwoBranchesFromBefore(t *testing.T) {
	w := newWorld(t)
	branch := *w
	branch.entries = append([][]byte{}, w.entries...)
	raise := func(x *world, role membership.Role) wire.ObjectID {
		x.add(x.draft("alice", &membership.MemberRoleBody{Member: wire.MemberIDOf(deviceOf("vera")), Role: role}))
		return x.main("alice").New
	}
	a, b := raise(w, membership.Editor), raise(&branch, membership.Admin)
	merge := fmt.Sprintf("tree %s\nparent %s\nparent %s\nauthor M <m@example.org> 1 +0000\ncommitter M <m@example.org> 1 +0000\n\nm\n", w.tree(nil), a, b)
	w.force(gitstore.RefUpdate{Name: w.refs.Ledger, Old: w.tip(w.refs.Ledger), New: w.store([]byte(merge))})
	w.refused(hooks.Forked, w.write("alice", "a0"))
}

// The objects of a push lie in a quarantine before the hook has spoken.
func TestHookOverlay(t *testing.T) {
	w := newWorld(t)
	incoming := emptyHost(t)
	incoming.r, incoming.refs, incoming.entries = w.r, w.refs, w.entries
	u := incoming.write("alice", "a0")
	w.refused(hooks.Malformed, u)
	over := hooks.Overlay{Incoming: incoming.repo, Repo: w.repo}
	if err := hooks.Check(over, w.refs, []gitstore.RefUpdate{u}, nil); err != nil {
		t.Error(err)
	}
}

func TestParseUpdates(t *testing.T) {
	a, b := strings.Repeat("a", 40), strings.Repeat("0", 40)
	got, err := hooks.ParseUpdates(strings.NewReader(a + " " + b + " refs/heads/main\n" + b + " " + a + " refs/x y\n"))
	if err != nil || len(got) != 2 || !got[0].New.IsZero() || got[1].Name != "refs/x y" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"x", a + " " + b, a + " " + b + " main\n", a + "  " + b + " refs/x\n", strings.Repeat("a", 1000), "\n"} {
		if got, err := hooks.ParseUpdates(strings.NewReader(bad)); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func FuzzParseUpdates(f *testing.F) {
	a := strings.Repeat("a", 40)
	f.Add(a + " " + a + " refs/heads/main\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := hooks.ParseUpdates(strings.NewReader(in))
		for _, u := range got {
			if err == nil && !strings.HasPrefix(u.Name, "refs/") {
				t.Errorf("%q is no ref", u.Name)
			}
		}
	})
}

// A few small trees that name each other have 10^12 files: counted, not walked.
func TestHookTreeBomb(t *testing.T) {
	w := newWorld(t)
	b := w.repo.Batch()
	id, mode := b.Blob([]byte("x")), gitstore.ModeFile
	for range 4 {
		var entries []gitstore.TreeEntry
		for i := range 1000 {
			entries = append(entries, gitstore.TreeEntry{Name: fmt.Sprintf("%04d", i), Mode: mode, ID: id})
		}
		id, mode = b.Tree(entries), gitstore.ModeDir
	}
	w.must(b.Flush())
	for _, u := range []gitstore.RefUpdate{w.write("alice", "a0"), w.wraps("alice", "bob"), w.main("alice")} {
		raw, err := w.repo.CommitBytes(u.New)
		w.must(err)
		commit, err := chain.Parse(raw)
		w.must(err)
		c := commit.Git()
		c.Tree = id
		bad, err := chain.Sign(c, keyOf("alice"))
		w.must(err)
		u.New = w.store(bad)
		w.refused(hooks.Tree, u)
	}
}

// Whatever a memo holds that does not fit is passed over.
func TestHookMemoForgets(t *testing.T) {
	w := newWorld(t)
	w.memo = memo{}
	w.mustPush(w.write("alice", "a0"))
	w.mustPush(w.main("alice"))
	for id := range w.memo {
		w.memo[id] = w.memo[id][:len(w.memo[id])-1]
	}
	w.mustPush(w.write("alice", "a1"), w.main("alice"))
	for id := range w.memo {
		w.memo[id] = nil
	}
	w.mustPush(w.write("alice", "a2"))
	w.mustPush(w.write("alice", "a3"))
}
