package membership

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
)

// Attacks 17 and 18 of ATTACKS.md: forks of the ledger and who ends them.

// forked is a ledger with two branches, of alice and olga (owners), adam, eve and
// mallory: what the two stories do after the fork, in one heap.
func forked(t *testing.T, keep, drop func(*story)) (kept, dropped *story, heap func() [][]byte) {
	base := with(t, map[string]Role{"olga": Owner, "adam": Admin, "mallory": Admin, "eve": Editor})
	base.must("mallory", &KeyUpdateBody{Recovery: ref(recoveryKeys("mallory"))})
	base.invite("mallory", "for a friend", Editor)
	base.join("eve 2", base.deviceLink("eve", "eve 2"))
	kept, dropped = base.in(t), base.in(t)
	keep(kept)
	drop(dropped)
	return kept, dropped, func() [][]byte { return append(slices.Clone(kept.entries), dropped.entries...) }
}

func schemaOf(who string) func(*story) {
	return func(s *story) { s.must(who, &SchemaBody{Widens: true}) }
}

func rotateOf(who string) func(*story) { return func(s *story) { s.must(who, &RotateBody{}) } }

// resolve lets who resolve in favour of kept, in sight of all that heap has.
func resolve(who string, kept *story, heap [][]byte) *ForkResolveBody {
	kept.t.Helper()
	body := kept.r.Resolving(kept.r.Rivals(heap))
	kept.must(who, body)
	return body
}

func followed(t *testing.T, on *Roster, heap [][]byte) Move {
	t.Helper()
	moves, refused := on.Follow(heap)
	if len(moves) != 1 || len(refused) != 0 {
		t.Fatalf("%d moves, refused %v", len(moves), refused)
	}
	return moves[0]
}

func stays(t *testing.T, rule string, on *Roster, heap [][]byte) {
	t.Helper()
	moves, refused := on.Follow(heap)
	if len(moves) != 0 {
		t.Fatalf("it moves to entry %d", moves[0].Roster.Head().Number)
	}
	if rule == "" {
		if len(refused) != 0 {
			t.Fatalf("refused %v", refused)
		}
		return
	}
	for _, r := range refused {
		if wantRule(t, r.Err, rule); !errors.Is(r.Err, ErrNotPermitted) {
			t.Errorf("%v", r.Err)
		}
	}
	if len(refused) == 0 {
		t.Fatal("nothing was refused")
	}
}

