package membership

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// 4: a fast-forward of `main` whose tree lacks or replaces entry 3.
func TestAttackMainTreeRollback(t *testing.T) {
	s := with(t, map[string]Role{"adam": Admin, "eve": Editor})
	for len(s.entries) < 9 {
		s.must("alice", &SchemaBody{Widens: true})
	}
	at2, _ := s.r.At(2)
	three := s.entries[3]
	byNobody := forge(t, &story{t: t, r: at2}, "mallory", func(p *payload) { p.Author = id("alice") })
	without := append(append([][]byte{}, s.entries[:3]...), s.entries[4:]...)
	replaced := append([][]byte{byNobody}, without...)
	newcomer, _, err := Genesis(s.entries[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		reader   *Roster
		tree     [][]byte
		accepted int
		refused  int
	}{
		"member-lacks":      {s.r, without, 0, 0},
		"member-replaced":   {s.r, replaced, 0, 1},
		"newcomer-lacks":    {newcomer, without, 2, 5},
		"newcomer-replaced": {newcomer, replaced, 2, 6},
		// Ancestors of the tip still hold the entry: no tree takes it back.
		"newcomer-history":  {newcomer, append(replaced, three), 8, 1},
		"member-empty-tree": {s.r, nil, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.reader.Read(c.tree)
			if len(got.Accepted) != c.accepted || len(got.Refused) != c.refused || len(got.Forks) != 0 || got.Split != nil {
				t.Errorf("accepted %d, refused %d, want %d and %d", len(got.Accepted), len(got.Refused), c.accepted, c.refused)
			}
			if want := c.reader.Head().Number + uint64(c.accepted); got.Roster.Head().Number != want {
				t.Errorf("head at %d, want %d", got.Roster.Head().Number, want)
			}
			for _, r := range got.Refused {
				var re *RuleError
				if errors.As(r.Err, &re) && re.Rule == "signature" && !re.Signer.IsZero() {
					t.Errorf("junk accuses %v", re.Signer)
				}
			}
		})
	}
}

// 13: payloads that other JSON readers would take for the honest one. They are
// signed by the owner, so that only the form can refuse them.
func TestAttackJSONTricks(t *testing.T) {
	s := with(t, nil)
	env := forge(t, s, "alice", func(p *payload) {})
	u, err := Parse(env)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.r.Judge(u); err != nil {
		t.Fatalf("the honest payload: %v", err)
	}
	honest := string(u.payload)
	swap := func(old, new string) string {
		t.Helper()
		if !strings.Contains(honest, old) {
			t.Fatalf("no %q in the payload", old)
		}
		return strings.Replace(honest, old, new, 1)
	}
	for name, p := range map[string]string{
		"duplicate-key":         swap(`"kind":"schema"`, `"kind":"schema","kind":"schema"`),
		"duplicate-key-in-body": swap(`{"widens":true}`, `{"widens":false,"widens":true}`),
		"other-case":            swap(`"kind":`, `"Kind":`),
		"other-case-in-body":    swap(`"widens":`, `"WIDENS":`),
		"kelvin-sign":           swap(`"kind":`, "\"\u212aind\":"),
		"lone-surrogate":        swap(`"schema"`, `"\ud800"`),
		"escaped-letter":        swap(`"kind":`, `"\u006bind":`),
		"invalid-utf8":          swap(`"kind":"schema"`, "\"kind\":\"schema\xff\""),
		"trailing-data":         honest + `{}`,
		"trailing-space":        honest + "\n",
		"leading-bom":           "\ufeff" + honest,
		"white-space":           swap(`":`, `": `),
		"unsorted":              swap(`{"author"`, `{"time":1,"author"`),
		"unknown-field":         swap(`"kind":"schema"`, `"kind":"schema","kine":1`),
		"unknown-field-in-body": swap(`{"widens":true}`, `{"widens":true,"x":1}`),
		"big-number":            swap(`"number":1`, `"number":9007199254740992`),
		"float":                 swap(`"number":1`, `"number":1.0`),
		"exponent":              swap(`"number":1`, `"number":1e0`),
		"negative-zero":         swap(`"number":1`, `"number":-0`),
		"leading-zero":          swap(`"number":1`, `"number":01`),
		"number-as-string":      swap(`"number":1`, `"number":"1"`),
		"null-for-absent":       swap(`"time":`, `"tries":null,"time":`),
		"empty-for-absent":      swap(`"time":1700000000000`, `"time":1700000000000,"tries":[]`),
		"null-body":             swap(`{"widens":true}`, `null`),
		"null-space":            swap(`"space":"`+s.r.Space().String()+`"`, `"space":null`),
		"upper-case-hash":       swap(s.r.Space().String(), strings.ToUpper(s.r.Space().String())),
		"short-hash":            swap(s.r.Space().String(), s.r.Space().String()[:62]),
		"author-with-junk-bits": swap(id("alice").String(), id("alice").String()[:25]+"b"),
		"url-safe-private":      swap(`"private":"`, `"private":"_-`),
		"deep":                  swap(`{"widens":true}`, strings.Repeat(`[`, 40)+strings.Repeat(`]`, 40)),
		"very-deep":             strings.Repeat(`[`, 100000),
		"empty":                 "",
		"array":                 "[" + honest + "]",
	} {
		t.Run(name, func(t *testing.T) {
			if p == honest {
				t.Fatal("nothing was changed")
			}
			if _, _, err := s.r.Apply(forgeBytes(t, "alice", []byte(p))); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, want malformed", err)
			}
		})
	}
}

