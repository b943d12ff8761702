package membership

import (
	"fmt"
	"slices"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// Attacks 20 to 23 of ATTACKS.md: who was removed stays removed, and who seals
// keeps the right to know what it seals with.

func TestAttackTwoAdminsRemoveEachOther(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "anna": Admin})
	late, err := s.r.Propose(Draft{Body: s.sealed("anna", &MemberRemoveBody{Member: memberID("adam")}), Time: t0, Signer: testKey("anna")})
	if err != nil {
		t.Fatal(err)
	}
	s.must("adam", &MemberRemoveBody{Member: memberID("anna")})
	wantRule(t, s.take(late), "number") // the race is lost; anna sees who won
	s.refused("author-not-active", "anna", &MemberRemoveBody{Member: memberID("adam")})
}

func TestAttackSealAuthors(t *testing.T) {
	base := with(t, map[string]Role{"adam": Admin, "anna": Admin, "olga": Owner, "eve": Editor, "vic": Viewer})
	t.Run("leaver-knows-next-secret", func(t *testing.T) {
		s := base.in(t)
		leave := s.draft(&LeaveBody{})
		raw := []byte(`{"seal":{"commitment":"` + wire.Hash(seed("x")).String() + `","cut":{"lanes":[],"order":[0,"` + wire.Sum().String() + `"]}}}`)
		_, _, err := s.r.Apply(forge(t, s, "adam", func(p *payload) { p.Kind, p.Body = KindLeave, raw }))
		wantRule(t, err, "body") // a leave has no seal
		leave.Signer = testKey("adam")
		s.must("adam", &LeaveBody{})
		s.refused("author-not-active", "adam", &RotateBody{})
		if s.r.MaySeal(id("adam")) || slices.Contains(s.r.Sealers(), id("adam")) {
			t.Error("who leaves is asked to seal")
		}
	})
	t.Run("seals-with-the-device-that-goes", func(t *testing.T) {
		s := base.in(t)
		s.join("adam 2", s.deviceLink("adam", "adam 2"))
		keep := &Keep{Devices: []wire.DeviceID{id("adam 2")}}
		b, _ := WithSeal(&DeviceRemoveBody{Device: id("adam"), Keep: keep}, s.sealPart())
		s.refused("seal-unneeded", "adam", b) // its own removal is a request
		b, _ = WithSeal(&MemberRemoveBody{Member: memberID("adam")}, s.sealPart())
		s.refused("removes-itself", "adam", b)
		b, _ = WithSeal(&DeviceRemoveBody{Device: id("adam")}, s.sealPart())
		s.refused("removes-itself", "adam 2", b) // adam's device made adam 2
		s.must("adam 2", &DeviceRemoveBody{Device: id("adam"), Keep: keep})
	})
	t.Run("viewer-authors-cut", func(t *testing.T) {
		s := base.in(t)
		for _, who := range []string{"eve", "vic"} {
			b, _ := WithSeal(&RotateBody{}, s.sealPart())
			s.refused(role, who, b)
			s.join(who+" 2", s.deviceLink(who, who+" 2"))
			b, _ = WithSeal(&DeviceRemoveBody{Device: id(who + " 2")}, s.sealPart())
			s.refused("seal-unneeded", who, b)
		}
		s.must("eve", &KeyUpdateBody{Recovery: ref(recoveryKeys("eve"))})
		b, _ := WithSeal(s.recovering("eve 3", "eve", "eve again"), s.sealPart())
		s.refused("seal-unneeded", "eve 3", b)
	})
	t.Run("self-demoting-admin-seals", func(t *testing.T) {
		s := base.in(t)
		s.refused("sealer-role", "adam", &MemberRoleBody{Member: memberID("adam"), Role: Editor})
		s.refused("sealer-must-stay", "olga", &MemberRoleBody{Member: memberID("olga"), Role: Admin})
		s.must("alice", &PolicyBody{Policy: Policy{Approvals: map[string]int{KindMemberRole: 1}}})
		p := s.proposes("adam", &MemberRoleBody{Member: memberID("anna"), Role: Viewer})
		s.must("olga", &ApproveBody{p})
		s.refused("author-not-active", "anna", &RotateBody{}) // which would lower anna herself
	})
	t.Run("no-seal-where-one-is-due", func(t *testing.T) {
		s := base.in(t)
		for _, b := range []Body{&MemberRemoveBody{Member: memberID("eve")}, &MemberRoleBody{Member: memberID("eve"), Role: Viewer},
			&DeviceRemoveBody{Device: id("eve")}, &SchemaBody{}, &RotateBody{}, &RetentionBody{Kept: 1}, &UpgradeBody{Format: 2},
			&PolicyBody{Policy: Policy{Invite: Owner}}} {
			_, err := s.try("alice", s.draft(b))
			wantRule(t, err, "seal-missing")
		}
	})
	t.Run("seal-where-none-is-due", func(t *testing.T) {
		s := base.in(t)
		for _, b := range []Body{&SchemaBody{Widens: true}, &MemberRoleBody{Member: memberID("vic"), Role: Editor}, &PolicyBody{Policy: Policy{Invite: Editor}}} {
			b, _ = WithSeal(b, s.sealPart())
			_, err := s.try("alice", s.draft(b))
			wantRule(t, err, "seal-unneeded")
		}
	})
	t.Run("cuts-the-lane-of-one-without", func(t *testing.T) {
		s := base.in(t)
		for who, rule := range map[string]string{"mallory": "cut-lane-unknown", "newcomer": "cut-lane-unknown", "adam": ""} {
			s := s.fork()
			none := s.inviteBody("newcomer", Editor)
			none.History = &History{None: true}
			s.join("newcomer", s.invited("alice", "newcomer", none))
			part := s.sealPart()
			part.Cut.Lanes = []LaneCut{{id(who), wire.LogHead{Len: 1, Root: seed("x")}}}
			b, _ := WithSeal(&RotateBody{}, part)
			if rule == "" {
				s.must("alice", b)
			} else {
				s.refused(rule, "alice", b)
			}
		}
	})
	t.Run("last-owner", func(t *testing.T) {
		s := base.in(t)
		s.must("olga", &MemberRoleBody{Member: memberID("alice"), Role: Admin})
		s.refused("last-owner", "olga", &LeaveBody{})
		s.refused(owners, "adam", &MemberRemoveBody{Member: memberID("olga")})
		s.join("olga 2", s.deviceLink("olga", "olga 2"))
		s.must("olga 2", &DeviceRemoveBody{Device: id("olga"), Keep: &Keep{Devices: []wire.DeviceID{id("olga 2")}}})
		s.refused("last-device", "olga 2", &DeviceRemoveBody{Device: id("olga 2")})
	})
}

