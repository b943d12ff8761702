package membership

import (
	"crypto"
	"errors"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

func TestRecoverAnOwner(t *testing.T) {
	s := with(t, map[string]Role{"eve": Editor})
	s.join("alice 2", s.deviceLink("alice", "alice 2"))
	s.must("alice", &KeyUpdateBody{Recovery: ref(recoveryKeys("alice"))})
	day := s.r.Head()
	s.invite("alice 2", "by the lost", Editor)
	if err := s.r.Sheet(s.r.Space(), day); err != nil {
		t.Error(err)
	}
	if err := s.r.Sheet(s.r.Space(), wire.Position{Number: day.Number, Hash: seed("x")}); !errors.Is(err, ErrForeign) {
		t.Errorf("another ledger than on the sheet: %v", err)
	}
	s.must("alice 3", s.recovering("alice 3", "alice", "alice anew", "alice", "alice 2"))
	d, _ := s.r.Device(id("alice 3"))
	m, _ := s.r.Member(memberID("alice"))
	if !d.Active || !d.Recovered || !d.Needs || d.Member != memberID("alice") || s.r.Epoch().Author != d.ID || s.r.RoleOf(d.ID) != Owner {
		t.Errorf("%+v", d)
	}
	if m.Recovery == nil || !m.Recovery.Key.Equal(recoveryKeys("alice anew").Key) || m.Recovery.By != d.ID {
		t.Errorf("%+v", m.Recovery)
	}
	for _, name := range []string{"alice", "alice 2"} {
		if d, _ := s.r.Device(id(name)); d.Status != StatusRemoved {
			t.Errorf("%s is %s", name, d.Status)
		}
	}
	wantRule(t, s.admit("eve", s.request("bob", s.links["by the lost"])), "invite-closed")
	if _, err := s.r.NewRecover(RecoverParams{Words: recoveryWords("alice"), Signer: testKey("x")}); err == nil {
		t.Error("the old words open again")
	}
	s.must("alice 4", s.recovering("alice 4", "alice anew", "alice at last"))
	if d, _ := s.r.Device(id("alice 3")); !d.Active {
		t.Error("what was not lost is gone")
	}
}

func TestRecoverBelowAdminWaitsForASeal(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "eve": Editor})
	s.must("eve", &KeyUpdateBody{Recovery: ref(recoveryKeys("eve"))})
	body := s.recovering("eve 2", "eve", "eve anew", "eve")
	again := s.recovering("thief", "eve", "thief", "eve")
	s.must("eve 2", body)
	d, _ := s.r.Device(id("eve 2"))
	if d.Status != StatusRecovering || d.Active || s.r.NeedsApproval(d.ID) || s.r.MayRead(d.ID, 0) || s.r.HasLane(d.ID) || len(s.r.WantsSeal()) != 1 {
		t.Errorf("%+v", d)
	}
	s.refused("recovery-unknown", "thief", again)
	s.refused("author-not-active", "eve", &LeaveBody{})
	s.refused("author-not-active", "eve 2", &LeaveBody{})
	s.must("adam", &RotateBody{})
	d, _ = s.r.Device(id("eve 2"))
	m, _ := s.r.Member(memberID("eve"))
	if !d.Active || !s.r.MayRead(d.ID, 0) || !s.r.HasLane(d.ID) || m.Recovery == nil || m.Recovery.By != d.ID {
		t.Errorf("%+v, %+v", d, m)
	}
}

// What a stranger who has seen a recover entry, or half of the keys, can do with it.
func TestAttackRecovery(t *testing.T) {
	base := with(t, map[string]Role{"adam": Admin, "eve": Editor, "bob": Editor})
	base.must("eve", &KeyUpdateBody{Recovery: ref(recoveryKeys("eve"))})
	honest := base.recovering("eve 2", "eve", "eve anew", "eve")
	for name, c := range map[string]struct {
		rule   string
		author string
		change func(*RecoverBody)
	}{
		"honest":                {"", "eve 2", func(*RecoverBody) {}},
		"carried-by-another":    {"recover-author", "bob", func(*RecoverBody) {}},
		"other-device":          {"proof-recovery", "thief", func(b *RecoverBody) { b.Device = testDevice("thief") }},
		"signed-by-the-host":    {"author-unknown", "thief", func(*RecoverBody) {}},
		"other-recipient":       {"proof-recovery", "eve 2", func(b *RecoverBody) { b.Device.Recipient = testRecipient("thief") }},
		"other-words-follow":    {"proof-recovery", "eve 2", func(b *RecoverBody) { b.Recovery = recoveryKeys("thief") }},
		"loses-less":            {"proof-recovery", "eve 2", func(b *RecoverBody) { b.Lost = nil }},
		"other-member":          {"recovery-unknown", "eve 2", func(b *RecoverBody) { b.Member = memberID("bob") }},
		"nobody":                {"member-unknown", "eve 2", func(b *RecoverBody) { b.Member = memberID("thief") }},
		"other-ledger":          {"seen-elsewhere", "eve 2", func(b *RecoverBody) { b.Seen.Hash[0] ^= 1 }},
		"another-place-on-it":   {"proof-recovery", "eve 2", func(b *RecoverBody) { b.Seen = Place{base.r.Space(), 0} }},
		"no-proof":              {"proof", "eve 2", func(b *RecoverBody) { b.Proof = nil }},
		"device-of-the-ledger":  {"recover-author", "bob", func(b *RecoverBody) { b.Device = testDevice("bob") }},
		"lost-out-of-order":     {"lost", "eve 2", func(b *RecoverBody) { b.Lost = []wire.DeviceID{id("eve"), id("eve")} }},
		"used-recipient":        {"key-used-before", "eve 2", func(b *RecoverBody) { b.Device.Recipient = testRecipient("bob"); b.sign(base) }},
		"used-recovery-key":     {"key-used-before", "eve 2", func(b *RecoverBody) { b.Recovery = recoveryKeys("eve"); b.sign(base) }},
		"loses-anothers-device": {"lost-unknown", "eve 2", func(b *RecoverBody) { b.Lost = []wire.DeviceID{id("bob")}; b.sign(base) }},
		"loses-what-is-unknown": {"lost-unknown", "eve 2", func(b *RecoverBody) { b.Lost = []wire.DeviceID{id("x")}; b.sign(base) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := base.in(t)
			b := *honest
			c.change(&b)
			_, err := s.try(c.author, Draft{Body: &b})
			if c.rule == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantRule(t, err, c.rule)
			var re *RuleError
			if errors.As(err, &re); c.author != "bob" && !re.Signer.IsZero() {
				t.Errorf("a key that anybody can make accuses %v", re.Signer)
			}
		})
	}
}

// sign is what whoever has the words of eve does.
func (b *RecoverBody) sign(s *story) {
	b.Proof = must(recoveryWords("eve").Sign(nil, b.message(s.r.Space()).Bytes(), crypto.Hash(0)))
}