// 14: envelopes that DSSE libraries accept. Nothing is printed meanwhile.
func TestAttackDSSETricks(t *testing.T) {
	s := with(t, nil)
	env := string(forge(t, s, "alice", func(p *payload) {}))
	e, err := parseEnvelope([]byte(env))
	if err != nil {
		t.Fatal(err)
	}
	sig := base64.StdEncoding.EncodeToString(e.signature)
	swap := func(old, new string) string {
		t.Helper()
		if !strings.Contains(env, old) {
			t.Fatalf("no %q in the envelope", old)
		}
		return strings.Replace(env, old, new, 1)
	}
	urlSafe := func(b []byte) string { return base64.URLEncoding.EncodeToString(b) }
	tricks := map[string]string{
		"two-signatures":        swap(`{"sig":"`+sig+`"}`, `{"sig":"`+sig+`"},{"sig":"`+sig+`"}`),
		"no-signature":          swap(`{"sig":"`+sig+`"}`, ``),
		"keyid":                 swap(`{"sig":"`, `{"keyid":"","sig":"`),
		"other-payload-type":    swap(wire.LedgerType, "application/vnd.in-toto+json"),
		"url-safe-signature":    swap(sig, urlSafe(append([]byte{0xfb, 0xff}, e.signature[2:]...))),
		"unpadded-signature":    swap(sig, strings.TrimRight(sig, "=")),
		"newline-in-base64":     swap(`{"payload":"`, `{"payload":"`+"\n"),
		"junk-bits-in-base64":   swap(sig, sig[:85]+string(sig[85]+1)+"=="),
		"unknown-field":         swap(`"signatures"`, `"x":1,"signatures"`),
		"duplicate-field":       swap(`"payloadType"`, `"payloadType":"x","payloadType"`),
		"other-case":            swap(`"payloadType"`, `"payloadtype"`),
		"other-order":           `{"payloadType":"` + wire.LedgerType + `","payload":"` + base64.StdEncoding.EncodeToString(e.payload) + `","signatures":[{"sig":"` + sig + `"}]}`,
		"trailing-newline":      env + "\n",
		"trailing-data":         env + env,
		"leading-space":         " " + env,
		"empty":                 "",
		"head-only":             envelopeHead,
		"overlapping-head-tail": envelopeHead + envelopeTail,
		"signature-of-63-bytes": string(envelope{e.payload, e.signature[:63]}.print()),
		"signature-of-65-bytes": string(envelope{e.payload, append(e.signature, 0)}.print()),
		"too-big":               string(envelope{bytes.Repeat([]byte(" "), wire.MaxEnvelope), e.signature}.print()),
	}
	if out := stdout(t, func() {
		for name, trick := range tricks {
			t.Run(name, func(t *testing.T) {
				_, _, err := s.r.Apply([]byte(trick))
				if want := map[bool]string{false: "envelope-form", true: "envelope-size"}[name == "too-big"]; !errors.Is(err, ErrMalformed) {
					t.Errorf("got %v, want malformed", err)
				} else {
					wantRule(t, err, want)
				}
			})
		}
		t.Run("flipped-bits", func(t *testing.T) {
			for i := range e.signature {
				bad := envelope{e.payload, bytes.Clone(e.signature)}
				bad.signature[i] ^= 4
				if _, _, err := s.r.Apply(bad.print()); !errors.Is(err, ErrSignature) {
					t.Fatalf("byte %d: %v", i, err)
				}
			}
		})
	}); out != "" {
		t.Errorf("printed %q", out)
	}
	if err := s.take([]byte(env)); err != nil {
		t.Fatalf("the honest envelope: %v", err)
	}
}

