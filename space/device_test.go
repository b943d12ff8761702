package space_test

import (
	"testing"

	"github.com/espace-git/espace-git/space"
)

func TestSecondDeviceOfOneMember(t *testing.T) {
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
	members, err := alice.s.Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(members) != 2 || members[1].Name != "bob" || len(members[1].Devices) != 2 {
		t.Errorf("members: %+v", members)
	}
}

// A join that needs a second signature gets neither secret nor lane before it.
func TestApproval(t *testing.T) {
	_, alice, bob := two(t)
	link, err := alice.s.Invite(t.Context(), space.InviteOptions{Role: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	carol := newPerson(t, "carol")
	carol.join(link.Link)
	for range 2 {
		alice.sync()
		bob.sync()
		carol.sync()
	}
	if got := carol.state(); got != space.StateWaiting {
		t.Errorf("carol is %s before approval", got)
	}
	if err := bob.s.ApproveMember(t.Context(), "carol"); err == nil {
		t.Error("an editor approved an admin")
	}
	if err := alice.s.ApproveMember(t.Context(), "carol"); err != nil {
		t.Fatal(err)
	}
	same(t, 3, alice, bob, carol)
	if got := carol.state(); got != space.StateActive {
		t.Errorf("carol is %s after approval", got)
	}
}

// A newcomer who can't push hands the join to a member.
func TestJoinOffline(t *testing.T) {
	h, alice, bob := two(t)
	link := alice.invite()
	before := h.refs()
	carol := newPerson(t, "carol")
	s, joined, err := space.Join(t.Context(), t.TempDir()+"/carol", link, space.JoinOptions{As: "carol", Offline: true}, carol.options())
	if err != nil {
		t.Fatal(err)
	}
	carol.s = s
	if got := h.refs()["refs/heads/main"]; got != before["refs/heads/main"] {
		t.Error("an offline join pushed")
	}
	if err := bob.s.Admit(t.Context(), joined.Request); err != nil {
		t.Fatal(err)
	}
	same(t, 3, alice, bob, carol)
	if err := bob.s.Admit(t.Context(), joined.Request); err == nil {
		t.Error("one request was admitted twice")
	}
}

// Two members write to the ledger at once: both entries get in, and nobody is
// accused of a fork.
func TestLedgerRace(t *testing.T) {
	_, alice, bob := two(t)
	if err := alice.s.SetRole(t.Context(), "bob", "admin"); err != nil {
		t.Fatal(err)
	}
	bob.sync()
	errs := make(chan error)
	for _, p := range []*person{alice, bob} {
		go func() {
			for range 5 {
				if _, err := p.s.Invite(t.Context(), space.InviteOptions{}); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	same(t, 3, alice, bob)
	invites, err := bob.s.Invites(t.Context())
	if err != nil || len(invites) != 11 {
		t.Errorf("%d invites, %v", len(invites), err)
	}
	if r, err := bob.s.Verify(t.Context(), space.VerifyOptions{Full: true}); err != nil {
		t.Errorf("%+v %v", r, err)
	}
}
