package membership

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
)

// Attacks 26, 28, 29, 49 and 52 of ATTACKS.md, as far as the ledger decides them.

// underPolicy is a space of owners alice, olga and omar and admins adam and anna,
// where some kinds need approvals.
func underPolicy(t *testing.T, k map[string]int) *story {
	s := with(t, map[string]Role{"olga": Owner, "omar": Owner, "adam": Admin, "anna": Admin, "eve": Editor})
	s.must("alice", &PolicyBody{Policy: Policy{Approvals: k}})
	return s
}

func approveBy(t *testing.T, s *story, p Place, who ...string) {
	t.Helper()
	for _, name := range who {
		if _, err := s.try(name, Draft{Body: &ApproveBody{p}}); err != nil {
			t.Fatalf("%s approves: %v", name, err)
		}
	}
}

func TestProposals(t *testing.T) {
	base := underPolicy(t, map[string]int{KindSchema: 2, KindMemberRemove: 2, KindMemberRole: 1, KindInvite: 1, KindKeyWrap: 1, KindRemote: 1})
	t.Run("widening", func(t *testing.T) {
		s := base.in(t)
		p := s.proposes("adam", &SchemaBody{Widens: true})
		was := s.r.SchemaAt()
		approveBy(t, s, p, "anna")
		if open := s.r.Proposals(); len(open) != 1 || len(open[0].Approvals) != 1 || open[0].Needs != 2 || open[0].Position() != p.Position() || s.r.SchemaAt() != was {
			t.Fatalf("after one of two: %+v", open)
		}
		approveBy(t, s, p, "olga")
		if len(s.r.Proposals()) != 0 || s.r.SchemaAt() != p.Number || s.r.Epoch().Number != base.r.Epoch().Number {
			t.Errorf("schema of entry %d, want %d", s.r.SchemaAt(), p.Number)
		}
	})
	t.Run("narrowing-waits-for-a-seal", func(t *testing.T) {
		s := base.in(t)
		p := s.proposes("adam", &MemberRemoveBody{Member: memberID("eve")})
		if d, _ := s.r.Device(id("eve")); !d.Active {
			t.Fatal("a proposal has an effect")
		}
		approveBy(t, s, p, "alice", "omar")
		q := s.r.Requests()
		if d, _ := s.r.Device(id("eve")); d.Status != StatusLeaving || len(q) != 1 || q[0].Number != p.Number || q[0].Member != memberID("eve") {
			t.Fatalf("requests %+v", q)
		}
		s.must("anna", &RotateBody{})
		if d, _ := s.r.Device(id("eve")); d.Status != StatusRemoved {
			t.Errorf("eve is %s", d.Status)
		}
	})
	t.Run("lowering-waits-for-a-seal", func(t *testing.T) {
		s := base.in(t)
		s.must("olga", &ApproveBody{s.proposes("adam", &MemberRoleBody{Member: memberID("anna"), Role: Viewer})})
		m, _ := s.r.Member(memberID("anna"))
		if !m.Muted || m.Role != Admin || !s.r.MayWriteLane(id("anna")) || s.r.MayLedger(id("anna"), KindLeave) || len(s.r.Recipients()) != len(base.r.Recipients()) {
			t.Errorf("%+v", m)
		}
		s.must("adam", &RotateBody{})
		if m, _ = s.r.Member(memberID("anna")); m.Muted || m.Role != Viewer {
			t.Errorf("%+v", m)
		}
	})
	t.Run("an-invite-is-there-from-its-own-entry-on", func(t *testing.T) {
		s := base.in(t)
		b := s.inviteBody("for dora", Editor)
		p := s.proposes("adam", b)
		if _, err := s.r.NewJoin(p.Position(), s.joinParams("dora", s.links["for dora"])); err != nil {
			t.Fatal(err)
		}
		l := s.links["for dora"]
		l.Invite = p.Position()
		wantRule(t, s.admit("adam", s.request("dora", l)), "invite-unknown")
		approveBy(t, s, p, "alice")
		s.join("dora", l)
	})
	t.Run("own-things-need-nobody", func(t *testing.T) {
		s := base.in(t)
		s.join("eve 2", s.deviceLink("eve", "eve 2"))
		s.must("eve", &DeviceRemoveBody{Device: id("eve 2")})
		s.must("eve", &LeaveBody{})
		s.must("adam", &RotateBody{})
	})
	t.Run("fewer-others-than-k", func(t *testing.T) {
		s := with(t, map[string]Role{"eve": Editor})
		s.must("alice", &PolicyBody{Policy: Policy{Approvals: map[string]int{KindMemberRemove: 3}}})
		if k := s.r.Approvals(&MemberRemoveBody{Member: memberID("eve")}, id("alice")); k != 0 {
			t.Errorf("alice is alone and needs %d others", k)
		}
		s.must("alice", &MemberRemoveBody{Member: memberID("eve")})
	})
	t.Run("expires", func(t *testing.T) {
		s := base.in(t)
		d := s.draft(&KeyWrapBody{Member: memberID("eve")})
		s.r = withSince(s.r, "eve", 1)
		d.Terms = &Terms{ID: ProposalID{1}, Until: s.r.Head().Number + 3}
		if _, err := s.try("adam", d); err != nil {
			t.Fatal(err)
		}
		p := PlaceOf(s.last.Position())
		s.must("alice", &KeyUpdateBody{Recipient: testRecipient("x")})
		s.in(t).must("anna", &ApproveBody{p})
		s.must("alice", &KeyUpdateBody{Recipient: testRecipient("y")})
		if len(s.r.Proposals()) != 0 {
			t.Error("it is still listed")
		}
		s.refused("proposal-expired", "anna", &ApproveBody{p})
	})
}