func TestFollow(t *testing.T) {
	kept, dropped, heap := forked(t, rotateOf("adam"), schemaOf("alice"))
	shared := kept.r.Head().Number - 1
	dropped.must("alice", &InviteRevokeBody{kept.links["for a friend"].Invite.Hash})
	body := resolve("alice", kept, heap())
	m := followed(t, dropped.r, heap())
	if m.From != shared || m.Roster.Head() != kept.r.Head() || len(m.Entries) != 2 || m.Resolve.Hash != kept.last.Hash || len(m.Dropped) != 2 ||
		m.Dropped[1].Hash != dropped.last.Hash {
		t.Errorf("%+v", m)
	}
	if i, _ := kept.r.Invite(InviteID(kept.links["for a friend"].Invite.Hash)); i.Open() || len(body.Repeats.Invites) != 1 {
		t.Error("what the dropped branch closed is open")
	}
	t.Run("one-who-is-behind-on-it", func(t *testing.T) {
		behind, _ := dropped.r.At(shared + 1)
		if m := followed(t, behind, heap()); m.Roster.Head() != kept.r.Head() {
			t.Error("moves elsewhere")
		}
	})
	t.Run("one-before-the-fork", func(t *testing.T) {
		before, _ := dropped.r.At(shared)
		stays(t, "", before, heap())
		reading := before.Read(heap())
		if reading.Split == nil {
			t.Fatal("who meets both at once sees no split")
		}
		b, ok := reading.Split.Resolved()
		if !ok || b.Roster.Head() != kept.r.Head() {
			t.Errorf("resolved %v", ok)
		}
	})
	t.Run("one-on-the-kept-branch", func(t *testing.T) {
		stays(t, "", kept.r, heap())
		if left := kept.r.Rivals(heap()); len(left) != 0 {
			t.Errorf("%d rivals are left", len(left))
		}
		first, _ := dropped.r.HashAt(shared + 1)
		for _, f := range kept.r.Read(heap()).Forks {
			if f.Theirs.Hash == first && !f.Dropped {
				t.Error("the evidence does not say that the branch was dropped")
			}
		}
	})
	t.Run("beyond-the-named-head", func(t *testing.T) {
		on := dropped.in(t)
		on.must("adam", &SchemaBody{Widens: true})
		all := append(heap(), on.entries...)
		stays(t, "beyond-dropped", on.r, all)
		resolve("alice", kept.in(t), all) // an owner resolves again
		again := kept.in(t)
		resolve("olga", again, all)
		moves, refused := on.r.Follow(append(all, again.entries...))
		if len(moves) != 1 || moves[0].Roster.Head() != again.r.Head() || len(refused) != 1 {
			t.Errorf("%d moves, %d refused: the second resolve names it, the first does not", len(moves), len(refused))
		}
		before, _ := dropped.r.At(shared)
		if _, ok := before.Read(all).Split.Resolved(); ok {
			t.Error("a resolve that does not name the end decides")
		}
	})
	t.Run("dropped-unseen", func(t *testing.T) {
		behind, _ := dropped.r.At(shared + 1)
		stays(t, "dropped-unseen", behind, kept.entries)
	})
	t.Run("chooses", func(t *testing.T) {
		m, err := kept.r.Choose(heap(), dropped.r.Head())
		if err != nil || m.Roster.Head() != dropped.r.Head() || m.Resolve != nil || m.From != shared || len(m.Dropped) != 2 {
			t.Errorf("%+v, %v", m, err)
		}
		_, err = kept.r.Choose(heap(), wire.Position{Number: 3, Hash: seed("nothing")})
		wantRule(t, err, "branch-unknown")
	})
}

// Two sides of one branch are two heads to drop.
func TestResolveDropsEveryHead(t *testing.T) {
	kept, dropped, heap := forked(t, rotateOf("adam"), schemaOf("alice"))
	a, b := dropped.in(t), dropped.in(t)
	a.must("olga", &SchemaBody{Widens: true})
	b.must("mallory", &RotateBody{})
	all := slices.Concat(heap(), a.entries, b.entries)
	body := resolve("olga", kept, all)
	if len(body.Drop) != 2 || body.Drop[0].First != body.Drop[1].First {
		t.Fatalf("drops %+v", body.Drop)
	}
	for _, on := range []*story{a, b, dropped} {
		moves, _ := on.r.Follow(append(all, kept.entries...))
		if len(moves) == 0 || moves[0].Roster.Head() != kept.r.Head() {
			t.Errorf("%d moves", len(moves))
		}
	}
}

// What two branches took away is repeated together, and named once.
func TestResolveRepeatsOfTwoBranches(t *testing.T) {
	kept, a, heap := forked(t, rotateOf("adam"), func(s *story) {
		s.must("alice", &MemberRoleBody{Member: memberID("mallory"), Role: Editor})
		s.must("alice", &DeviceRemoveBody{Device: id("eve 2")})
	})
	b := kept.in(t)
	b.r, _ = kept.r.At(kept.r.Head().Number - 1)
	b.entries = b.entries[:len(b.entries)-1]
	b.must("olga", &MemberRoleBody{Member: memberID("mallory"), Role: Viewer})
	b.must("olga", &MemberRoleBody{Member: memberID("adam"), Role: Editor})
	b.must("olga", &DeviceRemoveBody{Device: id("eve 2")})
	all := append(heap(), b.entries...)
	body := resolve("olga", kept, all)
	want := Repeats{Devices: []wire.DeviceID{id("eve 2")}, Invites: []wire.Hash{kept.links["for a friend"].Invite.Hash}}
	for _, who := range sorted(id("mallory"), id("adam")) {
		role := map[wire.DeviceID]Role{id("mallory"): Viewer, id("adam"): Editor}[who]
		want.Demotions = append(want.Demotions, Demotion{wire.MemberIDOf(who), role})
	}
	if d := cmp.Diff(want, body.Repeats); d != "" {
		t.Error(d)
	}
	for _, on := range []*story{a, b} {
		if m := followed(t, on.r, append(all, kept.entries...)); m.Roster.Head() != kept.r.Head() {
			t.Error("moves elsewhere")
		}
	}
}

