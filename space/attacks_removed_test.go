package space

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/checkpoint"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/identity"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
)

// What a removed member tries with the help of the host (ATTACKS 22, 23, 30, 49).

func (p *peer) removes(name string) *Outcome {
	p.t.Helper()
	o, err := p.RemoveMember(p.t.Context(), name, RemoveOptions{})
	if err != nil || o.State != OutcomeSealed {
		p.t.Fatalf("%s removes %s: %+v %v", p.name, name, o, err)
	}
	return o
}

// agrees: all of them see the same after syncing, this many rows.
func agrees(t *testing.T, n int, people ...*peer) {
	t.Helper()
	for range 3 {
		for _, p := range people {
			if _, err := p.Sync(t.Context()); err != nil && !errors.Is(err, ErrViolation) {
				t.Fatalf("%s syncs: %v", p.name, err)
			}
		}
	}
	for _, p := range people {
		if got := p.texts(); !slices.Equal(got, people[0].texts()) || len(got) != n {
			t.Errorf("%s sees %q, want %d like %q", p.name, got, n, people[0].texts())
		}
	}
}

// openEpoch is the epoch that is open, as p knows it.
func (p *peer) openEpoch() (o membership.Opening) {
	p.t.Helper()
	if err := p.look(p.t.Context(), func(r *round) error { o = r.roster().Epoch(); return nil }); err != nil {
		p.t.Fatal(err)
	}
	return o
}

// Carol is removed and writes on: before the others' eyes on a copy of the host from
// before, so with old position and role; in her old lane; and in the new epoch.
func TestAttackRemovedWritesOn(t *testing.T) {
	h, alice, bob, carol := trio(t)
	old := h.copy()
	before := alice.openEpoch()
	alice.removes("carol")
	carol.moves(old.dir)
	carol.writes("beyond the cut")
	carol.syncs()
	lane := carol.refs.Lane(before.Epoch, carol.device())
	next := alice.openEpoch()
	newLane := carol.refs.Lane(next.Epoch, carol.device())
	for name, try := range map[string]func(){
		"old lane":              func() { h.takes(old, lane) },
		"old lane in new epoch": func() { h.git("fetch", "-q", old.dir, "+"+lane+":"+newLane) },
		"new lane, old secret":  func() { h.git("update-ref", newLane, carol.forgesLane(t, h, next)) },
		"order of the new epoch": func() {
			h.git("update-ref", carol.refs.Order(next.Epoch), carol.forgesLane(t, h, next), h.git("rev-parse", carol.refs.Order(next.Epoch)))
		},
	} {
		try()
		for _, p := range []*peer{alice, bob} {
			if _, err := p.Sync(t.Context()); err != nil && !errors.Is(err, ErrViolation) {
				t.Errorf("%s: %s syncs: %v", name, p.name, err)
			}
			if got := p.texts(); slices.Contains(got, "beyond the cut") || slices.Contains(got, "forged") || len(got) != 3 {
				t.Errorf("%s: %s sees %q", name, p.name, got)
			}
		}
	}
	alice.writes("alice goes on")
	bob.writes("bob goes on")
	agrees(t, 5, alice, bob)
	newcomer := newPeer(t, "newcomer")
	newcomer.joins(alice, InviteOptions{})
	agrees(t, 5, alice, bob, newcomer)
	// She learns of it, at last, and what she had written is still hers to read.
	carol.moves(h.dir)
	if _, err := carol.Sync(t.Context()); err == nil {
		t.Error("carol syncs as if nothing had happened")
	}
	carol.isIn(StateRemoved)
	if !slices.Contains(carol.texts(), "beyond the cut") {
		t.Errorf("carol lost her own: %q", carol.texts())
	}
}

// forgesLane is a lane commit of p in an epoch that it has no secret of.
func (p *peer) forgesLane(t *testing.T, h bare, e membership.Opening) string {
	t.Helper()
	secret, err := seal.NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	dev := wire.DeviceKeyHash(p.keys.Device().PublicKey())
	entry, err := secret.LaneKey(e.O, dev).Seal(rand.Reader, seal.LaneAD(e.O, dev, 0), []byte("forged"), wire.MinContent)
	if err != nil {
		t.Fatal(err)
	}
	log := new(chain.Log)
	log.Append(entry)
	head := log.Head()
	repo, err := gitstore.Open(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	b := repo.Batch()
	name := strings.Split(chain.EntryPath(0), "/")
	tree := b.Blob(entry)
	for i, part := range slices.Backward(name) {
		mode := gitstore.ModeDir
		if i == len(name)-1 {
			mode = gitstore.ModeFile
		}
		tree = b.Tree([]gitstore.TreeEntry{{Name: part, Mode: mode, ID: tree}})
	}
	at := wire.Position{Number: e.At, Hash: e.O}
	c := chain.Commit{Tree: tree, Time: chain.FloorTime(e.Time.Unix()), Message: chain.Message{
		Kind: chain.Lane, Space: p.id, Epoch: e.O, Device: p.device(), Ledger: &at, Log: &head,
	}}
	raw, err := chain.Sign(c, p.keys.Device())
	if err != nil {
		t.Fatal(err)
	}
	id := b.Commit(raw)
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// blobs are all of them that a repository has.
func (h bare) blobs() map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(h.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)")) {
		if id, kind, _ := strings.Cut(strings.TrimSpace(line), " "); kind == "blob" {
			out[id] = true
		}
	}
	return out
}

