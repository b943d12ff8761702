package space_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/space"
)

// Attack 9: a bad commit under a good tip. Who followed live met the bad one first,
// who comes late meets both at once; both come to the same.
func TestAttackBadIntermediateCommit(t *testing.T) {
	t.Parallel()
	w := crowd(t)
	for name, bad := range map[string]func(f *forger, stored []byte) string{
		"other-bytes": func(f *forger, stored []byte) string {
			log := *f.log
			log.Append(stored)
			return f.commit(f.message(log.Head()), f.tree(f.log.Len(), [][]byte{[]byte("something else")}), f.h.refs()[f.ref()])
		},
		"entry-missing": func(f *forger, stored []byte) string {
			log := *f.log
			log.Append(stored)
			return f.commit(f.message(log.Head()), f.h.gitIn(nil, "mktree"), f.h.refs()[f.ref()])
		},
		"bad-signature": func(f *forger, stored []byte) string {
			m := f.message(f.log.Head())
			m.Space[0] ^= 1
			return f.commit(m, f.tree(f.log.Len(), [][]byte{stored}), f.h.refs()[f.ref()])
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, people := w.unpack(t, "alice", "carol", "mallory")
			alice, carol, f := people[0], people[1], newForger(h, people[2])
			one := f.seal(f.entry(f.good("under")))
			h.set(f.ref(), bad(f, one))
			alice.sync() // live
			two := f.seal2(f.entry(f.good("tip")))
			f.push(one, two)
			agree(t, crowdRows+2, alice, carol)
			late := newPerson(t, "late")
			late.join(alice.invite())
			agree(t, crowdRows+2, alice, carol, late)
		})
	}
}

// Attack 16: a private part that is garbage changes nothing of the ledger, with or
// without the secret; its author is shown.
func TestAttackPrivatePartGarbage(t *testing.T) {
	t.Parallel()
	w := crowd(t)
	sc, err := schema.Parse([]byte("tables: {tasks: {columns: {title: {type: text}}}}"))
	if err != nil {
		t.Fatal(err)
	}
	narrow, err := schema.Number(nil, sc)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := narrow.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		make  func(f *forger) (map[string]wire.Hash, []byte)
		words string
	}{
		"does-not-open": {func(*forger) (map[string]wire.Hash, []byte) {
			return map[string]wire.Hash{membership.ItemSchema: {1}}, bytes.Repeat([]byte{7}, 600)
		}, "does not open"},
		"does-not-match": {func(f *forger) (map[string]wire.Hash, []byte) {
			items := membership.Items{membership.ItemSchema: {Value: encoded}}
			return map[string]wire.Hash{membership.ItemSchema: {1}}, f.box(items)
		}, "void"},
		"no-schema": {func(f *forger) (map[string]wire.Hash, []byte) {
			items := membership.Items{membership.ItemSchema: {Value: []byte("not a schema")}}
			return items.Hashes(), f.box(items)
		}, "void"},
		"narrows-though-it-says-widens": {func(f *forger) (map[string]wire.Hash, []byte) {
			items := membership.Items{membership.ItemSchema: {Value: encoded}}
			return items.Hashes(), f.box(items)
		}, "void"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, people := w.unpack(t, "alice", "carol")
			alice, carol := people[0], people[1]
			link := alice.invite()
			newcomer := newPerson(t, "newcomer")
			newcomer.join(link) // has no secret yet
			alice.sync()
			f := newForger(h, alice) // an owner with another program
			items, private := c.make(f)
			f.propose(&membership.SchemaBody{Widens: true}, items, private)
			carol.warned(c.words)
			if _, err := newcomer.s.Sync(t.Context()); err != nil {
				t.Error(err)
			}
			a, b := carol.fingerprint(), newcomer.fingerprint()
			if a != b {
				t.Errorf("ledgers differ: %v, %v", a, b)
			}
			carol.insert(space.Row{"title": "the old schema is in force", "points": 3})
			agree(t, crowdRows+1, alice, carol, newcomer)
		})
	}
}