func TestAttackForkResolve(t *testing.T) {
	t.Run("fork-resolve-by-removed-owner", func(t *testing.T) { // olga was removed on one branch only
		kept, dropped, heap := forked(t, rotateOf("adam"), func(s *story) { s.must("alice", &MemberRemoveBody{Member: memberID("olga")}) })
		body := kept.r.Resolving(kept.r.Rivals(heap()))
		kept.in(t).refused("sealer-must-stay", "olga", body) // it repeats her own removal
		body.Repeats = Repeats{}
		kept.must("olga", body)
		stays(t, "no-owner-at-both", dropped.r, heap())
	})
	t.Run("by-one-who-leaves", func(t *testing.T) {
		kept, dropped, heap := forked(t, rotateOf("adam"), func(s *story) { s.must("olga", &LeaveBody{}) })
		body := kept.r.Resolving(kept.r.Rivals(heap()))
		body.Repeats = Repeats{}
		kept.must("olga", body)
		stays(t, "no-owner-at-both", dropped.r, heap())
	})
	t.Run("by-an-admin", func(t *testing.T) {
		kept, _, heap := forked(t, rotateOf("adam"), schemaOf("alice"))
		kept.refused(role, "adam", kept.r.Resolving(kept.r.Rivals(heap())))
	})
	t.Run("by-an-owner-of-one-branch", func(t *testing.T) { // mallory is raised on the branch of her accomplice
		kept, dropped, heap := forked(t, func(s *story) { s.must("olga", &MemberRoleBody{Member: memberID("mallory"), Role: Owner}) }, schemaOf("alice"))
		kept.must("mallory", kept.r.Resolving(kept.r.Rivals(heap())))
		stays(t, "no-owner-at-both", dropped.r, heap())
	})
	t.Run("fork-resolve-below-approval-policy", func(t *testing.T) {
		for name, agree := range map[string]bool{"without": false, "with-consent": true} {
			t.Run(name, func(t *testing.T) {
				base := with(t, map[string]Role{"olga": Owner, "omar": Owner, "adam": Admin})
				base.must("alice", &PolicyBody{Policy: Policy{Approvals: map[string]int{KindForkResolve: 1}}})
				kept, dropped := base.in(t), base.in(t)
				kept.must("adam", &RotateBody{})
				dropped.must("adam", &SchemaBody{Widens: true})
				heap := func() [][]byte { return append(slices.Clone(kept.entries), dropped.entries...) }
				body := kept.r.Resolving(kept.r.Rivals(heap()))
				kept.in(t).refused("consents-missing", "alice", body)
				for _, who := range []string{"adam", "alice", "mallory"} { // no owner, the author, nobody
					c := must(kept.r.ConsentTo(body.Drop, testKey(who)))
					b := *body
					b.Consents = []Consent{c}
					kept.in(t).refused("consent", "alice", &b)
				}
				olga := must(kept.r.ConsentTo(body.Drop, testKey("olga")))
				body.Consents = []Consent{olga}
				wrong := *body
				wrong.Drop = []Dropped{{First: body.Drop[0].First, Head: Place{seed("other"), body.Drop[0].Head.Number + 1}}}
				kept.in(t).refused("consent", "alice", &wrong)
				if !agree { // olga agrees, but on the other branch she is no owner
					dropped.must("alice", &MemberRoleBody{Member: memberID("olga"), Role: Viewer})
					rivals := kept.r.Resolving(kept.r.Rivals(heap()))
					body.Drop, body.Repeats = rivals.Drop, Repeats{}
					body.Consents = []Consent{must(kept.r.ConsentTo(body.Drop, testKey("olga")))}
				}
				kept.must("alice", body)
				if agree {
					followed(t, dropped.r, heap())
				} else {
					stays(t, "consents-missing", dropped.r, heap())
				}
			})
		}
	})
	t.Run("fork-resolve-that-readmits", func(t *testing.T) {
		for name, take := range map[string]func(*story){
			"member":           func(s *story) { s.must("alice", &MemberRemoveBody{Member: memberID("mallory")}) },
			"who-left":         func(s *story) { s.must("mallory", &LeaveBody{}) },
			"device":           func(s *story) { s.must("alice", &DeviceRemoveBody{Device: id("eve 2")}) },
			"device-that-left": func(s *story) { s.must("eve", &DeviceRemoveBody{Device: id("eve 2")}) },
			"role":             func(s *story) { s.must("alice", &MemberRoleBody{Member: memberID("mallory"), Role: Viewer}) },
			"role-raised-before": func(s *story) {
				s.must("alice", &MemberRoleBody{Member: memberID("adam"), Role: Owner})
				s.must("alice", &MemberRoleBody{Member: memberID("adam"), Role: Editor})
			},
			"invite":       func(s *story) { s.must("alice", &InviteRevokeBody{s.links["for a friend"].Invite.Hash}) },
			"recovery-key": func(s *story) { s.must("mallory", &KeyUpdateBody{Recovery: ref(recoveryKeys("mallory anew"))}) },
		} {
			t.Run(name, func(t *testing.T) {
				kept, dropped, heap := forked(t, rotateOf("adam"), take)
				lazy := kept.in(t)
				body := lazy.r.Resolving(lazy.r.Rivals(heap()))
				body.Repeats = Repeats{}
				lazy.must("olga", body)
				stays(t, "brings-back", dropped.r, append(heap(), lazy.entries...))
				before, _ := dropped.r.At(kept.r.Head().Number - 1)
				if _, ok := before.Read(append(lazy.entries, dropped.entries...)).Split.Resolved(); ok {
					t.Error("a newcomer takes a resolve that brings somebody back")
				}
				resolve("olga", kept, heap())
				m := followed(t, dropped.r, heap())
				if err := dropped.r.stillHolds(m.Roster, before); err != nil {
					t.Error(err)
				}
			})
		}
	})
	t.Run("stolen-device-links-on-the-other-branch", func(t *testing.T) {
		kept, dropped, heap := forked(t, func(s *story) { s.join("thief", s.deviceLink("eve 2", "thief")) },
			func(s *story) { s.must("alice", &DeviceRemoveBody{Device: id("eve 2")}) })
		body := resolve("alice", kept, heap())
		if d, _ := kept.r.Device(id("thief")); d.Active || len(body.Repeats.Devices) != 2 {
			t.Errorf("%+v, repeats %+v", d, body.Repeats)
		}
		followed(t, dropped.r, heap())
	})
	t.Run("owners-remove-each-other", func(t *testing.T) {
		a, b, heap := forked(t, func(s *story) { s.must("alice", &MemberRemoveBody{Member: memberID("olga")}) },
			func(s *story) { s.must("olga", &MemberRemoveBody{Member: memberID("alice")}) })
		before := heap()
		for _, c := range []struct {
			who      string
			on, from *story
		}{{"alice", a, b}, {"olga", b, a}} {
			body := c.on.r.Resolving(c.on.r.Rivals(before))
			body.Repeats = Repeats{}
			c.on.must(c.who, body)
		}
		stays(t, "no-owner-at-both", must2(a.r.At(a.r.Head().Number-1)), heap())
		stays(t, "no-owner-at-both", must2(b.r.At(b.r.Head().Number-1)), heap())
		start, _ := a.r.At(a.r.Head().Number - 2)
		if _, ok := start.Read(heap()).Split.Resolved(); ok {
			t.Error("a newcomer takes one of two resolves that do not count")
		}
	})
	t.Run("names-nothing-of-a-fork", func(t *testing.T) {
		s := with(t, map[string]Role{"olga": Owner})
		at := func(n uint64) Place { return PlaceOf(wire.Position{Number: n, Hash: must2(s.r.HashAt(n))}) }
		gone := Place{seed("gone"), s.r.Head().Number}
		keep := PlaceOf(s.r.Head())
		for rule, b := range map[string]*ForkResolveBody{
			"drop-kept":      {Keep: keep, Drop: []Dropped{{at(1), at(1)}}},
			"keep-not-head":  {Keep: at(1), Drop: []Dropped{{gone, gone}}},
			"drop-elsewhere": {Keep: keep, Drop: []Dropped{{Place{seed("x"), 99}, Place{seed("x"), 99}}}},
			"drop":           {Keep: keep},
			"consent":        {Keep: keep, Drop: []Dropped{{gone, gone}}, Consents: []Consent{{Device: id("olga"), Keep: keep}}},
			"repeat-unknown": {Keep: keep, Drop: []Dropped{{gone, gone}}, Repeats: Repeats{Members: []wire.MemberID{memberID("mallory")}}},
			"repeats":        {Keep: keep, Drop: []Dropped{{gone, gone}}, Repeats: Repeats{Invites: []wire.Hash{seed("x"), seed("x")}}},
			"last-owner":     {Keep: keep, Drop: []Dropped{{gone, gone}}, Repeats: Repeats{Devices: sorted(id("alice"), id("olga"))}},
		} {
			s := s.in(t)
			_, err := s.try("alice", s.draft(s.sealed("alice", b)))
			if rule == "last-owner" {
				rule = "sealer-must-stay" // nobody can even sign it
			}
			wantRule(t, err, rule)
		}
	})
}

