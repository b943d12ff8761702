package gitstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

var none wire.ObjectID

// TestContract runs one suite against each kind of host by each transport: what a
// caller may rely on must not depend on the way.
func TestContract(t *testing.T) {
	needGit(t)
	isolate(t)
	sides := []func(testing.TB) farSide{pathSide, hookedSide, httpSide, sshSide}
	names := []string{"path", "path-with-hook", "http", "ssh"}
	for i, side := range sides {
		for _, via := range []Transport{InProcess, SystemGit} {
			t.Run(names[i]+"/"+string(via), func(t *testing.T) {
				for _, c := range contract {
					if names[i] == "ssh" && !c.wire {
						continue // ssh carries the same bytes; a connection costs a second
					}
					t.Run(c.name, func(t *testing.T) { c.run(t, side(t), via) })
				}
			})
		}
	}
}

var contract = []struct {
	name string
	wire bool // depends on how bytes get there and back
	run  func(*testing.T, farSide, Transport)
}{
	{"empty-host", true, contractEmpty},
	{"push-then-fetch", true, contractPushFetch},
	{"compare-and-swap", true, contractCAS},
	{"atomic", false, contractAtomic},
	{"no-atomic", true, contractNoAtomic},
	{"rewind-under-lease", false, contractRewind},
	{"delete", false, contractDelete},
	{"refs-to-anything", false, contractOddRefs},
	{"many-refs", false, contractManyRefs},
	{"limits", true, contractLimits},
	{"missing-objects", false, contractMissing},
	{"not-a-repository", true, contractNoRepository},
	{"race", true, contractRace},
	{"capabilities", true, contractCapabilities},
	{"objects-by-name", true, contractObjects},
}

func contractEmpty(t *testing.T, side farSide, via Transport) {
	f := mustFetch(t, dial(t, newRepo(t), side.url, via), "refs/heads/main", "refs/espace/*")
	if len(f.Refs) != 0 || len(f.Failed) != 0 {
		t.Errorf("an empty host shows %v, failed %v", f.Refs, f.Failed)
	}
}

func contractPushFetch(t *testing.T, side farSide, via Transport) {
	alice, bob := newRepo(t), newRepo(t)
	am, bm := dial(t, alice, side.url, via), dial(t, bob, side.url, via)
	main := addChain(t, alice, "ledger", 3)
	lane := addCommit(t, alice, "00000000", "first")
	mustPush(t, am, RefUpdate{"refs/heads/main", none, main}, RefUpdate{"refs/espace/0-aa/lanes/x", none, lane})

	f := mustFetch(t, bm, "refs/heads/main", "refs/espace/0-aa/lanes/*")
	if f.Refs["refs/heads/main"] != main || f.Refs["refs/espace/0-aa/lanes/x"] != lane || len(f.Failed) > 0 {
		t.Fatalf("fetched %v, failed %v", f.Refs, f.Failed)
	}
	if err := bob.SetRef("refs/heads/main", none, main); err != nil {
		t.Fatal(err)
	}
	got, err := bob.Commits([]wire.ObjectID{main}, nil, 0)
	if err != nil || len(got) != 3 || got[2].ID != main {
		t.Fatalf("bob reads %d commits, %v", len(got), err)
	}
	lane2 := addCommit(t, alice, "00000001", "second", lane)
	mustPush(t, am, RefUpdate{"refs/espace/0-aa/lanes/x", lane, lane2})
	if f = mustFetch(t, bm, "refs/espace/0-aa/lanes/*"); f.Refs["refs/espace/0-aa/lanes/x"] != lane2 || f.Objects != 4 {
		t.Errorf("second fetch: %v, %d objects (want 4)", f.Refs, f.Objects)
	}
	if _, ok := f.Refs["refs/heads/main"]; ok {
		t.Error("fetched a ref that was not asked for")
	}
	if f = mustFetch(t, bm, "refs/espace/0-aa/lanes/*"); f.Objects != 0 || f.Bytes != 0 {
		t.Errorf("a fetch of nothing new moved %d objects", f.Objects)
	}
	fsck(t, bob.Dir())
	fsck(t, side.dir)
}

