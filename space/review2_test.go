package space

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/checkpoint"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/view"
)

// Findings of a hostile review of seals: what a malicious admin can do, who signs what
// the SDK would not.

func rotates(*round) (membership.Body, map[string][]byte, error) {
	return &membership.RotateBody{}, nil, nil
}

// sealsOnly seals and does nothing after it: what follows is made by hand.
func (p *peer) sealsOnly() {
	p.t.Helper()
	p.syncs()
	if _, err := p.sealLocked(p.t.Context(), SealOptions{}, rotates); err != nil {
		p.t.Fatalf("%s seals: %v", p.name, err)
	}
}

// fakesBase makes p's state the one with these records, too.
func (p *peer) fakesBase(change func(key, value []byte) ([]byte, []byte), more ...[2][]byte) {
	p.t.Helper()
	err := p.db.Update(p.t.Context(), func(v *view.Tx) error {
		r, err := p.newRound(v, &SyncResult{})
		if err != nil {
			return err
		}
		var all [][2][]byte
		err = r.eachRecord(func(key, value []byte) error {
			if key, value = change(slices.Clone(key), slices.Clone(value)); key != nil {
				all = append(all, [2][]byte{key, value})
			}
			return nil
		})
		if err != nil {
			return err
		}
		all = append(all, more...)
		slices.SortFunc(all, func(a, b [2][]byte) int { return slices.Compare(a[0], b[0]) })
		cut, err := r.pageCut()
		if err != nil {
			return err
		}
		b := checkpoint.New(checkpoint.Place{Space: p.Space.id, Epoch: r.epoch().O}, cut, nil, p.Space.opts.Rand)
		batch := p.repo.Batch()
		for _, rec := range all {
			if err := b.Add(rec[0], rec[1]); err != nil {
				return err
			}
		}
		built, err := b.Finish()
		if err != nil {
			return err
		}
		for _, page := range built.Pages {
			id := batch.Blob(page.Blob)
			if err := v.Put(bucketBlob, page.Hash[:], id[:]); err != nil {
				return err
			}
		}
		if err := batch.Flush(); err != nil {
			return err
		}
		return r.storeBase(built.Manifest)
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// An admin seals, publishes and endorses a state that no honest device makes. A
// newcomer says so, and begins with the state that its inviter endorses.
func TestReviewMalformedStateStopsNobody(t *testing.T) {
	keep := func(key, value []byte) ([]byte, []byte) { return key, value }
	row := func(table byte) []byte {
		return slices.Concat([]byte{'r', 0, 0, 0, table}, make([]byte, 15), []byte{1})
	}
	for name, fake := range map[string]func(*peer){
		"row of no table": func(p *peer) { p.fakesBase(keep, [2][]byte{row(9), {0x80}}) },
		"row of garbage":  func(p *peer) { p.fakesBase(keep, [2][]byte{row(1), []byte("garbage")}) },
		"record of no kind": func(p *peer) {
			p.fakesBase(keep, [2][]byte{[]byte("zzz"), []byte("garbage")})
		},
		"writer who wrote nothing": func(p *peer) {
			p.fakesBase(keep, [2][]byte{slices.Concat([]byte{'w'}, make([]byte, 31), []byte{1}), {0x50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}})
		},
		"no writers": func(p *peer) {
			p.fakesBase(func(key, value []byte) ([]byte, []byte) {
				if key[0] == 'w' {
					return nil, nil
				}
				return key, value
			})
		},
		"no page-cut key": func(p *peer) {
			p.fakesBase(func(key, value []byte) ([]byte, []byte) {
				if key[0] == recordItem && strings.HasSuffix(string(key), membership.ItemPageCut) {
					return nil, nil
				}
				return key, value
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, alice, bob, mallory := trioOfAdmins(t)
			alice.writes("one")
			alice.syncs()
			mallory.sealsOnly()
			fake(mallory)
			mallory.syncs()
			bob.Sync(t.Context())
			carol := newPeer(t, "carol")
			carol.joins(bob, InviteOptions{})
			for range 2 {
				bob.Sync(t.Context())
				alice.Sync(t.Context())
			}
			carol.caught("the checkpoint by mallory")
			for range 2 {
				carol.Sync(t.Context())
				bob.Sync(t.Context())
			}
			carol.isIn(StateActive)
			if got := carol.texts(); !slices.Equal(got, []string{"one"}) {
				t.Errorf("carol has %q", got)
			}
			carol.writes("two")
			carol.Sync(t.Context())
			bob.Sync(t.Context())
			if got := bob.texts(); !slices.Equal(got, []string{"one", "two"}) {
				t.Errorf("bob has %q", got)
			}
		})
	}
}

// trioOfAdmins: alice is owner, bob and mallory are admins, on one host.
func trioOfAdmins(t *testing.T) (h bare, alice, bob, mallory *peer) {
	t.Helper()
	h = newBare(t)
	alice, bob, mallory = newPeer(t, "alice"), newPeer(t, "bob"), newPeer(t, "mallory")
	alice.founds(h.dir)
	for _, p := range []*peer{bob, mallory} {
		p.joins(alice, InviteOptions{})
		alice.syncs()
		p.syncs()
		if err := alice.SetRole(t.Context(), p.name, "admin"); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		for _, p := range []*peer{alice, bob, mallory} {
			p.syncs()
		}
	}
	return h, alice, bob, mallory
}

// The signature of a state commit covers its tree by SHA-1 only, and what it adds by
// SHA-256. What it does not cover is not taken, and its author not accused of it.
func TestReviewStateOfAnotherTree(t *testing.T) {
	_, alice, bob, mallory := trioOfAdmins(t)
	_ = bob
	alice.writes("one")
	alice.syncs()
	mallory.sealsOnly()
	mallory.cheats(func(r *round, b *gitstore.Batch, shown *display) gitstore.RefUpdate {
		ref := r.s.refs.State(r.epoch(), r.me.Device)
		sum := wire.Sum([]byte("something else"))
		msg := r.message(chain.State)
		msg.Adds = &sum
		tree := b.Tree([]gitstore.TreeEntry{{Name: manifestFile, Mode: gitstore.ModeFile, ID: b.Blob([]byte("exchanged"))}})
		id, err := r.commit(b, ref, wire.ObjectID{}, tree, msg)
		if err != nil {
			t.Fatal(err)
		}
		return gitstore.RefUpdate{Name: ref, New: id}
	})
	alice.syncs()
	carol := newPeer(t, "carol")
	carol.joins(alice, InviteOptions{})
	alice.syncs()
	if res, err := carol.Sync(t.Context()); errors.Is(err, ErrViolation) || !strings.Contains(strings.Join(res.Warnings, "\n"), "not the ones that were signed") {
		t.Errorf("carol: %v, %q", err, res.Warnings)
	}
}

// sealsBadly seals with other wraps than it should: wrap says what a device gets.
func (p *peer) sealsBadly(body func(*round) (membership.Body, map[string][]byte, error), wrap func(d membership.Device, good seal.EpochSecret) []seal.EpochSecret) {
	p.t.Helper()
	p.syncs()
	sg := &sealing{s: p.Space, body: body, unstable: map[string]int{}, tries: new([]wire.Hash), done: Sealed{Short: []string{}}}
	var updates []gitstore.RefUpdate
	err := p.readThen(p.t.Context(), func(r *round, b *gitstore.Batch, shown *display) (err error) {
		sg.r, sg.b, sg.shown = r, b, shown
		if updates, err = sg.prepare(); err != nil {
			return err
		}
		next := r.roster().Epoch().Epoch
		add := map[string][]byte{}
		for _, d := range r.roster().Recipients() {
			secrets := wrap(d, seal.EpochSecret{O: next.O, Secret: sg.secret})
			if secrets == nil {
				continue
			}
			file, err := seal.WrapSecrets(d.Recipient, seal.Wrap{Space: r.s.id, Secrets: secrets})
			if err != nil {
				return err
			}
			add[seal.WrapPath(d.Recipient, r.me.Device, 0)] = file
		}
		adds := chain.AddsHash(add)
		msg := r.messageIn(chain.Keys, next)
		msg.Adds = &adds
		ref := r.s.refs.Keys(next)
		updates[0].New, err = r.commit(b, ref, wire.ObjectID{}, keysTree(b, nil, add), msg)
		return err
	})
	if err != nil {
		p.t.Fatalf("%s seals: %v", p.name, err)
	}
	host, err := p.host()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := sg.push(p.t.Context(), host, updates); err != nil {
		p.t.Fatal(err)
	}
}

// garbage is a wrong secret for the epoch of a good one.
func garbage(good seal.EpochSecret) []seal.EpochSecret {
	s, err := seal.SecretFrom(make([]byte, 32))
	if err != nil {
		panic(err)
	}
	return []seal.EpochSecret{{O: good.O, Secret: s}}
}

// An admin seals and wraps garbage for one member. Its device says that it was not let
// in, and another's lets it in.
func TestReviewSealLocksNobodyOut(t *testing.T) {
	_, alice, bob, mallory := trioOfAdmins(t)
	alice.writes("one")
	alice.syncs()
	bob.writes("of bob")
	bob.syncs()
	alice.syncs()
	bob.writes("waits")
	mallory.sealsBadly(rotates, func(d membership.Device, good seal.EpochSecret) []seal.EpochSecret {
		if d.ID == bob.device() {
			return garbage(good)
		}
		return []seal.EpochSecret{good}
	})
	for range 3 {
		bob.syncs()
		alice.syncs()
	}
	if st, err := bob.Status(t.Context()); err != nil || st.Epoch != 1 || st.Pending != 0 {
		t.Errorf("bob is %+v, %v", st, err)
	}
	if got := alice.texts(); !slices.Equal(got, []string{"of bob", "one", "waits"}) {
		t.Errorf("alice has %q", got)
	}
}

// The same, and an honest seal follows before anybody notices: whoever has not written
// in the epoch that ends gets the secrets before it, too.
func TestReviewSealAfterLockOut(t *testing.T) {
	_, alice, bob, mallory := trioOfAdmins(t)
	alice.writes("one")
	alice.syncs()
	bob.writes("of bob")
	bob.syncs()
	alice.syncs()
	mallory.sealsBadly(rotates, func(d membership.Device, good seal.EpochSecret) []seal.EpochSecret {
		if d.ID == bob.device() {
			return garbage(good)
		}
		return []seal.EpochSecret{good}
	})
	alice.writes("two")
	alice.syncs()
	if _, err := alice.Seal(t.Context(), SealOptions{}); err != nil {
		t.Fatal(err)
	}
	bob.syncs()
	if got := bob.texts(); !slices.Equal(got, []string{"of bob", "one", "two"}) {
		t.Errorf("bob has %q", got)
	}
}

// An admin seals so that nobody can open the epoch, by garbage for all, and with a
// schema in it that nobody can read. After a day it is sealed again, empty; the schema
// is void, names and schemas that come later are read, and all go on alike.
func TestReviewEpochOfGarbage(t *testing.T) {
	_, alice, bob, mallory := trioOfAdmins(t)
	alice.writes("one")
	for _, p := range []*peer{alice, bob, alice} {
		p.syncs()
	}
	narrows := func(r *round) (membership.Body, map[string][]byte, error) {
		before, _ := r.v.Schema()
		after, err := parseSchema(before, []byte(`tables: {notes: {columns: {other: {type: text}}}}`))
		if err != nil {
			return nil, nil, err
		}
		encoded, err := after.Encode()
		return &membership.SchemaBody{}, map[string][]byte{membership.ItemSchema: encoded}, err
	}
	mallory.sealsBadly(narrows, func(_ membership.Device, good seal.EpochSecret) []seal.EpochSecret { return garbage(good) })
	bob.writes("two")
	for range 2 {
		alice.syncs()
		bob.syncs()
	}
	for _, p := range []*peer{alice, bob} {
		p.isIn(StateBehind)
		p.Space.opts.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	}
	for range 3 {
		alice.syncs()
		bob.syncs()
	}
	carol := newPeer(t, "carol")
	carol.joins(alice, InviteOptions{})
	for range 3 {
		alice.syncs()
		bob.syncs()
		carol.syncs()
	}
	if _, err := alice.Seal(t.Context(), SealOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*peer{alice, bob, carol, alice, bob, carol} {
		p.syncs()
	}
	for _, p := range []*peer{alice, bob, carol} {
		if got := p.texts(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("%s has %q", p.name, got)
		}
		if st, err := p.Status(t.Context()); err != nil || st.State != StateActive || st.Pending != 0 {
			t.Errorf("%s: %+v %v", p.name, st, err)
		}
		if got, want := p.base(), alice.base(); got != want {
			t.Errorf("%s: the state of the epoch is %s, of alice %s", p.name, got, want)
		}
	}
}

// base is the digest of the state with which p's epoch began.
func (p *peer) base() (d wire.Hash) {
	p.t.Helper()
	err := p.look(p.t.Context(), func(r *round) error {
		m, err := r.base()
		if m != nil {
			d = m.Digest
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

// ATTACKS 37: an epoch that nobody was let into is sealed again, empty, at once.
func TestReviewEpochWithoutWraps(t *testing.T) {
	_, alice, bob, mallory := trioOfAdmins(t)
	alice.writes("one")
	alice.syncs()
	mallory.sealsBadly(rotates, func(membership.Device, seal.EpochSecret) []seal.EpochSecret { return nil })
	bob.writes("two")
	for range 3 {
		alice.syncs()
		bob.syncs()
	}
	for _, p := range []*peer{alice, bob} {
		if got := p.texts(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("%s has %q", p.name, got)
		}
		if st, err := p.Status(t.Context()); err != nil || st.Epoch != 2 || st.State != StateActive || st.Pending != 0 {
			t.Errorf("%s: %+v %v", p.name, st, err)
		}
	}
}

// Who came by an invite that had expired is let in by an admin's approval, and by
// nothing that it signs itself.
func TestReviewExpiredLetsItselfInNot(t *testing.T) {
	h := newBare(t)
	alice, bob, eve := newPeer(t, "alice"), newPeer(t, "bob"), newPeer(t, "eve")
	alice.founds(h.dir)
	bob.joins(alice, InviteOptions{})
	alice.syncs()
	bob.syncs()
	alice.writes("secret")
	alice.syncs()
	eve.joins(alice, InviteOptions{}) // and the host shows it late
	late := func() time.Time { return time.Now().Add(9 * 24 * time.Hour) }
	for _, p := range []*peer{alice, bob, eve} {
		p.Space.opts.Now = late
	}
	nothing, err := seal.NewSecret(eve.Space.opts.Rand)
	if err != nil {
		t.Fatal(err)
	}
	own := eve.keys.Device()
	file, err := seal.WrapSecrets(own.Recipient(), seal.Wrap{Space: eve.Space.id, Secrets: []seal.EpochSecret{{Secret: nothing}}})
	if err != nil {
		t.Fatal(err)
	}
	eve.cheats(eve.keysCommit(map[string][]byte{seal.WrapPath(own.Recipient(), own.ID(), 0): file}))
	in := func(when string) {
		t.Helper()
		for range 2 {
			alice.syncs()
			bob.syncs()
			eve.Sync(t.Context())
		}
		for _, o := range eve.ledgerNow().Openings() {
			if _, has := eve.keys.Secret(o.O); has {
				t.Fatalf("eve has the secret of epoch %d %s", o.Number, when)
			}
		}
	}
	in("at once")
	if _, err := bob.Seal(t.Context(), SealOptions{}); err == nil {
		t.Error("bob, an editor, seals")
	}
	if _, err := alice.Seal(t.Context(), SealOptions{}); err != nil {
		t.Fatal(err)
	}
	in("after a seal")
}

func (p *peer) ledgerNow() (out *membership.Roster) {
	p.t.Helper()
	if err := p.look(p.t.Context(), func(r *round) error { out = r.roster(); return nil }); err != nil {
		p.t.Fatal(err)
	}
	return out
}

// unsure takes pushes and loses the answers to the first of them.
type unsure struct {
	gitstore.Remote
	left *int
}

func (u unsure) Push(ctx context.Context, updates []gitstore.RefUpdate, o gitstore.PushOptions) (*gitstore.Pushed, error) {
	got, err := u.Remote.Push(ctx, updates, o)
	if *u.left > 0 && err == nil {
		*u.left--
		return nil, gitstore.ErrUncertain
	}
	return got, err
}

// A seal of which the answer got lost, and that landed, is not made twice.
func TestReviewUncertainSealOnce(t *testing.T) {
	_, alice, bob, mallory := trioOfAdmins(t)
	alice.unsettles(2)
	if got, err := alice.RemoveMember(t.Context(), "mallory", RemoveOptions{}); err != nil || got.State != OutcomeSealed {
		t.Errorf("alice removes mallory: %+v, %v", got, err)
	}
	alice.unsettles(2)
	if got, err := alice.Seal(t.Context(), SealOptions{}); err != nil || got.Epoch != 2 {
		t.Errorf("alice seals: %+v, %v", got, err)
	}
	bob.syncs()
	for _, p := range []*peer{alice, bob} {
		if st, err := p.Status(t.Context()); err != nil || st.Epoch != 2 || st.State != StateActive {
			t.Errorf("%s: %+v %v", p.name, st, err)
		}
	}
	if _, err := mallory.Sync(t.Context()); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("mallory syncs: %v", err)
	}
}

// unsettles loses the answers to the next n pushes.
func (p *peer) unsettles(n int) {
	p.t.Helper()
	p.remote = nil
	host, err := p.host()
	if err != nil {
		p.t.Fatal(err)
	}
	p.remote = unsure{host, &n}
}

// An admin puts a closing commit of a seal that never was onto the lanes, each day
// another. The others wait for its entry once, for a day.
func TestReviewHiddenSealEachDay(t *testing.T) {
	_, alice, bob, carol := trio(t)
	pending := func(want int, when string) {
		t.Helper()
		carol.Sync(t.Context())
		if st, err := carol.Status(t.Context()); err != nil || st.Pending != want {
			t.Errorf("%s: carol is %+v, %v; want %d pending", when, st, err, want)
		}
	}
	never := func() {
		t.Helper()
		_, updates := bob.badSeal(func(*sealing) {})
		for _, u := range updates {
			if u.Name == bob.refs.Lane(wire.Epoch{O: bob.id}, carol.device()) {
				bob.pushes(u)
			}
		}
	}
	never()
	carol.writes("waits")
	pending(1, "at once")
	carol.Space.opts.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	pending(0, "after a day")
	never()
	carol.writes("waits no more")
	pending(0, "with the next one")
	alice.Sync(t.Context())
	see(t, 0, append([]string{"waits", "waits no more"}, firsts...), alice, carol)
}