// 18: whoever lost a race is not accused, whatever the host keeps and shows.
func TestAttackSealRetryKeptByHost(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "eve": Editor})
	lost := s.in(t)
	lost.must("adam", &MemberRemoveBody{Member: memberID("eve")}) // pushed, but something moved
	tries := []wire.Hash{lost.last.Hash}
	s.must("alice", &SchemaBody{Widens: true})
	body := s.sealed("adam", &MemberRemoveBody{Member: memberID("eve")})
	if _, err := s.try("adam", Draft{Body: body, Tries: tries}); err != nil { // a fresh secret and commitment
		t.Fatal(err)
	}
	f, ok := s.r.Contradicts(lost.entries[len(lost.entries)-1])
	if !ok || !f.Declared {
		t.Fatalf("a declared try counts as a fork: %+v", f)
	}
	if o := s.r.Epoch(); o.Commitment == lost.r.Epoch().Commitment || o.O == lost.r.Epoch().O || o.Number != lost.r.Epoch().Number {
		t.Error("the epoch of the lost try is the one that came about")
	}
	if rivals := s.r.Rivals(lost.entries); len(rivals) != 0 {
		t.Errorf("a lost race is to be resolved: %d", len(rivals))
	}
	for _, r := range []Reading{s.r.Read(lost.entries), must2(s.r.At(0)).Read(append(slices.Clone(lost.entries), s.entries...))} {
		if r.Split != nil || len(r.Refused) != 0 || r.Roster.Head() != s.r.Head() {
			t.Errorf("split %v, refused %v", r.Split, r.Refused)
		}
	}
}

func TestAttackSameDeviceOnBothBranches(t *testing.T) {
	a, b, heap := forked(t, schemaOf("alice"), rotateOf("alice")) // alice signed for both
	for _, on := range []*story{a, b} {
		r := on.r.Read(heap())
		if len(r.Forks) != 1 || len(r.Refused) != 0 || r.Roster.Head() != on.r.Head() {
			t.Errorf("forks %d, refused %v", len(r.Forks), r.Refused)
		}
	}
}

// 53: two openings of one number are two epochs with two names.
func TestAttackForkKeyring(t *testing.T) {
	a, b, _ := forked(t, rotateOf("alice"), rotateOf("olga"))
	x, y := a.r.Epoch(), b.r.Epoch()
	if x.Number != y.Number || x.O == y.O || x.Name() == y.Name() || x.P != y.P {
		t.Errorf("%v and %v", x.Name(), y.Name())
	}
}
