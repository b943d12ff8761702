package space_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/space"
)

// two are alice and bob in one space on a host that can be told to do evil; both
// have written and have seen each other's writes.
func two(t *testing.T) (h *evilHost, alice, bob *person) {
	t.Helper()
	h = newEvilHost(t)
	alice, bob = newPerson(t, "alice"), newPerson(t, "bob")
	alice.create(h.dir)
	alice.insert(space.Row{"title": "first of alice"})
	alice.sync()
	bob.join(alice.invite())
	alice.sync()
	bob.sync()
	bob.insert(space.Row{"title": "first of bob"})
	bob.sync()
	alice.insert(space.Row{"title": "second of alice"})
	alice.sync()
	bob.sync()
	return h, alice, bob
}

// same: after everybody has synced, they see the same, n rows of it.
func same(t *testing.T, n int, people ...*person) {
	t.Helper()
	for range 2 {
		for _, p := range people {
			p.sync()
		}
	}
	for _, p := range people {
		if d := cmp.Diff(people[0].rows(), p.rows()); d != "" {
			t.Errorf("%s and %s differ:\n%s", people[0].name, p.name, d)
		}
	}
	if got := len(people[0].rows()); got != n {
		t.Errorf("%d rows, want %d", got, n)
	}
}

// caught: this sync says that something is a violation.
func (p *person) caught(words ...string) *space.SyncResult {
	p.t.Helper()
	r, err := p.s.Sync(p.t.Context())
	if !errors.Is(err, space.ErrViolation) {
		p.t.Fatalf("%s syncs: %+v, %v; want a violation", p.name, r, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			p.t.Errorf("%s is told %q, without %q", p.name, err, w)
		}
	}
	return r
}

func (p *person) device() string {
	p.t.Helper()
	st, err := p.s.Status(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return st.Device
}

// warned: this sync works, and says so.
func (p *person) warned(words string) {
	p.t.Helper()
	r := p.sync()
	for _, w := range r.Warnings {
		if strings.Contains(w, words) {
			return
		}
	}
	p.t.Errorf("%s is warned of %q, want %q", p.name, r.Warnings, words)
}

// Attack 8: what was shown is taken back.
func TestAttackRollback(t *testing.T) {
	for name, tamper := range map[string]func(*evilHost, *person){
		"lane":        func(h *evilHost, alice *person) { l := h.lane(alice); h.set(l, h.git("rev-parse", l+"~1")) },
		"lane-delete": func(h *evilHost, alice *person) { h.git("update-ref", "-d", h.lane(alice)) },
		"main":        func(h *evilHost, _ *person) { h.set("refs/heads/main", h.git("rev-parse", "main~1")) },
		"main-delete": func(h *evilHost, _ *person) { h.git("update-ref", "-d", "refs/heads/main") },
		"keys":        func(h *evilHost, _ *person) { k := h.ref("/keys"); h.set(k, h.git("rev-parse", k+"~1")) },
		"order":       func(h *evilHost, _ *person) { h.git("update-ref", "-d", h.ref("/order")) },
		"all": func(h *evilHost, _ *person) {
			for ref := range h.refs() {
				h.git("update-ref", "-d", ref)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, alice, bob := two(t)
			before := h.refs()
			tamper(h, alice)
			bob.insert(space.Row{"title": "written while the host lies"})
			bob.caught("took back")
			for ref, id := range before {
				if got := h.refs()[ref]; got != id && !strings.Contains(ref, bob.device()) {
					t.Errorf("%s is %q after healing, want %q", ref, got, id)
				}
			}
			same(t, 4, alice, bob)
		})
	}
}

// Attack 4: a fast-forward of `main` whose tree lacks or replaces an entry.
func TestAttackMainTreeRollback(t *testing.T) {
	h, alice, bob := two(t)
	files := map[string]string{"README.md": "nothing to see", "ledger/0000/00000000.json": "{}"}
	h.set("refs/heads/main", h.commit(files, h.git("rev-parse", "main")))
	bob.warned("ledger")
	carol := newPerson(t, "carol")
	carol.join(alice.invite()) // the next honest push builds on it
	same(t, 3, alice, bob, carol)
}

// Attacks 5 and 6.
func TestAttackForeignCommit(t *testing.T) {
	junk := func(h *evilHost, ref string) { h.set(ref, h.commit(map[string]string{"x": "y"}, h.refs()[ref])) }
	for name, tamper := range map[string]func(*evilHost, *person){
		"on-lane": func(h *evilHost, p *person) { junk(h, h.lane(p)) },
		"on-main": func(h *evilHost, _ *person) { junk(h, "refs/heads/main") },
		"on-keys": func(h *evilHost, _ *person) { junk(h, h.ref("/keys")) },
		"junk-merge": func(h *evilHost, p *person) {
			l := h.lane(p)
			h.set(l, h.commit(map[string]string{"x": "y"}, h.git("rev-parse", l+"~1"), h.refs()[l]))
		},
		"other-lane": func(h *evilHost, p *person) {
			h.set(h.lane(p)[:len(h.lane(p))-26]+strings.Repeat("a", 26), h.refs()["refs/heads/main"])
		},
		"lane-on-key": func(h *evilHost, p *person) {
			k := h.ref("/keys")
			h.set(k, h.commitTree(h.git("rev-parse", h.lane(p)+"^{tree}"), h.refs()[k]))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, alice, bob := two(t)
			tamper(h, alice)
			bob.warned("ignor")
			alice.insert(space.Row{"title": "on top of junk"})
			carol := newPerson(t, "carol")
			carol.join(alice.invite())
			same(t, 4, alice, bob, carol)
		})
	}
}

