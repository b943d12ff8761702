package space

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/checkpoint"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// sealsQuietly seals and says nothing of the new epoch's state yet.
func (p *peer) sealsQuietly() {
	p.t.Helper()
	p.syncs()
	_, err := p.sealLocked(p.t.Context(), SealOptions{}, func(*round) (membership.Body, map[string][]byte, error) {
		return &membership.RotateBody{}, nil, nil
	})
	if err != nil {
		p.t.Fatalf("%s seals: %v", p.name, err)
	}
}

func (p *peer) seals() {
	p.t.Helper()
	if _, err := p.Seal(p.t.Context(), SealOptions{}); err != nil {
		p.t.Fatalf("%s seals: %v", p.name, err)
	}
}

// rewrites makes the own base another one: fn gets each record, and what it returns
// is in it instead.
func (p *peer) rewrites(fn func(r *round, key, value []byte) (k, v []byte)) {
	p.t.Helper()
	err := p.db.Update(p.t.Context(), func(v *view.Tx) error {
		r, err := p.newRound(v, &SyncResult{})
		if err != nil {
			return err
		}
		m, err := r.base()
		if err != nil {
			return err
		}
		cut, err := r.pageCut()
		if err != nil {
			return err
		}
		b := checkpoint.New(checkpoint.Place{Space: p.id, Epoch: r.epoch().O}, cut, nil, p.Space.opts.Rand)
		batch := p.repo.Batch()
		b.Emit = func(page checkpoint.Page) error {
			id := batch.Blob(page.Blob)
			return v.Put(bucketBlob, page.Hash[:], id[:])
		}
		err = r.readBase(m, func(key, value []byte) error {
			key, value = fn(r, slices.Clone(key), slices.Clone(value))
			if key == nil {
				return nil
			}
			return b.Add(key, value)
		})
		if err != nil {
			return err
		}
		built, err := b.Finish()
		if err != nil {
			return err
		}
		return errors.Join(batch.Flush(), r.storeBase(built.Manifest))
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) verifies(problems ...string) *VerifyResult {
	p.t.Helper()
	res, err := p.Verify(p.t.Context(), VerifyOptions{Full: true})
	if err != nil && !errors.Is(err, ErrViolation) {
		p.t.Fatalf("%s verifies: %v", p.name, err)
	}
	if len(res.Problems) != len(problems) {
		p.t.Errorf("%s finds %q, want %q", p.name, res.Problems, problems)
		return res
	}
	for _, want := range problems {
		if !slices.ContainsFunc(res.Problems, func(got string) bool { return strings.Contains(got, want) }) {
			p.t.Errorf("%s finds %q, want %q", p.name, res.Problems, problems)
		}
	}
	return res
}

// epochs: three epochs in which everybody wrote.
func epochs(t *testing.T) (h bare, alice, bob, carol *peer) {
	t.Helper()
	h, alice, bob, carol = trio(t)
	for _, text := range []string{"second", "third"} {
		alice.seals()
		for range 2 {
			for _, p := range []*peer{bob, carol, alice} {
				p.syncs()
			}
		}
		for _, p := range []*peer{alice, bob, carol} {
			p.writes(text + " of " + p.name)
			p.syncs()
		}
	}
	for _, p := range []*peer{alice, bob, carol} {
		p.syncs()
	}
	return h, alice, bob, carol
}

// Every epoch is folded again, by who was there and by who came by a checkpoint.
func TestVerifyEpochs(t *testing.T) {
	_, alice, bob, carol := epochs(t)
	for _, p := range []*peer{alice, bob, carol} {
		if res := p.verifies(); !res.OK || res.From != 0 || res.Operations != 9 {
			t.Errorf("%s: %+v", p.name, res)
		}
	}
	dave := newPeer(t, "dave")
	dave.joins(alice, InviteOptions{})
	for range 2 {
		alice.syncs()
		dave.syncs()
	}
	if res := dave.verifies(); !res.OK || res.From != 0 || res.Operations != 9 {
		t.Errorf("dave: %+v", res)
	}
	if len(dave.texts()) != 9 {
		t.Errorf("dave sees %v", dave.texts())
	}
}

// A wrong endorsement is named, by everybody who has the history, and changes nothing.
func TestAttackWrongEndorsementNamed(t *testing.T) {
	_, alice, bob, carol := epochs(t)
	alice.seals()
	for _, p := range []*peer{bob, carol} {
		p.syncs()
	}
	carol.rewrites(func(r *round, key, value []byte) (k, v []byte) {
		if key[0] == recordNumbers {
			return nil, nil
		}
		return key, value
	})
	carol.writes("with a wrong endorsement")
	carol.syncs()
	bob.caught("carol endorses another state of epoch 3")
	bob.verifies("carol endorses another state", "endorsed a state of epoch 3 that is not what its history folds to")
	if len(bob.texts()) != 10 {
		t.Errorf("bob sees %v", bob.texts())
	}
}

// Attack 47: a checkpoint that is wrong: it is named and replaced, and stops nobody.
func TestAttackWrongCheckpoint(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *round, key, value []byte) (k, v []byte)
		text   string // how it is found out, if by its form alone
	}{
		"a-row-gone": {change: func(r *round, key, value []byte) (k, v []byte) {
			if gone := key[0] == 'r' && r.history == nil; gone {
				r.history = &history{} // the first one only
				return nil, nil
			}
			return key, value
		}},
		"numbers": {change: func(r *round, key, value []byte) (k, v []byte) {
			if key[0] == recordNumbers {
				var none merge.Ranges
				_ = none.Add(77)
				value = none.Encode()
			}
			return key, value
		}},
		"opening": {text: "another opening", change: func(r *round, key, value []byte) (k, v []byte) {
			if key[0] == recordOpening {
				value = wire.U64(12)
			}
			return key, value
		}},
		"directory": {text: "not what members signed", change: func(r *round, key, value []byte) (k, v []byte) {
			if key[0] == recordItem {
				value[len(value)-1] ^= 1
			}
			return key, value
		}},
		"directory-hides": {text: "", change: func(r *round, key, value []byte) (k, v []byte) {
			if _, name, _ := splitItemKey(key[1:]); key[0] == recordItem && name == membership.ItemMemberName {
				return nil, nil
			}
			return key, value
		}},
		"rows-malformed": {text: "", change: func(r *round, key, value []byte) (k, v []byte) {
			if key[0] == 'r' {
				value = []byte{0xff}
			}
			return key, value
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, alice, bob, _ := trio(t)
			bob.sealsQuietly()
			bob.rewrites(c.change)
			if _, err := bob.Sync(t.Context()); err != nil && !errors.Is(err, ErrViolation) {
				t.Fatal(err)
			}
			alice.caught("bob endorses another state of epoch 1")
			dave := newPeer(t, "dave")
			dave.joins(alice, InviteOptions{})
			_, _ = alice.Sync(t.Context())
			_, err := dave.Sync(t.Context())
			if err != nil && !errors.Is(err, ErrViolation) {
				t.Fatalf("dave syncs: %v", err)
			}
			if c.text != "" && (err == nil || !strings.Contains(err.Error(), "is wrong") || !strings.Contains(err.Error(), c.text)) {
				t.Errorf("dave is told %v, want %q", err, c.text)
			}
			_, _ = alice.Sync(t.Context()) // publishes the state as she knows it
			_, _ = dave.Sync(t.Context())
			if got := dave.texts(); len(got) != 3 && c.text != "" {
				t.Errorf("dave sees %v", got)
			}
			res, _ := dave.Verify(t.Context(), VerifyOptions{Full: true})
			if res.From != 0 || !slices.ContainsFunc(res.Problems, func(p string) bool {
				return (strings.Contains(p, "bob") || strings.Contains(p, bob.device().String())) && (strings.Contains(p, "endorsed a state of epoch 1") || strings.Contains(p, "checkpoint by bob"))
			}) {
				t.Errorf("dave finds %+v", res)
			}
		})
	}
}

