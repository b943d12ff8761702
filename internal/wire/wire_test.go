package wire

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func TestJSONIsCanonical(t *testing.T) {
	in := map[string]any{"b": 1, "a": "é\u2028\x01\"\\", "Z": []any{nil, true, -5}}
	got, err := MarshalJSON(in)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Z":[null,true,-5],"a":"é` + "\u2028" + `\u0001\"\\","b":1}`
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// RFC 8785 section 3.2.3: keys are sorted by UTF-16 code units, so U+10000 and
// above (surrogates from D800) come before U+FB33.
func TestJSONSortsByUTF16(t *testing.T) {
	got, err := MarshalJSON(map[string]int{"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "\r": 4, "1": 5})
	if err != nil {
		t.Fatal(err)
	}
	if want := "{\"\\r\":4,\"1\":5,\"\u20ac\":3,\"\U0001f600\":2,\"\ufb33\":1}"; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAttackJSONTricks(t *testing.T) {
	type doc struct {
		Kind string `json:"kind"`
		N    int64  `json:"n,omitempty"`
	}
	cases := map[string]string{
		"duplicate-key":    `{"kind":"a","kind":"b"}`,
		"other-case":       `{"KIND":"a"}`,
		"kelvin-sign":      "{\"\u212aind\":\"a\"}",
		"lone-surrogate":   `{"kind":"\ud800"}`,
		"invalid-utf8":     "{\"kind\":\"\xff\"}",
		"trailing-data":    `{"kind":"a"} `,
		"trailing-object":  `{"kind":"a"}{}`,
		"big-number":       `{"kind":"a","n":9007199254740992}`,
		"fraction":         `{"kind":"a","n":1.0}`,
		"exponent":         `{"kind":"a","n":1e2}`,
		"minus-zero":       `{"kind":"a","n":-0}`,
		"leading-zero":     `{"kind":"a","n":01}`,
		"unknown-field":    `{"kind":"a","x":1}`,
		"white-space":      `{ "kind":"a"}`,
		"unsorted":         `{"n":1,"kind":"a"}`,
		"needless-escape":  `{"kind":"\u0061"}`,
		"escaped-slash":    `{"kind":"\/"}`,
		"explicit-default": `{"kind":"a","n":0}`,
		"null-for-string":  `{"kind":null}`,
		"trailing-comma":   `{"kind":"a",}`,
		"too-deep":         strings.Repeat("[", 100),
		"empty":            ``,
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			var v doc
			if err := UnmarshalJSON([]byte(text), &v); !errors.Is(err, ErrMalformed) {
				t.Errorf("accepted %q as %+v, err %v", text, v, err)
			}
		})
	}
	var v doc
	if err := UnmarshalJSON([]byte(`{"kind":"a","n":9007199254740991}`), &v); err != nil {
		t.Error(err)
	}
}

func TestCBORRefusesOtherForms(t *testing.T) {
	cases := map[string]string{
		"long integer":  "1800",             // 0 in two bytes
		"unsorted keys": "a2616201616101",   // {"b":1,"a":1}
		"duplicate":     "a2616101616102",   // {"a":1,"a":2}
		"indefinite":    "9f01ff",           // [_ 1]
		"tag":           "c001",             // tag 0
		"trailing":      "0101",             // two values
		"huge length":   "9b00ffffffffffff", // an array of 2^56 elements
		"half float":    "fa3f800000",       // 1.0 in 4 bytes, shortest is 2
		"invalid utf8":  "61ff",
	}
	for name, text := range cases {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := UnmarshalCBOR(b, &v); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: accepted as %v, err %v", name, v, err)
		}
	}
}

func TestAttackSmallOrderKey(t *testing.T) {
	// The eight points of small order, and encodings that are not canonical.
	bad := []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p+1 = 1
		"0100000000000000000000000000000000000000000000000000000000000080", // -0
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p = 0
	}
	for _, s := range bad {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := CheckSigningKey(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: accepted, err %v", s, err)
		}
	}
	good := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	if _, err := CheckSigningKey(good); err != nil {
		t.Error(err)
	}
}

func TestRefsRoundTrip(t *testing.T) {
	e := Epoch{Number: 3, O: Sum([]byte("x"))}
	d := DeviceID{1, 2, 3}
	for _, r := range []Refs{DefaultRefs, {Prefix: "refs/heads/espace/", Ledger: "refs/heads/ledger"}} {
		for name, want := range map[string]RefName{
			r.Lane(e, d):  {RefLane, e.Name(), d},
			r.Order(e):    {RefOrder, e.Name(), DeviceID{}},
			r.Keys(e):     {RefKeys, e.Name(), DeviceID{}},
			r.Close(e):    {RefClose, e.Name(), DeviceID{}},
			r.State(e, d): {RefState, e.Name(), d},
			r.Files(e, d): {RefFiles, e.Name(), d},
			r.Ledger:      {RefLedger, "", DeviceID{}},
		} {
			if got, ok := r.Parse(name); !ok || got != want {
				t.Errorf("%s: %+v, %v", name, got, ok)
			}
		}
		for _, name := range []string{"", "refs/heads/x", r.Prefix, r.Prefix + "03-" + strings.Repeat("0", 16) + "/order", r.Lane(e, d) + "/x", r.Prefix + e.Name(), r.Lanes(e)} {
			if got, ok := r.Parse(name); ok {
				t.Errorf("%s: parsed as %+v", name, got)
			}
		}
	}
}

func TestCheckRefs(t *testing.T) {
	good := []Refs{DefaultRefs, {"refs/heads/espace/", "refs/heads/main"}, {"refs/a/b/", "refs/heads/team/x"}}
	for _, r := range good {
		if err := CheckRefs(r); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
	bad := []Refs{{}, {"refs/espace", "refs/heads/main"}, {"refs/espace/", "refs/tags/x"}, {"refs/heads/", "refs/heads/main"},
		{"refs/heads/main/", "refs/heads/main"}, {"refs/es pace/", "refs/heads/main"}, {"refs/../", "refs/heads/main"},
		{"refs/espace/", "refs/heads/-x"}, {"refs/espace/", "refs/heads/a..b"}, {"refs/espace/", "refs/heads/x.lock"}, {"refs/espace/", "refs/heads/a\n"}}
	for _, r := range bad {
		if err := CheckRefs(r); err == nil {
			t.Errorf("%+v: accepted", r)
		}
	}
}

func TestKDFSeparates(t *testing.T) {
	seen := map[[32]byte]bool{}
	key := make([]byte, 32)
	for _, k := range [][32]byte{KDF(key, "lane", U64(1)), KDF(key, "lane", U64(2)), KDF(key, "order", U64(1)), KDF(key, "lane"), KDF(append(key, 1), "lane", U64(1))} {
		if seen[k] {
			t.Error("two labels or contexts give one key")
		}
		seen[k] = true
	}
	if got := hex.EncodeToString(sl(KDF(key, "commit", U64(7), make([]byte, 32)))); got != "9afd074f2d97e90b35d42a5085d2210d29eefdda0a0ab596aed34538a17de168" {
		t.Errorf("KDF vector: %s", got)
	}
	if !bytes.Equal(AD("lane", []byte("x")), []byte("espace/v1/lane\x00x")) {
		t.Error("associated data")
	}
}

func sl(b [32]byte) []byte { return b[:] }

func FuzzUnmarshalJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,"\u00e9",null]}`))
	f.Add([]byte(`{"\ud83d\ude00":-1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := parseJSON(b)
		if err != nil {
			return
		}
		once := appendJSON(nil, tree)
		again, err := parseJSON(once)
		if err != nil || !bytes.Equal(appendJSON(nil, again), once) {
			t.Errorf("%q prints as %q, which does not read back: %v", b, once, err)
		}
	})
}

func FuzzUnmarshalCBOR(f *testing.F) {
	f.Add([]byte{0x83, 1, 0x41, 2, 0xf6})
	f.Add([]byte{0xa1, 0x61, 'a', 0x20})
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		if UnmarshalCBOR(b, &v) != nil {
			return
		}
		if again, err := MarshalCBOR(v); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x read as %v, printed as %x", b, v, again)
		}
	})
}

func FuzzRefsParse(f *testing.F) {
	f.Add("refs/espace/0-0123456789abcdef/lanes/aaaaaaaaaaaaaaaaaaaaaaaaaa")
	f.Add("refs/espace/0-0123456789abcdef/order")
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := DefaultRefs.Parse(s)
		if ok && n.Kind != RefLedger && !strings.HasPrefix(s, DefaultRefs.Prefix+n.EpochName+"/") {
			t.Errorf("%q parsed as %+v", s, n)
		}
	})
}
