package membership

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// seeds adds the corpus; a fuzz target without one proves nothing.
func seeds[T any](f *testing.F, add func(T), corpus ...T) {
	f.Helper()
	if len(corpus) == 0 {
		f.Fatal("empty seed corpus")
	}
	for _, c := range corpus {
		add(c)
	}
}

// Whatever is accepted prints to the same bytes, and nothing panics.
func FuzzParse(f *testing.F) {
	s := vectorLedger(f)
	seeds(f, func(b []byte) { f.Add(b) }, s.entries...)
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := Parse(b)
		if err != nil {
			return
		}
		if !bytes.Equal(must(parseEnvelope(b)).print(), b) {
			t.Fatal("a second form of an envelope")
		}
		s.r.Judge(u)
		judgeGenesis(u, nil)
	})
}

// ownersPlace is a ledger of which alice is an owner who needs nobody's approval:
// the last such place of the vectors.
func ownersPlace(f *testing.F) *story {
	s := vectorLedger(f)
	for s.r.RoleOf(id("alice")) != Owner || s.r.policy.most() > 0 {
		s.r = s.r.prev
	}
	return s
}

// FuzzApply changes what an owner signs: no panic, and what is accepted is the
// next entry. The payload is given, since no fuzzer finds a signature.
func FuzzApply(f *testing.F) {
	s := ownersPlace(f)
	var payloads [][]byte
	for _, env := range s.entries {
		payloads = append(payloads, must(parseEnvelope(env)).payload)
	}
	for _, kind := range Kinds() {
		b, _ := bodyOf(kind)
		raw, _ := json.Marshal(b)
		payloads = append(payloads, must(parseEnvelope(forge(f, s, "alice", func(p *payload) {
			if p.Kind = kind; json.Valid(raw) {
				p.Body = raw
			}
		}))).payload)
	}
	seeds(f, func(b []byte) { f.Add(b) }, payloads...)
	f.Fuzz(func(t *testing.T, p []byte) {
		next, e, err := s.r.Apply(forgeBytes(t, "alice", p))
		if err == nil && (e.Number != s.r.head.Number+1 || next.head != e.Position() || e.Author != id("alice")) {
			t.Fatalf("accepted %q", p)
		}
	})
}

// FuzzBodies goes at the validators: any body of any kind, signed by an owner.
func FuzzBodies(f *testing.F) {
	s := ownersPlace(f)
	for _, env := range s.entries {
		u := must(Parse(env))
		f.Add(u.Kind, []byte(u.raw))
	}
	for _, kind := range append(Kinds(), "x") {
		f.Add(kind, []byte(`{}`))
		f.Add(kind, []byte(`null`))
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		u := &Unverified{Number: 99, Kind: kind, raw: body, Author: id("alice")}
		b, err := u.body()
		if b == nil || err != nil {
			return
		}
		d, _ := s.r.devices.get(id("alice"))
		m, _ := s.r.members.get(d.Member)
		next := *s.r
		fd := &fold{was: s.r, next: &next, entry: u.entry(b), author: d, member: m}
		if kind != KindGenesis {
			_ = fd.applicable()
		}
	})
}

// FuzzSealPart reads seals: what is accepted has one form, and its lanes are found.
func FuzzSealPart(f *testing.F) {
	s := vectorLedger(f)
	for _, o := range s.r.Openings() {
		if o.Cut != nil {
			f.Add(must(wire.MarshalJSON(SealPart{o.Commitment, *o.Cut})))
		}
	}
	seeds(f, func(b []byte) { f.Add(b) }, must(wire.MarshalJSON(SealPart{Cut: fullCut(3)})), []byte(`{}`), []byte(`{"commitment":"","cut":{"lanes":[],"order":[]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p SealPart
		if wire.UnmarshalJSON(b, &p) != nil || p.check() != nil {
			return
		}
		if again := must(wire.MarshalJSON(p)); !bytes.Equal(again, b) {
			t.Fatalf("a second form: %s", again)
		}
		for _, l := range p.Cut.Lanes {
			if h, ok := p.Cut.Lane(l.Device); !ok || h != l.LogHead {
				t.Fatalf("lane %s is not found", l.Device)
			}
		}
	})
}

func FuzzLink(f *testing.F) {
	seeds(f, func(s string) { f.Add(s) }, testLink().String(), "espace1", "espace1aaaa", "", "espace2zz")
	f.Fuzz(func(t *testing.T, s string) {
		if l, err := ParseLink(s); err == nil {
			if back, err := ParseLink(l.String()); err != nil || back != l {
				t.Fatalf("%q: %v", s, err)
			}
		}
	})
}

// FuzzLinkBody is FuzzLink behind the checksum.
func FuzzLinkBody(f *testing.F) {
	l := testLink()
	raw, err := linkText.DecodeString(l.String()[len(linkPrefix):])
	if err != nil {
		f.Fatal(err)
	}
	seeds(f, func(b []byte) { f.Add(b) }, raw[:len(raw)-linkChecksum], []byte{}, []byte{0x87}, []byte{0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := decodeLink(b); err == nil && l.Check() != nil {
			t.Fatal("accepted a link that does not check")
		}
	})
}

func FuzzItems(f *testing.F) {
	_, plain := testItems("member.name", "alice")
	seeds(f, func(b []byte) { f.Add(b) }, plain, must(EncodeJoinItems(id("bob"), Items{})), []byte{}, []byte{0x82, 0x40, 0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		items, dev, err := DecodeItems(b)
		if err != nil {
			return
		}
		again := must(EncodeItems(items))
		if !dev.IsZero() {
			again = must(EncodeJoinItems(dev, items))
		}
		if !bytes.Equal(again, b) {
			t.Fatal("a second form of items")
		}
	})
}

func FuzzJoinRequest(f *testing.F) {
	s := with(f, nil)
	q := s.request("bob", s.invite("alice", "for bob", Editor))
	seeds(f, func(b []byte) { f.Add(b) }, must(q.Encode()), []byte(`{}`), []byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := DecodeJoinRequest(b); err == nil && !bytes.Equal(must(q.Encode()), b) {
			t.Fatal("a second form of a request")
		}
	})
}

func FuzzRecipient(f *testing.F) {
	seeds(f, func(s string) { f.Add(s) }, testRecipient("alice"), "age1pq1", "", "age1pq1qqqqqq")
	f.Fuzz(func(t *testing.T, s string) {
		if checkRecipient(s) == nil && bech32Encode(rawRecipient(s)) != s {
			t.Fatal("a second form of a recipient")
		}
	})
}

func FuzzRecoveryWords(f *testing.F) {
	seeds(f, func(s string) { f.Add(s) }, "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong", "", "zoo")
	f.Fuzz(func(t *testing.T, s string) {
		if secret, err := ParseRecoveryWords(s); err == nil {
			words := RecoveryWords(secret)
			if back, err := ParseRecoveryWords(words[0]); err == nil {
				t.Fatalf("one word is enough: %v", back)
			}
		}
	})
}