// Nobody endorses: the newcomer waits and says so, or reads the whole history.
func TestAttackNobodyEndorses(t *testing.T) {
	h, alice, bob, _ := trio(t)
	dave := newPeer(t, "dave")
	bob.sealsQuietly()
	dave.joins(alice, InviteOptions{})
	alice.cheats(func(r *round, b *gitstore.Batch, shown *display) gitstore.RefUpdate {
		u, err := r.keysUpdate(b, shown.refs)
		if err != nil {
			t.Fatal(err)
		}
		return u
	})
	for ref := range strings.FieldsSeq(h.git("for-each-ref", "--format=%(refname)", "refs/espace/1-*")) {
		if strings.Contains(ref, "/state/") || strings.Contains(ref, "/lanes/") {
			h.git("update-ref", "-d", ref)
		}
	}
	if res, err := dave.Sync(t.Context()); err != nil || !slices.ContainsFunc(res.Warnings, func(w string) bool { return strings.Contains(w, "waiting for the state of epoch 1") }) {
		t.Fatalf("dave is told %+v, %v", res, err)
	}
	if _, err := dave.Insert(t.Context(), "notes", Row{"text": "too early"}); err == nil {
		t.Error("dave writes without a state")
	}
	if res := dave.verifies(); !res.OK || res.From != 0 || res.Operations != 3 {
		t.Errorf("dave: %+v", res)
	}
	if len(dave.texts()) != 3 {
		t.Errorf("dave sees %v", dave.texts())
	}
	for range 2 {
		alice.syncs()
		bob.syncs()
		dave.syncs()
	}
	dave.writes("of dave")
	dave.syncs()
	bob.syncs()
	if len(bob.texts()) != 4 {
		t.Errorf("bob sees %v", bob.texts())
	}
}