func TestAttackRefToSomethingElse(t *testing.T) {
	for name, object := range map[string]func(*evilHost) string{
		"ref-to-blob": func(h *evilHost) string { return h.gitIn([]byte("blob"), "hash-object", "-w", "--stdin") },
		"ref-to-tree": func(h *evilHost) string { return h.git("rev-parse", "main^{tree}") },
		"ref-to-tag": func(h *evilHost) string {
			h.git("tag", "-a", "-m", "x", "evil", "main")
			return h.git("rev-parse", "evil")
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, alice, bob := two(t)
			lane := h.lane(alice)
			h.git("update-ref", "-d", lane)
			writeRef(t, h, lane, object(h))
			bob.caught("took back")
			same(t, 3, alice, bob)
		})
	}
}

func TestAttackRefInTheWay(t *testing.T) {
	h, alice, bob := two(t)
	lane := h.lane(alice)
	h.git("update-ref", "-d", lane)
	h.set(lane+"/x", h.git("rev-parse", "main"))
	bob.caught("took back")
	same(t, 3, alice, bob)
}

// Attack 8: a lane swapped with another's.
func TestAttackLaneSwapped(t *testing.T) {
	h, alice, bob := two(t)
	a, b := h.lane(alice), h.lane(bob)
	refs := h.refs()
	h.set(a, refs[b])
	h.set(b, refs[a])
	bob.caught("took back")
	same(t, 3, alice, bob)
}

// Attack 24: one use, used twice; revoked; and attack join-for-another-space.
func TestAttackInviteReused(t *testing.T) {
	_, alice, _ := two(t)
	link := alice.invite()
	newPerson(t, "carol").join(link)
	dave := newPerson(t, "dave")
	_, _, err := space.Join(t.Context(), t.TempDir()+"/dave", link, space.JoinOptions{As: "dave"}, dave.options())
	if !errors.Is(err, space.ErrNotPermitted) || !strings.Contains(err.Error(), "has been used") {
		t.Errorf("dave joins by a used link: %v", err)
	}
	link = alice.invite()
	invites, err := alice.s.Invites(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := alice.s.RevokeInvite(t.Context(), invites[len(invites)-1].ID); err != nil {
		t.Fatal(err)
	}
	_, _, err = space.Join(t.Context(), t.TempDir()+"/dave", link, space.JoinOptions{As: "dave"}, dave.options())
	if !errors.Is(err, space.ErrNotPermitted) || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("dave joins by a revoked link: %v", err)
	}
}

// Attack 25: the host shows the newcomer a ledger that is not the inviter's.
func TestAttackNewcomerCaptured(t *testing.T) {
	h, alice, _ := two(t)
	old := h.clone() // from before the invite
	link := alice.invite()
	real := h.refs()["refs/heads/main"]
	for ref, id := range old.refs() {
		h.set(ref, id)
	}
	carol := newPerson(t, "carol")
	_, _, err := space.Join(t.Context(), t.TempDir()+"/carol", link, space.JoinOptions{As: "carol"}, carol.options())
	if !errors.Is(err, space.ErrViolation) {
		t.Fatalf("carol joins an old branch: %v", err)
	}
	h.set("refs/heads/main", real)
	carol.join(link) // nothing was lost by the refusal
}

// What a stranger put on top and the host takes away again accuses nobody.
func TestAttackJunkComesAndGoes(t *testing.T) {
	h, alice, bob := two(t)
	before := h.refs()
	for _, ref := range []string{"refs/heads/main", h.lane(alice), h.ref("/keys"), h.ref("/order")} {
		h.set(ref, h.commit(map[string]string{"x": "y"}, before[ref]))
	}
	bob.warned("ignor")
	for ref, id := range before {
		h.set(ref, id)
	}
	same(t, 3, alice, bob)
}
