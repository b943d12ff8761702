package checkpoint

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
	"github.com/espace-git/espace-git/seal"
)

// The vectors are part of the specification (docs/spec/checkpoint.md): another
// implementation must read them. -update writes them anew, which a change of format
// does and nothing else.
var update = flag.Bool("update", false, "write the vectors anew")

const vectorDir = "../testdata/vectors/checkpoint"

// hexBytes is hexadecimal in JSON.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

func readJSON[T any](t testing.TB, name string) (out T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorDir, name))
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// vectors reads a file of vectors; with -update it writes what fresh makes first.
func vectors[T any](t testing.TB, name string, fresh func() []T) []T {
	t.Helper()
	if *update {
		b, err := json.MarshalIndent(fresh(), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(vectorDir, name), append(b, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	out := readJSON[[]T](t, name)
	if len(out) == 0 {
		t.Fatalf("%s holds no vectors", name)
	}
	return out
}

type recordVector struct {
	Key, Value hexBytes
	Times      int `json:",omitempty"` // the value is this many times Value; 0 is once
}

func (v recordVector) value() []byte { return bytes.Repeat(v.Value, max(v.Times, 1)) }

// state is what a reader gets of the records.
func state(records []recordVector) (out []record) {
	for _, r := range records {
		out = append(out, record{r.Key, r.value()})
	}
	return out
}

// smallStates are states by name.
func smallStates() map[string][]recordVector {
	row := func(key, value string) recordVector { return recordVector{Key: []byte(key), Value: []byte(value)} }
	return map[string][]recordVector{
		"nothing":     {},
		"one record":  {row("a", "1")},
		"no value":    {row("a", "")},
		"moved bytes": {row("a1", "")},
		"three":       {row("a", "1"), row("aa", "2"), row("b", strings.Repeat("3", 300))},
		"heads of each length": {row(strings.Repeat("k", 23), strings.Repeat("v", 24)),
			{Key: bytes.Repeat([]byte("k"), 256), Value: []byte("v"), Times: 65536}},
	}
}

var stateNames = []string{"nothing", "one record", "no value", "moved bytes", "three", "heads of each length"}

// pageVector is a state as one page. Long ones are given by their hash.
type pageVector struct {
	Name    string
	Records []recordVector
	Digest  wire.Hash
	Page    hexBytes `json:",omitempty"`
	Sum     wire.Hash
}

func freshPages() (out []pageVector) {
	for _, name := range stateNames {
		v := pageVector{Name: name, Records: smallStates()[name]}
		encoded, digest := onePage(v.Records)
		v.Digest, v.Sum = digest, wire.Sum(encoded)
		if len(encoded) < 1024 {
			v.Page = encoded
		}
		out = append(out, v)
	}
	return out
}

func onePage(records []recordVector) ([]byte, wire.Hash) {
	var p page
	var d Digest
	for _, r := range records {
		p.add(r.Key, r.value())
		if err := d.Add(r.Key, r.value()); err != nil {
			panic(err)
		}
	}
	if p.count == 0 {
		return nil, d.Sum()
	}
	return p.encode(), d.Sum()
}

func TestVectorsPages(t *testing.T) {
	for _, v := range vectors(t, "pages.json", freshPages) {
		encoded, digest := onePage(v.Records)
		if len(v.Page) > 0 && !bytes.Equal(encoded, v.Page) || wire.Sum(encoded) != v.Sum || digest != v.Digest {
			t.Errorf("%s: page %x, digest %s", v.Name, encoded, digest)
		}
		if len(encoded) == 0 {
			continue
		}
		var got []record
		err := readPage(encoded, func(key, value []byte) error { got = append(got, record{key, value}); return nil })
		if err != nil || !same(state(v.Records), got) {
			t.Errorf("%s: %v, %v", v.Name, got, err)
		}
	}
}

type refusedVector struct {
	Name  string
	Bytes hexBytes
}

func freshRefusedPages() []refusedVector {
	return []refusedVector{
		{"empty", nil},
		{"no records", hexBytes{0x80}},
		{"key without a value", hexBytes{0x81, 0x41, 'a'}},
		{"text for a key", hexBytes{0x82, 0x61, 'a', 0x41, 1}},
		{"long head of the array", hexBytes{0x98, 2, 0x41, 'a', 0x41, 1}},
		{"long head of a key", hexBytes{0x82, 0x58, 1, 'a', 0x41, 1}},
		{"indefinite length", hexBytes{0x9f, 0x41, 'a', 0x41, 1, 0xff}},
		{"value beyond the page", hexBytes{0x82, 0x41, 'a', 0x42, 1}},
		{"length of 64 bits", hexBytes{0x82, 0x41, 'a', 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{"more records than bytes", hexBytes{0x9a, 0xff, 0xff, 0xff, 0xfe, 0x41, 'a', 0x41, 1}},
		{"trailing byte", hexBytes{0x82, 0x41, 'a', 0x41, 1, 0}},
		{"a tag", hexBytes{0xc1, 0x82, 0x41, 'a', 0x41, 1}},
	}
}

func TestVectorsRefusedPages(t *testing.T) {
	for _, v := range vectors(t, "pages-refused.json", freshRefusedPages) {
		if err := readPage(v.Bytes, func(key, value []byte) error { return nil }); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

// cutVector says after which of some records a page ends.
type cutVector struct {
	Cut     wire.Hash
	Records []recordVector
	Ends    []bool
}

func freshCuts() []cutVector {
	v := cutVector{Cut: wire.Sum([]byte("cut"))}
	for i := range 24 {
		key := []byte{'r', byte(i)}
		v.Records = append(v.Records, recordVector{Key: key, Value: key, Times: 1 << (i % 3 * 7)})
	}
	v.Ends = ends(v)
	return []cutVector{v}
}

func ends(v cutVector) (out []bool) {
	b := New(testPlace, v.Cut, nil, nil)
	for _, r := range v.Records {
		out = append(out, b.ends(r.Key, r.value()))
	}
	return out
}

func TestVectorsCuts(t *testing.T) {
	for _, v := range vectors(t, "cuts.json", freshCuts) {
		if d := cmp.Diff(v.Ends, ends(v)); d != "" {
			t.Error(d)
		}
	}
}

// wholeVector is a checkpoint as it lies on the host, with the secret that opens it.
type wholeVector struct {
	Space, Epoch, Secret, Cut, Digest wire.Hash
	Records                           []recordVector
	Manifest                          hexBytes // in the clear
	Sealed                            hexBytes
	Blobs                             map[string]hexBytes // by SHA-256
}

func freshWhole(t testing.TB) []wholeVector {
	v := wholeVector{
		Space: testPlace.Space, Epoch: testPlace.Epoch, Secret: wire.Sum([]byte("secret")), Cut: wire.Sum([]byte("cut")),
		Records: smallStates()["three"], Blobs: map[string]hexBytes{},
	}
	v.Records = append(v.Records, recordVector{Key: []byte("big"), Value: []byte{0}, Times: BigValue + 1},
		recordVector{Key: []byte("c"), Value: []byte("after")})
	b := New(testPlace, v.Cut, nil, testRand("whole"))
	for _, r := range v.Records {
		if err := b.Add(r.Key, r.value()); err != nil {
			t.Fatal(err)
		}
	}
	built, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	v.Digest = built.Digest
	if v.Manifest, err = built.Manifest.Encode(); err != nil {
		t.Fatal(err)
	}
	if v.Sealed, err = built.Manifest.Seal(v.key(t), testRand("sealed")); err != nil {
		t.Fatal(err)
	}
	for _, p := range built.Pages {
		v.Blobs[p.Hash.String()] = p.Blob
	}
	return []wholeVector{v}
}

func (v *wholeVector) key(t testing.TB) seal.Key {
	t.Helper()
	s, err := seal.SecretFrom(v.Secret[:])
	if err != nil {
		t.Fatal(err)
	}
	return s.ManifestKey(v.Epoch)
}

// TestVectorsCheckpoint opens it; what it is sealed to again depends on the
// compressor, so blobs are compared by what is in them.
func TestVectorsCheckpoint(t *testing.T) {
	for _, v := range vectors(t, "checkpoint.json", func() []wholeVector { return freshWhole(t) }) {
		at := Place{v.Space, v.Epoch}
		u, err := Open(at, v.key(t), v.Sealed)
		if err != nil {
			t.Fatal(err)
		}
		fetch := func(h wire.Hash) ([]byte, error) { return v.Blobs[h.String()], nil }
		var got []record
		m, err := Read(u, fetch, func(key, value []byte) error {
			got = append(got, record{bytes.Clone(key), bytes.Clone(value)})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !same(state(v.Records), got) {
			t.Errorf("%d other records came back", len(got))
		}
		if clear, err := m.Encode(); err != nil || !bytes.Equal(clear, v.Manifest) || m.Digest != v.Digest {
			t.Errorf("manifest %x, %v", clear, err)
		}
		again := New(at, v.Cut, m, testRand("again"))
		for _, r := range v.Records {
			if err := again.Add(r.Key, r.value()); err != nil {
				t.Fatal(err)
			}
		}
		built, err := again.Finish()
		if err != nil || len(built.Pages) != len(v.Blobs) {
			t.Fatalf("%d pages, %v", len(built.Pages), err)
		}
		for i, p := range built.Pages {
			if p.Blob != nil {
				t.Errorf("page %d is new", i)
			}
		}
	}
}

// freshRefusedManifests are manifests that a member may seal and nobody may read.
func freshRefusedManifests(t testing.TB) (out []refusedVector) {
	type m = manifestWire
	good := func() m {
		p := pageWire{First: []byte("a"), Length: 1064}
		q := pageWire{First: []byte("b"), Length: 2000}
		return m{Space: testPlace.Space, Epoch: testPlace.Epoch, Records: 2, Bytes: 4, Pages: []pageWire{p, q}}
	}
	add := func(name string, change func(*m)) {
		v := good()
		change(&v)
		b, err := wire.MarshalCBOR(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, refusedVector{name, b})
	}
	add("no list of pages", func(v *m) { v.Pages, v.Records, v.Bytes = nil, 0, 0 })
	add("records without pages", func(v *m) { v.Pages = []pageWire{} })
	add("fewer records than pages", func(v *m) { v.Records = 1 })
	add("fewer bytes than records", func(v *m) { v.Bytes = 1 })
	add("page without a first key", func(v *m) { v.Pages[0].First = []byte{} })
	add("page with null for its first key", func(v *m) { v.Pages[0].First = nil })
	add("first key too long", func(v *m) { v.Pages[1].First = bytes.Repeat([]byte("b"), MaxKey+1) })
	add("pages out of order", func(v *m) { v.Pages[0], v.Pages[1] = v.Pages[1], v.Pages[0] })
	add("page twice", func(v *m) { v.Pages[1] = v.Pages[0] })
	add("blob too short", func(v *m) { v.Pages[0].Length = 1000 })
	add("blob too long", func(v *m) { v.Pages[0].Length = 16<<20 + 1 })
	add("length of 64 bits", func(v *m) { v.Pages[0].Length = 1<<64 - 1 })
	v, err := wire.MarshalCBOR(good())
	if err != nil {
		t.Fatal(err)
	}
	return append(out, refusedVector{"trailing byte", append(v, 0)}, refusedVector{"empty", nil},
		refusedVector{"another form", append([]byte{v[0] + 1}, v[1:]...)})
}

func TestVectorsRefusedManifests(t *testing.T) {
	for _, v := range vectors(t, "manifests-refused.json", func() []refusedVector { return freshRefusedManifests(t) }) {
		if _, err := Decode(v.Bytes); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}