func TestAttackApprovalPolicy(t *testing.T) {
	kinds := map[string]int{KindMemberRemove: 2, KindSchema: 1, KindMemberRole: 1}
	base := underPolicy(t, kinds)
	t.Run("policy-changed-without-k", func(t *testing.T) {
		s := base.in(t)
		none := &PolicyBody{}
		s.refused("approval-needed", "alice", none)
		p := s.proposes("alice", none)
		approveBy(t, s, p, "olga")
		if cmp.Diff(s.r.Policy().Approvals, kinds) != "" {
			t.Fatal("one approval changes the policy: the old one asks for two for something")
		}
		s.refused("grants-more", "adam", &ApproveBody{p}) // an admin could not author it
		approveBy(t, s, p, "omar")
		if len(s.r.Policy().Approvals) != 0 {
			t.Error("two approvals do not")
		}
	})
	t.Run("removes-the-others-first", func(t *testing.T) {
		s := with(t, map[string]Role{"olga": Owner, "omar": Owner, "adam": Admin, "anna": Admin, "eve": Editor})
		s.must("alice", &PolicyBody{Policy: Policy{Approvals: map[string]int{KindRetention: 2}}})
		s.must("alice", &MemberRemoveBody{Member: memberID("eve")}) // may not approve
		s.must("alice", &MemberRoleBody{Member: memberID("anna"), Role: Viewer})
		for _, b := range []Body{&MemberRemoveBody{Member: memberID("olga")}, &MemberRoleBody{Member: memberID("olga"), Role: Admin}, &DeviceRemoveBody{Device: id("olga")}} {
			s.refused("approval-needed", "alice", b)
			if k := s.r.Approvals(b, id("alice")); k != 1 {
				t.Errorf("%s needs %d others", b.Kind(), k)
			}
		}
		s.join("omar 2", s.deviceLink("omar", "omar 2"))
		s.refused("approval-needed", "alice", &DeviceRemoveBody{Device: id("omar")}) // and with it omar 2
		s.in(t).must("alice", &DeviceRemoveBody{Device: id("omar 2")})               // omar can still act
		s.must("omar", &ApproveBody{s.proposes("alice", &MemberRemoveBody{Member: memberID("olga")})})
		s.must("alice", &DeviceRemoveBody{Device: id("omar"), Keep: &Keep{Devices: []wire.DeviceID{id("omar 2")}}})
	})
	t.Run("puppet-admin-approves", func(t *testing.T) {
		s := base.in(t)
		p := s.proposes("adam", &MemberRemoveBody{Member: memberID("eve")})
		s.refused("approval-needed", "adam", &MemberRoleBody{Member: memberID("eve"), Role: Admin})
		raise := s.proposes("adam", &MemberRoleBody{Member: memberID("eve"), Role: Admin})
		approveBy(t, s, raise, "anna", "alice")
		s.refused("approver-came-later", "eve", &ApproveBody{p})
		puppet := s.join("puppet", s.invite("adam", "puppet", Admin))
		s.must("adam", &ApproveBody{PlaceOf(puppet.Position())})
		s.refused("approved-already", "adam", &ApproveBody{PlaceOf(puppet.Position())})
		if !s.r.NeedsApproval(id("puppet")) {
			t.Fatal("one approval makes an admin where two are asked for")
		}
		s.must("anna", &ApproveBody{PlaceOf(puppet.Position())})
		s.refused("approver-came-later", "puppet", &ApproveBody{p})
	})
	t.Run("approval-used-twice", func(t *testing.T) {
		s := base.in(t)
		p := s.proposes("adam", &MemberRemoveBody{Member: memberID("eve")})
		s.join("anna 2", s.deviceLink("anna", "anna 2"))
		s.must("anna", &ApproveBody{p})
		s.refused("approved-already", "anna", &ApproveBody{p})
		s.refused("approved-already", "anna 2", &ApproveBody{p})
		s.must("olga", &ApproveBody{p})
		s.refused("approved-already", "omar", &ApproveBody{p})
		d := s.draft(&MemberRoleBody{Member: memberID("adam"), Role: Viewer})
		d.Terms = &Terms{ID: s.termsID(p.Number), Until: s.r.Head().Number + 10}
		_, err := s.try("alice", d)
		wantRule(t, err, "proposal-used")
	})
	t.Run("approval-for-other-entry", func(t *testing.T) {
		s := base.in(t)
		p := s.proposes("adam", &MemberRemoveBody{Member: memberID("eve")})
		q := s.proposes("adam", &MemberRemoveBody{Member: memberID("anna")})
		s.refused("nothing-to-approve", "alice", &ApproveBody{Place{p.Hash, q.Number}})
		s.refused("nothing-to-approve", "alice", &ApproveBody{Place{seed("x"), p.Number}})
		approveBy(t, s, p, "alice", "olga")
		if m, _ := s.r.Member(memberID("anna")); m.Status != StatusActive {
			t.Error("approvals of one proposal count for another")
		}
	})
	t.Run("approves-own", func(t *testing.T) {
		s := base.in(t)
		s.join("adam 2", s.deviceLink("adam", "adam 2"))
		p := s.proposes("adam", &SchemaBody{})
		s.refused("approves-own", "adam", &ApproveBody{p})
		s.refused("approves-own", "adam 2", &ApproveBody{p})
		s.refused(role, "eve", &ApproveBody{p})
	})
	t.Run("approvals-of-the-removed", func(t *testing.T) {
		s := base.in(t)
		p := s.proposes("adam", &MemberRemoveBody{Member: memberID("eve")})
		s.must("anna", &ApproveBody{p})
		s.must("anna", &LeaveBody{})
		s.must("alice", &ApproveBody{p})
		if m, _ := s.r.Member(memberID("eve")); m.Status != StatusActive {
			t.Fatal("the approval of one who left counts")
		}
		s.must("omar", &ApproveBody{p})
	})
	t.Run("proposals-of-the-removed", func(t *testing.T) {
		s := base.in(t)
		p := s.proposes("adam", &SchemaBody{Widens: true})
		s.must("adam", &LeaveBody{})
		if len(s.r.Proposals()) != 0 {
			t.Error("it is still listed")
		}
		s.refused("proposer-gone", "alice", &ApproveBody{p})
	})
	t.Run("proposal-with-a-seal", func(t *testing.T) {
		s := base.in(t)
		b, _ := WithSeal(&MemberRemoveBody{Member: memberID("eve")}, s.sealPart())
		s.refused("approval-needed", "adam", b)
		_, err := s.try("adam", Draft{Body: b, Terms: &Terms{ID: ProposalID{1}, Until: s.r.Head().Number + 9}})
		wantRule(t, err, "seal-unneeded")
	})
	t.Run("nonsense-and-what-needs-none", func(t *testing.T) {
		s := base.in(t)
		terms := &Terms{ID: ProposalID{1}, Until: s.r.Head().Number + 9}
		for rule, b := range map[string]Body{
			"member-unknown": &MemberRemoveBody{Member: memberID("mallory")}, owners: &MemberRemoveBody{Member: memberID("alice")},
			"proposal-unneeded": &KeyWrapBody{Member: memberID("eve")}, more: &MemberRoleBody{Member: memberID("eve"), Role: Owner},
		} {
			_, err := s.try("adam", Draft{Body: b, Terms: terms})
			wantRule(t, err, rule)
		}
		for _, until := range []uint64{0, s.r.Head().Number + 1, s.r.Head().Number + 2 + maxUntil} {
			d := s.draft(&SchemaBody{})
			d.Terms = &Terms{ID: ProposalID{1}, Until: until}
			_, err := s.try("adam", d)
			wantRule(t, err, "proposal")
		}
	})
}

