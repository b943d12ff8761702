package space

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
)

// badSeal makes a seal as the SDK does, lets change alter its cut, and gives what it
// would push: keys, close, order, main, and what it moves.
func (p *peer) badSeal(change func(*sealing)) (sg *sealing, updates []gitstore.RefUpdate) {
	p.t.Helper()
	sg = &sealing{s: p.Space, unstable: map[string]int{}, tries: new([]wire.Hash), done: Sealed{Short: []string{}}}
	sg.body = func(*round) (membership.Body, map[string][]byte, error) { return &membership.RotateBody{}, nil, nil }
	err := p.readThen(p.t.Context(), func(r *round, b *gitstore.Batch, shown *display) (err error) {
		sg.r, sg.b, sg.shown = r, b, shown
		if sg.secret, err = seal.NewSecret(p.Space.opts.Rand); err != nil {
			return err
		}
		if err := sg.cut(); err != nil {
			return err
		}
		change(sg)
		sg.part.Commitment = sg.secret.Commitment(r.roster().Epoch().Number+1, r.roster().Head().Hash)
		ended := r.epoch()
		main, err := sg.entry()
		if err != nil {
			return err
		}
		next := r.roster().Epoch().Epoch
		closing, moves, err := sg.closing(ended)
		if err != nil {
			return err
		}
		keys, err := sg.keys(next)
		if err != nil {
			return err
		}
		order, err := sg.order(next)
		if err != nil {
			return err
		}
		updates = append([]gitstore.RefUpdate{keys, {Name: p.refs.Close(next), New: closing}, order, main}, moves...)
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return sg, updates
}

func (p *peer) pushes(updates ...gitstore.RefUpdate) {
	p.t.Helper()
	host, err := p.host()
	if err != nil {
		p.t.Fatal(err)
	}
	if pushed, err := host.Push(p.t.Context(), updates, gitstore.PushOptions{}); err != nil || pushed.Err() != nil {
		p.t.Fatal(err, pushed)
	}
}

// shortens ends a lane in the cut after n entries.
func (sg *sealing) shortens(t *testing.T, d wire.DeviceID, n uint64) {
	t.Helper()
	end, err := sg.r.endOf(sg.r.lanes[d], n)
	if err != nil {
		t.Fatal(err)
	}
	lanes := &sg.part.Cut.Lanes
	i := slices.IndexFunc(*lanes, func(c membership.LaneCut) bool { return c.Device == d })
	ref := sg.s.refs.Lane(sg.r.epoch(), d)
	if (*lanes)[i].LogHead = end.head; n == 0 {
		*lanes = slices.Delete(*lanes, i, i+1)
		delete(sg.ends, ref)
		return
	}
	sg.ends[ref] = end.commit
}

// everybody syncs, whatever they are told.
func everybody(people ...*peer) (told []string) {
	for range 3 {
		for _, p := range people {
			res, err := p.Sync(p.t.Context())
			if err != nil && !errors.Is(err, ErrViolation) {
				p.t.Fatalf("%s syncs: %v", p.name, err)
			}
			if err != nil {
				told = append(told, p.name+": "+err.Error())
			}
			for _, w := range res.Warnings {
				told = append(told, p.name+": "+w)
			}
		}
	}
	return told
}

// see: all have the same rows, these, in the same epoch.
func see(t *testing.T, epoch uint64, want []string, people ...*peer) {
	t.Helper()
	slices.Sort(want)
	for _, p := range people {
		if got := p.texts(); !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", p.name, got, want)
		}
		if st, err := p.Status(t.Context()); err != nil || st.Epoch != epoch || st.Pending != 0 {
			t.Errorf("%s is %+v, %v; want epoch %d and nothing pending", p.name, st, err, epoch)
		}
	}
}

func tells(t *testing.T, told []string, words string) {
	t.Helper()
	if !slices.ContainsFunc(told, func(s string) bool { return strings.Contains(s, words) }) {
		t.Errorf("nobody is told %q, but:\n%s", words, strings.Join(told, "\n"))
	}
}

var firsts = []string{"first of alice", "first of bob", "first of carol"}

// Attack 32: an admin cuts below what it had seen. It is named; the work comes again.
func TestAttackCutBelowSeen(t *testing.T) {
	for _, n := range []uint64{0, 1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			_, alice, bob, carol := trio(t)
			carol.writes("second of carol")
			carol.syncs()
			bob.syncs()
			bob.writes("has seen it")
			bob.syncs()
			alice.syncs()
			_, updates := bob.badSeal(func(sg *sealing) { sg.shortens(t, carol.device(), n) })
			bob.pushes(updates...)
			told := everybody(alice, carol, bob)
			tells(t, told, "by bob")
			tells(t, told, "the seal of epoch 0 by bob")
			see(t, 1, append([]string{"second of carol", "has seen it"}, firsts...), alice, bob, carol)
			for _, p := range []*peer{alice, bob, carol} {
				if list, err := p.SetAside(t.Context()); err != nil || len(list) != 0 {
					t.Errorf("%s has set aside %+v, %v", p.name, list, err)
				}
			}
		})
	}
}

