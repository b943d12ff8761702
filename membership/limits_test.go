package membership

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// Bounds and shapes of bodies, at each edge.

func TestInviteShapes(t *testing.T) {
	s := with(t, nil)
	member := ref(memberID("alice"))
	for name, c := range map[string]struct {
		rule   string
		change func(*InviteBody)
	}{
		"as-it-is":             {"", func(*InviteBody) {}},
		"all-uses":             {"", func(b *InviteBody) { b.Uses = wire.MaxDevices }},
		"no-use":               {"invite-uses", func(b *InviteBody) { b.Uses = 0 }},
		"less-than-no-use":     {"invite-uses", func(b *InviteBody) { b.Uses = -1 }},
		"too-many-uses":        {"invite-uses", func(b *InviteBody) { b.Uses = wire.MaxDevices + 1 }},
		"expired-before-1970":  {"invite-expires", func(b *InviteBody) { b.Expires = -1 }},
		"expires-too-late":     {"invite-expires", func(b *InviteBody) { b.Expires = maxTime + 1 }},
		"no-role":              {"invite-shape", func(b *InviteBody) { b.Role = NoRole }},
		"no-history":           {"invite-shape", func(b *InviteBody) { b.History = nil }},
		"device-link":          {"", func(b *InviteBody) { b.Member, b.Role, b.History = member, NoRole, nil }},
		"link-with-role":       {"invite-shape", func(b *InviteBody) { b.Member, b.History = member, nil }},
		"link-with-history":    {"invite-shape", func(b *InviteBody) { b.Member, b.Role = member, NoRole }},
		"link-with-approval":   {"invite-shape", func(b *InviteBody) { b.Member, b.Role, b.History, b.Approve = member, NoRole, nil, true }},
		"link-with-two-uses":   {"invite-shape", func(b *InviteBody) { b.Member, b.Role, b.History, b.Uses = member, NoRole, nil, 2 }},
		"link-of-nobody":       {"member-unknown", func(b *InviteBody) { b.Member, b.Role, b.History = &wire.MemberID{}, NoRole, nil }},
		"admin-with-approval":  {"", func(b *InviteBody) { b.Role, b.Approve = Admin, true }},
		"admin-without":        {"invite-needs-approval", func(b *InviteBody) { b.Role = Admin }},
		"editor-with-approval": {"", func(b *InviteBody) { b.Approve = true }},
	} {
		t.Run(name, func(t *testing.T) {
			b := s.inviteBody("x", Editor)
			c.change(b)
			_, err := s.fork().try("alice", Draft{Body: b})
			if c.rule == "" && err != nil {
				t.Error(err)
			} else if c.rule != "" {
				wantRule(t, err, c.rule)
			}
		})
	}
}

func TestJoinShapes(t *testing.T) {
	s := with(t, map[string]Role{"eve": Editor})
	link := s.invite("alice", "for bob", Editor)
	for rule, change := range map[string]func(*JoinRequest){
		"proof":          func(q *JoinRequest) { q.Body.Proof.Device = q.Body.Proof.Device[:63] },
		"private-size":   func(q *JoinRequest) { q.Private = make([]byte, maxJoinPrivate+1) },
		"invite-unknown": func(q *JoinRequest) { q.Body.Invite.Number-- },
		"recipient":      func(q *JoinRequest) { q.Body.Device.Recipient = "age1pq1" },
		"items":          func(q *JoinRequest) { q.Items = nil },
	} {
		q := s.request("bob", link)
		change(q)
		wantRule(t, s.fork().admit("eve", q), rule)
		_, err := DecodeJoinRequest(must(q.Encode()))
		if rule == "invite-unknown" { // which only a ledger can tell; but the proof is of another place
			rule = "proof-device"
		}
		wantRule(t, err, rule)
	}
	q := s.request("bob", link)
	q.Body.Invite.Hash[0] ^= 1
	wantRule(t, s.fork().admit("eve", q), "invite-unknown")

	p := s.joinParams("bob", link)
	p.Items, p.Private = nil, nil
	if err := s.fork().admit("eve", must(s.r.NewJoin(link.Invite, p))); err != nil {
		t.Errorf("who keeps the name to himself: %v", err)
	}
	p.Signer = testKey("bob")
	if _, err := SignJoin(JoinMessage{Device: testDevice("eve")}, link.InviteKey(), p.Signer); err == nil {
		t.Error("bob's device signs for eve's key")
	}
}