func contractCAS(t *testing.T, side farSide, via Transport) {
	alice := newRepo(t)
	m := dial(t, alice, side.url, via)
	a := addCommit(t, alice, "a", "a")
	b := addCommit(t, alice, "b", "b", a)
	c := addCommit(t, alice, "c", "c", b)
	mustPush(t, m, RefUpdate{"refs/espace/r", none, a})

	expect := func(what string, u RefUpdate, want error) {
		t.Helper()
		p, err := m.Push(context.Background(), []RefUpdate{u}, PushOptions{})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := p.Results[u.Name]; !errors.Is(got, want) || want == nil && got != nil {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	expect("create what exists", RefUpdate{"refs/espace/r", none, b}, ErrConflict)
	expect("wrong old value", RefUpdate{"refs/espace/r", b, c}, ErrConflict)
	expect("old value that was never there", RefUpdate{"refs/espace/other", a, b}, ErrConflict)
	expect("right old value", RefUpdate{"refs/espace/r", a, b}, nil)
	expect("the same again", RefUpdate{"refs/espace/r", a, b}, nil)
	if f := mustFetch(t, m, "refs/espace/*"); f.Refs["refs/espace/r"] != b || len(f.Refs) != 1 {
		t.Errorf("host shows %v", f.Refs)
	}
}

func contractAtomic(t *testing.T, side farSide, via Transport) {
	alice := newRepo(t)
	m := dial(t, alice, side.url, via)
	a, b := addCommit(t, alice, "a", "a"), addCommit(t, alice, "b", "b")
	mustPush(t, m, RefUpdate{"refs/espace/taken", none, a})
	p, err := m.Push(context.Background(), []RefUpdate{
		{"refs/espace/free", none, b}, {"refs/espace/taken", none, b}}, PushOptions{Atomic: true})
	if err != nil {
		t.Fatal(err)
	}
	if !p.Atomic || !errors.Is(p.Results["refs/espace/taken"], ErrConflict) || !errors.Is(p.Results["refs/espace/free"], ErrAborted) {
		t.Errorf("results %v", p.Results)
	}
	if !errors.Is(p.Err(), ErrConflict) {
		t.Errorf("Err() = %v", p.Err())
	}
	if f := mustFetch(t, m, "refs/espace/*"); len(f.Refs) != 1 {
		t.Errorf("an atomic push that failed left %v", f.Refs)
	}
	p, err = m.Push(context.Background(), []RefUpdate{
		{"refs/espace/free", none, b}, {"refs/espace/taken", a, b}}, PushOptions{Atomic: true})
	if err != nil || !p.OK() || !p.Atomic {
		t.Errorf("atomic push: %+v, %v", p, err)
	}
}

func contractNoAtomic(t *testing.T, side farSide, via Transport) {
	git(t, side.dir, "config", "receive.advertiseAtomic", "false")
	alice := newRepo(t)
	m := dial(t, alice, side.url, via)
	a := addCommit(t, alice, "a", "a")
	_, err := m.Push(context.Background(), []RefUpdate{{"refs/espace/x", none, a}}, PushOptions{Atomic: true})
	if !errors.Is(err, ErrNoAtomic) {
		t.Fatalf("atomic push to a host without it: %v", err)
	}
	if f := mustFetch(t, m, "refs/espace/*"); len(f.Refs) != 0 {
		t.Errorf("it was sent all the same: %v", f.Refs)
	}
	p, err := m.Push(context.Background(), []RefUpdate{{"refs/espace/x", none, a}}, PushOptions{})
	if err != nil || !p.OK() || p.Atomic {
		t.Errorf("plain push: %+v, %v", p, err)
	}
}

// contractRewind: the only force ever used is under a lease on the old value.
func contractRewind(t *testing.T, side farSide, via Transport) {
	alice := newRepo(t)
	m := dial(t, alice, side.url, via)
	a := addCommit(t, alice, "a", "a")
	b := addCommit(t, alice, "b", "b", a)
	mustPush(t, m, RefUpdate{"refs/espace/x", none, b})
	mustPush(t, m, RefUpdate{"refs/espace/x", b, a})
	if f := mustFetch(t, m, "refs/espace/*"); f.Refs["refs/espace/x"] != a {
		t.Errorf("host shows %v", f.Refs)
	}
}

func contractDelete(t *testing.T, side farSide, via Transport) {
	alice := newRepo(t)
	m := dial(t, alice, side.url, via)
	a, b := addCommit(t, alice, "a", "a"), addCommit(t, alice, "b", "b")
	mustPush(t, m, RefUpdate{"refs/espace/x", none, a}, RefUpdate{"refs/espace/y", none, a})
	git(t, side.dir, "pack-refs", "--all")
	p, err := m.Push(context.Background(), []RefUpdate{{"refs/espace/x", b, none}}, PushOptions{})
	if err != nil || !errors.Is(p.Results["refs/espace/x"], ErrConflict) {
		t.Fatalf("delete with a wrong old value: %+v, %v", p, err)
	}
	mustPush(t, m, RefUpdate{"refs/espace/x", a, none})
	if f := mustFetch(t, m, "refs/espace/*"); len(f.Refs) != 1 || f.Refs["refs/espace/y"] != a {
		t.Errorf("host shows %v", f.Refs)
	}
}

// contractOddRefs: a ref may be at anything; the others arrive, and it too.
func contractOddRefs(t *testing.T, side farSide, via Transport) {
	alice, bob := newRepo(t), newRepo(t)
	good := addChain(t, alice, "good", 2)
	mustPush(t, dial(t, alice, side.url, via), RefUpdate{"refs/espace/good", none, good})
	blob := gitIn(t, side.dir, "junk", "hash-object", "-w", "--stdin")
	git(t, side.dir, "update-ref", "refs/espace/blob", blob)
	git(t, side.dir, "update-ref", "refs/espace/tree", good.String()+"^{tree}")
	tag := gitIn(t, side.dir, fmt.Sprintf("object %s\ntype blob\ntag t\ntagger a <a@b> 1 +0000\n\nm\n", blob), "mktag")
	git(t, side.dir, "update-ref", "refs/espace/tag", tag)
	f := mustFetch(t, dial(t, bob, side.url, via), "refs/espace/*")
	if len(f.Refs) != 4 || len(f.Failed) != 0 {
		t.Fatalf("refs %v, failed %v", f.Refs, f.Failed)
	}
	for name, want := range map[string]string{"good": "commit", "blob": "blob", "tree": "tree", "tag": "tag"} {
		if typ, _, err := bob.Object(f.Refs["refs/espace/"+name], MaxObject); typ != want || err != nil {
			t.Errorf("%s is a %s, %v", name, typ, err)
		}
	}
}

func contractManyRefs(t *testing.T, side farSide, via Transport) {
	alice, bob := newRepo(t), newRepo(t)
	am, bm := dial(t, alice, side.url, via), dial(t, bob, side.url, via)
	const n = 60
	tips := make([]wire.ObjectID, n)
	push := func() {
		t.Helper()
		var updates []RefUpdate
		for i := range tips {
			var parents []wire.ObjectID
			if old := tips[i]; !old.IsZero() {
				parents = append(parents, old)
			}
			next := addCommit(t, alice, fmt.Sprintf("e%d", i), fmt.Sprint(i, len(parents)), parents...)
			updates = append(updates, RefUpdate{fmt.Sprintf("refs/espace/0-aa/lanes/d%02d", i), tips[i], next})
			tips[i] = next
		}
		mustPush(t, am, updates...)
	}
	push()
	mustFetch(t, bm, "refs/espace/0-aa/lanes/*")
	push()
	f := mustFetch(t, bm, "refs/espace/0-aa/lanes/*")
	if len(f.Refs) != n || len(f.Failed) != 0 || f.Objects != 4*n {
		t.Errorf("%d refs, %d failed, %d objects (want %d)", len(f.Refs), len(f.Failed), f.Objects, 4*n)
	}
	fsck(t, bob.Dir())
}

// contractLimits: a lane beyond the limits is refused, leaves nothing, and the
// others arrive.
func contractLimits(t *testing.T, side farSide, via Transport) {
	alice, bob := newRepo(t), newRepo(t)
	small := addCommit(t, alice, "s", "small")
	noise := make([]byte, 3<<20)
	for i := range noise {
		noise[i] = byte(i*i>>7) ^ byte(i*7919>>3)
	}
	large := addCommit(t, alice, "l", string(noise))
	many := addChain(t, alice, "many", 300)
	mustPush(t, dial(t, alice, side.url, via),
		RefUpdate{"refs/espace/small", none, small}, RefUpdate{"refs/espace/large", none, large}, RefUpdate{"refs/espace/many", none, many})
	f, err := dial(t, bob, side.url, via).Fetch(context.Background(), FetchRequest{
		Patterns: []string{"refs/espace/*"}, Limits: Limits{Bytes: 1 << 20, Objects: 500}})
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(f.Failed["refs/espace/large"], ErrTooBig) || !errors.Is(f.Failed["refs/espace/many"], ErrTooBig) || len(f.Failed) != 2 {
		t.Errorf("failed: %v", f.Failed)
	}
	if !bob.Has(small) || bob.Has(large) || bob.Has(many) {
		t.Error("the wrong lanes arrived")
	}
	noLeftovers(t, bob)
	fsck(t, bob.Dir())
}

// contractMissing: a ref whose objects the host lost does not harm the others.
func contractMissing(t *testing.T, side farSide, via Transport) {
	alice, bob := newRepo(t), newRepo(t)
	good := addCommit(t, alice, "g", "good")
	lost := addCommit(t, alice, "x", "lost")
	mustPush(t, dial(t, alice, side.url, via), RefUpdate{"refs/espace/good", none, good})
	mustPush(t, dial(t, alice, side.url, via), RefUpdate{"refs/espace/lost", none, lost})
	dropObject(t, side.dir, BlobID([]byte("lost")))
	f := mustFetch(t, dial(t, bob, side.url, via), "refs/espace/*")
	if f.Failed["refs/espace/lost"] == nil || f.Failed["refs/espace/good"] != nil || !bob.Has(good) || bob.Has(lost) {
		t.Errorf("failed: %v", f.Failed)
	}
	noLeftovers(t, bob)
	fsck(t, bob.Dir())
}

func contractNoRepository(t *testing.T, side farSide, via Transport) {
	url := strings.Replace(side.url, "space.git", "elsewhere.git", 1)
	m := dial(t, newRepo(t), url, via)
	_, err := m.Fetch(context.Background(), FetchRequest{Patterns: []string{"refs/heads/main"}})
	if !errors.Is(err, ErrNotRepository) {
		t.Errorf("fetch: %v", err)
	}
	r := newRepo(t)
	a := addCommit(t, r, "a", "a")
	_, err = dial(t, r, url, via).Push(context.Background(), []RefUpdate{{"refs/espace/x", none, a}}, PushOptions{})
	if !errors.Is(err, ErrNotRepository) {
		t.Errorf("push: %v", err)
	}
}

// contractRace: of many that create one ref exactly one wins.
func contractRace(t *testing.T, side farSide, via Transport) {
	const n = 4
	var wg sync.WaitGroup
	won := make([]bool, n)
	errs := make([]error, n)
	for i := range n {
		r := newRepo(t)
		id := addCommit(t, r, "x", fmt.Sprint(i))
		m := dial(t, r, side.url, via)
		wg.Go(func() {
			p, err := m.Push(context.Background(), []RefUpdate{{"refs/espace/order", none, id}}, PushOptions{})
			if errs[i] = err; err == nil {
				won[i], errs[i] = p.OK(), p.Results["refs/espace/order"]
			}
		})
	}
	wg.Wait()
	winners := 0
	for i := range n {
		if won[i] {
			winners++
		} else if !errors.Is(errs[i], ErrConflict) {
			t.Errorf("a loser heard %v", errs[i])
		}
	}
	if winners != 1 {
		t.Errorf("%d winners", winners)
	}
}

func contractCapabilities(t *testing.T, side farSide, via Transport) {
	c, err := dial(t, newRepo(t), side.url, via).Capabilities(context.Background())
	if err != nil || !c.Atomic || !c.DeleteRefs || c.Transport != via {
		t.Errorf("%+v, %v", c, err)
	}
}
