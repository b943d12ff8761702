package wire

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The vectors of docs/spec/encodings.md and layout.md. `go test -update` writes them anew: only together with a new format.
var update = flag.Bool("update", false, "write the vectors anew")

const vectorDir = "../../testdata/vectors/wire"

// golden compares what the code gives for the inputs of a file with what the file says.
func golden[T any](t *testing.T, file string, got []T) {
	t.Helper()
	path := filepath.Join(vectorDir, file)
	b, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	if *update {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(b)); diff != "" {
		t.Errorf("%s (-file +code):\n%s", file, diff)
	}
}

// seeded is a byte string that is easy to write down: n times b.
func seeded(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

func TestVectorNames(t *testing.T) {
	type vector struct{ Seed, Key, KeyHash, Device, Epoch, Lane, Order, Keys string }
	var got []vector
	for i, refs := range []Refs{DefaultRefs, {Prefix: "refs/heads/espace/", Ledger: "refs/heads/ledger"}} {
		seed := seeded(byte(i+1), 32)
		key := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		if _, err := CheckSigningKey(key); err != nil {
			t.Fatal(err)
		}
		d, e := DeviceIDOf(key), Epoch{Number: uint64(i), O: Sum(seed)}
		got = append(got, vector{
			hex.EncodeToString(seed), hex.EncodeToString(key), DeviceKeyHash(key).String(), d.String(),
			e.Name(), refs.Lane(e, d), refs.Order(e), refs.Keys(e),
		})
		if n, ok := refs.Parse(refs.Lane(e, d)); !ok || n.Device != d || n.EpochName != e.Name() {
			t.Errorf("%s reads as %+v", refs.Lane(e, d), n)
		}
	}
	golden(t, "names.json", got)
}

func TestVectorDerivations(t *testing.T) {
	type vector struct{ Key, Label, Context, Derived, Data string }
	var got []vector
	for _, label := range []string{"commit", "lane", "order", "ledger", "manifest", "invite"} {
		key, ctx := seeded(7, 32), append(U64(3), seeded(9, 32)...)
		derived := KDF(key, label, ctx[:8], ctx[8:])
		got = append(got, vector{
			hex.EncodeToString(key), label, hex.EncodeToString(ctx),
			hex.EncodeToString(derived[:]), hex.EncodeToString(AD(label, ctx[:8], ctx[8:])),
		})
	}
	golden(t, "derivations.json", got)
}

// TestVectorJSON: texts that are refused, and their canonical form where there is one.
func TestVectorJSON(t *testing.T) {
	type vector struct {
		Text      string
		Accepted  bool
		Canonical string `json:",omitempty"`
	}
	var got []vector
	for _, text := range []string{
		`{"a":1,"b":[true,null,"x"]}`, `{"b":1,"a":1}`, `{"a":1 }`, `{"a":1,"a":1}`, `{"a":1}x`, `{"a":1.0}`, `{"a":1e2}`, `{"a":-0}`,
		`{"a":9007199254740991}`, `{"a":9007199254740992}`, `"\u00e9"`, `"é"`, `"\ud800"`, `"\ud83d\ude00"`, `"😀"`, `"\u000a"`, `"\n"`, `"\u001f"`,
		`{"😀":1,"ﬀ":2}`, `{"ﬀ":2,"😀":1}`, `[`, ``, "\"a\nb\"",
	} {
		v := vector{Text: text}
		if tree, err := parseJSON([]byte(text)); err == nil {
			v.Canonical = string(appendJSON(nil, tree))
			v.Accepted = v.Canonical == text
		}
		got = append(got, v)
	}
	golden(t, "json.json", got)
}

func TestVectorCBOR(t *testing.T) {
	type head struct {
		_    struct{} `cbor:",toarray"`
		Len  uint64
		Root Hash
	}
	type vector struct {
		Hex      string
		Accepted bool
	}
	good, err := MarshalCBOR(head{Len: 24, Root: Sum(nil)})
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string][]byte{
		"longer integer": append([]byte{0x82, 0x19, 0, 24}, good[3:]...),
		"more fields":    append([]byte{0x83}, append(good[1:len(good):len(good)], 0)...),
		"trailing byte":  append(good[:len(good):len(good)], 0),
		"indefinite":     append([]byte{0x9f}, append(good[1:len(good):len(good)], 0xff)...),
		"tag":            append([]byte{0xc0}, good...),
		"cut short":      good[:len(good)-1],
	}
	got := map[string]vector{"canonical": {hex.EncodeToString(good), true}}
	for name, b := range bad {
		got[name] = vector{hex.EncodeToString(b), false}
	}
	for name, v := range got {
		b, _ := hex.DecodeString(v.Hex)
		if err := UnmarshalCBOR(b, new(head)); (err == nil) != v.Accepted {
			t.Errorf("%s: %v", name, err)
		}
	}
	golden(t, "cbor.json", []map[string]vector{got})
}
