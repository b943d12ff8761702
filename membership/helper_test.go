package membership

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hpke"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// Everything random in these tests comes from names, so every run signs the same
// bytes: t0 and seed are the injected clock and randomness.
var t0 = time.UnixMilli(1_700_000_000_000).UTC()

func seed(parts ...string) [32]byte {
	return wire.Sum([]byte("test seed " + strings.Join(parts, "/")))
}

func testKey(name string) ed25519.PrivateKey {
	s := seed(name, "sign")
	return ed25519.NewKeyFromSeed(s[:])
}

// testRecipient is a hybrid recipient made from a name.
func testRecipient(name string) string {
	s := seed(name, "read")
	priv, err := hpke.MLKEM768X25519().NewPrivateKey(s[:])
	if err != nil {
		panic(err)
	}
	return bech32Encode(priv.PublicKey().Bytes())
}

func bech32Encode(b []byte) string {
	var values []byte
	var acc, bits uint
	for _, c := range b {
		for acc, bits = acc<<8|uint(c), bits+8; bits >= 5; bits -= 5 {
			values = append(values, byte(acc>>(bits-5)&31))
		}
		acc &= 1<<bits - 1
	}
	if bits > 0 {
		values = append(values, byte(acc<<(5-bits)&31))
	}
	sum := bech32Prefix(recipientPrefix)
	for _, v := range values {
		sum = bech32Step(sum) ^ uint32(v)
	}
	for range 6 {
		sum = bech32Step(sum)
	}
	sum ^= 1
	out := []byte(recipientPrefix + "1")
	for _, v := range values {
		out = append(out, bech32Charset[v])
	}
	for i := range 6 {
		out = append(out, bech32Charset[sum>>(5*(5-i))&31])
	}
	return string(out)
}

func testDevice(name string) NewDevice {
	return NewDevice{Key: testKey(name).Public().(ed25519.PublicKey), Recipient: testRecipient(name)}
}

func id(name string) wire.DeviceID {
	return wire.DeviceIDOf(testKey(name).Public().(ed25519.PublicKey))
}
func memberID(name string) wire.MemberID { return wire.MemberIDOf(id(name)) }

// testItems is one private item and a stand-in for the box that seal would make.
func testItems(name, value string) (Items, []byte) {
	salt := seed(value, "salt")
	items := Items{name: {Salt: salt, Value: []byte(value)}}
	plain, err := EncodeItems(items)
	if err != nil {
		panic(err)
	}
	return items, plain
}

// story drives one ledger. Its methods end the test when an honest step fails.
type story struct {
	t       testing.TB
	r       *Roster
	entries [][]byte
	last    *Entry
	links   map[string]Link // by the name that the test gave them
	clock   time.Time
}

func found(t testing.TB, founder string) *story {
	t.Helper()
	s := &story{t: t, links: map[string]Link{}, clock: t0}
	body := &GenesisBody{Format: 1, Device: testDevice(founder), Commitment: seed("commitment", founder)}
	items, box := testItems(ItemMemberName, founder)
	env, err := NewGenesis(Draft{Body: body, Time: s.tick(), Items: items.Hashes(), Private: box, Signer: testKey(founder)})
	if err != nil {
		t.Fatalf("genesis: %v", err)
	}
	if s.r, s.last, err = Genesis(env); err != nil {
		t.Fatalf("genesis: %v", err)
	}
	s.entries = append(s.entries, env)
	return s
}

func (s *story) tick() time.Time {
	s.clock = s.clock.Add(time.Second)
	return s.clock
}

// fork is a second story from the same place on: what a host shows to others.
func (s *story) fork() *story {
	c := *s
	c.entries = append([][]byte(nil), s.entries...)
	c.links = map[string]Link{}
	for k, v := range s.links {
		c.links[k] = v
	}
	return &c
}

// in is a fork for a subtest.
func (s *story) in(t testing.TB) *story {
	c := s.fork()
	c.t = t
	return c
}

func (s *story) try(author string, d Draft) ([]byte, error) {
	d.Signer, d.Time = testKey(author), s.tick()
	env, err := s.r.Propose(d)
	if err != nil {
		return nil, err
	}
	return env, s.take(env)
}

func (s *story) take(env []byte) error {
	next, e, err := s.r.Apply(env)
	if err != nil {
		return err
	}
	s.r, s.last, s.entries = next, e, append(s.entries, env)
	return nil
}

func (s *story) must(author string, body Body) *Entry {
	s.t.Helper()
	if _, err := s.try(author, s.draft(s.sealed(author, body))); err != nil {
		s.t.Fatalf("%s by %s: %v", body.Kind(), author, err)
	}
	return s.last
}

// sealed puts a seal into a body that needs one and has none.
func (s *story) sealed(author string, b Body) Body {
	if n, ok := b.(narrowing); !ok || n.seal() != nil || !s.r.Seals(b, id(author)) {
		return b
	}
	b, _ = WithSeal(b, s.sealPart())
	return b
}

// sealPart cuts the lane of alice at as many entries as the ledger has, and an
// empty order.
func (s *story) sealPart() SealPart {
	n := s.r.Head().Number + 1
	part := SealPart{Commitment: seed("commitment", fmt.Sprint(n)), Cut: Cut{Order: wire.LogHead{Root: wire.Sum()}}}
	if s.r.HasLane(id("alice")) {
		head := wire.LogHead{Len: n, Root: seed("lane", fmt.Sprint(n))}
		part.Cut.Lanes = []LaneCut{{id("alice"), head}}
	}
	return part
}