// 28: a device that lacks what is required still judges, seals, and an owner takes
// the requirement back; the format never goes back.
func TestAttackUpgrade(t *testing.T) {
	s := with(t, map[string]Role{"olga": Owner, "adam": Admin})
	s.must("olga", &UpgradeBody{Format: 1, Requires: []string{"levitation", FeatureSeal}})
	if got := s.r.Lacks(); !slices.Equal(got, []string{"levitation"}) {
		t.Errorf("lacks %v", got)
	}
	s.must("adam", &RotateBody{})
	t.Run("requires-unknown-feature", func(t *testing.T) {
		s := s.in(t)
		s.must("alice", &UpgradeBody{Format: 1})
		if s.r.Lacks() != nil {
			t.Errorf("lacks %v", s.r.Lacks())
		}
		s.refused("upgrade-unchanged", "alice", &UpgradeBody{Format: 1})
	})
	t.Run("format-lowered", func(t *testing.T) {
		s := s.in(t)
		s.must("alice", &UpgradeBody{Format: 3})
		if !slices.Equal(s.r.Lacks(), []string{"format"}) {
			t.Errorf("lacks %v", s.r.Lacks())
		}
		s.refused("format-lowered", "olga", &UpgradeBody{Format: 2})
		s.refused("format", "olga", &UpgradeBody{})
		s.must("olga", &SchemaBody{}) // it may still seal
	})
}