// stdout is what do prints to standard output, libraries included.
func stdout(t *testing.T, do func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func(old *os.File) { os.Stdout = old }(os.Stdout)
	os.Stdout = w
	do()
	w.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// smallOrder are points for which one signature fits every message, and second
// encodings of points.
var smallOrder = map[string]string{
	"identity":               "0100000000000000000000000000000000000000000000000000000000000000",
	"order-2":                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"order-4":                "0000000000000000000000000000000000000000000000000000000000000000",
	"order-8":                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"identity-non-canonical": "0100000000000000000000000000000000000000000000000000000000000080",
	"p-plus-one":             "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"p-plus-three":           "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"no-point":               "0200000000000000000000000000000000000000000000000000000000000000",
	"short":                  "0100",
}

// 15: keys that must not get in, at each door.
func TestAttackKeys(t *testing.T) {
	s := with(t, map[string]Role{"eve": Editor})
	link := s.invite("alice", "for bob", Editor)
	for name, hexKey := range smallOrder {
		key, err := hex.DecodeString(hexKey)
		if err != nil {
			t.Fatal(err)
		}
		t.Run("small-order-key/"+name, func(t *testing.T) {
			b := s.inviteBody("x", Editor)
			b.Key = key
			s.fork().refused("invite-key", "alice", b)
			q := s.request("bob", link)
			q.Body.Device.Key = key
			wantRule(t, s.fork().admit("alice", q), "device-key")
			g := &GenesisBody{Format: 1, Device: testDevice("alice"), Recovery: &RecoveryKeys{key, testRecipient("paper")}}
			_, err = NewGenesis(Draft{Body: g, Time: t0, Signer: testKey("alice")})
			wantRule(t, err, "recovery-key")
			g.Recovery, g.Device.Key = nil, key
			raw, _ := wire.MarshalJSON(g)
			env := forge(t, s, "alice", func(p *payload) {
				*p = payload{Author: wire.DeviceIDOf(key), Body: raw, Kind: KindGenesis, Time: 1}
			})
			if _, _, err := Genesis(env); !errors.Is(err, ErrSignature) && !errors.Is(err, ErrMalformed) {
				t.Errorf("a space founded by %s: %v", name, err)
			}
		})
	}
	good := testRecipient("x")
	for name, r := range map[string]string{
		"empty": "", "upper-case": strings.ToUpper(good), "one-character-off": good[:50] + flip(good[50]) + good[51:],
		"classic": "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", "longer": good + "q",
		"x25519-zero":      bech32Encode(append(rawRecipient(good)[:1184:1184], make([]byte, 32)...)),
		"mlkem-not-modulo": bech32Encode(append(bytes.Repeat([]byte{0xff}, 1184), rawRecipient(good)[1184:]...)),
	} {
		t.Run("recipient/"+name, func(t *testing.T) {
			b := s.inviteBody("x", Editor)
			b.Mailbox = r
			s.fork().refused("recipient", "alice", b)
		})
	}
	t.Run("key-used-before", func(t *testing.T) {
		for _, taken := range []ed25519.PublicKey{testKey("alice").Public().(ed25519.PublicKey), link.InviteKey().Public().(ed25519.PublicKey)} {
			b := s.inviteBody("x", Editor)
			b.Key = taken
			s.fork().refused("key-used-before", "alice", b)
		}
		for _, taken := range []string{"alice", "eve", "mailbox for bob"} {
			b := s.inviteBody("x", Editor)
			b.Mailbox = testRecipient(taken)
			s.fork().refused("key-used-before", "alice", b)
			p := s.joinParams("bob", link)
			p.Recipient = b.Mailbox
			wantRule(t, s.fork().admit("bob", must(s.r.NewJoin(link.Invite, p))), "key-used-before")
		}
		p := s.joinParams("bob", link)
		p.Signer = testKey("eve")
		wantRule(t, s.fork().admit("alice", must(s.r.NewJoin(link.Invite, p))), "key-used-before")
	})
}

func flip(c byte) string {
	if c == 'q' {
		return "p"
	}
	return "q"
}

func rawRecipient(s string) []byte {
	b, ok := bech32(s)
	if !ok {
		panic("not a recipient: " + s)
	}
	return b
}

// 16: what is private decides nothing: with and without the secret, and whatever
// the author hid in it, readers have the same ledger.
func TestAttackPrivatePartGarbage(t *testing.T) {
	for name, plain := range map[string][]byte{
		"not-opened": nil, "garbage": []byte("\xff\xff garbage"), "of-a-join": must(EncodeJoinItems(id("eve"), Items{})),
		"empty": must(EncodeItems(Items{})),
	} {
		t.Run(name, func(t *testing.T) {
			s := with(t, nil)
			draft := s.draft(&SchemaBody{Widens: true})
			draft.Private = []byte("any bytes")
			if _, err := s.try("alice", draft); err != nil {
				t.Fatal(err)
			}
			valid, void := s.last.OpenItems(plain)
			if len(valid) != 0 || len(void) != 1 || void[0] != ItemSchema {
				t.Errorf("valid %v, void %v", valid, void)
			}
			blind := must3(Genesis(s.entries[0])).Read(s.entries).Roster
			if blind.Head() != s.r.Head() || blind.SchemaAt() != s.r.SchemaAt() {
				t.Error("who opened it has another ledger")
			}
		})
	}
	t.Run("one-of-two", func(t *testing.T) {
		items := Items{"a": {Salt: seed("a"), Value: []byte("1")}, "b": {Salt: seed("b"), Value: []byte("2")}}
		e := &Entry{Items: items.Hashes(), Body: &SchemaBody{}}
		items["b"] = Item{Salt: seed("b"), Value: []byte("3")}
		items["c"] = Item{Value: []byte("not announced")}
		valid, void := e.OpenItems(must(EncodeItems(items)))
		if len(valid) != 1 || string(valid["a"].Value) != "1" || strings.Join(void, " ") != "b c" {
			t.Errorf("valid %v, void %v", valid, void)
		}
	})
}

func must3(r *Roster, _ *Entry, err error) *Roster { return must(r, err) }