func TestGenesisShapes(t *testing.T) {
	body := func() *GenesisBody {
		paper := testKey("paper").Public().(ed25519.PublicKey)
		return &GenesisBody{Format: 1, Device: testDevice("alice"), Recovery: &RecoveryKeys{paper, testRecipient("paper")}}
	}
	found := func(b *GenesisBody) (*Roster, error) {
		env, err := NewGenesis(Draft{Body: b, Time: t0, Signer: testKey("alice")})
		if err != nil {
			return nil, err
		}
		r, _, err := Genesis(env)
		return r, err
	}
	r, err := found(body())
	if err != nil {
		t.Fatal(err)
	}
	m, _ := r.Member(memberID("alice"))
	if m.Recovery == nil || !m.Recovery.Key.Equal(testKey("paper").Public()) || m.Recovery.Recipient != testRecipient("paper") {
		t.Errorf("recovery: %+v", m.Recovery)
	}
	many := []string{}
	for i := range maxRequires + 1 {
		many = append(many, fmt.Sprintf("f%03d", i))
	}
	for name, c := range map[string]struct {
		rule   string
		change func(*GenesisBody)
	}{
		"paper-key-is-the-device's":       {"key-used-before", func(b *GenesisBody) { b.Recovery.Key = b.Device.Key }},
		"paper-recipient-is-the-device's": {"key-used-before", func(b *GenesisBody) { b.Recovery.Recipient = b.Device.Recipient }},
		"paper-recipient-is-none":         {"recipient", func(b *GenesisBody) { b.Recovery.Recipient = "" }},
		"too-many-features":               {"requires", func(b *GenesisBody) { b.Requires = many }},
		"feature-without-name":            {"requires", func(b *GenesisBody) { b.Requires = []string{""} }},
		"format-too-great":                {"format", func(b *GenesisBody) { b.Format = maxFormat + 1 }},
		"key-of-other-device":             {"author-unknown", func(b *GenesisBody) { b.Device = testDevice("bob") }},
		"policy-default-spelled-out":      {"policy", func(b *GenesisBody) { b.Policy.Invite = Admin }},
	} {
		b := body()
		c.change(b)
		_, err := found(b)
		var re *RuleError
		if !errors.As(err, &re) || re.Rule != c.rule {
			t.Errorf("%s: %v, want %s", name, err, c.rule)
		}
	}
	if _, err := NewGenesis(Draft{Body: &SchemaBody{}, Signer: testKey("alice")}); err == nil {
		t.Error("a space founded by a schema")
	}
}

// asIf puts a state in place that only entries of later kinds bring about.
func asIf(r *Roster, change func(next *Roster)) *Roster {
	next := *r
	change(&next)
	return &next
}

// Who was let go brings nobody in by what he left behind.
func TestInviterGone(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "eve": Editor})
	invite, device := s.invite("adam", "for bob", Editor), s.deviceLink("adam", "phone")
	qs := []*JoinRequest{s.request("bob", invite), s.request("adam's phone", device)}
	gone := s.fork()
	gone.r = asIf(s.r, func(next *Roster) {
		d, _ := s.r.Device(id("adam"))
		d.Active = false
		next.devices = next.devices.set(d.ID, &d)
	})
	for _, q := range qs {
		wantRule(t, gone.fork().admit("eve", q), "inviter-gone")
		if err := s.fork().admit("eve", q); err != nil {
			t.Errorf("while adam is there: %v", err)
		}
	}
	s.join("bob", invite)
	s.r = asIf(s.r, func(next *Roster) {
		d, _ := s.r.Device(id("adam"))
		d.Active = false
		next.devices = next.devices.set(d.ID, &d)
	})
	if w, _ := s.r.Witnesses(id("bob")); w.Enough([]wire.DeviceID{id("adam")}) {
		t.Error("who is gone is no witness")
	}
}

