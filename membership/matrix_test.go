package membership

import (
	"slices"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// The people of the matrix; alice founded the space.
var cast = map[string]Role{"olga": Owner, "adam": Admin, "eve": Editor, "vic": Viewer, "ed": Editor}

// authors of the matrix, in the order of the columns below. penny has joined as
// an admin and waits for approval; mallory is nobody.
var authors = []string{"olga", "adam", "eve", "vic", "penny", "mallory"}

const (
	yes     = ""
	role    = "role"
	more    = "grants-more"
	owners  = "only-owners-touch-owners"
	waits   = "author-not-active"
	unknown = "author-unknown"
	other   = "device-link-of-other"

	approved = "invite-needs-approval"
	itself   = "recover-author"
)

// TestMatrix is the table of who may do what: the rule that refuses, or yes.
func TestMatrix(t *testing.T) {
	s := with(t, cast)
	s.invite("alice", "open", Editor)
	s.deviceLink("alice", "of alice")
	waitsAdmin := s.join("penny", s.invite("alice", "for penny", Admin))
	waitsOwner := s.join("oscar", s.invite("alice", "for oscar", Owner))
	s.invite("alice", "for carl", Viewer)
	s.deviceLink("eve", "of eve")
	s.must("ed", &KeyUpdateBody{Recovery: ref(recoveryKeys("ed"))})
	s.r = withSince(s.r, "ed", 3)

	rows := []struct {
		kind, what string
		make       func(s *story, author string) Draft
		want       []string // per author
	}{
		{KindInvite, "a viewer", invites(Viewer), []string{yes, yes, role, role, waits, unknown}},
		{KindInvite, "an editor", invites(Editor), []string{yes, yes, role, role, waits, unknown}},
		{KindInvite, "an admin", invites(Admin), []string{yes, yes, role, role, waits, unknown}},
		{KindInvite, "an owner", invites(Owner), []string{yes, more, role, role, waits, unknown}},
		{KindInvite, "an own device", linksOwn, []string{yes, yes, yes, yes, waits, unknown}},
		{KindInvite, "a device of alice", linksFor("alice"), []string{approved, owners, other, other, waits, unknown}},
		{KindInvite, "a device of ed", linksFor("ed"), []string{"member-has-devices", "member-has-devices", other, other, waits, unknown}},
		{KindInviteRevoke, "an invite of alice", revokes("open"), []string{yes, yes, "revoke-own", "revoke-own", waits, unknown}},
		{KindInviteRevoke, "a device link of alice", revokes("of alice"), []string{yes, owners, "revoke-own", "revoke-own", waits, unknown}},
		{KindInviteRevoke, "a device link of eve", revokes("of eve"), []string{yes, yes, yes, "revoke-own", waits, unknown}},
		{KindMemberRole, "editor to admin", body(&MemberRoleBody{Member: memberID("ed"), Role: Admin}), []string{yes, yes, role, role, waits, unknown}},
		{KindMemberRole, "editor to owner", body(&MemberRoleBody{Member: memberID("ed"), Role: Owner}), []string{yes, more, role, role, waits, unknown}},
		{KindMemberRole, "owner to owner", body(&MemberRoleBody{Member: memberID("alice"), Role: Owner}), []string{"role-unchanged", owners, role, role, waits, unknown}},
		{KindMemberRole, "owner to viewer", body(&MemberRoleBody{Member: memberID("alice"), Role: Viewer}), []string{yes, owners, role, role, waits, unknown}},
		{KindMemberRole, "editor to viewer", body(&MemberRoleBody{Member: memberID("ed"), Role: Viewer}), []string{yes, yes, role, role, waits, unknown}},
		{KindMemberRole, "one who waits", body(&MemberRoleBody{Member: memberID("penny"), Role: Owner}), []string{"member-not-active", "member-not-active", role, role, waits, unknown}},
		{KindKeyWrap, "all history to ed", body(&KeyWrapBody{Member: memberID("ed")}), []string{yes, yes, role, role, waits, unknown}},
		{KindSchema, "that widens", body(&SchemaBody{Widens: true}), []string{yes, yes, role, role, waits, unknown}},
		{KindSchema, "that narrows", body(&SchemaBody{}), []string{yes, yes, role, role, waits, unknown}},
		{KindApprove, "an admin", body(&ApproveBody{PlaceOf(waitsAdmin.Position())}), []string{yes, yes, role, role, waits, unknown}},
		{KindApprove, "an owner", body(&ApproveBody{PlaceOf(waitsOwner.Position())}), []string{yes, more, role, role, waits, unknown}},
		{KindJoin, "carried for carl", carries("carl", "for carl"), []string{yes, yes, yes, yes, waits, unknown}},
		{KindDeviceAdd, "carried for eve", carries("eve's phone", "of eve"), []string{yes, yes, yes, yes, waits, unknown}},
		{KindMemberRemove, "an editor", body(&MemberRemoveBody{Member: memberID("ed")}), []string{yes, yes, role, role, waits, unknown}},
		{KindMemberRemove, "an owner", body(&MemberRemoveBody{Member: memberID("alice")}), []string{yes, owners, role, role, waits, unknown}},
		{KindMemberRemove, "one who waits", body(&MemberRemoveBody{Member: memberID("penny")}), []string{yes, yes, role, role, waits, unknown}},
		{KindDeviceRemove, "of an editor", body(&DeviceRemoveBody{Device: id("ed")}), []string{yes, yes, "remove-own", "remove-own", waits, unknown}},
		{KindDeviceRemove, "of an owner", body(&DeviceRemoveBody{Device: id("alice")}), []string{yes, owners, "remove-own", "remove-own", waits, unknown}},
		{KindLeave, "", body(&LeaveBody{}), []string{yes, yes, yes, yes, waits, unknown}},
		{KindRotate, "", body(&RotateBody{}), []string{yes, yes, role, role, waits, unknown}},
		{KindKeyUpdate, "", body(&KeyUpdateBody{Recipient: testRecipient("new")}), []string{yes, yes, yes, yes, waits, unknown}},
		{KindRetention, "", body(&RetentionBody{Kept: 1}), []string{yes, role, role, role, waits, unknown}},
		{KindUpgrade, "", body(&UpgradeBody{Format: 2}), []string{yes, role, role, role, waits, unknown}},
		{KindRemote, "", body(&RemoteBody{}), []string{yes, yes, role, role, waits, unknown}},
		{KindPolicy, "that tightens", body(&PolicyBody{Policy: Policy{Invite: Owner}}), []string{yes, role, role, role, waits, unknown}},
		{KindPolicy, "that loosens", body(&PolicyBody{Policy: Policy{Invite: Editor}}), []string{yes, role, role, role, waits, unknown}},
		{KindRecover, "of ed", body(s.recovering("ed 2", "ed", "ed again")), []string{itself, itself, itself, itself, waits, unknown}},
		{KindForkResolve, "", resolves, []string{yes, role, role, role, waits, unknown}},
		{KindGenesis, "again", body(&GenesisBody{Format: 1, Device: testDevice("x")}), six("genesis-shape")},
	}
	var covered []string
	for _, row := range rows {
		covered = append(covered, row.kind)
		for i, author := range authors {
			t.Run(row.kind+"/"+row.what+"/"+author, func(t *testing.T) {
				s := s.fork()
				s.t = t
				want := row.want[i]
				_, err := s.try(author, row.make(s, author))
				if want == yes && err != nil {
					t.Fatalf("refused: %v", err)
				} else if want != yes {
					wantRule(t, err, want)
				}
			})
		}
	}
	for _, kind := range Kinds() {
		if !slices.Contains(covered, kind) {
			t.Errorf("the matrix says nothing about %s", kind)
		}
	}
}

func six(rule string) []string { return slices.Repeat([]string{rule}, 6) }

func body(b Body) func(*story, string) Draft {
	return func(s *story, author string) Draft { return s.draft(s.sealed(author, b)) }
}

func invites(r Role) func(*story, string) Draft {
	return func(s *story, _ string) Draft { return Draft{Body: s.inviteBody("new", r)} }
}

func linksOwn(s *story, author string) Draft { return linksFor(author)(s, author) }

func linksFor(whose string) func(*story, string) Draft {
	return func(s *story, _ string) Draft {
		b := s.inviteBody("new", NoRole)
		b.Member, b.History = ref(memberID(whose)), nil
		return Draft{Body: b}
	}
}

// resolves drops a branch that nobody has seen.
func resolves(s *story, author string) Draft {
	gone := Place{Hash: seed("gone"), Number: s.r.Head().Number}
	b := &ForkResolveBody{Keep: PlaceOf(s.r.Head()), Drop: []Dropped{{First: gone, Head: gone}}}
	return s.draft(s.sealed(author, b))
}

func revokes(link string) func(*story, string) Draft {
	return func(s *story, _ string) Draft {
		return Draft{Body: &InviteRevokeBody{Invite: s.links[link].Invite.Hash}}
	}
}

func carries(newcomer, link string) func(*story, string) Draft {
	return func(s *story, _ string) Draft { return s.request(newcomer, s.links[link]).Draft(s.r) }
}

// withSince puts a member's history in place that only a seal can bring about.
func withSince(r *Roster, name string, since uint64) *Roster {
	next := *r
	m, _ := r.members.get(memberID(name))
	c := *m
	c.Since = since
	next.members = r.members.set(c.ID, &c)
	return &next
}

// MayLedger is what a caller asks before it makes an entry: never less strict
// than the fold about the role, for any kind and author.
func TestMayLedgerAgreesWithRoles(t *testing.T) {
	s := with(t, cast)
	s.join("penny", s.invite("alice", "for penny", Admin))
	want := map[string][]string{
		"olga": {KindInvite, KindInviteRevoke, KindJoin, KindDeviceAdd, KindMemberRole, KindKeyWrap, KindSchema, KindApprove,
			KindMemberRemove, KindDeviceRemove, KindLeave, KindRotate, KindKeyUpdate, KindRetention, KindUpgrade, KindRemote, KindPolicy, KindRecover, KindForkResolve},
		"adam": {KindInvite, KindInviteRevoke, KindJoin, KindDeviceAdd, KindMemberRole, KindKeyWrap, KindSchema, KindApprove,
			KindMemberRemove, KindDeviceRemove, KindLeave, KindRotate, KindKeyUpdate, KindRemote, KindRecover},
		"eve": {KindInviteRevoke, KindJoin, KindDeviceAdd, KindDeviceRemove, KindLeave, KindKeyUpdate, KindRecover},
		"vic": {KindInviteRevoke, KindJoin, KindDeviceAdd, KindDeviceRemove, KindLeave, KindKeyUpdate, KindRecover},
	}
	for _, author := range authors {
		for _, kind := range append(Kinds(), "no.such.kind") {
			if got := s.r.MayLedger(id(author), kind); got != slices.Contains(want[author], kind) {
				t.Errorf("%s %s: %v", author, kind, got)
			}
		}
	}
	if s.r.MayOrder(id("vic")) || !s.r.MayOrder(id("eve")) || s.r.MayOrder(id("penny")) || s.r.MayWriteLane(wire.DeviceID{}) {
		t.Error("the order is for editors and above")
	}
}

func TestPolicyLetsEditorsInvite(t *testing.T) {
	s := with(t, cast)
	r := *s.r
	r.policy = Policy{Invite: Editor}
	s.r = &r
	s.invite("eve", "by eve", Editor)
	s.refused(more, "eve", s.inviteBody("too much", Admin))
	s.refused(role, "vic", s.inviteBody("by vic", Viewer))
}
