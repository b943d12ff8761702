package membership

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// Attacks 20 to 28 of ATTACKS.md, as far as there are kinds of entries for them.

func TestAttackEditorSignsLedgerEntries(t *testing.T) {
	s := with(t, map[string]Role{"eve": Editor, "adam": Admin})
	for kind, body := range map[string]Body{
		KindInvite: s.inviteBody("x", Editor), KindMemberRole: &MemberRoleBody{Member: memberID("eve"), Role: Owner},
		KindSchema: &SchemaBody{Widens: true}, KindKeyWrap: &KeyWrapBody{Member: memberID("eve")},
	} {
		raw, err := wire.MarshalJSON(body)
		if err != nil {
			t.Fatal(err)
		}
		env := forge(t, s, "eve", func(p *payload) { p.Kind, p.Body = kind, raw })
		_, _, err = s.r.Apply(env)
		wantRule(t, err, "role")
		var re *RuleError
		if errors.As(err, &re); re.Signer != id("eve") || !errors.Is(err, ErrNotPermitted) {
			t.Errorf("%s: %v is evidence against eve, who signed it", kind, err)
		}
	}
	s.refused(more, "adam", &MemberRoleBody{Member: memberID("adam"), Role: Owner})
	s.refused("role-unchanged", "adam", &MemberRoleBody{Member: memberID("adam"), Role: Admin})
}

func TestAttackWrongPlace(t *testing.T) {
	s := with(t, map[string]Role{"eve": Editor})
	other := found(t, "alice2")
	for name, c := range map[string]struct {
		class  error
		rule   string
		change func(*payload)
	}{
		"other-space":       {ErrForeign, "space", func(p *payload) { p.Space = ref(other.r.Space()) }},
		"number-skipped":    {ErrConflict, "number", func(p *payload) { p.Number++ }},
		"number-taken":      {ErrConflict, "number", func(p *payload) { p.Number-- }},
		"number-2^53":       {ErrConflict, "number", func(p *payload) { p.Number = wire.MaxInt }},
		"predecessor-wrong": {ErrConflict, "predecessor", func(p *payload) { p.Predecessor[3] ^= 1 }},
		"predecessor-zero":  {ErrMalformed, "genesis-shape", func(p *payload) { p.Predecessor = wire.Hash{} }},
		"no-space":          {ErrMalformed, "genesis-shape", func(p *payload) { p.Space = nil }},
		"unknown-kind":      {ErrUnknownKind, "unknown-kind", func(p *payload) { p.Kind = "member.banish" }},
		"kind-of-tomorrow":  {ErrUnknownKind, "unknown-kind", func(p *payload) { p.Kind, p.Author = "identity", id("x") }},
		"time-too-late":     {ErrMalformed, "time", func(p *payload) { p.Time = maxTime + 1 }},
		"time-negative":     {ErrMalformed, "time", func(p *payload) { p.Time = -1 }},
		"body-of-other":     {ErrMalformed, "body", func(p *payload) { p.Body = []byte(`{"role":"owner"}`) }},
		"author-of-other":   {ErrSignature, "signature", func(p *payload) { p.Author = id("eve") }},
		"many-tries":        {ErrMalformed, "tries", func(p *payload) { p.Tries = make([]wire.Hash, maxTries+1) }},
		"item-name":         {ErrMalformed, "items", func(p *payload) { p.Items = map[string]wire.Hash{"Ünicode": {}} }},
		"items-alone":       {ErrMalformed, "items", func(p *payload) { p.Private = nil }},
		"private-alone":     {ErrMalformed, "items", func(p *payload) { p.Items = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			next, _, err := s.r.Apply(forge(t, s, "alice", c.change))
			wantRule(t, err, c.rule)
			if !errors.Is(err, c.class) || next != nil {
				t.Errorf("%v is no %v", err, c.class)
			}
		})
	}
	if _, _, err := s.r.Apply(other.entries[0]); !errors.Is(err, ErrForeign) {
		t.Errorf("genesis of another space: %v", err)
	}
	if _, _, err := s.r.Apply(s.entries[0]); !errors.Is(err, ErrConflict) {
		t.Errorf("own genesis again: %v", err)
	}
	if _, _, err := Genesis(s.entries[1]); !errors.Is(err, ErrConflict) {
		t.Errorf("a ledger that begins with entry 1: %v", err)
	}
}

