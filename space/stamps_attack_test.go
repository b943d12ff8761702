package space

import (
	"strings"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// lies alters what waits to be pushed, as another program would.
func (p *peer) lies(fn func(r *round, tx *merge.Transaction)) {
	p.t.Helper()
	err := p.db.Update(p.t.Context(), func(v *view.Tx) error {
		r, err := p.newRound(v, &SyncResult{})
		if err != nil {
			return err
		}
		rows, err := v.PendingJournal(0)
		if err != nil {
			return err
		}
		for _, row := range rows {
			tx, err := merge.DecodeTransaction(row.Tx)
			if err != nil {
				return err
			}
			fn(r, tx)
			if row.Tx, err = merge.EncodeTransaction(tx); err != nil {
				return err
			}
			row.Number, row.Time = tx.Number, tx.Time
			if err := v.SetJournal(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// note is a row that all have, and how it is changed.
func (p *peer) note(text string) (id string) {
	p.t.Helper()
	id, err := p.Insert(p.t.Context(), "notes", Row{"text": text})
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

func (p *peer) changes(id, text string) {
	p.t.Helper()
	if err := p.Update(p.t.Context(), "notes", id, Row{"text": text}); err != nil {
		p.t.Fatal(err)
	}
}

// Attack 42: who marks a write as issued again gains nothing: not in the first epoch,
// where nothing can have been, and later not over what the epoch wrote.
func TestAttackFakeReissueMark(t *testing.T) {
	_, alice, bob, carol := trio(t)
	bob.writes("fake")
	bob.lies(func(r *round, tx *merge.Transaction) { tx.Before = tx.Time })
	bob.syncs()
	alice.syncs()
	log, err := alice.Log(t.Context(), LogQuery{Refused: true})
	if err != nil || len(log) != 1 || !strings.Contains(log[0].Reason, "no epoch was sealed") {
		t.Fatalf("alice's changelog: %+v, %v", log, err)
	}
	if list, err := bob.Conflicts(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("bob's conflicts: %+v, %v", list, err)
	}
	alice.seals()
	row := alice.note("honest")
	everybody(alice, bob, carol)
	bob.changes(row, "fake mark, far ahead")
	bob.lies(func(r *round, tx *merge.Transaction) { tx.Time, tx.Before = r.me.Opening, merge.MaxTime })
	everybody(bob, alice, carol)
	see(t, 1, append([]string{"honest"}, firsts...), alice, carol)
	alice.seals()
	everybody(bob, carol, alice)
	see(t, 2, append([]string{"honest"}, firsts...), alice, carol) // bob's own store believes what he made of it
}

// Attack 42: a write at the bound of times, by whatever device, loses to one that has
// seen it, in its epoch and after a seal.
func TestAttackHighestDeviceAtTheTimeBound(t *testing.T) {
	_, alice, bob, carol := trio(t)
	row := alice.note("first")
	everybody(alice, bob, carol)
	bob.changes(row, "at the bound")
	bob.lies(func(r *round, tx *merge.Transaction) { tx.Time = r.me.Opening + merge.Ahead })
	bob.syncs()
	alice.syncs()
	see(t, 0, append([]string{"at the bound"}, firsts...), alice)
	alice.changes(row, "has seen it")
	everybody(alice, bob, carol)
	see(t, 0, append([]string{"has seen it"}, firsts...), alice, bob, carol)
	alice.seals()
	everybody(bob, carol, alice)
	see(t, 1, append([]string{"has seen it"}, firsts...), alice, bob, carol)
	carol.changes(row, "one race is all that it gained")
	everybody(carol, alice, bob)
	see(t, 1, append([]string{"one race is all that it gained"}, firsts...), alice, bob, carol)
}

// Attack 42: the last number of all is a number. Its device has none left and says
// so; nothing wraps around, here or after a seal.
func TestAttackLastNumber(t *testing.T) {
	_, alice, bob, carol := trio(t)
	bob.writes("the last")
	bob.lies(func(r *round, tx *merge.Transaction) { tx.Number = merge.MaxNumber })
	everybody(bob, alice, carol)
	see(t, 0, append([]string{"the last"}, firsts...), alice, bob, carol)
	if _, err := bob.Insert(t.Context(), "notes", Row{"text": "one more"}); err == nil {
		t.Error("a number after the last")
	}
	alice.seals()
	everybody(bob, carol, alice)
	if _, err := bob.Insert(t.Context(), "notes", Row{"text": "one more"}); err == nil {
		t.Error("a number after the last, in the next epoch")
	}
	alice.writes("goes on")
	everybody(alice, bob, carol)
	see(t, 1, append([]string{"the last", "goes on"}, firsts...), alice, bob, carol)
	alice.verifies()
}

// Attack 47: who did not belong before the epoch ended, who may not write, and whom
// nobody trusts for it, endorse in vain.
func TestAttackPuppetEndorsement(t *testing.T) {
	_, alice, bob, carol := trio(t)
	eve, late := newPeer(t, "eve"), newPeer(t, "late")
	eve.joins(alice, InviteOptions{Role: "viewer"})
	everybody(alice, eve)
	bob.seals()
	late.joins(alice, InviteOptions{})
	dave := newPeer(t, "dave")
	dave.joins(alice, InviteOptions{})
	everybody(alice, bob, carol, eve, late, dave)
	err := dave.look(t.Context(), func(r *round) error {
		digest := wire.Sum([]byte("a state"))
		for _, c := range []struct {
			name string
			by   []wire.DeviceID
			want bool
		}{
			{"nobody", nil, false},
			{"a device that the ledger does not know", []wire.DeviceID{{7}}, false},
			{"a viewer", []wire.DeviceID{eve.device()}, false},
			{"who joined later", []wire.DeviceID{late.device()}, false},
			{"an editor alone", []wire.DeviceID{carol.device()}, false},
			{"all of these", []wire.DeviceID{eve.device(), late.device(), carol.device(), {7}}, false},
			{"the sealer", []wire.DeviceID{bob.device()}, true},
			{"the inviter, an owner", []wire.DeviceID{alice.device()}, true},
		} {
			st := &starting{r: r, opening: r.roster().Epoch(), endorsed: map[wire.Hash][]wire.DeviceID{digest: c.by}}
			if got := st.enough(digest); got != c.want {
				t.Errorf("endorsed by %s: %v", c.name, got)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Attacks 47 and 48: the sealer publishes the manifest of the epoch before. It opens
// under no secret of this one; its author is named, and who knows better replaces it.
func TestAttackStaleCheckpoint(t *testing.T) {
	_, alice, bob, carol := trio(t)
	bob.seals()
	everybody(alice, carol, bob)
	var box []byte
	err := bob.look(t.Context(), func(r *round) (err error) {
		m, err := r.base()
		if err == nil {
			box, err = m.Seal(r.secret.ManifestKey(r.epoch().O), bob.Space.opts.Rand)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	bob.sealsQuietly()
	bob.cheats(func(r *round, b *gitstore.Batch, shown *display) gitstore.RefUpdate {
		ref := bob.refs.State(r.epoch(), bob.device())
		sum := chain.AddsHash(map[string][]byte{manifestFile: box})
		msg := r.message(chain.State)
		msg.Adds = &sum
		tree := b.Tree([]gitstore.TreeEntry{{Name: manifestFile, Mode: gitstore.ModeFile, ID: b.Blob(box)}, {Name: pagesDir, Mode: gitstore.ModeDir, ID: b.Tree(nil)}})
		id, err := r.commit(b, ref, shown.at(ref), tree, msg)
		if err != nil {
			t.Fatal(err)
		}
		return gitstore.RefUpdate{Name: ref, Old: shown.at(ref), New: id}
	})
	dave := newPeer(t, "dave")
	dave.joins(alice, InviteOptions{})
	told := everybody(alice, dave)
	told = append(told, everybody(alice, dave)...)
	tells(t, told, "is wrong")
	see(t, 2, append([]string{}, firsts...), alice, dave)
	if list, err := dave.accused(t); err != nil || !strings.Contains(list, bob.device().String()) {
		t.Errorf("dave's evidence names %s, %v; want bob", list, err)
	}
}

func (p *peer) accused(t *testing.T) (devices string, err error) {
	t.Helper()
	err = p.db.View(t.Context(), func(v *view.Tx) error {
		list, err := loadEvidence(v)
		for _, e := range list {
			devices += e.Device + " "
		}
		return err
	})
	return devices, err
}