// opened tries every secret that p holds, in every way in which a secret opens
// anything, on objects of a host, and says what it got open.
func (p *peer) opened(h bare, objects map[string]bool, oracle *peer) (got []string) {
	p.t.Helper()
	repo, err := gitstore.Open(h.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	var roster *membership.Roster
	var entries []*membership.Entry
	err = oracle.look(p.t.Context(), func(r *round) error { roster, entries = r.roster(), r.ledger.entries; return nil })
	if err != nil {
		p.t.Fatal(err)
	}
	epochs, err := p.keys.Epochs()
	if err != nil {
		p.t.Fatal(err)
	}
	for id := range objects {
		oid, err := wire.ParseObjectID(id)
		if err != nil {
			p.t.Fatal(err)
		}
		blob, err := repo.Blob(oid, wire.MaxEntry)
		if err != nil {
			p.t.Fatal(err)
		}
		note := func(how string, err error) {
			if err == nil {
				got = append(got, how+" "+id[:8])
			}
		}
		_, err = p.keys.Device().Open(blob, wire.MaxEntry)
		note("wrap", err)
		var mine *membership.Entry
		if i := slices.IndexFunc(entries, func(e *membership.Entry) bool { return string(e.Envelope) == string(blob) }); i >= 0 {
			mine = entries[i]
		}
		for _, held := range epochs {
			raw, _ := p.keys.Secret(held)
			secret, err := seal.SecretFrom(raw)
			if err != nil {
				p.t.Fatal(err)
			}
			if mine != nil && len(mine.Private) > 0 {
				_, err := secret.LedgerKey(mine.Predecessor).Open(seal.LedgerAD(mine.Predecessor), mine.Private, wire.MaxPrivate)
				note("ledger", err)
			}
			for _, o := range roster.Openings() {
				_, err := checkpoint.Open(checkpoint.Place{Space: p.id, Epoch: o.O}, secret.ManifestKey(o.O), blob)
				note("manifest", err)
				for _, d := range roster.Devices() {
					dev := wire.DeviceKeyHash(d.Key)
					for n := range uint64(6) {
						_, err := secret.LaneKey(o.O, dev).Open(seal.LaneAD(o.O, dev, n), blob, wire.MaxEntry)
						note("lane", err)
						_, err = secret.OrderKey(o.O, dev).Open(seal.OrderAD(o.O, dev, n), blob, wire.MaxEntry)
						note("order", err)
					}
				}
			}
		}
	}
	return got
}

func without(all, less map[string]bool) map[string]bool {
	out := maps.Clone(all)
	maps.DeleteFunc(out, func(id string, _ bool) bool { return less[id] })
	return out
}

// With every secret that she holds, and her device's key, carol opens nothing of what
// came onto the host from the seal on that removed her.
func TestAttackRemovedReadsOn(t *testing.T) {
	h, alice, bob, carol := trio(t)
	before := h.blobs()
	alice.removes("carol")
	alice.writes("after carol")
	agrees(t, 4, alice, bob)
	if _, err := bob.Invite(t.Context(), InviteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Seal(t.Context(), SealOptions{}); err != nil {
		t.Fatal(err)
	}
	agrees(t, 4, alice, bob)
	if _, err := carol.Sync(t.Context()); err == nil {
		t.Error("carol syncs")
	}
	after := without(h.blobs(), before)
	if got := carol.opened(h, after, alice); len(got) > 0 {
		t.Errorf("carol opens %q", got)
	}
	for _, kind := range []string{"wrap", "ledger", "manifest", "lane"} {
		if got := bob.opened(h, after, alice); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, kind) }) {
			t.Errorf("the hunt finds no %s that bob may open: %q", kind, got)
		}
	}
}