// Attack 34: the lane of a removed member is deleted on the host after the cut. It
// is still there through the closing commit.
func TestAttackRemovedLaneDeleted(t *testing.T) {
	h, alice, bob, carol := trio(t)
	carol.writes("second of carol")
	carol.syncs()
	if _, err := alice.RemoveMember(t.Context(), "carol", RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	h.git("update-ref", "-d", h.lane(carol))
	everybody(bob, alice)
	see(t, 1, append([]string{"second of carol"}, firsts...), alice, bob)
}

// Attack 35: a closing commit without its entry. Nothing is pushed for a day, and it
// is said why; one of a try that was lost is ignored.
func TestAttackClosingWithoutEntry(t *testing.T) {
	_, alice, bob, carol := trio(t)
	_, updates := bob.badSeal(func(*sealing) {})
	for _, u := range updates {
		if u.Name == bob.refs.Lane(wire.Epoch{O: bob.id}, carol.device()) {
			bob.pushes(u)
		}
	}
	carol.writes("waits")
	res := carol.syncs()
	tells(t, res.Warnings, "bob has sealed this epoch with ledger entry")
	if st, err := carol.Status(t.Context()); err != nil || st.Pending != 1 {
		t.Errorf("carol: %+v, %v", st, err)
	}
	// Another entry takes the number: that closing commit is of a lost try.
	if _, err := alice.Invite(t.Context(), InviteOptions{}); err != nil && !errors.Is(err, ErrViolation) {
		t.Logf("alice invites: %v", err)
	}
	alice.seals()
	everybody(carol, bob, alice)
	see(t, 1, append([]string{"waits"}, firsts...), alice, bob, carol)
}

// Attack 36: closing commits by who may not seal, or on objects that don't exist, are
// ignored.
func TestAttackForeignClosing(t *testing.T) {
	_, alice, bob, carol := trio(t)
	carol.cheats(func(r *round, b *gitstore.Batch, shown *display) gitstore.RefUpdate {
		d, _ := r.roster().Device(carol.device())
		head := r.roster().Head()
		head.Number++
		head.Hash[0] ^= 1
		x := chain.Closing{Space: carol.id, Epoch: r.epoch().O, Device: d.ID, Key: d.Key, Entry: head}
		ref := carol.refs.Order(r.epoch())
		raw, err := chain.Sign(x.Commit([]wire.ObjectID{shown.at(ref)}, chain.TimeAfter(r.now.Unix(), 0)), carol.keys.Device())
		if err != nil {
			t.Fatal(err)
		}
		b.Tree(nil)
		return gitstore.RefUpdate{Name: ref, Old: shown.at(ref), New: b.Commit(raw)}
	})
	bob.writes("goes on")
	told := everybody(bob, alice, carol)
	if slices.ContainsFunc(told, func(s string) bool { return strings.Contains(s, "nothing is pushed") }) {
		t.Errorf("somebody stopped: %v", told)
	}
	see(t, 0, append([]string{"goes on"}, firsts...), alice, bob, carol)
	alice.seals()
	everybody(bob, carol, alice)
	see(t, 1, append([]string{"goes on"}, firsts...), alice, bob, carol)
}

// Attack 37: an epoch without wraps, which nobody can enter, is sealed again.
func TestAttackEpochWithoutWraps(t *testing.T) {
	_, alice, bob, carol := trio(t)
	_, updates := bob.badSeal(func(*sealing) {})
	bob.pushes(updates[1:]...) // all but the keys
	carol.writes("meanwhile")
	everybody(alice, carol, bob)
	see(t, 2, append([]string{"meanwhile"}, firsts...), alice, bob, carol)
}

// Attack 38: the secret of an attempt that did not land opens nothing, also when the
// host keeps its wraps and shows them for the epoch that came about.
func TestAttackRefusedSealSecret(t *testing.T) {
	h, alice, bob, carol := trio(t)
	sg, updates := bob.badSeal(func(*sealing) {})
	bob.pushes(gitstore.RefUpdate{Name: "refs/kept/keys", New: updates[0].New})
	alice.seals()
	var next wire.Epoch
	if err := alice.look(t.Context(), func(r *round) error { next = r.epoch(); return nil }); err != nil {
		t.Fatal(err)
	}
	old := h.git("rev-parse", bob.refs.Keys(next))
	h.git("update-ref", bob.refs.Keys(next), h.git("commit-tree", "refs/kept/keys^{tree}", "-m", "x", "-p", old, "-p", "refs/kept/keys"))
	everybody(carol, bob, alice)
	see(t, 1, slices.Clone(firsts), alice, bob, carol)
	for _, p := range []*peer{alice, bob, carol} {
		got, ok := p.keys.Secret(next.O)
		if secret, err := seal.SecretFrom(got); !ok || err != nil || secret.Commitment(1, wire.Hash{}) == sg.secret.Commitment(1, wire.Hash{}) {
			t.Errorf("%s holds the refused secret, or none: %v %v", p.name, ok, err)
		}
	}
}

// dying is a host that takes n pushes and then goes away, before or after it took the
// next one.
type dying struct {
	gitstore.Remote
	left     *int
	take     bool
	noAtomic bool
}

func (d dying) Push(ctx context.Context, u []gitstore.RefUpdate, o gitstore.PushOptions) (*gitstore.Pushed, error) {
	if d.noAtomic && o.Atomic {
		return nil, gitstore.ErrNoAtomic
	}
	if *d.left--; *d.left < 0 {
		if d.take && *d.left == -1 {
			if _, err := d.Remote.Push(ctx, u, o); err != nil {
				return nil, err
			}
		}
		return nil, gitstore.ErrUnreachable
	}
	return d.Remote.Push(ctx, u, o)
}

// Attack 39: the sealer's program dies between any two steps of a seal, with a host
// that pushes all or nothing and with one that does not.
func TestAttackCrashInSeal(t *testing.T) {
	for _, noAtomic := range []bool{false, true} {
		for step := range 6 {
			for _, take := range []bool{false, true} {
				t.Run(fmt.Sprintf("atomic=%v/step=%d/landed=%v", !noAtomic, step, take), func(t *testing.T) {
					t.Parallel()
					_, alice, bob, carol := trio(t)
					carol.writes("second of carol")
					carol.syncs()
					host, err := bob.host()
					if err != nil {
						t.Fatal(err)
					}
					left := step
					bob.remote = dying{host, &left, take, noAtomic}
					bob.writes("second of bob")
					_, err = bob.Seal(t.Context(), SealOptions{})
					t.Logf("sealing: %v", err)
					if err := bob.Close(); err != nil {
						t.Fatal(err)
					}
					if bob.Space, err = Open(t.Context(), bob.dir, bob.opts); err != nil {
						t.Fatal(err)
					}
					carol.writes("third of carol")
					everybody(carol, bob, alice)
					bob.seals()
					everybody(carol, alice, bob)
					var epoch uint64
					if err := bob.look(t.Context(), func(r *round) error { epoch = r.roster().Epoch().Number; return nil }); err != nil {
						t.Fatal(err)
					}
					see(t, epoch, append([]string{"second of carol", "second of bob", "third of carol"}, firsts...), alice, bob, carol)
					if epoch < 1 || epoch > 2 {
						t.Errorf("epoch %d", epoch)
					}
					for _, p := range []*peer{alice, bob, carol} {
						p.verifies()
					}
				})
			}
		}
	}
}

// The program dies after the push landed and before anything of it was read back.
func TestAttackCrashBeforeReadBack(t *testing.T) {
	_, alice, bob, carol := trio(t)
	_, updates := bob.badSeal(func(*sealing) {})
	bob.pushes(updates...)
	bob.writes("after the crash")
	everybody(bob, alice, carol)
	see(t, 1, append([]string{"after the crash"}, firsts...), alice, bob, carol)
}