// 10: signatures that are valid, by keys that have no say here.
func TestAttackForeignSignatures(t *testing.T) {
	s := with(t, map[string]Role{"eve": Editor})
	for name, c := range map[string]struct{ signer, claimed, rule string }{
		"non-member":          {"mallory", "mallory", "author-unknown"},
		"claims-to-be-alice":  {"mallory", "alice", "signature"},
		"member-for-another":  {"eve", "alice", "signature"},
		"author-of-other-key": {"alice", "eve", "signature"},
	} {
		t.Run(name, func(t *testing.T) {
			env := forge(t, s, c.signer, func(p *payload) { p.Author = id(c.claimed) })
			_, _, err := s.r.Apply(env)
			wantRule(t, err, c.rule)
			var re *RuleError
			if errors.As(err, &re); !re.Signer.IsZero() {
				t.Errorf("junk accuses %v", re.Signer)
			}
		})
	}
}

// 24: what may go wrong with an invite.
func TestAttackInvites(t *testing.T) {
	base := with(t, map[string]Role{"eve": Editor})
	link := base.invite("alice", "for bob", Editor)
	q := base.request("bob", link)

	t.Run("reused-and-replayed", func(t *testing.T) {
		s := base.fork()
		if err := s.admit("bob", q); err != nil {
			t.Fatal(err)
		}
		wantRule(t, s.admit("eve", q), "invite-used-up")
		wantRule(t, s.admit("mallory", s.request("mallory", link)), "invite-used-up")
		_, _, err := s.r.Apply(s.last.Envelope)
		wantRule(t, err, "number")
	})
	t.Run("replayed-where-uses-are-left", func(t *testing.T) {
		s := base.fork()
		b := s.inviteBody("two", Editor)
		b.Uses = 2
		q := s.request("carl", s.invited("alice", "two", b))
		if err := s.admit("carl", q); err != nil {
			t.Fatal(err)
		}
		wantRule(t, s.admit("eve", q), "key-used-before")
	})
	t.Run("raced", func(t *testing.T) { // two at once: the ledger orders them
		a, b := base.fork(), base.fork()
		a.join("bob", link)
		b.join("mallory", link)
		_, _, err := a.r.Apply(b.last.Envelope)
		wantRule(t, err, "number")
		wantRule(t, a.admit("mallory", a.request("mallory", link)), "invite-used-up")
	})
	t.Run("guessed", func(t *testing.T) {
		guess := link
		guess.Secret[0] ^= 1
		err := base.fork().admit("mallory", base.request("mallory", guess))
		wantRule(t, err, "proof-invite")
		var re *RuleError
		if errors.As(err, &re); !re.Signer.IsZero() {
			t.Errorf("a stranger's join accuses %v", re.Signer)
		}
	})
	t.Run("known-only-by-its-public-half", func(t *testing.T) { // what the host sees
		p := base.joinParams("mallory", link)
		p.Invite = testKey("mallory")
		q, err := base.r.NewJoin(link.Invite, p)
		if err != nil {
			t.Fatal(err)
		}
		wantRule(t, base.fork().admit("mallory", q), "proof-invite")
	})
	t.Run("join-for-anothers-key", func(t *testing.T) {
		stolen := *q
		stolen.Body.Device.Key = testKey("mallory").Public().(ed25519.PublicKey)
		wantRule(t, base.fork().admit("eve", &stolen), "proof-invite")
		stolen = *q
		stolen.Body.Device.Recipient = testRecipient("mallory") // to get bob's wraps
		wantRule(t, base.fork().admit("eve", &stolen), "proof-invite")
	})
	t.Run("proof-of-one-key-only", func(t *testing.T) {
		half := *q
		half.Body.Proof.Device = append([]byte(nil), half.Body.Proof.Invite...)
		wantRule(t, base.fork().admit("eve", &half), "proof-device")
	})
	t.Run("as-member-of-choice", func(t *testing.T) { // a join names no member: a link of alice's device doesn't open to it
		s := base.fork()
		dev := s.deviceLink("alice", "phone")
		q := s.request("mallory", link)
		b := DeviceAddBody(q.Body)
		_, err := s.try("mallory", Draft{Body: &b, Items: q.Items, Private: q.Private})
		wantRule(t, err, "invite-is-no-device-link")
		q = s.request("mallory", dev)
		_, err = s.try("mallory", Draft{Body: &q.Body, Items: q.Items, Private: q.Private})
		wantRule(t, err, "invite-is-device-link")
	})
	t.Run("carrier-changes-it", func(t *testing.T) {
		changed := *q
		changed.Private = append([]byte("x"), q.Private...)
		wantRule(t, base.fork().admit("eve", &changed), "proof-invite")
		changed = *q
		changed.Items = map[string]wire.Hash{ItemMemberName: seed("other name")}
		wantRule(t, base.fork().admit("eve", &changed), "proof-invite")
		if _, err := DecodeJoinRequest(must(changed.Encode())); !errors.Is(err, ErrSignature) {
			t.Errorf("a changed file: %v", err)
		}
	})
	t.Run("join-private-part-copied", func(t *testing.T) {
		s := base.fork()
		bob := s.join("bob", link)
		p := s.joinParams("mallory", s.invite("alice", "for mallory", Editor))
		p.Private, p.Items = bob.Private, bob.Items // bob's name and claims
		r, err := s.r.NewJoin(s.last.Position(), p)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.admit("mallory", r); err != nil {
			t.Fatal(err) // the public part is in order; what it hides is bob's
		}
		if valid, void := s.last.OpenItems(bob.Private); len(valid) != 0 || len(void) != 1 {
			t.Errorf("mallory shows up with bob's name: %v", valid)
		}
		if valid, void := bob.OpenItems(bob.Private); len(valid) != 1 || len(void) != 0 {
			t.Errorf("bob's own is void: %v", void)
		}
	})
	t.Run("join-moved-to-other-branch", func(t *testing.T) {
		a, b := base.fork(), base.fork()
		a.must("alice", &SchemaBody{Widens: true})
		b.must("alice", &MemberRoleBody{Member: memberID("eve"), Role: Admin})
		wantRule(t, b.admit("eve", a.request("bob", link)), "seen-elsewhere")
		if err := b.admit("eve", q); err != nil { // seen before they parted: good on both
			t.Error(err)
		}
	})
	t.Run("seen-before-the-invite", func(t *testing.T) {
		old := *q
		old.Body.Seen = PlaceOf(wire.Position{Number: 0, Hash: base.r.Space()})
		wantRule(t, base.fork().admit("eve", &old), "seen-elsewhere")
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// 25: the host and a removed admin show a newcomer a branch of their own.
func TestAttackNewcomerCaptured(t *testing.T) {
	base := with(t, map[string]Role{"mallory": Admin, "bob": Editor})
	fake := base.fork() // as it was before mallory was removed
	link := base.invite("alice", "for dora", Editor)
	copied, _ := base.r.Invite(InviteID(link.Invite.Hash))

	t.Run("same-public-invite-key", func(t *testing.T) { // known from the true branch
		b := fake.inviteBody("for dora", Editor)
		b.Key, b.Mailbox = copied.PublicKey, copied.Mailbox
		fake := fake.fork()
		fake.must("mallory", b)
		if _, err := fake.r.NewJoin(link.Invite, fake.joinParams("dora", link)); !errors.Is(err, ErrForeign) {
			t.Errorf("dora joins a ledger without the entry that her link pins: %v", err)
		}
	})
	t.Run("newcomer-witnessed-by-puppets", func(t *testing.T) { // the removal came after the invite
		s := base.fork()
		puppets := []string{"puppet 1", "puppet 2", "puppet 3"}
		for _, p := range puppets {
			e := s.join(p, s.invite("mallory", p, Admin))
			s.must("mallory", &ApproveBody{PlaceOf(e.Position())})
		}
		s.join("dora", link)
		w, _ := s.r.Witnesses(id("dora"))
		signed := []wire.DeviceID{id("mallory")}
		for _, p := range puppets {
			signed = append(signed, id(p))
		}
		if w.Enough(signed) {
			t.Error("dora's writes leave her device on the word of puppets")
		}
		if !w.Enough(append(signed, id("alice"))) {
			t.Error("her inviter is a witness")
		}
	})
}

// 26, for joins: approvals count for one entry, once, by those who were there before.
func TestAttackApprovals(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "eve": Editor})
	bob := s.join("bob", s.invite("adam", "for bob", Admin))
	carl := s.join("carl", s.invite("adam", "for carl", Admin))
	t.Run("approval-for-other-entry", func(t *testing.T) {
		s.refused("nothing-to-approve", "alice", &ApproveBody{Place{carl.Hash, bob.Number}})
		s.refused("nothing-to-approve", "alice", &ApproveBody{Place{bob.Predecessor, bob.Number - 1}})
		s.refused("nothing-to-approve", "alice", &ApproveBody{Place{s.r.Space(), 0}})
	})
	t.Run("puppet-admin-approves", func(t *testing.T) {
		s := s.fork()
		s.refused("author-not-active", "bob", &ApproveBody{PlaceOf(bob.Position())})
		s.must("alice", &ApproveBody{PlaceOf(carl.Position())})
		oscar := s.join("oscar", s.invite("alice", "for oscar", Owner))
		s.refused(more, "carl", &ApproveBody{PlaceOf(oscar.Position())})
		s.must("carl", &ApproveBody{PlaceOf(s.join("dora", s.invite("alice", "for dora", Admin)).Position())})
		s.refused("approver-came-later", "carl", &ApproveBody{PlaceOf(bob.Position())})
	})
	t.Run("approval-used-twice", func(t *testing.T) {
		s := s.fork()
		env, err := s.try("alice", Draft{Body: &ApproveBody{PlaceOf(bob.Position())}})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.r.Apply(env)
		wantRule(t, err, "number")
		s.refused("approved-already", "adam", &ApproveBody{PlaceOf(bob.Position())})
	})
	t.Run("invite-without-it", func(t *testing.T) {
		b := s.inviteBody("for dora", Admin)
		b.Approve = false
		s.refused("invite-needs-approval", "alice", b)
	})
}

// 27: neither a member nor a link fills the space with devices.
func TestAttackThousandDevicesByOneMember(t *testing.T) {
	s := with(t, map[string]Role{"mallory": Editor})
	for i := 2; i <= wire.MaxDevicesPerMember; i++ {
		s.join(fmt.Sprint("mallory ", i), s.deviceLink("mallory", fmt.Sprint("link ", i)))
	}
	link := s.deviceLink("mallory", "one more")
	wantRule(t, s.admit("mallory 17", s.request("mallory 17", link)), "too-many-devices")

	full := *s.r
	for i := full.devices.len(); i < wire.MaxDevices; i++ {
		var d wire.DeviceID
		copy(d[:], wire.U64(uint64(i)))
		full.devices = full.devices.set(d, &Device{ID: d})
	}
	s.r = &full
	wantRule(t, s.admit("bob", s.request("bob", s.invite("alice", "for bob", Editor))), "too-many-devices")
}

// 28, as far as genesis can require anything.
func TestAttackRequiresUnknownFeature(t *testing.T) {
	body := &GenesisBody{Format: 2, Requires: []string{"levitation"}, Device: testDevice("alice")}
	env, err := NewGenesis(Draft{Body: body, Time: t0, Signer: testKey("alice")})
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := Genesis(env)
	if err != nil {
		t.Fatalf("a device that lacks something still judges the ledger: %v", err)
	}
	if got := r.Lacks(); len(got) != 2 || r.Format() != 2 {
		t.Errorf("lacks %v", got)
	}
	if with(t, nil).r.Lacks() != nil {
		t.Error("nothing is lacking in a plain space")
	}
	for rule, change := range map[string]func(*GenesisBody){
		"format":   func(b *GenesisBody) { b.Format = 0 },
		"requires": func(b *GenesisBody) { b.Requires = []string{"b", "a"} },
		"policy":   func(b *GenesisBody) { b.Policy.Invite = Viewer },
	} {
		b := *body
		change(&b)
		_, err := NewGenesis(Draft{Body: &b, Time: t0, Signer: testKey("alice")})
		wantRule(t, err, rule)
	}
}
