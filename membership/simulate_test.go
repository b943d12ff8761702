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
	s := &simulation{story: with(t, map[string]Role{"adam": Admin, "olga": Owner, "eve": Editor}), rnd: rnd}
	s.people = []string{"alice", "adam", "olga", "eve", "mallory"}
	for i := range 150 {
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
	if s.denied < 5 {
		t.Errorf("%d entries and %d refusals: too tame", len(s.entries), s.denied)
	}
	s.readers()
}

func pick[T any](rnd *rand.Rand, of []T) T { return of[rnd.IntN(len(of))] }

// step is one random act by a random person, on anybody.
func (s *simulation) step(i int) error {
	who, whom := pick(s.rnd, s.people), pick(s.rnd, s.people)
	name := fmt.Sprint("thing ", i)
	switch s.rnd.IntN(16) {
	case 0, 1, 2:
		b := s.inviteBody(name, Role(1+s.rnd.IntN(4)))
		b.Uses, b.Approve = 1+s.rnd.IntN(3), b.Approve || s.rnd.IntN(3) == 0
		b.History = &History{None: s.rnd.IntN(4) == 0}
		return s.offer(who, name, b)
	case 3:
		b := s.inviteBody(name, NoRole)
		b.Member, b.History, b.Approve = ref(s.memberOf(whom)), nil, s.rnd.IntN(2) == 0
		return s.offer(who, name, b)
	case 4, 5, 6, 7:
		return s.comes(fmt.Sprint("person ", i), who)
	case 8:
		if len(s.waiting) > 0 {
			return s.does(who, &ApproveBody{pick(s.rnd, s.waiting)})
		}
	case 9:
		return s.does(who, s.something(whom, name))
	case 10:
		return s.recovers(name, whom)
	case 11:
		return s.does(who, &KeyUpdateBody{Recipient: testRecipient(name), Recovery: ref(recoveryKeys(who))})
	}
	b := s.narrows(who, whom)
	if s.r.Approvals(b, id(who)) > 0 {
		d := s.draft(b)
		d.Terms = &Terms{ID: s.termsID(uint64(i) + 1), Until: s.r.Head().Number + 20}
		_, err := s.try(who, d)
		if err == nil {
			s.waiting = append(s.waiting, PlaceOf(s.last.Position()))
		}
		return err
	}
	return s.does(who, b)
}

func (s *simulation) memberOf(name string) wire.MemberID {
	d, _ := s.r.Device(id(name))
	return d.Member
}

// narrows is something that may take away.
func (s *simulation) narrows(who, whom string) Body {
	switch s.rnd.IntN(8) {
	case 0:
		return &LeaveBody{}
	case 1, 2:
		return &DeviceRemoveBody{Device: id(whom)}
	case 3:
		return &MemberRemoveBody{Member: s.memberOf(whom)}
	case 4:
		return &RotateBody{}
	default:
		return &MemberRoleBody{Member: s.memberOf(whom), Role: Role(1 + s.rnd.IntN(4))}
	}
}

// something is another thing that a member may do.
func (s *simulation) something(whom, name string) Body {
	return pick(s.rnd, []Body{
		&SchemaBody{Widens: true}, &SchemaBody{}, &RemoteBody{}, &UpgradeBody{Format: 1 + s.rnd.IntN(2)},
		&RetentionBody{Kept: uint64(s.rnd.IntN(4))}, &KeyWrapBody{Member: s.memberOf(whom)},
		&PolicyBody{Policy: Policy{Approvals: map[string]int{KindMemberRole: 1 + s.rnd.IntN(2)}}},
		&PolicyBody{Policy: Policy{Invite: pick(s.rnd, []Role{NoRole, Editor, Owner})}},
	})
}

