package membership

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
)

// TestSimulate lets people do random things, allowed or not, and checks what must
// hold whatever they do. The seed is in the name of the subtest.
func TestSimulate(t *testing.T) {
	runs := 12
	if testing.Short() {
		runs = 3
	}
	for range runs {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) { simulate(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

type simulation struct {
	*story
	rnd     *rand.Rand
	people  []string
	links   []string
	waiting []Place
	denied  int
}

func simulate(t *testing.T, rnd *rand.Rand) {
	s := &simulation{story: found(t, "alice"), rnd: rnd, people: []string{"alice", "mallory"}}
	for i := range 80 {
		before := s.r
		if err := s.step(i); err != nil {
			s.denied++
			if s.r != before {
				t.Fatalf("step %d changed the roster although it was refused: %v", i, err)
			}
			continue
		}
		checkInvariants(t, before, s.r)
	}
	if len(s.entries) < 10 || s.denied < 5 {
		t.Errorf("%d entries and %d refusals: too tame", len(s.entries), s.denied)
	}
	s.readers()
}

func pick[T any](rnd *rand.Rand, of []T) T { return of[rnd.IntN(len(of))] }

// step is one random act by a random person.
func (s *simulation) step(i int) error {
	who, whom := pick(s.rnd, s.people), pick(s.rnd, s.people)
	name := fmt.Sprint("thing ", i)
	switch s.rnd.IntN(9) {
	case 0, 1:
		b := s.inviteBody(name, Role(1+s.rnd.IntN(4)))
		b.Uses, b.Approve = 1+s.rnd.IntN(3), b.Approve || s.rnd.IntN(3) == 0
		return s.offer(who, name, b)
	case 2:
		b := s.inviteBody(name, NoRole)
		b.Member, b.History = ref(memberID(whom)), nil
		return s.offer(who, name, b)
	case 3, 4, 5:
		return s.comes(fmt.Sprint("person ", i), who)
	case 6:
		return s.does(who, &MemberRoleBody{Member: memberID(whom), Role: Role(1 + s.rnd.IntN(4))})
	case 7:
		if len(s.waiting) > 0 {
			return s.does(who, &ApproveBody{pick(s.rnd, s.waiting)})
		}
	}
	return s.does(who, &SchemaBody{Widens: s.rnd.IntN(2) == 0})
}

func (s *simulation) does(who string, b Body) error {
	_, err := s.try(who, s.draft(s.sealed(who, b)))
	return err
}

func (s *simulation) offer(who, name string, b *InviteBody) error {
	if err := s.does(who, b); err != nil {
		return err
	}
	l := s.story.links[name]
	l.Invite = s.last.Position()
	s.story.links[name], s.links = l, append(s.links, name)
	return nil
}

func (s *simulation) comes(name, carrier string) error {
	if len(s.links) == 0 {
		return errors.New("nobody was invited")
	}
	q := s.request(name, s.story.links[pick(s.rnd, s.links)])
	if s.rnd.IntN(2) == 0 {
		carrier = name
	}
	if err := s.admit(carrier, q); err != nil {
		return err
	}
	s.people, s.waiting = append(s.people, name), append(s.waiting, PlaceOf(s.last.Position()))
	return nil
}

// checkInvariants holds after every entry.
func checkInvariants(t *testing.T, before, after *Roster) {
	t.Helper()
	if at, ok := after.At(before.Head().Number); !ok || at != before || after.Head().Number != before.Head().Number+1 {
		t.Fatal("the new roster does not lead back to the old one")
	}
	owners, devices := 0, 0
	for _, m := range after.Members() {
		devices += len(m.Devices)
		if len(m.Devices) == 0 || len(m.Devices) > wire.MaxDevicesPerMember || wire.MemberID(m.Devices[0]) != m.ID {
			t.Fatalf("member %+v", m)
		}
		if m.Role == Owner && m.Status == StatusActive {
			owners++
		}
		sealed := after.Epoch().Number > before.Epoch().Number
		asked := m.Status == StatusLeaving && len(after.Requests()) > len(before.Requests())
		if old, ok := before.Member(m.ID); ok && !sealed && (m.Role < old.Role || old.Status == StatusActive && m.Status != StatusActive && !asked || m.Since > old.Since) {
			t.Fatalf("something was taken away without a seal: %+v, before %+v", m, old)
		}
	}
	if owners == 0 || devices != len(after.Devices()) {
		t.Fatalf("%d owners, %d devices", owners, devices)
	}
	for _, i := range after.Invites() {
		if i.Used > i.Uses || i.Role >= Admin && !i.Approve {
			t.Fatalf("invite %+v", i)
		}
	}
	for _, d := range after.Recipients() {
		if !d.Active || !after.MayWriteLane(d.ID) || after.NeedsApproval(d.ID) {
			t.Fatalf("a wrap for %+v", d)
		}
	}
}

// readers that see the entries in another order and company agree.
func (s *simulation) readers() {
	start, _ := s.r.At(uint64(s.rnd.IntN(len(s.entries))))
	heap := slices.Clone(s.entries)
	s.rnd.Shuffle(len(heap), func(i, j int) { heap[i], heap[j] = heap[j], heap[i] })
	got := start.Read(append(heap, heap[:len(heap)/2]...))
	if len(got.Refused) != 0 || got.Split != nil || len(got.Forks) != 0 || got.Roster.Head() != s.r.Head() {
		s.t.Fatalf("from %d: %d refused, head at %d", start.Head().Number, len(got.Refused), got.Roster.Head().Number)
	}
	if d := cmp.Diff(s.r.Devices(), got.Roster.Devices()); d != "" {
		s.t.Error(d)
	}
}
