package chunks_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/chunks"
	"github.com/espace-git/espace-git/internal/wire"
)

// The vectors are part of the specification (docs/spec/files.md): another
// implementation must read them. -update writes them anew, which a change of format
// does and nothing else.
var update = flag.Bool("update", false, "write the vectors anew")

const vectorDir = "../testdata/vectors/chunks"

// hexBytes is hexadecimal in JSON.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// vectors reads a file of vectors; with -update it writes what fresh makes first.
func vectors[T any](t testing.TB, name string, fresh func() []T) (out []T) {
	t.Helper()
	file := filepath.Join(vectorDir, name)
	if *update {
		b, err := json.MarshalIndent(fresh(), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
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

// counter gives the bytes 0, 1, 2 … for the randomness of a vector.
type counter byte

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(*c)
		*c++
	}
	return len(p), nil
}

// pattern is the file of a vector: byte i is i modulo 251.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

type fileVector struct {
	Space  wire.Hash   `json:"space"`
	Length int         `json:"length"` // of the file: byte i is i modulo 251
	Refs   hexBytes    `json:"refs"`   // as encoded, with keys and nonces from the bytes 0, 1, 2 …
	Chunks []refVector `json:"chunks"`
	First  hexBytes    `json:"first,omitempty"` // the first chunk as stored, where it is short
}

type refVector struct {
	Key    hexBytes      `json:"key"`
	Sum    wire.Hash     `json:"sum"`
	ID     wire.ObjectID `json:"id"`
	Size   uint32        `json:"size"`
	Stored int           `json:"stored"`
}

func fileVectorOf(t testing.TB, length int) (v fileVector) {
	t.Helper()
	v.Space, v.Length = space, length
	w := chunks.Writer{Space: space, Rand: new(counter), Put: func(ref chunks.Ref, stored []byte) error {
		if len(v.Chunks) == 0 && len(stored) < 4096 {
			v.First = bytes.Clone(stored)
		}
		v.Chunks = append(v.Chunks, refVector{ref.Key[:], ref.Sum, ref.ID, ref.Size, len(stored)})
		return nil
	}}
	refs, err := w.Write(t.Context(), bytes.NewReader(pattern(length)))
	if err != nil {
		t.Fatal(err)
	}
	if v.Refs, err = chunks.Encode(refs); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVectorsFiles(t *testing.T) {
	var fresh []fileVector
	for _, n := range []int{0, 1, 1024, 1025, 2000, chunks.Size - 1, chunks.Size, 2*chunks.Size + 70_000} {
		fresh = append(fresh, fileVectorOf(t, n))
	}
	got := vectors(t, "files.json", func() []fileVector { return fresh })
	if d := cmp.Diff(fresh, got); d != "" {
		t.Error(d)
	}
	for _, v := range got {
		refs, err := chunks.Decode(v.Refs)
		if err != nil || chunks.Length(refs) != int64(v.Length) || len(refs) != len(v.Chunks) {
			t.Fatalf("%d: %v", v.Length, err)
		}
		for i, ref := range refs {
			want := v.Chunks[i]
			if (want.Stored != ref.Stored()) || ref.Sum != want.Sum || ref.ID != want.ID || ref.Size != want.Size || !bytes.Equal(ref.Key[:], want.Key) {
				t.Errorf("%d: %v", v.Length, ref)
			}
		}
		if v.First != nil {
			plain, err := chunks.Open(v.Space, refs[0], bytes.Clone(v.First))
			if err != nil || !bytes.Equal(plain, pattern(v.Length)) {
				t.Errorf("%d: %v", v.Length, err)
			}
		}
	}
}

type badVector struct {
	Name string   `json:"name"`
	Refs hexBytes `json:"refs"`
}

func badRefs(t testing.TB) []badVector {
	t.Helper()
	good := fileVectorOf(t, chunks.Size+9)
	edit := func(f func([]byte) []byte) hexBytes { return f(bytes.Clone(good.Refs)) }
	sized := func(sizes ...uint32) hexBytes {
		var out []any
		for i, size := range sizes {
			c := good.Chunks[i%2]
			out = append(out, []any{[]byte(c.Key), c.Sum[:], c.ID[:], size})
		}
		b, err := wire.MarshalCBOR(out)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return []badVector{
		{"empty", nil},
		{"trailing byte", edit(func(b []byte) []byte { return append(b, 0) })},
		{"cut", edit(func(b []byte) []byte { return b[:len(b)-1] })},
		{"array of another length", edit(func(b []byte) []byte { b[0]++; return b })},
		{"longer form of the length", edit(func(b []byte) []byte { return append([]byte{0x98, b[0] & 31}, b[1:]...) })},
		{"more chunks than there may be", []byte{0x9a, 0x00, 0x01, 0x00, 0x01}},
		{"2^32-1 chunks", []byte{0x9a, 0xff, 0xff, 0xff, 0xff}},
		{"a chunk of no bytes", sized(0)},
		{"a chunk beyond 8 MiB", sized(chunks.Size + 1)},
		{"a short chunk before the last", sized(chunks.Size-1, 9)},
		{"short key", edit(func(b []byte) []byte { b[3]--; return append(b[:10], b[11:]...) })},
		{"no sum", edit(func(b []byte) []byte { clear(b[38:70]); return b })},
		{"no key", edit(func(b []byte) []byte { clear(b[4:36]); return b })},
		{"no name", edit(func(b []byte) []byte { clear(b[71:91]); return b })},
	}
}

func TestVectorsMalformed(t *testing.T) {
	fresh := badRefs(t)
	for _, v := range vectors(t, "malformed.json", func() []badVector { return fresh }) {
		if _, err := chunks.Decode(v.Refs); !errors.Is(err, chunks.ErrMalformed) && !errors.Is(err, chunks.ErrTooLong) {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, n := range []int{0, 5, chunks.Size + 1} {
		f.Add([]byte(fileVectorOf(f, n).Refs))
	}
	for _, v := range badRefs(f) {
		f.Add([]byte(v.Refs))
	}
	f.Add([]byte{0xf6}) // null
	f.Fuzz(func(t *testing.T, b []byte) {
		refs, err := chunks.Decode(b)
		if err != nil {
			return
		}
		again, err := chunks.Encode(refs)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x is printed as %x (%v)", b, again, err)
		}
		for _, ref := range refs {
			if ref.Stored() <= int(ref.Size) {
				t.Fatalf("%v: %d bytes stored", ref, ref.Stored())
			}
		}
	})
}
