package schema

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the vectors anew")

const vectorDir = "../testdata/vectors/schema"

// vector: a chain of schema files, applied one after the other, and the last
// one's encoding. One that is refused has bytes only, and says why.
type vector struct {
	Name   string   `json:"name"`
	Files  []string `json:"files,omitempty"`
	Hex    string   `json:"hex"`
	Refuse string   `json:"refuse,omitempty"`
}

func readVectors(t testing.TB, file string) []vector {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorDir, file))
	if err != nil {
		t.Fatal(err)
	}
	var out []vector
	if err := json.Unmarshal(b, &out); err != nil || len(out) == 0 {
		t.Fatalf("%s: %d vectors, %v", file, len(out), err)
	}
	return out
}

func writeVectors(t testing.TB, file string, v []vector) {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(vectorDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(vectorDir, file), append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func encode(t testing.TB, s *Schema) []byte {
	t.Helper()
	b, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const everything = `tables:
  people:
    columns:
      name: {type: text, required: true, default: "?"}
      born: {type: time}
  things:
    update_wins: true
    columns:
      n:      {type: int, default: -1, index: true}
      price:  {type: real, default: 0.5}
      sold:   {type: bool, default: false}
      photo:  {type: bytes, default: "AAEC"}
      made:   {type: time, default: now}
      data:   {type: json, default: {"a": [1, null]}}
      other:  {type: id}
      owner:  {type: ref, table: people, on_delete: cascade}
      parent: {type: ref, table: things, on_delete: "null"}
      author: {type: member, default: auth.member}
    indexes: [[owner, n], [made]]
`

const ordered = `tables:
  rooms:
    ordered: true
    columns:
      name: {type: text, unique: true, required: true}
      free: {type: bool, index: true}
  seats:
    ordered: true
    columns:
      room:  {type: ref, table: rooms, on_delete: cascade}
      row:   {type: int}
      place: {type: int}
    indexes: [[row], {columns: [room, row, place], unique: true}]
`

func sampleVectors(t testing.TB) []vector {
	out := []vector{
		{Name: "empty", Files: []string{"tables: {}"}},
		{Name: "one table", Files: []string{"tables: {a: {columns: {x: {type: int}}}}"}},
		{Name: "everything", Files: []string{everything}},
		{Name: "ordered", Files: []string{ordered}},
		{Name: "renamed, removed, added", Files: []string{tables("a:x,y b"), tables("c<a:z<y")}},
	}
	for _, name := range Templates() {
		src, err := Template(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, vector{Name: "template " + name, Files: []string{string(src)}})
	}
	for i := range out {
		out[i].Hex = hex.EncodeToString(encode(t, apply(t, out[i].Files)))
	}
	return out
}

func apply(t testing.TB, files []string) (s *Schema) {
	for _, f := range files {
		s = mustNumber(t, s, f)
	}
	return s
}

func TestVectors(t *testing.T) {
	const file = "schema.json"
	if *update {
		writeVectors(t, file, sampleVectors(t))
	}
	for _, v := range readVectors(t, file) {
		t.Run(v.Name, func(t *testing.T) {
			want := apply(t, v.Files)
			if got := hex.EncodeToString(encode(t, want)); got != v.Hex {
				t.Errorf("encoded as %s", got)
			}
			got, err := Decode(unhex(t, v.Hex))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			printed := mustNumber(t, nil, got.YAML())
			if d := Diff(mustNumber(t, nil, want.YAML()), printed); !d.Empty() {
				t.Errorf("printed and parsed: %s", d)
			}
		})
	}
}

// one is a schema of one table with one column, cut for damage:
// version, next, tables(number, name, flags, next, columns(…), indexes).
func one(column string) string { return "83010281" + "8601616100" + "02" + "81" + column + "80" }

func TestVectorsRefused(t *testing.T) {
	const file = "schema-refused.json"
	const column = "8801617802" + "00000000f6"
	if *update {
		out := []vector{
			{Name: "nothing", Hex: "", Refuse: "malformed"},
			{Name: "version 2", Hex: "83020180", Refuse: "later version"},
			{Name: "tables null", Hex: "830101f6", Refuse: "canonical"},
			{Name: "next 0", Hex: "83010080", Refuse: "numbers"},
			{Name: "next used", Hex: strings.Replace(one(column), "830102", "830101", 1), Refuse: "numbers"},
			{Name: "next column used", Hex: strings.Replace(one(column), "61610002", "61610001", 1), Refuse: "numbers"},
			{Name: "table number 0", Hex: strings.Replace(one(column), "8601", "8600", 1), Refuse: "numbers"},
			{Name: "long integer", Hex: strings.Replace(one(column), "830102", "83011802", 1), Refuse: "canonical"},
			{Name: "flag of a table", Hex: strings.Replace(one(column), "616100", "616104", 1), Refuse: "later version"},
			{Name: "type 0", Hex: one("8801617800" + "00000000f6"), Refuse: "later version"},
			{Name: "type file", Hex: one("880161780b" + "00000000f6"), Refuse: "later version"},
			{Name: "flag of a column", Hex: one("8801617802" + "08000000f6"), Refuse: "later version"},
			{Name: "unique, not ordered", Hex: one("8801617802" + "04000000f6"), Refuse: "ordered: true"},
			{Name: "unique index, not ordered", Hex: strings.TrimSuffix(one(column), "80") + "81820001", Refuse: "ordered: true"},
			{Name: "unique index of nothing", Hex: strings.Replace(strings.TrimSuffix(one(column), "80")+"818100", "616100", "616102", 1), Refuse: "1 to 8"},
			{Name: "on_delete 3", Hex: one("8801617809" + "00010300f6"), Refuse: "later version"},
			{Name: "default kind 4", Hex: one("8801617802" + "00000004f6"), Refuse: "later version"},
			{Name: "default missing", Hex: one("8801617802" + "00000001f6"), Refuse: "default"},
			{Name: "default unasked", Hex: one("8801617802" + "0000000005"), Refuse: "default"},
			{Name: "default of another type", Hex: one("8801617802" + "000000016161"), Refuse: "not a value of type int"},
			{Name: "default of a list", Hex: one("8801617802" + "0000000180"), Refuse: "scalar"},
			{Name: "now for int", Hex: one("8801617802" + "00000002f6"), Refuse: "another type"},
			{Name: "reference to nothing", Hex: one("8801617809" + "00050000f6"), Refuse: "to which table"},
			{Name: "name", Hex: one("8801612f02" + "00000000f6"), Refuse: "begins with a letter"},
			{Name: "seven fields", Hex: one("87016178020000" + "00f6"), Refuse: "malformed"},
			{Name: "trailing", Hex: one(column) + "00", Refuse: "malformed"},
		}
		writeVectors(t, file, out)
	}
	if _, err := Decode(unhex(t, one(column))); err != nil {
		t.Fatalf("undamaged: %v", err)
	}
	for _, v := range readVectors(t, file) {
		if v.Name == "type file" {
			continue // this is the later version that it asked for: see TestVectorsDocuments
		}
		t.Run(v.Name, func(t *testing.T) {
			if _, err := Decode(unhex(t, v.Hex)); err == nil || !strings.Contains(err.Error(), v.Refuse) {
				t.Errorf("%v, want one that says %q", err, v.Refuse)
			}
		})
	}
	if _, err := Decode(make([]byte, MaxEncoded+1)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("too long: %v", err)
	}
}

// A decoder never panics, prints what it takes again, and what it takes can be
// shown and read back.
func FuzzDecode(f *testing.F) {
	n := 0
	for _, file := range []string{"schema.json", "schema-refused.json", "documents.json", "documents-refused.json"} {
		for _, v := range readVectors(f, file) {
			f.Add(unhex(f, v.Hex))
			n++
		}
	}
	if n == 0 {
		f.Fatal("empty seed corpus")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b)
		if err != nil {
			return
		}
		if again, err := s.Encode(); err != nil || string(again) != string(b) {
			t.Fatalf("%x printed as %x, %v", b, again, err)
		}
		if parsed, err := Parse([]byte(s.YAML())); err != nil {
			t.Fatalf("%s: %v", s.YAML(), err)
		} else if next, err := Number(s, parsed); err != nil || !Diff(s, next).Empty() {
			t.Fatalf("%s: %v %v", s.YAML(), err, Diff(s, next))
		}
	})
}

func FuzzParse(f *testing.F) {
	n := 0
	for _, v := range readVectors(f, "schema.json") {
		for _, src := range v.Files {
			f.Add([]byte(src))
			n++
		}
	}
	if n == 0 {
		f.Fatal("empty seed corpus")
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := Parse(src)
		if err != nil {
			if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrLater) && !errors.Is(err, ErrValue) {
				t.Fatalf("an error of no class: %v", err)
			}
			return
		}
		numbered, err := Number(nil, s)
		if err != nil {
			return
		}
		b, err := numbered.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(b); err != nil {
			t.Fatalf("%q: %v", src, err)
		}
	})
}
