package membership

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
)

// The vectors are for other implementations (spec/ledger.md §9). Each test makes
// them anew from fixed seeds, and reads the stored ones back.
var update = flag.Bool("update", false, "write the vectors")

func vectors[T any](t *testing.T, name string, made T) T {
	t.Helper()
	path := filepath.Join("../testdata/vectors/membership", name)
	want, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: the format has changed (-stored +made):\n%s", name, cmp.Diff(string(got), string(want)))
	}
	var stored T
	if err := json.Unmarshal(got, &stored); err != nil {
		t.Fatal(err)
	}
	return stored
}

// rosterVector is what the roster says after an entry.
type rosterVector struct {
	Epoch   string
	Members []memberVector
	Invites []inviteVector
}

type memberVector struct {
	ID      wire.MemberID
	Role    Role
	Status  Status
	Since   uint64
	Devices []wire.DeviceID
}

type inviteVector struct {
	ID   string
	Uses int
	Used int
	Open bool
}

func summary(r *Roster) rosterVector {
	v := rosterVector{Epoch: r.Epoch().Name()}
	for _, m := range r.Members() {
		v.Members = append(v.Members, memberVector{m.ID, m.Role, m.Status, m.Since, m.Devices})
	}
	for _, i := range r.Invites() {
		v.Invites = append(v.Invites, inviteVector{i.ID, i.Uses, i.Used, i.Open()})
	}
	return v
}

type entryVector struct {
	Kind     string
	Hash     wire.Hash
	Payload  string
	Envelope string
	After    rosterVector
}

// vectorLedger has every kind that there is.
func vectorLedger(t testing.TB) *story {
	s := found(t, "alice")
	s.join("bob", s.invite("alice", "for bob", Editor))
	e := s.join("carol", s.invite("alice", "for carol", Admin))
	s.must("alice", &ApproveBody{PlaceOf(e.Position())})
	s.join("bob's phone", s.deviceLink("bob", "phone"))
	none := s.inviteBody("for dora", Viewer)
	none.History = &History{None: true}
	s.join("dora", s.invited("carol", "for dora", none))
	s.must("carol", &KeyWrapBody{Member: memberID("dora")})
	s.must("carol", &MemberRoleBody{Member: memberID("dora"), Role: Editor})
	s.must("alice", &SchemaBody{Widens: true})
	unused := s.invite("alice", "nobody", Viewer)
	s.must("carol", &InviteRevokeBody{unused.Invite.Hash})
	s.must("alice", &RotateBody{})
	s.must("bob", &DeviceRemoveBody{Device: id("bob's phone")})
	s.must("carol", &MemberRoleBody{Member: memberID("dora"), Role: Viewer})
	s.must("alice", &SchemaBody{})
	s.must("dora", &LeaveBody{})
	s.must("carol", &MemberRemoveBody{Member: memberID("bob")})
	s.must("alice", &KeyUpdateBody{Recipient: testRecipient("alice, anew"), Needs: true, Recovery: ref(recoveryKeys("alice"))})
	if err := s.renames("alice", nil); err != nil {
		t.Fatal(err)
	}
	s.must("carol", &RemoteBody{})
	s.must("alice", &UpgradeBody{Format: 1, Requires: []string{FeatureSeal}})
	s.must("alice", &RetentionBody{Kept: 3})
	s.must("alice", &PolicyBody{Policy: Policy{Approvals: map[string]int{KindSchema: 1}, Endorsements: 2, Invite: Editor, Seal: SealAfter{Days: 1}}})
	s.must("carol", &ApproveBody{s.proposes("alice", &SchemaBody{})})
	s.must("alice 2", s.recovering("alice 2", "alice", "alice again", "alice"))
	other := s.fork()
	s.must("carol", &RotateBody{})
	gone := other.invite("alice 2", "on a dropped branch", Viewer)
	fork := s.r.Rivals(other.entries)
	s.must("alice 2", s.r.Resolving(fork))
	if _, ok := s.r.Invite(InviteID(gone.Invite.Hash)); ok || len(fork) != 1 {
		t.Fatal("the vectors have no fork")
	}
	return s
}