// Without history means: from the first seal after the approval, not the join.
func TestSinceCountsFromApproval(t *testing.T) {
	s := found(t, "alice")
	b := s.inviteBody("for bob", Editor)
	b.Approve, b.History = true, &History{None: true}
	join := s.join("bob", s.invited("alice", "for bob", b))
	all := s.inviteBody("for carl", Editor)
	all.Approve = true
	joinCarl := s.join("carl", s.invited("alice", "for carl", all))
	s.r = asIf(s.r, func(next *Roster) { // two seals later
		for n := range uint64(2) {
			next.opening = &openings{Opening{Epoch: wire.Epoch{Number: n + 1}}, next.opening}
		}
	})
	s.must("alice", &ApproveBody{PlaceOf(join.Position())})
	s.must("alice", &ApproveBody{PlaceOf(joinCarl.Position())})
	if m, _ := s.r.Member(memberID("bob")); m.Since != 3 || !m.NoHistory {
		t.Errorf("bob reads from epoch %d on", m.Since)
	}
	if m, _ := s.r.Member(memberID("carl")); m.Since != 0 {
		t.Errorf("carl reads from epoch %d on", m.Since)
	}
}

// What nobody keeps is not given to newcomers either.
func TestSinceIsNotBelowKept(t *testing.T) {
	s := found(t, "alice")
	s.r = asIf(s.r, func(next *Roster) {
		next.kept = 2
		next.opening = &openings{Opening{Epoch: wire.Epoch{Number: 5}}, next.opening}
	})
	s.join("bob", s.invite("alice", "for bob", Editor))
	if m, _ := s.r.Member(memberID("bob")); m.Since != 2 {
		t.Errorf("bob reads from epoch %d on", m.Since)
	}
	s.r = withSince(s.r, "bob", 4)
	s.refused("history-shredded", "alice", &KeyWrapBody{Member: memberID("bob"), Since: 1})
	s.must("alice", &KeyWrapBody{Member: memberID("bob"), Since: 2})
}

func TestSmallShapes(t *testing.T) {
	s := with(t, map[string]Role{"eve": Editor})
	items, box := testItems("other", "x")
	_, err := s.fork().try("alice", Draft{Body: &SchemaBody{Widens: true}, Items: items.Hashes(), Private: box})
	wantRule(t, err, "schema-missing")
	env := forge(t, s, "alice", func(p *payload) {
		p.Kind, p.Body = KindMemberRole, []byte(`{"member":"`+memberID("eve").String()+`"}`)
	})
	_, _, err = s.r.Apply(env)
	wantRule(t, err, "body")
	_, _, err = s.r.Apply(forge(t, s, "alice", func(p *payload) {
		for i := range maxItems {
			p.Items[fmt.Sprint("item-", i)] = wire.Hash{}
		}
	}))
	wantRule(t, err, "items")
	draft := s.draft(&SchemaBody{Widens: true})
	draft.Private = make([]byte, wire.MaxPrivate+1)
	_, err = s.fork().try("alice", draft)
	wantRule(t, err, "envelope-size") // base64 twice: the envelope is full before
}

func TestJoinRequestForm(t *testing.T) {
	s := with(t, nil)
	good := must(s.request("bob", s.invite("alice", "for bob", Editor)).Encode())
	for name, file := range map[string][]byte{
		"white-space": append([]byte(" "), good...), "trailing": append(good[:len(good):len(good)], '\n'), "cut": good[:len(good)-1],
		"empty": nil, "null": []byte("null"), "unknown-field": append([]byte(`{"a":1,`), good[1:]...),
		"too-big": make([]byte, wire.MaxEnvelope+1),
	} {
		if _, err := DecodeJoinRequest(file); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := DecodeJoinRequest(good); err != nil {
		t.Error(err)
	}
}