// 29 and the rest: no verdict depends on a time.
func TestAttackTimesDecideNothing(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "eve": Editor})
	for _, claimed := range []time.Time{time.UnixMilli(0).UTC(), t0.AddDate(75, 0, 0), time.UnixMilli(maxTime).UTC()} {
		d := Draft{Body: s.sealed("adam", &RotateBody{}), Time: claimed, Signer: testKey("adam")}
		env, err := s.r.Propose(d)
		if err == nil {
			err = s.take(env)
		}
		if err != nil {
			t.Fatalf("a seal of %v: %v", claimed, err)
		}
		if o := s.r.Epoch(); !o.Time.Equal(claimed) || o.Author != id("adam") {
			t.Errorf("its opening is shown as %v", o.Time)
		}
	}
	s.invite("alice", "expired", Editor)
	s.clock = t0.AddDate(10, 0, 0)
	s.join("bob", s.links["expired"]) // for clients, not for the fold
}

// 49: who comes without history gets no secret before a seal, and none of before.
func TestAttackNoHistoryMidEpoch(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin})
	s.must("adam", &RotateBody{})
	for _, name := range []string{"nina", "noah", "nora"} {
		b := s.inviteBody(name, Editor)
		b.History, b.Approve = &History{None: true}, name == "nora"
		s.join(name, s.invited("alice", name, b))
		if s.r.MayRead(id(name), 1) || s.r.MayWriteLane(id(name)) || s.r.HasLane(id(name)) {
			t.Errorf("%s reads before a seal", name)
		}
	}
	nora, _ := s.r.Device(id("nora"))
	if n := len(s.r.WantsSeal()); n != 2 {
		t.Errorf("%d reasons to seal, nora waits for approval", n)
	}
	s.must("alice", &SchemaBody{}) // a seal of any kind lets both in
	s.must("alice", &ApproveBody{Place{nora.AddedHash, nora.AddedAt}})
	for name, want := range map[string]uint64{"nina": 2, "noah": 2, "nora": 3} {
		m, _ := s.r.Member(memberID(name))
		if m.Since != want || s.r.MayRead(id(name), 1) || s.r.MayRead(id(name), 2) != (want == 2) || s.r.MayRead(id(name), 3) {
			t.Errorf("%s reads from %d on", name, m.Since)
		}
	}
	s.must("adam", &RotateBody{})
	if !s.r.MayRead(id("nora"), 3) || s.r.MayRead(id("nora"), 2) || len(s.r.WantsSeal()) != 0 {
		t.Error("the seal after her approval lets nora in")
	}
	s.must("adam", &KeyWrapBody{Member: memberID("nora"), Since: 1})
	if !s.r.MayRead(id("nora"), 1) || s.r.MayRead(id("nora"), 0) {
		t.Error("key.wrap lowers since")
	}
	s.refused("history-not-earlier", "adam", &KeyWrapBody{Member: memberID("nora"), Since: 1})
}

