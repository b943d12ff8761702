package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
)

// The vectors are part of the specification (docs/spec): another implementation must
// read them. -update writes them anew, which a change of format does and nothing else.
var update = flag.Bool("update", false, "write the vectors anew")

const vectorDir = "../testdata/vectors/seal"

// hexBytes is hexadecimal in JSON.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// vectors reads a file of vectors; with -update it writes what fresh makes first.
func vectors[T any](t testing.TB, name string, fresh func() []T) []T {
	t.Helper()
	path := filepath.Join(vectorDir, name)
	if *update {
		b, err := json.MarshalIndent(fresh(), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(vectorDir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&out); err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("%s holds no vectors", name)
	}
	return out
}

// class is the name of an error in the vectors.
func class(err error) string {
	for name, sentinel := range map[string]error{
		"not-mine": ErrNotMine, "malformed": ErrMalformed, "too-big": ErrTooBig, "wrong-bytes": ErrWrongBytes,
	} {
		if errors.Is(err, sentinel) {
			return name
		}
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

type padmeVector struct{ N, Min, Size int }

func TestVectorsPadme(t *testing.T) {
	fresh := func() (out []padmeVector) {
		for _, n := range []int{0, 1, 2, 8, 9, 100, 511, 512, 513, 1000, 1024, 1025, 1056, 1057, 4097, 65537, 1 << 20, 1<<20 + 1, 16 << 20} {
			for _, min := range []int{0, 512, 1024} {
				out = append(out, padmeVector{n, min, Padme(n, min)})
			}
		}
		return out
	}
	for _, v := range vectors(t, "padme.json", fresh) {
		if got := Padme(v.N, v.Min); got != v.Size {
			t.Errorf("Padme(%d, %d) = %d, want %d", v.N, v.Min, got, v.Size)
		}
	}
}

type keyVector struct {
	Secret, O, Device, Predecessor, Commitment wire.Hash
	Number, Index                              uint64
	Lane, Order, Ledger, Manifest              hexBytes
	LaneAD, OrderAD, LedgerAD                  hexBytes
}

func (v keyVector) derive(t testing.TB) keyVector {
	s, err := SecretFrom(v.Secret[:])
	if err != nil {
		t.Fatal(err)
	}
	v.Commitment = s.Commitment(v.Number, v.Predecessor)
	v.Lane, v.Order = s.LaneKey(v.O, v.Device).Bytes(), s.OrderKey(v.O, v.Device).Bytes()
	v.Ledger, v.Manifest = s.LedgerKey(v.Predecessor).Bytes(), s.ManifestKey(v.O).Bytes()
	v.LaneAD, v.OrderAD, v.LedgerAD = LaneAD(v.O, v.Device, v.Index), OrderAD(v.O, v.Device, v.Index), LedgerAD(v.Predecessor)
	return v
}

func TestVectorsKeys(t *testing.T) {
	hash := func(s string) wire.Hash { return wire.Sum([]byte(s)) }
	fresh := func() []keyVector {
		return []keyVector{
			keyVector{}.derive(t),
			keyVector{Secret: hash("secret"), O: hash("o"), Device: hash("device"), Predecessor: hash("p"), Number: 3, Index: 12}.derive(t),
			keyVector{Secret: hash("secret"), O: hash("device"), Device: hash("o"), Predecessor: hash("p"), Number: 1<<53 - 1, Index: 1<<63 - 1}.derive(t),
		}
	}
	for i, v := range vectors(t, "keys.json", fresh) {
		if d := cmp.Diff(v, v.derive(t)); d != "" {
			t.Errorf("vector %d: %s", i, d)
		}
	}
}

// A box vector is made from the compressed body, since encoders may compress as they like.
type boxVector struct {
	Name       string
	Key        hexBytes
	AD         hexBytes
	Min, Max   int
	Compressed hexBytes `json:",omitempty"` // the zstd frame; absent where it has no meaning
	Plaintext  hexBytes `json:",omitempty"`
	Box        hexBytes
	Error      string `json:",omitempty"`
}

func TestVectorsBoxes(t *testing.T) {
	for _, v := range vectors(t, "boxes.json", func() []boxVector { return freshBoxes(t) }) {
		k, err := KeyFrom(v.Key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := k.Open(v.AD, v.Box, v.Max)
		if class(err) != v.Error || !bytes.Equal(got, v.Plaintext) {
			t.Errorf("%s: opens as %x, %q; want %x, %q", v.Name, got, class(err), v.Plaintext, v.Error)
		}
		if len(v.Compressed) > 0 && v.Error == "" {
			nonce := [nonceSize]byte(v.Box)
			if again := k.encrypt(append(nonce[:], frame(v.Compressed, v.Min)...), v.AD); !bytes.Equal(again, v.Box) {
				t.Errorf("%s: encodes as another box", v.Name)
			}
		}
	}
}

// freshBoxes makes good boxes and one of each kind of bad one.
func freshBoxes(t testing.TB) []boxVector {
	k, o, dev := mustKey(t, "box"), wire.Sum([]byte("o")), wire.Sum([]byte("device"))
	ad := LaneAD(o, dev, 1)
	compress := func(b []byte) []byte {
		f := appendCompressed(nil, b, 0)
		body, err := unframe(f)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	box := func(name string, framed []byte) []byte {
		nonce := wire.Sum([]byte("nonce " + name))
		return k.encrypt(append(nonce[:nonceSize:nonceSize], framed...), ad)
	}
	good := func(name string, plaintext []byte, min int) boxVector {
		c := compress(plaintext)
		return boxVector{Name: name, Key: k.Bytes(), AD: ad, Min: min, Max: len(plaintext), Compressed: c, Plaintext: plaintext, Box: box(name, frame(c, min))}
	}
	bad := func(name, class string, b []byte) boxVector {
		return boxVector{Name: name, Key: k.Bytes(), AD: ad, Min: wire.MinContent, Max: 1000, Box: b, Error: class}
	}
	hello := good("hello", []byte("hello"), wire.MinContent)
	flipped := bytes.Clone(hello.Box)
	flipped[500] ^= 1
	framed := frame(compress([]byte("hello")), wire.MinContent)
	change := func(i int, b byte) []byte {
		f := bytes.Clone(framed)
		f[i] = b
		return f
	}
	long := frame(append(bytes.Clone(hello.Compressed), hello.Compressed...), wire.MinContent)
	skipped := frame(append([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, hello.Compressed...), wire.MinContent)
	behind := frame(append(bytes.Clone(hello.Compressed), 0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 'e', 'v', 'i', 'l'), wire.MinContent)
	emptyBehind := frame(append(bytes.Clone(hello.Compressed), compress(nil)...), wire.MinContent)
	return []boxVector{
		good("empty", []byte{}, wire.MinContent), hello, good("private", []byte("hello"), wire.MinPrivate),
		good("repeats", bytes.Repeat([]byte("espace "), 300), wire.MinContent), good("unpadded", []byte("hello"), 0),
		bad("flipped", "not-mine", flipped), bad("truncated", "not-mine", hello.Box[:len(hello.Box)-1]), bad("short", "malformed", hello.Box[:40]),
		bad("padding-not-zero", "malformed", box("pad", change(1023, 1))), bad("length-beyond", "malformed", box("len", change(0, 1))),
		bad("length-short", "malformed", box("len2", change(7, framed[7]-1))), bad("not-padme", "malformed", box("odd", framed[:1000+1])),
		bad("no-zstd", "malformed", box("raw", frame([]byte("hello"), wire.MinContent))), bad("two-frames", "malformed", box("two", long)),
		bad("skippable", "malformed", box("skip", skipped)), bad("skippable-behind", "malformed", box("behind", behind)),
		bad("empty-frame-behind", "malformed", box("empty behind", emptyBehind)),
		bad("inflates-beyond", "too-big", box("bomb", frame(compress(make([]byte, 1001)), wire.MinContent))),
	}
}

type secretVector struct{ O, Secret wire.Hash }

// A wrap vector's file can't be made again (age draws its own randomness); what is in it can.
type wrapVector struct {
	Name      string
	Seed      hexBytes       // of the recipient's private key
	Private   string         // its text in age
	Recipient string         // RecipientName of its public half
	Space     wire.Hash      `json:",omitzero"`
	Secrets   []secretVector `json:",omitempty"`
	Plaintext hexBytes       `json:",omitempty"` // within the age file, padded
	File      hexBytes
	Error     string `json:",omitempty"`
}

func TestVectorsWraps(t *testing.T) {
	for _, v := range vectors(t, "wraps.json", func() []wrapVector { return freshWraps(t) }) {
		k := v.private(t)
		w, err := OpenWrap(v.File, k)
		if class(err) != v.Error {
			t.Errorf("%s: %v, want %q", v.Name, err, v.Error)
		}
		if err != nil {
			continue
		}
		var got []secretVector
		for _, s := range w.Secrets {
			got = append(got, secretVector{s.O, wire.Hash(s.Secret.Bytes())})
		}
		if d := cmp.Diff(v.Secrets, got); d != "" || w.Space != v.Space {
			t.Errorf("%s: space %s, secrets %s", v.Name, w.Space, d)
		}
		body, err := encodeWrap(w)
		if again := frame(wire.AD(wrapKind, body), wire.MinPrivate); err != nil || !bytes.Equal(again, v.Plaintext) {
			t.Errorf("%s: encodes as %x, %v", v.Name, again, err)
		}
		if plain, err := k.Open(v.File, 1<<20); err != nil || !bytes.Equal(plain, v.Plaintext) {
			t.Errorf("%s: holds %x, %v", v.Name, plain, err)
		}
	}
}

func (v wrapVector) private(t testing.TB) PrivateKey {
	k, err := PrivateKeyFrom(v.Seed)
	if err != nil {
		t.Fatal(err)
	}
	if text := k.identity().String(); text != v.Private || strings.ToUpper(bech32("age-secret-key-pq-", v.Seed)) != v.Private {
		t.Errorf("%s: private key is %s", v.Name, text)
	}
	if got := RecipientName(k.Recipient()); got != v.Recipient {
		t.Errorf("%s: recipient is named %s", v.Name, got)
	}
	return k
}

func freshWraps(t testing.TB) []wrapVector {
	k := mustPrivate(t, "wrap")
	base := wrapVector{Seed: k.Bytes(), Private: k.identity().String(), Recipient: RecipientName(k.Recipient())}
	good := func(name string, n int) wrapVector {
		v, w := base, Wrap{Space: wire.Sum([]byte("space")), Secrets: testSecrets(n)}
		body, err := encodeWrap(w)
		if err != nil {
			t.Fatal(err)
		}
		v.Name, v.Space, v.Plaintext = name, w.Space, frame(wire.AD(wrapKind, body), wire.MinPrivate)
		for _, s := range w.Secrets {
			v.Secrets = append(v.Secrets, secretVector{s.O, wire.Hash(s.Secret.Bytes())})
		}
		v.File = mustEncrypt(t, v.Plaintext, k.Recipient())
		return v
	}
	one := good("one", 1)
	out := []wrapVector{one, good("eight", 8)}
	for _, b := range badWraps(t, k, one.Plaintext) {
		v := base
		v.Name, v.File, v.Error = b.name, b.file, b.class
		out = append(out, v)
	}
	return out
}