func TestVectorsLedger(t *testing.T) {
	s := vectorLedger(t)
	var made []entryVector
	kinds := map[string]bool{}
	for i, env := range s.entries {
		u, err := Parse(env)
		if err != nil {
			t.Fatal(err)
		}
		at, _ := s.r.At(uint64(i))
		made = append(made, entryVector{u.Kind, u.Hash, string(u.payload), string(env), summary(at)})
		kinds[u.Kind] = true
	}
	if len(kinds) != len(Kinds()) {
		t.Errorf("the vectors have %d kinds of %d", len(kinds), len(Kinds()))
	}
	var r *Roster
	for i, v := range vectors(t, "ledger.json", made) {
		var e *Entry
		var err error
		if i == 0 {
			r, e, err = Genesis([]byte(v.Envelope))
		} else {
			r, e, err = r.Apply([]byte(v.Envelope))
		}
		if err != nil {
			t.Fatalf("%s: %v", v.Kind, err)
		}
		if e.Kind != v.Kind || e.Hash != v.Hash || wire.Sum([]byte(v.Payload)) != v.Hash {
			t.Errorf("entry %d: another one", i)
		}
		if d := cmp.Diff(v.After, summary(r)); d != "" {
			t.Errorf("after %d:\n%s", i, d)
		}
		if again := must(parseEnvelope([]byte(v.Envelope))).print(); string(again) != v.Envelope {
			t.Errorf("%s: encodes to other bytes", v.Kind)
		}
	}
}

type refusedVector struct {
	Rule     string
	After    uint64 // number of the last entry of ledger.json that the reader has
	Envelope string
}

func TestVectorsRefused(t *testing.T) {
	s := vectorLedger(t)
	const head = 14 // later entries remove people who sign here
	s.r, _ = s.r.At(head)
	forged := func(author string, change func(*payload)) string { return string(forge(t, s, author, change)) }
	kind := func(kind, body string) func(*payload) {
		return func(p *payload) { p.Kind, p.Body = kind, []byte(body) }
	}
	made := []refusedVector{
		{"number", head, string(s.entries[head])},
		{"predecessor", head, forged("alice", func(p *payload) { p.Predecessor[0] ^= 1 })},
		{"space", head, forged("alice", func(p *payload) { p.Space = ref(wire.Hash(seed("other space"))) })},
		{"signature", head, forged("mallory", func(p *payload) { p.Author = id("alice") })},
		{"author-unknown", head, forged("mallory", func(p *payload) {})},
		{"unknown-kind", head, forged("alice", kind("member.banish", `{}`))},
		{"body", head, forged("alice", kind(KindSchema, `{"widens":true,"x":1}`))},
		{"role", head, forged("bob", kind(KindMemberRole, `{"member":"`+memberID("bob").String()+`","role":"owner"}`))},
		{"seal-missing", head, forged("alice", kind(KindMemberRole, `{"member":"`+memberID("carol").String()+`","role":"viewer"}`))},
		{"only-owners-touch-owners", head, forged("carol", kind(KindMemberRole, `{"member":"`+memberID("alice").String()+`","role":"admin"}`))},
		{"seal-missing", head, forged("alice", func(p *payload) { p.Body = []byte(`{"widens":false}`) })},
		{"approved-already", head, forged("alice", func(p *payload) {
			at, _ := s.r.HashAt(4)
			p.Kind, p.Body = KindApprove, []byte(`{"entry":{"hash":"`+at.String()+`","number":4}}`)
		})},
		{"author-not-active", 4, string(forge(t, &story{t: t, r: must2(s.r.At(4))}, "carol", func(p *payload) {}))},
		{"items", head, forged("alice", func(p *payload) { p.Private = nil })},
		{"time", head, forged("alice", func(p *payload) { p.Time = -1 })},
		{"payload", head, string(forgeBytes(t, "alice", []byte(`{"kind":"schema","kind":"schema"}`)))},
		{"envelope-form", head, string(s.entries[head]) + "\n"},
	}
	made = append(made, refusedSeals(t, s, head)...)
	for _, v := range vectors(t, "refused.json", made) {
		at, _ := s.r.At(v.After)
		_, _, err := at.Apply([]byte(v.Envelope))
		var re *RuleError
		if !errors.As(err, &re) || re.Rule != v.Rule {
			t.Errorf("want rule %s, got %v", v.Rule, err)
		}
	}
}