// draft adds the private part that a kind asks for.
func (s *story) draft(body Body) Draft {
	d := Draft{Body: body}
	if item, ok := map[string]string{KindSchema: ItemSchema, KindRemote: ItemRemote}[body.Kind()]; ok {
		items, box := testItems(item, "a "+item)
		d.Items, d.Private = items.Hashes(), box
	}
	return d
}

// proposes makes a proposal of the body and gives its place.
func (s *story) proposes(author string, body Body) Place {
	s.t.Helper()
	d := s.draft(body)
	n := s.r.Head().Number
	d.Terms = &Terms{ID: s.termsID(n + 1), Until: n + 50}
	if _, err := s.try(author, d); err != nil {
		s.t.Fatalf("%s proposed by %s: %v", body.Kind(), author, err)
	}
	return PlaceOf(s.last.Position())
}

func (s *story) termsID(number uint64) ProposalID {
	return ProposalID(ref(seed("proposal", fmt.Sprint(number-1)))[:16])
}

// recoveryKeys are the public halves of the words of that name.
func recoveryKeys(name string) RecoveryKeys {
	return RecoveryKeys{Key: recoveryWords(name).Public().(ed25519.PublicKey), Recipient: testRecipient("recovery " + name)}
}

func recoveryWords(name string) ed25519.PrivateKey {
	return RecoverySigningKey([16]byte(ref(seed(name, "words"))[:16]))
}

// recovering is the body by which the device takes the place of what was lost.
func (s *story) recovering(device, words, next string, lost ...string) *RecoverBody {
	s.t.Helper()
	p := RecoverParams{Words: recoveryWords(words), Signer: testKey(device), Recipient: testRecipient(device), Recovery: recoveryKeys(next)}
	for _, name := range lost {
		p.Lost = append(p.Lost, id(name))
	}
	b, err := s.r.NewRecover(p)
	if err != nil {
		s.t.Fatalf("%s recovers: %v", device, err)
	}
	return b
}

// refused checks that an entry is refused by the rule and changes nothing.
func (s *story) refused(rule, author string, body Body) {
	s.t.Helper()
	before := s.r
	_, err := s.try(author, s.draft(s.sealed(author, body)))
	wantRule(s.t, err, rule)
	if s.r != before {
		s.t.Fatalf("a refused %s changed the roster", body.Kind())
	}
}

func wantRule(t testing.TB, err error, rule string) {
	t.Helper()
	var re *RuleError
	if !errors.As(err, &re) || re.Rule != rule {
		t.Fatalf("got error %v, want rule %q", err, rule)
	}
}

// inviteBody is an invite under a name, with everything at its default.
func (s *story) inviteBody(name string, role Role) *InviteBody {
	secret := [16]byte(ref(seed(name, "secret"))[:16])
	key := InviteKey(secret, s.r.Space())
	s.links[name] = Link{Repository: "https://git.example/space", Space: s.r.Space(), Secret: secret}
	return &InviteBody{
		Expires: t0.Add(7 * 24 * time.Hour).UnixMilli(), History: &History{}, Key: key.Public().(ed25519.PublicKey),
		Mailbox: testRecipient("mailbox " + name), Role: role, Uses: 1, Approve: role >= Admin,
	}
}

func ref[T any](v T) *T { return &v }

// invited puts the invite into the ledger; the link pins its entry.
func (s *story) invited(author, name string, body *InviteBody) Link {
	s.t.Helper()
	e := s.must(author, body)
	l := s.links[name]
	l.Invite = e.Position()
	s.links[name] = l
	return l
}

func (s *story) invite(author, name string, role Role) Link {
	s.t.Helper()
	return s.invited(author, name, s.inviteBody(name, role))
}

// deviceLink is a link for a further device of author's member.
func (s *story) deviceLink(author, name string) Link {
	s.t.Helper()
	b := s.inviteBody(name, NoRole)
	d, _ := s.r.Device(id(author))
	b.Member, b.History = &d.Member, nil
	return s.invited(author, name, b)
}

// request is what newcomer makes of the link and the ledger it sees.
func (s *story) request(newcomer string, l Link) *JoinRequest {
	s.t.Helper()
	q, err := s.r.NewJoin(l.Invite, s.joinParams(newcomer, l))
	if err != nil {
		s.t.Fatalf("%s joins: %v", newcomer, err)
	}
	return q
}

func (s *story) joinParams(newcomer string, l Link) JoinParams {
	items := Items{ItemMemberName: {Salt: seed(newcomer, "salt"), Value: []byte(newcomer)}}
	plain, err := EncodeJoinItems(id(newcomer), items)
	if err != nil {
		s.t.Fatal(err)
	}
	return JoinParams{
		Invite: l.InviteKey(), Signer: testKey(newcomer), Recipient: testRecipient(newcomer),
		Items: items.Hashes(), Private: plain,
	}
}

// admit lets carrier push the request.
func (s *story) admit(carrier string, q *JoinRequest) error {
	_, err := s.try(carrier, q.Draft(s.r))
	return err
}

func (s *story) join(newcomer string, l Link) *Entry {
	s.t.Helper()
	if err := s.admit(newcomer, s.request(newcomer, l)); err != nil {
		s.t.Fatalf("%s joins: %v", newcomer, err)
	}
	return s.last
}

// with is a space of alice (owner) and the given members, by role.
func with(t testing.TB, roles map[string]Role) *story {
	t.Helper()
	s := found(t, "alice")
	for _, name := range sortedKeys(roles) {
		e := s.join(name, s.invite("alice", "for "+name, roles[name]))
		if s.r.NeedsApproval(id(name)) {
			s.must("alice", &ApproveBody{Entry: PlaceOf(e.Position())})
		}
	}
	return s
}

var _ crypto.Signer = ed25519.PrivateKey(nil)