// removed is a space in which mallory, an admin with all doors open, was removed
// in the given way.
func doors(t *testing.T) *story {
	s := with(t, map[string]Role{"adam": Admin, "olga": Owner, "bob": Editor})
	b := s.inviteBody("many", Admin)
	b.Uses = 5
	s.must("alice", &ApproveBody{PlaceOf(s.join("mallory", s.invited("alice", "many", b)).Position())})
	s.must("mallory", &KeyUpdateBody{Recovery: ref(recoveryKeys("mallory"))})
	s.join("mallory's phone", s.deviceLink("mallory", "phone"))
	s.join("mallory's watch", s.deviceLink("mallory's phone", "watch"))
	s.deviceLink("mallory's watch", "spare")
	s.invite("mallory", "for a friend", Editor)
	s.invite("mallory's phone", "for another", Viewer)
	s.invite("adam", "of adam", Viewer)
	s.must("adam", &DeviceRemoveBody{Device: id("bob")})
	vouch := s.inviteBody("for bob again", NoRole)
	vouch.Member, vouch.History = ref(memberID("bob")), nil
	s.join("bob 2", s.invited("mallory", "for bob again", vouch))
	return s
}

// Every way in which mallory can go closes every way back, each tried by itself.
func TestAttackWaysBack(t *testing.T) {
	base := doors(t)
	goes := map[string]func(*story){
		"removed":         func(s *story) { s.must("adam", &MemberRemoveBody{Member: memberID("mallory")}) },
		"leaves":          func(s *story) { s.must("mallory's phone", &LeaveBody{}) },
		"left-and-sealed": func(s *story) { s.must("mallory", &LeaveBody{}); s.must("adam", &RotateBody{}) },
	}
	back := map[string]func(s *story, sealed bool) (rule string, err error){
		"signs": func(s *story, _ bool) (rule string, err error) {
			_, err = s.try("mallory", s.draft(&SchemaBody{Widens: true}))
			return "author-not-active", err
		},
		"signs-with-another-device": func(s *story, _ bool) (rule string, err error) {
			_, err = s.try("mallory's watch", s.draft(s.sealed("mallory's watch", &RotateBody{})))
			return "author-not-active", err
		},
		"stolen-device-link": func(s *story, sealed bool) (rule string, err error) {
			return closedOr("inviter-gone", sealed), s.admit("adam", s.request("thief", s.links["spare"]))
		},
		"recovery-key-after-removal": func(s *story, sealed bool) (rule string, err error) {
			if !sealed {
				_, err = s.try("mallory 9", Draft{Body: s.recovering("mallory 9", "mallory", "again")})
				return "member-not-active", err
			}
			p := RecoverParams{Words: recoveryWords("mallory"), Signer: testKey("mallory 9"), Recipient: testRecipient("mallory 9"), Recovery: recoveryKeys("x")}
			_, err = s.r.NewRecover(p)
			return "recovery-unknown", err
		},
		"recovery-proof-kept": func(s *story, _ bool) (rule string, err error) {
			_, err = s.try("mallory 9", Draft{Body: base.recovering("mallory 9", "mallory", "again")})
			if sealed := s.r.Epoch().Number > base.r.Epoch().Number; sealed {
				return "member-gone", err
			}
			return "member-not-active", err
		},
		"invite-it-made": func(s *story, sealed bool) (rule string, err error) {
			return closedOr("inviter-gone", sealed), s.admit("adam", s.request("puppet", s.links["for a friend"]))
		},
		"invite-its-device-made": func(s *story, sealed bool) (rule string, err error) {
			return closedOr("inviter-gone", sealed), s.admit("adam", s.request("puppet", s.links["for another"]))
		},
		"old-keys-by-another-invite": func(s *story, _ bool) (rule string, err error) {
			return "key-used-before", s.admit("adam", s.request("mallory", s.links["of adam"]))
		},
		"carries-a-join": func(s *story, _ bool) (rule string, err error) {
			return "author-not-active", s.admit("mallory", s.request("puppet", s.links["of adam"]))
		},
		"history-for-it": func(s *story, sealed bool) (rule string, err error) {
			_, err = s.try("adam", Draft{Body: &KeyWrapBody{Member: memberID("mallory")}})
			return goneOr("member-not-active", sealed), err
		},
		"role-for-it": func(s *story, sealed bool) (rule string, err error) {
			_, err = s.try("alice", Draft{Body: &MemberRoleBody{Member: memberID("mallory"), Role: Owner}})
			return goneOr("member-not-active", sealed), err
		},
		"admin-vouches-for-it": func(s *story, sealed bool) (rule string, err error) {
			b := s.inviteBody("for mallory again", NoRole)
			b.Member, b.History, b.Approve = ref(memberID("mallory")), nil, true
			_, err = s.try("alice", Draft{Body: b})
			return goneOr("member-not-active", sealed), err
		},
		"removed-rejoins-by-multi-use-link": func(s *story, sealed bool) (rule string, err error) {
			if !sealed {
				return "", nil // the link is alice's; the seal closes it
			}
			return "invite-closed", s.admit("adam", s.request("mallory 9", s.links["many"]))
		},
		"whom-it-vouched-for": func(s *story, sealed bool) (rule string, err error) {
			if !sealed {
				return "", nil
			}
			_, err = s.try("bob 2", Draft{Body: &KeyUpdateBody{Recipient: testRecipient("x")}})
			return "author-not-active", err
		},
	}
	for how, goes := range goes {
		for door, try := range back {
			t.Run(how+"/"+door, func(t *testing.T) {
				s := base.in(t)
				goes(s)
				sealed := s.r.Epoch().Number > base.r.Epoch().Number
				if rule, err := try(s, sealed); rule != "" {
					wantRule(t, err, rule)
				}
				shut(t, s.r, sealed)
			})
		}
	}
}