// refusedSeals are entries that take something away, and may not.
func refusedSeals(t *testing.T, s *story, head uint64) (out []refusedVector) {
	add := func(rule, author string, b Body, change func(*payload)) {
		raw := must(wire.MarshalJSON(b))
		env := forge(t, s, author, func(p *payload) {
			p.Kind, p.Body, p.Items, p.Private = b.Kind(), raw, nil, nil
			if change != nil {
				change(p)
			}
		})
		out = append(out, refusedVector{rule, head, string(env)})
	}
	part := s.sealPart()
	with := func(b Body) Body { b, _ = WithSeal(b, part); return b }
	carol := memberID("carol")
	add("seal-missing", "alice", &MemberRemoveBody{Member: carol}, nil)
	add("seal-unneeded", "alice", with(&MemberRoleBody{Member: carol, Role: Owner}), nil)
	add("sealer-role", "carol", with(&MemberRoleBody{Member: carol, Role: Viewer}), nil)
	add("sealer-must-stay", "alice", with(&MemberRoleBody{Member: memberID("alice"), Role: Admin}), nil)
	add("removes-itself", "carol", with(&MemberRemoveBody{Member: carol}), nil)
	add("only-owners-touch-owners", "carol", with(&MemberRemoveBody{Member: memberID("alice")}), nil)
	add("last-owner", "alice", &LeaveBody{}, nil)
	add("last-device", "carol", &DeviceRemoveBody{Device: id("carol")}, nil)
	add("remove-own", "bob", &DeviceRemoveBody{Device: id("carol")}, nil)
	add("keep-unknown", "alice", with(&DeviceRemoveBody{Device: id("bob"), Keep: &Keep{Recovery: true}}), nil)
	add("format", "alice", with(&UpgradeBody{Format: 1, Requires: []string{"x"}}), func(p *payload) { p.Body = bytes.Replace(p.Body, []byte(`"format":1`), []byte(`"format":0`), 1) })
	add("history-ahead", "alice", with(&RetentionBody{Kept: 2}), nil)
	add("proposal-unneeded", "alice", &KeyWrapBody{Member: carol}, func(p *payload) { p.Proposal = &Terms{ID: ProposalID{1}, Until: p.Number + 1} })
	add("proposal", "alice", &KeyWrapBody{Member: carol}, func(p *payload) { p.Proposal = &Terms{ID: ProposalID{1}, Until: p.Number} })
	gone := Place{seed("gone"), head}
	add("keep-not-head", "alice", with(&ForkResolveBody{Keep: gone, Drop: []Dropped{{gone, gone}}}), nil)
	part.Cut.Lanes = []LaneCut{{id("mallory"), wire.LogHead{Len: 1, Root: seed("x")}}}
	add("cut-lane-unknown", "alice", with(&RotateBody{}), nil)
	part.Cut.Lanes = []LaneCut{{id("alice"), wire.LogHead{}}}
	add("cut", "alice", with(&RotateBody{}), nil)
	return out
}

func must2[T any](v T, _ bool) T { return v }

type linkVector struct {
	Text, Repository, LedgerRef, Prefix string
	Space                               wire.Hash
	Number                              uint64
	Hash                                wire.Hash
	Secret                              []byte
	InviteKey                           []byte // public half
}

func TestVectorsLinks(t *testing.T) {
	links := []Link{
		{Repository: "https://git.example/team/space.git", Space: seed("space"), Invite: wire.Position{Number: 1, Hash: seed("invite")}, Secret: [16]byte{1, 2, 3}},
		{Repository: "git@git.example:team/space", LedgerRef: "refs/heads/ledger", Prefix: "refs/heads/espace/", Space: seed("space 2"),
			Invite: wire.Position{Number: 1 << 40, Hash: seed("invite 2")}, Secret: [16]byte(ref(seed("secret"))[:16])},
	}
	var made []linkVector
	for _, l := range links {
		made = append(made, linkVector{l.String(), l.Repository, l.LedgerRef, l.Prefix, l.Space, l.Invite.Number, l.Invite.Hash,
			l.Secret[:], l.InviteKey().Public().(ed25519.PublicKey)})
	}
	for i, v := range vectors(t, "links.json", made) {
		if l, err := ParseLink(v.Text); err != nil || l != links[i] {
			t.Errorf("link %d: %+v, %v", i, l, err)
		}
	}
}

type proofVector struct {
	Space                  wire.Hash
	Invite, Seen           Place
	Key                    []byte
	Recipient              string
	Private                wire.Hash
	Items                  map[string]wire.Hash
	Message                []byte
	InviteSeed, DeviceSeed []byte
	Proof                  Proof
}

func TestVectorsProofs(t *testing.T) {
	dev, invite := testKey("bob"), testKey("invite")
	m := JoinMessage{
		Space: seed("space"), Invite: wire.Position{Number: 3, Hash: seed("invite")}, Seen: wire.Position{Number: 9, Hash: seed("head")},
		Device: testDevice("bob"), Private: seed("private"), Items: map[string]wire.Hash{"member.name": seed("name"), "device.name": seed("d")},
	}
	proof, err := SignJoin(m, invite, dev)
	if err != nil {
		t.Fatal(err)
	}
	made := []proofVector{{m.Space, PlaceOf(m.Invite), PlaceOf(m.Seen), m.Device.Key, m.Device.Recipient, m.Private, m.Items,
		m.Bytes(), invite.Seed(), dev.Seed(), proof}}
	for _, v := range vectors(t, "proofs.json", made) {
		m := JoinMessage{v.Space, v.Invite.Position(), v.Seen.Position(), NewDevice{v.Key, v.Recipient}, v.Private, v.Items}
		if !bytes.Equal(m.Bytes(), v.Message) {
			t.Error("another message")
		}
		if err := v.Proof.verify(m, testKey("invite").Public().(ed25519.PublicKey), nil); err != nil {
			t.Error(err)
		}
	}
}