// With every secret that a newcomer without history holds it opens nothing that was on
// the host before the seal that let it in.
func TestAttackNoHistory(t *testing.T) {
	h, alice, bob, carol := trio(t)
	if _, err := alice.Seal(t.Context(), SealOptions{}); err != nil {
		t.Fatal(err)
	}
	carol.writes("in epoch 1")
	agrees(t, 4, alice, bob, carol)
	newcomer := newPeer(t, "newcomer")
	newcomer.joins(alice, InviteOptions{History: "none"})
	carol.writes("while the newcomer waits")
	carol.syncs()
	before := h.blobs()
	bob.syncs() // an admin: it seals
	newcomer.syncs()
	agrees(t, 5, alice, bob, carol, newcomer)
	newcomer.writes("of the newcomer")
	agrees(t, 6, alice, bob, carol, newcomer)
	if epochs, err := newcomer.keys.Epochs(); err != nil || len(epochs) != 1 {
		t.Errorf("the newcomer holds %d secrets, %v", len(epochs), err)
	}
	if got := newcomer.opened(h, before, alice); len(got) > 0 {
		t.Errorf("the newcomer opens %q", got)
	}
	if got := newcomer.opened(h, without(h.blobs(), before), alice); len(got) == 0 {
		t.Error("the hunt finds nothing at all")
	}
	if got := bob.opened(h, before, alice); len(got) < 5 {
		t.Errorf("the hunt finds only %q for bob", got)
	}
}

