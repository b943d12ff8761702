package space_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/space"
)

func (p *person) removes(name string) *space.Outcome {
	p.t.Helper()
	got, err := p.s.RemoveMember(p.t.Context(), name, space.RemoveOptions{})
	if err != nil {
		p.t.Fatalf("%s removes %s: %v", p.name, name, err)
	}
	if got.State != space.OutcomeSealed {
		p.t.Fatalf("%s removes %s: %+v", p.name, name, got)
	}
	return got
}

// isGone: a sync says that this device was removed.
func (p *person) isGone() {
	p.t.Helper()
	_, err := p.s.Sync(p.t.Context())
	if !errors.Is(err, space.ErrNotPermitted) || !strings.Contains(err.Error(), "removed") {
		p.t.Errorf("%s syncs after the removal: %v", p.name, err)
	}
	if got := p.state(); got != space.StateRemoved {
		p.t.Errorf("%s is %s", p.name, got)
	}
}

// Who was removed keeps what it had, is told, and has no more part in anything.
func TestRemoveMember(t *testing.T) {
	_, alice, bob := two(t)
	preview, err := alice.s.PreviewRemoveMember(t.Context(), "bob", nil)
	if err != nil || len(preview.Devices) != 1 || preview.Name != "bob" || len(preview.Hosts) != 1 {
		t.Errorf("preview: %+v %v", preview, err)
	}
	alice.removes("bob")
	alice.insert(space.Row{"title": "without bob"})
	alice.sync()
	bob.isGone()
	if got := len(bob.rows()); got != 3 {
		t.Errorf("bob reads %d rows, want the 3 that he had", got)
	}
	if _, err := bob.s.Insert(t.Context(), "tasks", space.Row{"title": "too late"}); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("bob writes: %v", err)
	}
	if _, err := bob.s.Invite(t.Context(), space.InviteOptions{}); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("bob invites: %v", err)
	}
	if _, err := bob.s.RemoveMember(t.Context(), "alice", space.RemoveOptions{}); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("bob removes: %v", err)
	}
	for range 2 {
		alice.sync()
		bob.isGone()
	}
	if got := len(alice.rows()); got != 4 {
		t.Errorf("alice reads %d rows", got)
	}
	members, err := alice.s.Members(t.Context())
	if err != nil || len(members) != 1 {
		t.Errorf("members: %+v %v", members, err)
	}
	every, err := alice.s.EveryMember(t.Context())
	if err != nil || len(every) != 2 || every[1].State != space.StateRemoved || every[1].Name != "bob" {
		t.Errorf("every member: %+v %v", every, err)
	}
}

// Leaving is a request that an admin's next sync seals; the last owner stays.
func TestLeave(t *testing.T) {
	_, alice, bob := two(t)
	if _, err := alice.s.Leave(t.Context()); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("the last owner leaves: %v", err)
	}
	bob.insert(space.Row{"title": "a last word"})
	got, err := bob.s.Leave(t.Context())
	if err != nil || got.State != space.OutcomeRequested {
		t.Fatalf("bob leaves: %+v %v", got, err)
	}
	if got := bob.state(); got != space.StateLeaving {
		t.Errorf("bob is %s", got)
	}
	if res := alice.sync(); !res.Sealed {
		t.Errorf("alice did not seal: %+v", res)
	}
	bob.isGone()
	if len(alice.rows()) != 4 || len(bob.rows()) != 4 {
		t.Errorf("alice has %d rows, bob %d", len(alice.rows()), len(bob.rows()))
	}
}

// A role that is taken back is gone at a cut.
func TestLowerRole(t *testing.T) {
	_, alice, bob := two(t)
	if err := alice.s.SetRole(t.Context(), "bob", "admin"); err != nil {
		t.Fatal(err)
	}
	bob.sync()
	bob.invite()
	got, err := alice.s.ChangeRole(t.Context(), "bob", "viewer", space.SealOptions{})
	if err != nil || got.State != space.OutcomeSealed {
		t.Fatalf("lowering: %+v %v", got, err)
	}
	bob.sync()
	if _, err := bob.s.Insert(t.Context(), "tasks", space.Row{"title": "x"}); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("a viewer writes: %v", err)
	}
	same(t, 3, alice, bob)
	invites, err := alice.s.Invites(t.Context())
	if err != nil || invites[len(invites)-1].State != "revoked" {
		t.Errorf("his invite is open: %+v %v", invites, err)
	}
}

// What takes something away and needs approvals becomes a request with the last of
// them, which the approver's own device seals.
func TestProposeRemoval(t *testing.T) {
	_, alice, bob := two(t)
	if err := alice.s.SetRole(t.Context(), "bob", "admin"); err != nil {
		t.Fatal(err)
	}
	carol := newPerson(t, "carol")
	carol.join(alice.invite())
	same(t, 3, alice, bob, carol)
	got, err := alice.s.ChangePolicy(t.Context(), func(p *space.Policy) error {
		p.Approvals["member.remove"] = 1
		return nil
	})
	if err != nil || got.State != space.OutcomeSealed {
		t.Fatalf("policy: %+v %v", got, err)
	}
	if p, err := alice.s.Policy(t.Context()); err != nil || p.Approvals["member.remove"] != 1 || p.Invite != "admin" || p.Days != 7 {
		t.Errorf("policy: %+v %v", p, err)
	}
	same(t, 3, alice, bob, carol)
	got, err = alice.s.RemoveMember(t.Context(), "carol", space.RemoveOptions{})
	if err != nil || got.State != space.OutcomeProposed || got.Needs != 1 {
		t.Fatalf("removal: %+v %v", got, err)
	}
	if _, err := alice.s.Approve(t.Context(), got.Entry); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("alice approves her own proposal: %v", err)
	}
	bob.sync()
	list, err := bob.s.Proposals(t.Context())
	if err != nil || len(list) != 1 || list[0].Kind != "member.remove" || list[0].About != "carol" || list[0].Mine {
		t.Errorf("proposals: %+v %v", list, err)
	}
	approved, err := bob.s.Approve(t.Context(), got.Entry)
	if err != nil || approved.State != space.OutcomeSealed {
		t.Fatalf("bob approves: %+v %v", approved, err)
	}
	carol.isGone()
	same(t, 3, alice, bob)
}