func closedOr(rule string, sealed bool) string {
	if sealed {
		return "invite-closed"
	}
	return rule
}

func goneOr(rule string, sealed bool) string {
	if sealed {
		return "member-gone"
	}
	return rule
}

// Ways back that stand open although their maker is long gone.
func TestAttackWaysBackLeftOpen(t *testing.T) {
	t.Run("kept-recovery-key", func(t *testing.T) {
		s := doors(t)
		s.must("adam", &DeviceRemoveBody{Device: id("mallory"), Keep: &Keep{Devices: []wire.DeviceID{id("mallory's phone")}, Recovery: true}})
		late := s.recovering("mallory 9", "mallory", "again")
		s.must("adam", &MemberRemoveBody{Member: memberID("mallory")})
		if _, ok := s.r.RecoveryOf(recoveryKeys("mallory").Key); ok {
			t.Error("the key that was kept opens still")
		}
		s.refused("member-gone", "mallory 9", late)
	})
	t.Run("kept-invite", func(t *testing.T) {
		s := doors(t)
		friend := s.links["for a friend"]
		s.must("adam", &DeviceRemoveBody{Device: id("mallory"),
			Keep: &Keep{Devices: []wire.DeviceID{id("mallory's phone")}, Invites: []wire.Hash{friend.Invite.Hash}}})
		s.must("mallory's phone", &LeaveBody{})
		wantRule(t, s.admit("adam", s.request("puppet", friend)), "inviter-gone")
		s.must("adam", &RotateBody{})
		wantRule(t, s.admit("adam", s.request("puppet", friend)), "invite-closed")
	})
	t.Run("link-that-another-vouched-for", func(t *testing.T) {
		s := doors(t)
		s.must("adam", &DeviceRemoveBody{Device: id("bob 2")})
		b := s.inviteBody("for bob once more", NoRole)
		b.Member, b.History = ref(memberID("bob")), nil
		link := s.invited("adam", "for bob once more", b)
		s.must("alice", &MemberRemoveBody{Member: memberID("bob")})
		wantRule(t, s.admit("adam", s.request("bob 3", link)), "invite-closed")
	})
}

