package space_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/space"
)

// Attack 17: without the consents that the policy of the dropped branch asks for, who
// stands there does not move; an owner there may consent to the other branch.
func TestAttackForkResolveBelowPolicy(t *testing.T) {
	var hers, his *evilHost
	alice, bob, carol := forked(t, func(alice, bob *person) {
		his = &evilHost{t, bob.s.Remote()}
		alice.invites()
		hers = (&evilHost{t, alice.s.Remote()}).clone()
		if _, err := bob.s.ChangePolicy(t.Context(), func(p *space.Policy) error {
			p.Approvals = map[string]int{"fork.resolve": 1}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
	meet(bob, alice)
	if f := bob.forks(); f.Consents != 1 {
		t.Errorf("bob sees %+v", f)
	}
	if f := alice.forks(); f.Consents != 1 {
		t.Errorf("alice sees %+v", f)
	}
	if _, err := alice.s.ResolveFork(t.Context(), nil); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("alice resolves without consents: %v", err)
	}
	// Her branch asks for none, so that another program makes the entry all the same.
	f := newForger(hers, alice)
	r, _ := f.roster()
	f.propose(&membership.ForkResolveBody{Keep: membership.PlaceOf(r.Head()), Drop: []membership.Dropped{ledgerOf(t, his).leaves(r)}, Seal: emptySeal()}, nil, nil)
	(&evilHost{t, alice.s.Remote()}).showsBoth(hers)
	bob.syncsAnyhow()
	if f := bob.forks(); f.Resolved != nil || len(f.Refused) != 1 || !strings.Contains(f.Refused[0], "consents-missing") {
		t.Fatalf("bob sees %+v", f)
	}
	if err := bob.s.FollowFork(t.Context()); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("bob follows: %v", err)
	}
	if err := carol.s.FollowFork(t.Context()); !errors.Is(err, space.ErrNotFound) {
		t.Errorf("carol follows: %v", err)
	}
}

// Where the consents are there, it counts at both heads.
func TestForkResolvedWithConsent(t *testing.T) {
	alice, bob, carol := forked(t, func(alice, bob *person) {
		alice.invites()
		if _, err := bob.s.ChangePolicy(t.Context(), func(p *space.Policy) error {
			p.Approvals = map[string]int{"fork.resolve": 1}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
	meet(bob, alice)
	consent, err := bob.s.ConsentToFork(t.Context(), alice.fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "junk", consent[:len(consent)-4], strings.Repeat("a", 10_000)} {
		if _, err := alice.s.ResolveFork(t.Context(), []string{bad}); err == nil {
			t.Errorf("alice resolves with %.20q", bad)
		}
	}
	if _, err := alice.s.ResolveFork(t.Context(), []string{consent}); err != nil {
		t.Fatal(err)
	}
	bob.syncsAnyhow()
	bob.follows()
	carol.syncsAnyhow()
	same(t, 3, alice, bob, carol)
}

// Attack 18: a device signs on both branches, since its user chose. All meet its lane,
// and nobody accuses it.
func TestAttackSameDeviceOnBothBranches(t *testing.T) {
	alice, bob, carol := forked(t, func(alice, bob *person) {
		for _, p := range []*person{alice, bob} {
			p.invites()
			p.insert(space.Row{"title": "of " + p.name + ", while there are two"})
			p.sync()
		}
	})
	meet(bob, alice)
	if err := bob.s.ChooseFork(t.Context(), alice.fingerprint()); err != nil && !errors.Is(err, space.ErrViolation) {
		t.Fatal(err)
	}
	bob.insert(space.Row{"title": "of bob, who chose"})
	meet(bob, alice, carol)
	meet(bob, alice, carol)
	alice.syncsAnyhow()
	if bob.fingerprint() != alice.fingerprint() {
		t.Fatal("bob stands elsewhere")
	}
	for _, p := range []*person{alice, bob, carol} {
		p.accusesNobody()
	}
	if f := alice.forks(); !f.May {
		t.Fatalf("alice sees %+v", f)
	}
	alice.resolves() // so that all may forget it
	meet(bob, carol)
	if f := carol.forks(); f.Resolved != nil {
		carol.follows()
	}
	same(t, 6, alice, bob, carol)
	if alice.digest() != bob.digest() || alice.digest() != carol.digest() {
		t.Error("the digests differ")
	}
	for _, p := range []*person{alice, bob, carol} {
		p.accusesNobody()
		if f := p.forks(); len(f.Branches) != 0 {
			t.Errorf("%s sees %+v", p.name, f)
		}
	}
}

// Writes of all kinds on both branches, each of which sealed: nothing is lost.
func TestForkWithWritesOnBothSides(t *testing.T) {
	h, people := cinema(t, "alice", "bob", "carol")
	alice, bob, carol := people[0], people[1], people[2]
	if err := alice.s.SetRole(t.Context(), "bob", "owner"); err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, title := range []string{"both change", "alice deletes, bob changes", "bob deletes", "neither"} {
		rows[title] = alice.insert(space.Row{"title": title})
	}
	alice.take("old")
	meet(alice, bob, carol)
	other := h.clone()
	bob.moveTo(other.dir)

	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var tickets []space.Receipt
	work := func(p *person, seats ...string) {
		p.insert(space.Row{"title": "new of " + p.name})
		must(p.s.Update(t.Context(), "tasks", rows["both change"], space.Row{"title": "changed by " + p.name}))
		for _, s := range seats {
			tickets = append(tickets, p.take(s))
		}
	}
	must(alice.s.Delete(t.Context(), "tasks", rows["alice deletes, bob changes"]))
	must(bob.s.Update(t.Context(), "tasks", rows["alice deletes, bob changes"], space.Row{"title": "changed all the same"}))
	must(bob.s.Delete(t.Context(), "tasks", rows["bob deletes"]))
	work(alice, "A1", "both")
	work(bob, "B1", "both")
	for _, p := range []*person{alice, bob} {
		p.sync()
		p.seal()
	}
	work(alice, "A2")
	work(bob, "B2")
	alice.sync()
	bob.sync()
	work(bob, "B3") // never pushed
	carol.insert(space.Row{"title": "of carol, offline all the time"})

	bob.moveTo(h.dir)
	meet(bob, alice)
	alice.resolves()
	bob.syncsAnyhow()
	bob.follows()
	meet(carol, bob, alice, carol, bob)
	meet(carol, bob, alice, carol, bob)
	settledOrder(t, []string{"A1 alice", "A2 alice", "B1 bob", "B2 bob", "B3 bob", "both alice", "old alice"}, alice, bob, carol)
	var titles []string
	for _, r := range carol.rows() {
		titles = append(titles, r["title"].(string))
	}
	for title, n := range map[string]int{"new of alice": 2, "new of bob": 3, "of carol, offline all the time": 1, "neither": 1, "bob deletes": 0} {
		if got := len(slices.DeleteFunc(slices.Clone(titles), func(s string) bool { return s != title })); got != n {
			t.Errorf("%d rows %q, want %d", got, title, n)
		}
	}
	if i := tickets[3]; bob.receipt(i).State == "pushed" {
		t.Errorf("bob's second claim to a seat: %+v", bob.receipt(i))
	}
	for _, p := range people {
		p.accusesNobody()
	}
	left, err := bob.s.Conflicts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{"changed all the same", "both"} { // of a row that is gone, and a seat that is taken
		if !slices.ContainsFunc(left, func(c space.Conflict) bool {
			return slices.ContainsFunc(c.Values, func(v space.ConflictValue) bool { return v.Value == value })
		}) {
			t.Errorf("bob's %q is not among %+v", value, left)
		}
	}
	log, err := bob.s.Log(t.Context(), space.LogQuery{})
	if err != nil {
		t.Fatal(err)
	}
	resolved := false
	for _, e := range log {
		if i := slices.IndexFunc(left, func(c space.Conflict) bool { return c.ID == e.ID }); i >= 0 && e.State != "lost" && e.State != "refused" {
			t.Errorf("bob's changelog says %+v of what is among the conflicts", e)
		}
		if e.Kind == "rotate" && e.Name == "bob" {
			t.Errorf("bob's changelog tells of an entry of the branch that went: %+v", e)
		}
		resolved = resolved || e.Kind == "fork.resolve"
	}
	if !resolved {
		t.Error("bob's changelog does not tell of the resolve")
	}
}

// Who was offline on the branch that goes meets fork and resolve at once, with writes
// that wait.
func TestForkMetTogetherWithItsResolve(t *testing.T) {
	var dave *person
	alice, bob, carol := forked(t, func(alice, bob *person) {
		alice.seal()
		bob.sync()
		dave = newPerson(t, "dave")
		dave.join(bob.invite())
		bob.sync()
		dave.sync()
		bob.insert(space.Row{"title": "of bob"})
		dave.insert(space.Row{"title": "of dave, who is known on one branch only"})
		bob.sync()
		dave.sync()
		bob.sync()
	})
	h := bob.s.Remote()
	meet(bob, alice)
	alice.resolves()
	carol.insert(space.Row{"title": "of carol, offline"})
	carol.syncsAnyhow()
	bob.insert(space.Row{"title": "of bob, waiting"})
	bob.syncsAnyhow()
	bob.follows()
	same(t, 6, alice, bob, carol)
	// Dave's join was on the branch that went: he is nobody on the other, and is told so.
	dave.insert(space.Row{"title": "of dave, waiting"})
	dave.moveTo(h)
	dave.syncsAnyhow()
	f := dave.forks()
	if f.Resolved == nil {
		t.Fatalf("dave sees %+v", f)
	}
	dave.follows()
	if got := dave.state(); got != space.StateWaiting {
		t.Errorf("dave is %s", got)
	}
	dave.syncsAnyhow()
}

// A fork is told once, however often it is met; and a host that goes on taking the own
// branch away does not make a device sign and push without end.
func TestForkIsToldOnce(t *testing.T) {
	alice, bob, _ := forked(t, func(alice, bob *person) {
		alice.invites()
		bob.invites()
	})
	h := &evilHost{t, bob.s.Remote()}
	theirs := h.refs()[mainRef]
	bob.caught("two branches")
	brought := h.refs()[mainRef]
	if brought == theirs {
		t.Fatal("bob did not bring his branch")
	}
	kept := len(bob.evidence())
	for range 4 {
		h.set(mainRef, theirs)
		bob.caught("took back")
		if got := h.refs()[mainRef]; got != theirs {
			t.Errorf("bob pushed %s again", got)
		}
	}
	h.set(mainRef, brought)
	for range 3 {
		bob.warned("fork show")
	}
	if got := len(bob.evidence()); got > kept+1 {
		t.Errorf("bob keeps %d pieces of evidence, had %d", got, kept)
	}
	alice.caught("two branches")
	for range 3 {
		alice.warned("fork show")
	}
	if got := h.refs()[mainRef]; got != brought {
		t.Errorf("alice pushed %s", got)
	}
}

// A member signs two entries for one place and pushes both at once: all who meet them
// stop there. An owner chooses one and resolves; the others go on by themselves.
func TestAttackMemberSplitsLedger(t *testing.T) {
	h, alice, bob := two(t)
	carol := newPerson(t, "carol")
	carol.join(alice.invite())
	same(t, 3, alice, bob, carol)
	if err := alice.s.SetRole(t.Context(), "bob", "admin"); err != nil {
		t.Fatal(err)
	}
	same(t, 3, alice, bob, carol)
	other := h.clone()
	for _, on := range []*evilHost{h, other} {
		newForger(on, bob).propose(&membership.RotateBody{Seal: emptySeal()}, nil, nil)
	}
	h.showsBoth(other)
	for _, p := range []*person{alice, carol, bob} {
		p.caught("two branches")
		p.insert(space.Row{"title": p.name + " writes on meanwhile"})
		p.warned("fork show")
		if f := p.forks(); !f.Undecided || len(f.Branches) != 2 || f.May {
			t.Fatalf("%s sees %+v", p.name, f)
		}
	}
	if _, err := alice.s.ResolveFork(t.Context(), nil); err == nil {
		t.Error("alice resolves what she does not stand on")
	}
	at := alice.forks().Branches[0]
	if err := alice.s.ChooseFork(t.Context(), at.Head.Hash); err != nil && !errors.Is(err, space.ErrViolation) {
		t.Fatal(err)
	}
	alice.syncsAnyhow()
	if f := alice.forks(); f.Undecided || !f.May {
		t.Fatalf("alice sees %+v", f)
	}
	if _, err := alice.s.ResolveBefore(t.Context(), at.Head.Seq, nil); err != nil {
		t.Fatal(err)
	}
	same(t, 6, alice, carol, bob)
	for _, p := range []*person{carol, bob} {
		if p.fingerprint() != alice.fingerprint() {
			t.Errorf("%s stands elsewhere", p.name)
		}
	}
}

// There and back again: a device that returns to a branch goes on with its lane there,
// and does not sign a second one.
func TestForkChosenThereAndBack(t *testing.T) {
	alice, bob, carol := forked(t, func(alice, bob *person) {
		alice.seal()
		bob.seal()
		bob.insert(space.Row{"title": "of bob, on his branch"})
		bob.sync()
	})
	meet(bob, alice, carol)
	his, hers := bob.fingerprint(), alice.fingerprint()
	for i, head := range []string{hers, his, hers, his, hers} {
		if err := bob.s.ChooseFork(t.Context(), head); err != nil && !errors.Is(err, space.ErrViolation) {
			t.Fatalf("choice %d: %v", i, err)
		}
		meet(bob)
		if bob.fingerprint() != head {
			t.Fatalf("choice %d did not move", i)
		}
		bob.insert(space.Row{"title": "of bob, choice " + string(rune('0'+i))})
		meet(bob, alice)
	}
	if err := carol.s.ChooseFork(t.Context(), hers); err != nil && !errors.Is(err, space.ErrViolation) {
		t.Fatal(err)
	}
	meet(alice, bob, carol)
	alice.resolves()
	meet(bob, carol, alice)
	same(t, 9, alice, bob, carol)
	for _, p := range []*person{alice, bob, carol} {
		p.accusesNobody()
	}
}