func (f *forger) box(items membership.Items) []byte {
	f.t.Helper()
	plain, err := membership.EncodeItems(items)
	if err != nil {
		f.t.Fatal(err)
	}
	p := f.predecessor()
	box, err := f.secret.LedgerKey(p).Seal(rnd{}, seal.LedgerAD(p), plain, wire.MinPrivate)
	if err != nil {
		f.t.Fatal(err)
	}
	return box
}

func (f *forger) predecessor() wire.Hash {
	r, _ := f.roster()
	return r.Head().Hash
}

func (p *person) fingerprint() string {
	p.t.Helper()
	at, err := p.s.Fingerprint(p.t.Context(), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return at.Hash
}

// Attack 24: what else is done with an invite.
func TestAttackInviteMisused(t *testing.T) {
	t.Parallel()
	h, alice, bob := two(t)
	w := pack(t, h, alice, bob)
	t.Run("expired-on-a-quiet-ledger", func(t *testing.T) {
		t.Parallel()
		h, people := w.unpack(t, "alice", "bob")
		alice, link := people[0], people[0].invite()
		later := func(p *person) {
			p.s.Close()
			o := p.options()
			o.Now = in(9 * 24 * time.Hour)
			s, err := space.Open(t.Context(), p.s.Dir(), o)
			if err != nil {
				t.Fatal(err)
			}
			p.s = s
		}
		thief := newPerson(t, "thief") // with a clock that is late, or a program that does not care
		thief.join(link)
		later(alice)
		later(people[1])
		keys := h.refs()[h.ref("/keys")]
		alice.warned("had expired") // after nine days the epoch is sealed, too, without the latecomer
		people[1].sync()
		thief.sync()
		if got := thief.state(); got != space.StateWaiting || h.refs()[h.ref("/0-", "/keys")] != keys {
			t.Errorf("the latecomer is %s", got)
		}
		if err := people[1].s.ApproveMember(t.Context(), "thief"); err == nil {
			t.Error("an editor approved")
		}
		if err := alice.s.ApproveMember(t.Context(), "thief"); err != nil {
			t.Fatal(err)
		}
		thief.sync()
		if got := thief.state(); got != space.StateActive {
			t.Errorf("after an admin's approval the latecomer is %s", got)
		}
	})
	t.Run("raced", func(t *testing.T) {
		t.Parallel()
		_, people := w.unpack(t, "alice", "bob")
		link := people[0].invite()
		errs := make(chan error, 2)
		for _, name := range []string{"left", "right"} {
			p, dir := newPerson(t, name), filepath.Join(t.TempDir(), name)
			go func() {
				s, _, err := space.Join(t.Context(), dir, link, space.JoinOptions{As: name}, p.options())
				if err == nil {
					s.Close()
				}
				errs <- err
			}()
		}
		a, b := <-errs, <-errs
		if (a == nil) == (b == nil) || !errors.Is(errors.Join(a, b), space.ErrNotPermitted) {
			t.Errorf("two joins with one link of one use: %v, %v", a, b)
		}
	})
	t.Run("in-anothers-name", func(t *testing.T) {
		t.Parallel()
		_, people := w.unpack(t, "alice", "bob")
		alice := people[0]
		p := newPerson(t, "bob")
		p.join(alice.invite())
		same(t, 3, alice, people[1], p)
		if err := alice.s.SetRole(t.Context(), "bob", "admin"); !errors.Is(err, space.ErrUsage) || !strings.Contains(err.Error(), "2 members") {
			t.Errorf("which bob becomes an admin: %v", err)
		}
	})
	t.Run("own-invite-for-more-than-one-has", func(t *testing.T) {
		t.Parallel()
		_, people := w.unpack(t, "alice", "bob")
		if _, err := people[1].s.Invite(t.Context(), space.InviteOptions{Role: "admin"}); !errors.Is(err, space.ErrNotPermitted) {
			t.Errorf("an editor invites an admin: %v", err)
		}
	})
}

// Attack 25: nothing of a newcomer's leaves before somebody who counts has signed a
// ledger with it; those who came after its invite don't.
func TestAttackNewcomerWitnessedByPuppets(t *testing.T) {
	t.Parallel()
	w := crowd(t)
	h, people := w.unpack(t, "alice", "carol", "mallory")
	alice, carol, mallory := people[0], people[1], people[2]
	link := alice.invite()
	puppets := []*person{newPerson(t, "puppet"), newPerson(t, "puppet2")}
	for _, p := range puppets {
		p.join(alice.invite())
	}
	alice.sync() // lets the puppets in
	newcomer := newPerson(t, "newcomer")
	newcomer.join(link)
	for _, p := range puppets { // they let the newcomer in, and witness
		p.sync()
		p.insert(space.Row{"title": "of " + p.name})
		p.sync()
	}
	held := func(p *person) {
		t.Helper()
		if r := p.sync(); !strings.Contains(strings.Join(r.Warnings, "\n"), "waiting for a witness") {
			t.Errorf("%s is not told to wait: %q", p.name, r.Warnings)
		}
		if slices.ContainsFunc(refNames(h), func(ref string) bool { return strings.Contains(ref, "/lanes/"+p.device()) }) {
			t.Errorf("%s's writes have left", p.name)
		}
	}
	newcomer.sync()
	if got := newcomer.state(); got != space.StateUnwitnessed {
		t.Fatalf("the newcomer is %s", got)
	}
	newcomer.insert(space.Row{"title": "of the newcomer"})
	held(newcomer)
	mallory.sync()
	mallory.insert(space.Row{"title": "mallory has seen it"})
	mallory.sync()
	held(newcomer) // one who belonged is not enough
	carol.sync()
	carol.insert(space.Row{"title": "carol, too"})
	carol.sync()
	newcomer.sync() // two are
	if got := newcomer.state(); got != space.StateActive {
		t.Errorf("the newcomer is %s", got)
	}
	agree(t, crowdRows+5, alice, carol, mallory, newcomer)
}

func refNames(h *evilHost) (names []string) {
	for name := range h.refs() {
		names = append(names, name)
	}
	return names
}

// Attack 43: two copies of one device sign different entries; the halves are shown
// to two people, then joined.
func TestAttackEquivocation(t *testing.T) {
	t.Parallel()
	w := crowd(t)
	h, people := w.unpack(t, "alice", "carol", "mallory")
	alice, carol, f := people[0], people[1], newForger(h, people[2])
	base := h.refs()[f.ref()]
	copied := *f
	copied.log = new(*f.log)
	one := f.push(f.seal(f.entry(f.good("to alice"))))
	alice.sync()
	h.set(f.ref(), base)
	two := copied.push(copied.seal(copied.entry(copied.good("to carol"))))
	if one == two {
		t.Fatal("the copies signed the same")
	}
	carol.sync()
	titles := func(p *person) (out []string) {
		for _, r := range p.rows() {
			out = append(out, r["title"].(string))
		}
		return out
	}
	if !slices.Contains(titles(alice), "to alice") || !slices.Contains(titles(carol), "to carol") {
		t.Fatalf("the halves were not shown: %v, %v", titles(alice), titles(carol))
	}
	// Carol writes on what she saw, and alice meets that before the other variant.
	h.set(f.ref(), one)
	at := h.lane(carol)
	carol.insert(space.Row{"title": "carol, on top of it"})
	if _, err := carol.s.Sync(t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
		t.Fatal(err)
	}
	theirs := h.refs()[at]
	h.set(f.ref(), one)
	alice.caught("two histories")
	h.set(at, theirs)
	h.set(f.ref(), h.commit(map[string]string{"x": "y"}, one, two)) // joined
	for _, p := range []*person{alice, carol} {
		p.insert(space.Row{"title": p.name + " goes on"})
		p.caught("two different entries")
		if !slices.Contains(p.evidence(), "equivocation") {
			t.Errorf("%s keeps %v", p.name, p.evidence())
		}
	}
	// Nothing is taken back: each keeps what it had, and nobody else is accused.
	for range 2 {
		for _, p := range []*person{alice, carol} {
			if _, err := p.s.Sync(t.Context()); err != nil && !errors.Is(err, space.ErrViolation) {
				t.Fatal(err)
			}
		}
	}
	for _, p := range []*person{alice, carol} {
		if got := titles(p); !slices.Contains(got, "to "+p.name) {
			t.Errorf("%s has lost what was shown first: %v", p.name, got)
		}
		if slices.Contains(p.evidence(), "set-aside") {
			t.Errorf("%s has set aside somebody who was lied to: %v", p.name, p.evidence())
		}
	}
	// Who meets both at once applies neither.
	late := newPerson(t, "late")
	late.join(alice.invite())
	alice.s.Sync(t.Context())
	late.s.Sync(t.Context())
	if got := titles(late); slices.Contains(got, "to alice") || slices.Contains(got, "to carol") {
		t.Errorf("who comes late has taken a side: %v", got)
	}
}

// Attack 55: nothing in the directory of a space that is closed is a key.
func TestAttackStoreHasNoSecret(t *testing.T) {
	t.Parallel()
	_, alice, _ := two(t)
	dir := alice.s.Dir()
	keys := alice.keyring(dir)
	secret, _ := keys.Secret(alice.id())
	store := keys.StoreKey()
	alice.s.Close()
	hidden := map[string][]byte{"age key": []byte("AGE-SECRET-KEY")}
	for name, b := range map[string][]byte{"epoch secret": secret, "store key": store[:]} {
		hidden[name] = b
		hidden[name+" in hex"] = []byte(hex.EncodeToString(b))
		hidden[name+" in base64"] = []byte(base64.RawStdEncoding.EncodeToString(b))
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		for name, b := range hidden {
			if bytes.Contains(content, b) {
				t.Errorf("the %s stands in %s", name, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Attack 66: names that hide or fake something are not taken.
func TestAttackNamesThatDeceive(t *testing.T) {
	t.Parallel()
	alice := newPerson(t, "alice")
	alice.create(bareHost(t))
	link := alice.invite()
	for _, name := range []string{"", " ", "a\x1b[31mb", "a\nb", "a\u202eb", "a\u200bb", "\x00", "a\xff", strings.Repeat("n", 201)} {
		p := newPerson(t, "p")
		dir := filepath.Join(t.TempDir(), "p")
		create := func(c space.CreateOptions) error {
			s, _, err := space.Create(t.Context(), dir, c, p.options())
			if err == nil {
				s.Close()
				os.RemoveAll(dir)
			}
			return err
		}
		join := func(j space.JoinOptions) error {
			s, _, err := space.Join(t.Context(), dir, link, j, p.options())
			if err == nil {
				s.Close()
			}
			return err
		}
		for what, err := range map[string]error{
			"space":  create(space.CreateOptions{Name: name, As: "x"}),
			"member": create(space.CreateOptions{Name: "x", As: name}),
			"joiner": join(space.JoinOptions{As: name}),
		} {
			if !errors.Is(err, space.ErrUsage) {
				t.Errorf("%s called %q: %v", what, name, err)
			}
		}
		if name == "" {
			continue // a device without a name is called after the machine
		}
		for what, err := range map[string]error{
			"device":         create(space.CreateOptions{Name: "x", As: "x", DeviceName: name}),
			"joiner's":       join(space.JoinOptions{As: "x", DeviceName: name}),
			"who is invited": second(alice.s.Invite(t.Context(), space.InviteOptions{For: name})),
		} {
			if !errors.Is(err, space.ErrUsage) {
				t.Errorf("%s called %q: %v", what, name, err)
			}
		}
	}
	for _, ref := range []string{"../x", "refs/heads/../x", "refs/heads/a..b", "refs/heads/a b", "refs/heads/a.lock", "refs/heads/-x\n", "/etc/passwd"} {
		_, _, err := space.Create(t.Context(), filepath.Join(t.TempDir(), "x"), space.CreateOptions{Name: "x", As: "x", LedgerRef: ref}, newPerson(t, "p").options())
		if !errors.Is(err, space.ErrUsage) {
			t.Errorf("ledger ref %q: %v", ref, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