// shut: nothing of mallory reads, writes, witnesses or seals; what it wrote before
// counts up to the cut.
func shut(t *testing.T, r *Roster, sealed bool) {
	t.Helper()
	for _, name := range []string{"mallory", "mallory's phone", "mallory's watch"} {
		d, known := r.Device(id(name))
		if !known || d.Active || r.RoleOf(d.ID) != NoRole || r.MayWriteLane(d.ID) || r.MayOrder(d.ID) || r.MaySeal(d.ID) || r.MayRead(d.ID, 0) ||
			r.MayLedger(d.ID, KindLeave) || slices.ContainsFunc(r.Recipients(), func(c Device) bool { return c.ID == d.ID }) {
			t.Errorf("%s: %+v", name, d)
		}
		if r.HasLane(d.ID) == sealed {
			t.Errorf("%s: its lane of the epoch: %v", name, !sealed)
		}
	}
	if m, _ := r.Member(memberID("mallory")); sealed && (m.Recovery != nil || m.Status != StatusRemoved) {
		t.Errorf("%+v", m)
	}
}

// The preview names exactly what the entry then closes.
func TestRemovesIsWhatGoes(t *testing.T) {
	base := doors(t)
	for name, body := range map[string]Body{
		"member":        &MemberRemoveBody{Member: memberID("mallory")},
		"member-but":    &MemberRemoveBody{Member: memberID("mallory"), Keep: &Keep{Devices: []wire.DeviceID{id("bob 2")}}},
		"device":        &DeviceRemoveBody{Device: id("mallory")},
		"middle-device": &DeviceRemoveBody{Device: id("mallory's phone")},
		"role":          &MemberRoleBody{Member: memberID("mallory"), Role: Viewer},
		"nobody":        &RotateBody{},
	} {
		t.Run(name, func(t *testing.T) {
			s := base.in(t)
			before := s.r
			want, err := before.Removes(body)
			if err != nil {
				t.Fatal(err)
			}
			s.must("alice", body)
			var devices []wire.DeviceID
			for _, d := range s.r.Devices() {
				if was, _ := before.Device(d.ID); was.Status != d.Status {
					devices = append(devices, d.ID)
				}
			}
			slices.SortFunc(want.Devices, compareBytes[wire.DeviceID])
			slices.SortFunc(devices, compareBytes[wire.DeviceID])
			if !slices.Equal(devices, want.Devices) {
				t.Errorf("devices %v, announced %v", devices, want.Devices)
			}
			var invites []string
			for _, i := range s.r.Invites() {
				if was, _ := before.Invite(i.ID); was.Open() && !i.Open() {
					invites = append(invites, i.ID)
				}
			}
			var announced []string
			for _, i := range want.Invites {
				announced = append(announced, i.ID)
			}
			if !slices.Equal(invites, announced) {
				t.Errorf("invites %v, announced %v", invites, announced)
			}
			m, _ := s.r.Member(memberID("mallory"))
			if want.Recovery != (m.Recovery == nil) || (len(want.Members) > 0) != (m.Status == StatusRemoved) {
				t.Errorf("recovery %v, members %v; %+v", want.Recovery, want.Members, m)
			}
		})
	}
}