// An own device is named by its member, listed, and removed.
func TestOwnDevices(t *testing.T) {
	_, alice, bob := two(t)
	link, err := bob.s.AddDevice(t.Context(), space.InviteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	phone := newPerson(t, "")
	phone.join(link.Link)
	same(t, 3, alice, bob, phone)
	phone.insert(space.Row{"title": "from the phone"})
	bob.insert(space.Row{"title": "from the laptop"})
	same(t, 5, phone, bob, alice)
	if err := phone.s.RenameDevice(t.Context(), "", "pocket"); err != nil {
		t.Fatal(err)
	}
	if err := phone.s.RenameDevice(t.Context(), bob.device(), "desk"); err != nil {
		t.Fatal(err)
	}
	if err := phone.s.RenameDevice(t.Context(), alice.device(), "desk"); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("bob names alice's device: %v", err)
	}
	same(t, 5, phone, bob, alice)
	devices, err := alice.s.Devices(t.Context())
	if err != nil || len(devices) != 3 || devices[1].Name != "desk" || devices[2].Name != "pocket" {
		t.Errorf("devices: %+v %v", devices, err)
	}
	got, err := bob.s.RemoveDevice(t.Context(), "pocket", space.RemoveOptions{})
	if err != nil || got.State != space.OutcomeRequested {
		t.Fatalf("bob removes his phone: %+v %v", got, err)
	}
	alice.sync()
	phone.isGone()
	same(t, 5, bob, alice)
	if _, err := bob.s.RemoveDevice(t.Context(), bob.device(), space.RemoveOptions{}); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("bob removes his last device: %v", err)
	}
}

// Who comes without history is let in by a seal that any admin's sync makes, begins
// with a checkpoint, and works on.
func TestJoinWithoutHistory(t *testing.T) {
	_, alice, bob := two(t)
	link, err := alice.s.Invite(t.Context(), space.InviteOptions{History: "none"})
	if err != nil {
		t.Fatal(err)
	}
	carol := newPerson(t, "carol")
	carol.join(link.Link)
	bob.sync()
	if got := carol.state(); got != space.StateWaiting {
		t.Errorf("carol is %s", got)
	}
	if res := alice.sync(); !res.Sealed {
		t.Errorf("alice did not seal: %+v", res)
	}
	same(t, 3, carol, alice, bob)
	carol.insert(space.Row{"title": "of carol"})
	same(t, 4, carol, alice, bob)
	if carol.digest() != alice.digest() {
		t.Error("carol has another state than alice")
	}
}

// What happens in a member's name on one device its other devices show once.
func TestToldInMyName(t *testing.T) {
	_, alice, bob := two(t)
	link, err := bob.s.AddDevice(t.Context(), space.InviteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	phone := newPerson(t, "")
	phone.join(link.Link)
	told := func(p *person, words string) {
		t.Helper()
		if got := p.sync().Warnings; !slices.ContainsFunc(got, func(w string) bool { return strings.Contains(w, words) }) {
			t.Errorf("not told of %q: %q", words, got)
		}
		if got := p.sync().Warnings; slices.ContainsFunc(got, func(w string) bool { return strings.Contains(w, "in your name") }) {
			t.Errorf("told twice: %q", got)
		}
	}
	told(bob, "a further device of yours came in")
	same(t, 3, phone, bob, alice)
	if _, err := phone.s.NewRecovery(t.Context()); err != nil {
		t.Fatal(err)
	}
	told(bob, "new recovery words were made")
	if _, err := phone.s.AddDevice(t.Context(), space.InviteOptions{}); err != nil {
		t.Fatal(err)
	}
	told(bob, "a link for a further device of yours was made")
	if got := alice.sync().Warnings; len(got) > 0 {
		t.Errorf("alice is told: %q", got)
	}
}

// A member that lost all its devices comes back by an admin's link, who is named for it.
func TestVouch(t *testing.T) {
	_, alice, bob := two(t)
	if _, err := alice.s.AddDevice(t.Context(), space.InviteOptions{Member: "bob"}); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("vouching for one who has a device: %v", err)
	}
	if _, err := alice.s.RemoveDevice(t.Context(), bob.device(), space.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	link, err := alice.s.AddDevice(t.Context(), space.InviteOptions{Member: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	again := newPerson(t, "")
	again.join(link.Link)
	same(t, 3, alice, again)
	devices, err := alice.s.Devices(t.Context())
	if err != nil || len(devices) != 2 || devices[1].Owner != "bob" || devices[1].Via != "alice" {
		t.Errorf("devices: %+v %v", devices, err)
	}
	again.insert(space.Row{"title": "back"})
	same(t, 4, again, alice)
	bob.isGone()
}