func (s *simulation) recovers(name, whose string) error {
	b, err := s.r.NewRecover(RecoverParams{Words: recoveryWords(whose), Signer: testKey(name), Recipient: testRecipient(name), Recovery: recoveryKeys(name),
		Lost: []wire.DeviceID{id(whose)}})
	if err != nil {
		return err
	}
	if err := s.does(name, b); err != nil {
		return err
	}
	s.people = append(s.people, name)
	return nil
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
	sealed := after.Epoch().Number > before.Epoch().Number
	owners, devices := 0, 0
	for _, m := range after.Members() {
		devices += len(m.Devices)
		if len(m.Devices) == 0 || after.present(&m) > wire.MaxDevicesPerMember || wire.MemberID(m.Devices[0]) != m.ID {
			t.Fatalf("member %+v", m)
		}
		if m.Role == Owner && after.fit(&m) {
			owners++
		}
		if old, ok := before.Member(m.ID); ok {
			memberStep(t, old, m, sealed)
		}
	}
	if owners == 0 || devices != len(after.Devices()) {
		t.Fatalf("%d owners, %d devices", owners, devices)
	}
	for _, i := range after.Invites() {
		maker, _ := after.Device(i.Author)
		m, _ := after.Member(maker.Member)
		if i.Used > i.Uses || i.Role >= Admin && !i.Approve || i.Open() && (m.Status == StatusRemoved || i.Role > m.Role || maker.Status == StatusRemoved && !i.Kept) {
			t.Fatalf("invite %+v of %s, who is %s", i, m.Role, m.Status)
		}
	}
	checkDevices(t, before, after, sealed)
	if sealed {
		checkSealer(t, before, after)
	}
}

// memberStep: rights go only with a seal, or are suspended by a request.
func memberStep(t *testing.T, old, m Member, sealed bool) {
	t.Helper()
	lost := m.Role < old.Role || m.Status == StatusRemoved && old.Status != StatusRemoved || m.Since > old.Since && old.Status != StatusPending
	if lost && !sealed || old.Status == StatusRemoved && m.Status != StatusRemoved || old.Status == StatusLeaving && m.Status == StatusActive {
		t.Fatalf("%+v, before %+v", m, old)
	}
	if m.Status == StatusRemoved && (m.Recovery != nil || m.Muted) {
		t.Fatalf("a way back: %+v", m)
	}
}

func checkDevices(t *testing.T, before, after *Roster, sealed bool) {
	t.Helper()
	for _, d := range after.Devices() {
		m, _ := after.Member(d.Member)
		if d.Active != (d.Status == StatusActive) || m.Status != StatusActive && d.Active || m.Status == StatusRemoved && d.Status != StatusRemoved {
			t.Fatalf("device %+v of a member that is %s", d, m.Status)
		}
		old, ok := before.Device(d.ID)
		if ok && (old.Status == StatusRemoved && d.Status != StatusRemoved || d.Status == StatusRemoved && old.Status != StatusRemoved && !sealed) {
			t.Fatalf("device %+v, before %+v", d, old)
		}
		if !d.Active && (after.MayWriteLane(d.ID) || after.MaySeal(d.ID) || after.RoleOf(d.ID) != NoRole || after.MayRead(d.ID, after.Epoch().Number)) {
			t.Fatalf("%+v has rights", d)
		}
	}
	for _, d := range after.Recipients() {
		if !d.Active || !after.MayWriteLane(d.ID) || after.NeedsApproval(d.ID) || !after.HasLane(d.ID) {
			t.Fatalf("a wrap for %+v", d)
		}
	}
}

// checkSealer: a seal carries out all that waits, and who drew the secret keeps it.
func checkSealer(t *testing.T, before, after *Roster) {
	t.Helper()
	o := after.Epoch()
	was, now := before.RoleOf(o.Author), after.RoleOf(o.Author)
	if now < Admin || was != NoRole && was != now || len(after.Requests()) != 0 || o.Number != before.Epoch().Number+1 || o.Cut == nil {
		t.Fatalf("sealed by a %s, now %s, %d requests left", was, now, len(after.Requests()))
	}
	if was != NoRole && !before.MaySeal(o.Author) {
		t.Fatal("it sealed although MaySeal says no")
	}
	for _, m := range after.Members() {
		if after.WaitsForSeal(m.ID) {
			t.Fatalf("member %s still waits", m.ID)
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