type itemVector struct {
	Name        string
	Salt, Value []byte
	Hash        wire.Hash
	Device      string
	Plain       []byte // private part with this item alone
}

func TestVectorsItems(t *testing.T) {
	var made []itemVector
	for i, name := range []string{ItemMemberName, ItemSchema, "x"} {
		items, plain := testItems(name, []string{"alice", "", "\x00\xff"}[i])
		dev := ""
		if i == 0 {
			dev = id("bob").String()
			plain = must(EncodeJoinItems(id("bob"), items))
		}
		it := items[name]
		made = append(made, itemVector{name, it.Salt[:], it.Value, ItemHash(name, it.Salt, it.Value), dev, plain})
	}
	for _, v := range vectors(t, "items.json", made) {
		items, dev, err := DecodeItems(v.Plain)
		it := items[v.Name]
		if err != nil || len(items) != 1 || !bytes.Equal(it.Value, v.Value) || ItemHash(v.Name, it.Salt, it.Value) != v.Hash {
			t.Errorf("%s: %v, %v", v.Name, items, err)
		}
		if (v.Device == "") != dev.IsZero() || v.Device != "" && dev.String() != v.Device {
			t.Errorf("%s: device %v", v.Name, dev)
		}
	}
}

type wordsVector struct {
	Hash        wire.Hash
	Fingerprint [wordCount]string
	Secret      []byte
	Recovery    [wordCount]string
	SigningKey  []byte // public half
	ReadingSeed []byte
}

func TestVectorsWords(t *testing.T) {
	var made []wordsVector
	for _, h := range []wire.Hash{{}, seed("words"), wire.Hash(bytes.Repeat([]byte{0xff}, 32))} {
		secret := [16]byte(h[:16])
		read := RecoveryReadingSeed(secret)
		made = append(made, wordsVector{h, Words(h), secret[:], RecoveryWords(secret),
			RecoverySigningKey(secret).Public().(ed25519.PublicKey), read[:]})
	}
	for _, v := range vectors(t, "words.json", made) {
		if Words(v.Hash) != v.Fingerprint || RecoveryWords([16]byte(v.Secret)) != v.Recovery {
			t.Errorf("%v: other words", v.Hash)
		}
	}
}

type recoverVector struct {
	Space     wire.Hash
	Seen      Place
	Member    wire.MemberID
	Device    NewDevice
	Recovery  RecoveryKeys
	Lost      []wire.DeviceID
	Message   []byte
	Words     []byte // seed of the recovery signing key
	Signature []byte
}

func TestVectorsRecover(t *testing.T) {
	key := recoveryWords("alice")
	var made []recoverVector
	for _, lost := range [][]wire.DeviceID{nil, sorted(id("alice"), id("alice 2"))} {
		m := RecoverMessage{Space: seed("space"), Seen: wire.Position{Number: 9, Hash: seed("head")}, Member: memberID("alice"), Device: testDevice("alice 3"),
			Recovery: recoveryKeys("alice anew"), Lost: lost}
		made = append(made, recoverVector{m.Space, PlaceOf(m.Seen), m.Member, m.Device, m.Recovery, m.Lost, m.Bytes(), key.Seed(), ed25519.Sign(key, m.Bytes())})
	}
	for _, v := range vectors(t, "recover.json", made) {
		m := RecoverMessage{v.Space, v.Seen.Position(), v.Member, v.Device, v.Recovery, v.Lost}
		if !bytes.Equal(m.Bytes(), v.Message) || !ed25519.Verify(key.Public().(ed25519.PublicKey), v.Message, v.Signature) {
			t.Error("another message")
		}
	}
}

type consentVector struct {
	Space   wire.Hash
	Drop    []Dropped
	Consent Consent
	Payload string
	Key     []byte
}

func TestVectorsConsents(t *testing.T) {
	s := found(t, "alice")
	drop := []Dropped{{Place{seed("first"), 3}, Place{seed("head"), 7}}}
	c := must(s.r.ConsentTo(drop, testKey("alice")))
	msg := must(c.message(s.r.Space(), drop))
	made := []consentVector{{s.r.Space(), drop, c, string(msg), testDevice("alice").Key}}
	for _, v := range vectors(t, "consents.json", made) {
		msg := must(v.Consent.message(v.Space, v.Drop))
		if string(msg) != v.Payload || verifyEnvelope(envelope{msg, v.Consent.Signature}.print(), v.Key, msg) != nil {
			t.Error("another message")
		}
		if _, err := Parse(envelope{msg, v.Consent.Signature}.print()); err == nil {
			t.Error("a consent passes for an entry")
		}
	}
}