// 23: what a stolen device made goes with it, but for what is kept by name.
func TestAttackStolenDeviceDoors(t *testing.T) {
	base := doors(t)
	friend, _ := base.r.Invite(InviteID(base.links["for a friend"].Invite.Hash))
	t.Run("all", func(t *testing.T) {
		s := base.in(t)
		s.must("adam", &DeviceRemoveBody{Device: id("mallory")})
		for _, name := range []string{"mallory", "mallory's phone", "mallory's watch", "bob 2"} {
			if d, _ := s.r.Device(id(name)); d.Status != StatusRemoved {
				t.Errorf("%s is %s", name, d.Status)
			}
		}
		for _, link := range []string{"spare", "for a friend", "for another"} {
			wantRule(t, s.admit("adam", s.request("puppet", s.links[link])), "invite-closed")
		}
		m, _ := s.r.Member(memberID("mallory"))
		if m.Recovery != nil || m.Status != StatusActive || m.Role != Admin {
			t.Errorf("the member stays, without the key that the device made: %+v", m)
		}
		many, _ := s.r.Invite(InviteID(s.links["many"].Invite.Hash))
		if !many.Open() {
			t.Error("the invite that the member came by is not the device's")
		}
	})
	t.Run("kept-by-name", func(t *testing.T) {
		s := base.in(t)
		keep := &Keep{Devices: sorted(id("mallory's phone"), id("bob 2")), Invites: []wire.Hash{friend.Hash}, Recovery: true}
		s.must("adam", &DeviceRemoveBody{Device: id("mallory"), Keep: keep})
		for _, name := range []string{"mallory's phone", "mallory's watch", "bob 2"} {
			if d, _ := s.r.Device(id(name)); !d.Active {
				t.Errorf("%s is %s", name, d.Status)
			}
		}
		s.join("friend", s.links["for a friend"]) // its maker is gone, the member stands by it
		if m, _ := s.r.Member(memberID("mallory")); m.Recovery == nil {
			t.Error("the recovery key was kept by name")
		}
	})
	t.Run("keeps-what-would-stay", func(t *testing.T) {
		for name, keep := range map[string]*Keep{
			"the-device-itself":   {Devices: []wire.DeviceID{id("mallory's watch")}},
			"a-device-of-another": {Devices: []wire.DeviceID{id("adam")}},
			"the-device-above":    {Devices: []wire.DeviceID{id("mallory")}},
			"an-invite-elsewhere": {Invites: []wire.Hash{friend.Hash}},
			"recovery-elsewhere":  {Recovery: true},
		} {
			t.Run(name, func(t *testing.T) {
				s := base.in(t)
				s.refused("keep-unknown", "adam", &DeviceRemoveBody{Device: id("mallory's watch"), Keep: keep})
			})
		}
		s := base.in(t)
		s.refused("keep-unknown", "adam", &MemberRemoveBody{Member: memberID("mallory"), Keep: &Keep{Devices: []wire.DeviceID{id("mallory's phone")}}})
		s.refused("keep-unknown", "adam", &MemberRemoveBody{Member: memberID("mallory"), Keep: &Keep{Recovery: true}})
		s.refused("keep", "adam", &DeviceRemoveBody{Device: id("mallory"), Keep: &Keep{}})
	})
	t.Run("below-admin-by-request", func(t *testing.T) {
		s := base.in(t)
		s.must("alice", &MemberRoleBody{Member: memberID("mallory"), Role: Editor})
		s.must("mallory's watch", &DeviceRemoveBody{Device: id("mallory"), Keep: &Keep{Devices: []wire.DeviceID{id("mallory's phone")}}})
		if q := s.r.Requests(); len(q) != 1 || q[0].Device != id("mallory") || q[0].Member != memberID("mallory") || len(s.r.WantsSeal()) != 1 {
			t.Fatalf("requests %+v", q)
		}
		wantRule(t, s.admit("adam", s.request("puppet", s.links["for a friend"])), "inviter-gone")
		s.refused("author-not-active", "mallory", &DeviceRemoveBody{Device: id("mallory's watch")})
		s.must("adam", &SchemaBody{}) // a seal of any kind
		if d, _ := s.r.Device(id("mallory")); d.Status != StatusRemoved || len(s.r.Requests()) != 0 {
			t.Errorf("after the seal it is %s", d.Status)
		}
		if d, _ := s.r.Device(id("mallory's watch")); !d.Active {
			t.Errorf("who asked is %s", d.Status)
		}
	})
}

func sorted(ids ...wire.DeviceID) []wire.DeviceID {
	slices.SortFunc(ids, compareBytes[wire.DeviceID])
	return ids
}