// asks makes a join by a link in the name of a person without asking whether it may,
// as a changed program would.
func (p *peer) asks(link string) []byte {
	p.t.Helper()
	l, err := membership.ParseLink(link)
	if err != nil {
		p.t.Fatal(err)
	}
	home := Options{Home: filepath.Join(p.t.TempDir(), p.name+"-again"), NoPassphrase: true, NoAgent: true}
	home, _ = home.withDefaults()
	vault, err := ensureVault(home)
	if err != nil {
		p.t.Fatal(err)
	}
	dev, err := vault.NewDevice(home.Rand)
	if err != nil {
		p.t.Fatal(err)
	}
	var request []byte
	err = p.look(p.t.Context(), func(r *round) error {
		items, err := salted(home.Rand, map[string][]byte{membership.ItemMemberName: []byte(p.name), membership.ItemDeviceName: []byte("x")})
		if err != nil {
			return err
		}
		plain, err := membership.EncodeJoinItems(dev.ID(), items)
		if err != nil {
			return err
		}
		inv, ok := r.roster().Invite(membership.InviteID(l.Invite.Hash))
		if !ok {
			return fmt.Errorf("no such invite")
		}
		mail, err := seal.SealTo(inv.Mailbox, plain)
		if err != nil {
			return err
		}
		q, err := r.roster().NewJoin(l.Invite, membership.JoinParams{
			Invite: l.InviteKey(), Signer: dev, Recipient: dev.Recipient(), Items: items.Hashes(), Private: mail,
		})
		if err != nil {
			return err
		}
		request, err = q.Encode()
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return request
}

// A removed member has prepared every way back, and another member even carries the
// joins for it: each is refused, after a removal as after leaving.
func TestAttackRemovedComesBack(t *testing.T) {
	for _, how := range []string{"removed", "left"} {
		t.Run(how, func(t *testing.T) {
			_, alice, bob, _ := trio(t)
			mallory := newPeer(t, "mallory")
			many, err := alice.Invite(t.Context(), InviteOptions{Uses: 5, Role: "admin"})
			if err != nil {
				t.Fatal(err)
			}
			s, _, err := Join(t.Context(), mallory.dir, many.Link, JoinOptions{As: "mallory"}, mallory.opts)
			if err != nil {
				t.Fatal(err)
			}
			mallory.Space = s
			alice.syncs()
			if err := alice.ApproveMember(t.Context(), "mallory"); err != nil {
				t.Fatal(err)
			}
			agrees(t, 3, alice, bob, mallory)
			links := map[string]string{"multi-use link": many.Link}
			own, err := mallory.AddDevice(t.Context(), InviteOptions{})
			if err != nil {
				t.Fatal(err)
			}
			links["device link"] = own.Link
			made, err := mallory.Invite(t.Context(), InviteOptions{Uses: 3})
			if err != nil {
				t.Fatal(err)
			}
			links["own invite"] = made.Link
			sheet, err := mallory.NewRecovery(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			requests := map[string][]byte{}
			for name, link := range links {
				requests[name+", asked before"] = mallory.asks(link)
			}
			alice.syncs()
			if how == "left" {
				if _, err := mallory.Leave(t.Context()); err != nil {
					t.Fatal(err)
				}
				alice.syncs()
			} else {
				alice.removes("mallory")
			}
			bob.syncs()
			for name, link := range links {
				requests[name+", asked after"] = mallory.asks(link)
				again := newPeer(t, "again")
				if _, _, err := Join(t.Context(), again.dir, link, JoinOptions{As: "mallory"}, again.opts); !errors.Is(err, ErrNotPermitted) {
					t.Errorf("%s: %v", name, err)
				}
			}
			for name, request := range requests {
				if err := bob.Admit(t.Context(), request); !errors.Is(err, ErrNotPermitted) {
					t.Errorf("%s: bob admits it: %v", name, err)
				}
			}
			again := newPeer(t, "again")
			if _, _, err := Recover(t.Context(), again.dir, RecoverOptions{Sheet: sheet}, again.opts); !errors.Is(err, ErrNotPermitted) {
				t.Errorf("recovery words: %v", err)
			}
			agrees(t, 3, alice, bob)
		})
	}
}

// A stolen device has opened doors: a further device, a link, recovery words. With the
// device they go, but for what is kept by name.
func TestAttackStolenDevice(t *testing.T) {
	_, alice, bob, carol := trio(t)
	second := func(by *peer, name string) *peer {
		link, err := by.AddDevice(t.Context(), InviteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		p := newPeer(t, name)
		s, _, err := Join(t.Context(), p.dir, link.Link, JoinOptions{DeviceName: name}, p.opts)
		if err != nil {
			t.Fatal(err)
		}
		p.Space = s
		alice.syncs()
		agrees(t, 3, p, alice, bob, carol)
		return p
	}
	phone := second(bob, "phone")
	thiefs, kept := second(phone, "thief's"), second(phone, "kept")
	open, err := phone.AddDevice(t.Context(), InviteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sheet, err := phone.NewRecovery(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bob.syncs()
	closes, err := bob.PreviewRemoveDevice(t.Context(), "phone", nil)
	if err != nil || len(closes.Devices) != 3 || len(closes.Invites) != 1 || !closes.Recovery {
		t.Errorf("preview: %+v %v", closes, err)
	}
	o, err := bob.RemoveDevice(t.Context(), "phone", RemoveOptions{Keep: []string{"kept"}})
	if err != nil || o.State != OutcomeSealed {
		t.Fatalf("removing: %+v %v", o, err)
	}
	for _, p := range []*peer{phone, thiefs} {
		if _, err := p.Sync(t.Context()); !errors.Is(err, ErrNotPermitted) {
			t.Errorf("%s syncs: %v", p.name, err)
		}
		p.isIn(StateRemoved)
	}
	again := newPeer(t, "again")
	if _, _, err := Join(t.Context(), again.dir, open.Link, JoinOptions{}, again.opts); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("the stolen device's link: %v", err)
	}
	if _, _, err := Recover(t.Context(), again.dir, RecoverOptions{Sheet: sheet}, again.opts); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("the stolen device's words: %v", err)
	}
	kept.syncs()
	kept.writes("from the kept one")
	agrees(t, 4, kept, alice, bob, carol)
}

// Two admins remove each other at the same moment: the ledger orders them, one goes.
func TestAttackTwoAdminsAtOnce(t *testing.T) {
	_, alice, bob, carol := trio(t)
	if _, err := alice.ChangeRole(t.Context(), "carol", "admin", SealOptions{}); err != nil {
		t.Fatal(err)
	}
	agrees(t, 3, alice, bob, carol)
	errs := make(chan error)
	for who, whom := range map[*peer]string{bob: "carol", carol: "bob"} {
		go func() {
			_, err := who.RemoveMember(t.Context(), whom, RemoveOptions{})
			errs <- err
		}()
	}
	refused := 0
	for range 2 {
		if err := <-errs; errors.Is(err, ErrNotPermitted) {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	if refused != 1 {
		t.Errorf("%d of the two were refused", refused)
	}
	stays, goes := bob, carol
	if st, err := bob.Status(t.Context()); err != nil || st.State == StateRemoved {
		stays, goes = carol, bob
	}
	agrees(t, 3, alice, stays)
	if _, err := goes.Sync(t.Context()); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("%s syncs: %v", goes.name, err)
	}
	goes.isIn(StateRemoved)
}

// An admin who removed the owner's last device would invite itself as the owner: only
// owners touch owners, and an editor touches nobody.
func TestAttackBelowTheirRole(t *testing.T) {
	_, alice, bob, carol := trio(t)
	for name, try := range map[string]func() error{
		"admin removes owner":  func() error { return third(bob.RemoveMember(t.Context(), "alice", RemoveOptions{})) },
		"admin removes device": func() error { return third(bob.RemoveDevice(t.Context(), alice.device().String(), RemoveOptions{})) },
		"admin lowers owner":   func() error { return third(bob.ChangeRole(t.Context(), "alice", "viewer", SealOptions{})) },
		"admin raises itself":  func() error { return third(bob.ChangeRole(t.Context(), "bob", "owner", SealOptions{})) },
		"admin changes policy": func() error {
			return third(bob.ChangePolicy(t.Context(), func(p *Policy) error { p.Invite = "editor"; return nil }))
		},
		"admin removes itself":   func() error { return third(bob.RemoveMember(t.Context(), "bob", RemoveOptions{})) },
		"admin lowers itself":    func() error { return third(bob.ChangeRole(t.Context(), "bob", "viewer", SealOptions{})) },
		"editor removes":         func() error { return third(carol.RemoveMember(t.Context(), "bob", RemoveOptions{})) },
		"editor removes device":  func() error { return third(carol.RemoveDevice(t.Context(), bob.device().String(), RemoveOptions{})) },
		"editor raises itself":   func() error { return third(carol.ChangeRole(t.Context(), "carol", "admin", SealOptions{})) },
		"editor seals":           func() error { _, err := carol.Seal(t.Context(), SealOptions{}); return err },
		"last owner leaves":      func() error { return third(alice.Leave(t.Context())) },
		"last owner is no owner": func() error { return third(alice.ChangeRole(t.Context(), "alice", "admin", SealOptions{})) },
	} {
		if err := try(); !errors.Is(err, ErrNotPermitted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	agrees(t, 3, alice, bob, carol)
	if o := alice.openEpoch(); o.Number != 0 {
		t.Errorf("epoch %d was opened by one of them", o.Number)
	}
}

func third(_ *Outcome, err error) error { return err }

// Whoever has the old encryption key of a device, and all that is on the host, opens
// nothing that was wrapped after the device changed it.
func TestAttackOldEncryptionKey(t *testing.T) {
	h, alice, bob, carol := trio(t)
	old := *bob.keys.Device()
	if o, err := bob.RotateKey(t.Context()); err != nil || o.State != OutcomeDone {
		t.Fatalf("%+v %v", o, err)
	}
	agrees(t, 3, alice, bob, carol)
	before := h.blobs()
	alice.removes("carol")
	agrees(t, 3, alice, bob)
	repo, err := gitstore.Open(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	opens := func(d *identity.Device) (n int) {
		for id := range without(h.blobs(), before) {
			oid, _ := wire.ParseObjectID(id)
			blob, err := repo.Blob(oid, wire.MaxEntry)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Open(blob, wire.MaxEntry); err == nil {
				n++
			}
		}
		return n
	}
	if got := opens(&old); got != 0 {
		t.Errorf("the old key opens %d objects", got)
	}
	if got := opens(bob.keys.Device()); got == 0 {
		t.Error("the new key opens nothing")
	}
}

// The host shows a newcomer the ledger from before an admin was removed, who lets it
// in there. It reads what that admin knew anyway; nothing that it writes leaves it,
// since neither its inviter nor an owner nor two members ever saw its join.
func TestAttackNewcomerCapturedByRemoved(t *testing.T) {
	h, alice, bob, carol := trio(t)
	inv, err := alice.Invite(t.Context(), InviteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	agrees(t, 3, alice, bob, carol)
	old := h.copy()
	alice.removes("bob")
	bob.moves(old.dir)
	l, err := membership.ParseLink(inv.Link)
	if err != nil {
		t.Fatal(err)
	}
	l.Repository = old.dir // what the host of that name serves to the newcomer
	newcomer := newPeer(t, "newcomer")
	s, _, err := Join(t.Context(), newcomer.dir, l.String(), JoinOptions{As: "newcomer"}, newcomer.opts)
	if err != nil {
		t.Fatal(err)
	}
	newcomer.Space = s
	for range 2 {
		bob.syncs()
		newcomer.syncs()
	}
	newcomer.isIn(StateUnwitnessed)
	newcomer.writes("for the captors")
	newcomer.syncs()
	bob.syncs()
	if got := bob.texts(); slices.Contains(got, "for the captors") {
		t.Errorf("the removed admin reads the newcomer: %q", got)
	}
	if st, err := newcomer.Status(t.Context()); err != nil || st.Pending != 1 {
		t.Errorf("the newcomer's write left it: %+v %v", st, err)
	}
	newcomer.moves(h.dir)
	if _, err := newcomer.Sync(t.Context()); err == nil {
		t.Error("the newcomer does not notice that there are two ledgers")
	}
}