// 52: what was shredded is for nobody, and never comes back.
func TestAttackWrapBelowKept(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "eve": Editor})
	s.refused("history-ahead", "alice", &RetentionBody{Kept: 2})
	s.must("alice", &RotateBody{})
	s.must("alice", &RetentionBody{Kept: 1})
	kept := s.r.Head().Number
	if s.r.KeptAt() != kept || s.r.MayRead(id("alice"), 0) || !s.r.MayRead(id("alice"), 1) || s.r.MayRead(id("alice"), 9) || s.r.MayRead(id("mallory"), 1) {
		t.Error("who reads what")
	}
	s.refused("retention-not-later", "alice", &RetentionBody{Kept: 1})
	s.refused("retention-not-later", "alice", &RetentionBody{})
	s.r = withSince(s.r, "eve", 2)
	s.refused("history-shredded", "adam", &KeyWrapBody{Member: memberID("eve")})
	m, _ := s.r.Member(wire.MemberIDOf(s.join("bob", s.invite("alice", "for bob", Editor)).Author))
	if m.Since != 1 {
		t.Errorf("a newcomer reads from %d on", m.Since)
	}
	for name, done := range map[string]bool{"adam": true, "alice": false} {
		if done {
			s.must(name, &KeyUpdateBody{Recipient: testRecipient(name + " anew"), Needs: true})
		}
		if d, _ := s.r.Device(id(name)); (d.RecipientAt > s.r.KeptAt()) != done || d.Needs != done {
			t.Errorf("%s: recipient of entry %d", name, d.RecipientAt)
		}
	}
	s.refused("key-used-before", "alice", &KeyUpdateBody{Recipient: testRecipient("adam")})
	s.refused("key-used-before", "alice", &KeyUpdateBody{Recipient: testRecipient("adam anew")})
	s.refused("key-update", "alice", &KeyUpdateBody{})
	s.refused("key-update", "alice", &KeyUpdateBody{Needs: true, Recovery: ref(recoveryKeys("x"))})
}

func TestPolicy(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "eve": Editor})
	before := s.r.Epoch().Number
	s.must("alice", &PolicyBody{Policy: Policy{Invite: Editor, Seal: SealAfter{Days: 30}}})
	if s.r.Epoch().Number != before {
		t.Error("a policy that loosens seals")
	}
	want := SealAfter{Days: 30, MiB: 64, Transactions: 100_000}
	if got := s.r.Policy().SealsAfter(); got != want || s.r.Policy().Endorsers() != 1 {
		t.Errorf("seals after %+v", got)
	}
	s.invite("eve", "by eve", Editor)
	s.invite("adam", "by adam", Editor)
	s.deviceLink("eve", "eve 2")
	s.refused("policy-unchanged", "alice", &PolicyBody{Policy: s.r.Policy()})
	s.must("alice", &PolicyBody{Policy: Policy{Endorsements: 3}}) // inviting is for admins again
	for link, open := range map[string]bool{"by eve": false, "by adam": true, "eve 2": true} {
		if i, _ := s.r.Invite(InviteID(s.links[link].Invite.Hash)); i.Open() != open {
			t.Errorf("invite %q open: %v", link, i.Open())
		}
	}
	for _, p := range []Policy{{Endorsements: 1}, {Endorsements: -1}, {Seal: SealAfter{Days: -1}}, {Seal: SealAfter{MiB: maxSealMiB + 1}},
		{Approvals: map[string]int{KindLeave: 1}}, {Approvals: map[string]int{KindSchema: 0}}, {Approvals: map[string]int{"no.kind": 1}}} {
		s.refused("policy", "alice", &PolicyBody{Policy: p})
	}
	got := s.r.Policy()
	got.Approvals = map[string]int{KindSchema: 9}
	if len(s.r.Policy().Approvals) != 0 {
		t.Error("a caller changes the roster's policy")
	}
}