// 22: only owners touch owners, re-inviting included.
func TestAttackAdminReinvitesOwner(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "olga": Owner, "bob": Editor})
	s.must("alice", &DeviceRemoveBody{Device: id("olga")})
	vouch := func(name, whose string, approve bool) *InviteBody {
		b := s.inviteBody(name, NoRole)
		b.Member, b.History, b.Approve = ref(memberID(whose)), nil, approve
		return b
	}
	s.refused(owners, "adam", vouch("a", "olga", true))
	s.refused("invite-needs-approval", "alice", vouch("b", "olga", false))
	s.refused("member-has-devices", "alice", vouch("c", "bob", false))
	e := s.join("olga 2", s.invited("alice", "d", vouch("d", "olga", true)))
	s.refused("author-not-active", "olga 2", &RotateBody{})
	s.refused("grants-more", "adam", &ApproveBody{PlaceOf(e.Position())})
	s.must("alice", &ApproveBody{PlaceOf(e.Position())})
	d, _ := s.r.Device(id("olga 2"))
	if d.Voucher != id("alice") || d.Member != memberID("olga") || s.r.RoleOf(d.ID) != Owner {
		t.Errorf("%+v", d)
	}
	s.must("olga 2", &RotateBody{})

	s.must("alice", &DeviceRemoveBody{Device: id("bob")})
	one, two := vouch("e", "bob", false), vouch("f", "bob", false)
	s.invited("adam", "e", one)
	s.invited("adam", "f", two)
	s.join("bob 2", s.links["e"])
	wantRule(t, s.admit("bob 3", s.request("bob 3", s.links["f"])), "member-has-devices")
}

// A request that can't be carried out any more is passed over, never an error.
func TestRequestsBecomeMoot(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "bob": Editor, "carl": Editor})
	s.join("bob 2", s.deviceLink("bob", "bob 2"))
	s.must("carl", &KeyUpdateBody{Recovery: ref(recoveryKeys("carl"))})
	s.must("bob", &DeviceRemoveBody{Device: id("bob 2")})
	s.must("bob", &LeaveBody{})
	s.must("carl 2", s.recovering("carl 2", "carl", "carl again", "carl"))
	if n := len(s.r.WantsSeal()); n != 3 {
		t.Fatalf("%d reasons to seal", n)
	}
	s.must("adam", &MemberRemoveBody{Member: memberID("carl")})
	for _, name := range []string{"bob", "bob 2", "carl", "carl 2"} {
		d, _ := s.r.Device(id(name))
		if d.Status != StatusRemoved {
			t.Errorf("%s is %s", name, d.Status)
		}
	}
	if len(s.r.Requests())+len(s.r.WantsSeal()) != 0 || s.r.Epoch().Kind != KindMemberRemove {
		t.Errorf("left over: %v", s.r.WantsSeal())
	}
}

func TestSealersByRank(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "olga": Owner, "eve": Editor})
	s.join("adam 2", s.deviceLink("adam", "adam 2"))
	s.join("penny", s.invite("alice", "penny", Admin))
	want := []wire.DeviceID{id("alice"), id("olga"), id("adam"), id("adam 2")}
	if got := s.r.Sealers(); !slices.Equal(got, want) {
		t.Errorf("sealers %v", got)
	}
	for _, d := range s.r.Devices() {
		if s.r.MaySeal(d.ID) != slices.Contains(want, d.ID) {
			t.Errorf("%s may seal: %v", d.ID, s.r.MaySeal(d.ID))
		}
		b, _ := WithSeal(&RotateBody{}, s.sealPart())
		for _, name := range []string{"alice", "olga", "adam", "adam 2", "eve", "penny"} {
			if id(name) == d.ID {
				if _, err := s.fork().try(name, Draft{Body: b}); (err == nil) != slices.Contains(want, d.ID) {
					t.Errorf("%s seals: %v", name, err)
				}
			}
		}
	}
}

func TestSixteenDevicesAreThoseThatAreLeft(t *testing.T) {
	s := found(t, "alice")
	for i := 2; i <= wire.MaxDevicesPerMember; i++ {
		s.join(fmt.Sprint("alice ", i), s.deviceLink("alice", fmt.Sprint("alice ", i)))
	}
	link := s.deviceLink("alice", "one more")
	wantRule(t, s.admit("alice", s.request("alice 17", link)), "too-many-devices")
	s.must("alice", &DeviceRemoveBody{Device: id("alice 2")})
	s.join("alice 17", link)
}
