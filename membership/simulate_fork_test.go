package membership

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSimulateForks lets two branches live on at random and owners resolve: who
// moves over finds nobody back who was sent away, and nobody moves for one who is
// no owner at both heads.
func TestSimulateForks(t *testing.T) {
	runs := 40
	if testing.Short() {
		runs = 5
	}
	moved := 0
	for range runs {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) { moved += simulateFork(t, rand.New(rand.NewPCG(seed, 0))) })
	}
	if moved == 0 {
		t.Error("nobody ever moved")
	}
}

func simulateFork(t *testing.T, rnd *rand.Rand) (moved int) {
	base := &simulation{story: with(t, map[string]Role{"adam": Admin, "olga": Owner, "omar": Owner, "eve": Editor}), rnd: rnd}
	base.people = []string{"alice", "adam", "olga", "omar", "eve"}
	base.live(0, 20)
	kept, dropped := base.branch(), base.branch()
	kept.live(100, 1+rnd.IntN(25))
	dropped.live(200, 1+rnd.IntN(25))
	heap := slices.Concat(kept.entries, dropped.entries)
	rivals := kept.r.Rivals(heap)
	if len(kept.entries) == len(base.entries) || len(rivals) == 0 {
		return 0
	}
	for _, owner := range []string{"alice", "olga", "omar"} {
		s := &simulation{story: kept.in(t), rnd: rnd}
		body := s.r.Resolving(rivals)
		if rnd.IntN(4) == 0 {
			body.Repeats = Repeats{} // a lazy or evil one
		}
		if s.does(owner, body) != nil {
			continue
		}
		moves, refused := dropped.r.Follow(append(slices.Clone(heap), s.entries[len(s.entries)-1]))
		if len(moves) > 1 || len(moves) == 0 && len(refused) == 0 {
			t.Fatalf("%d moves, refused %v", len(moves), refused)
		}
		for _, m := range moves {
			moved++
			checkMove(t, base.r, dropped.r, m.Roster, owner)
		}
		for _, f := range refused {
			checkRefusal(t, f.Err, dropped.r, owner, body)
		}
	}
	return moved
}

func (s *simulation) branch() *simulation {
	c := *s
	c.story = s.in(s.t)
	c.people, c.links, c.waiting = slices.Clone(s.people), slices.Clone(s.links), slices.Clone(s.waiting)
	return &c
}

func (s *simulation) live(from, steps int) {
	for i := range steps {
		_ = s.step(from + i)
	}
}

// checkMove is the promise, said once more and simply.
func checkMove(t *testing.T, base, dropped, after *Roster, author string) {
	t.Helper()
	if dropped.RoleOf(id(author)) != Owner {
		t.Fatalf("%s is %s at the dropped head", author, dropped.RoleOf(id(author)))
	}
	for _, d := range dropped.Devices() {
		was, _ := base.Device(d.ID)
		there, ok := after.Device(d.ID)
		if ok && there.Active && !d.Active && (was.Active || d.Status == StatusRemoved) {
			t.Fatalf("device %s is back: %s, on the dropped branch %s", d.ID, there.Status, d.Status)
		}
	}
	for _, m := range dropped.Members() {
		was, ok := base.Member(m.ID)
		there, _ := after.Member(m.ID)
		if ok && m.Role < was.Role && there.Role > m.Role && there.Status != StatusRemoved {
			t.Fatalf("member %s is %s again", m.ID, there.Role)
		}
		if ok && was.Recovery != nil && !was.Recovery.same(m.Recovery) && was.Recovery.same(there.Recovery) {
			t.Fatalf("member %s has its old recovery key back", m.ID)
		}
	}
	for _, i := range dropped.Invites() {
		if there, ok := after.Invite(i.ID); ok && i.Closed && there.Open() {
			t.Fatalf("invite %s is open again", i.ID)
		}
	}
}

func checkRefusal(t *testing.T, err error, dropped *Roster, owner string, body *ForkResolveBody) {
	t.Helper()
	var re *RuleError
	if !errors.As(err, &re) {
		t.Fatal(err)
	}
	switch {
	case re.Rule == "no-owner-at-both" && dropped.MaySeal(id(owner)) && dropped.RoleOf(id(owner)) == Owner:
		t.Fatalf("%s is an owner there", owner)
	case re.Rule == "brings-back" && body.Repeats.first() != "":
		t.Fatalf("it repeats all, and does not: %v", err)
	case re.Rule != "no-owner-at-both" && re.Rule != "brings-back" && re.Rule != "consents-missing":
		t.Fatal(err)
	}
}
