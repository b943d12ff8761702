package schema

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/merge"
)

const documents = `tables:
  pages:
    columns:
      title: {type: text, required: true}
      body:  {type: textarea}
      steps: {type: list}
      tags:  {type: set}
      likes: {type: counter, index: true}
      open:  {type: flag}
      past:  {type: log}
      parts: {type: tree}
      photo: {type: file}
    indexes: [[open, likes]]
`

// Nobody can write a schema with a document column that demands, gives or orders
// what has no single value.
func TestDocumentColumns(t *testing.T) {
	for typ := File; typ <= Tree; typ++ {
		name := typ.String()
		for _, c := range []struct{ with, says string }{
			{"required: true", "begins empty"}, {"default: 1", "has no default"}, {"default: now", "has no default"},
			{"table: a", "references"}, {"on_delete: cascade", "references"}, {"unique: true", "unique"},
		} {
			_, err := Parse([]byte(column("{type: " + name + ", " + c.with + "}")))
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s with %s: %v", name, c.with, err)
			}
		}
		_, err := Parse([]byte("tables: {a: {ordered: true, columns: {c: {type: " + name + "}}}}"))
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "ordered") {
			t.Errorf("%s in an ordered table: %v", name, err)
		}
		indexed := typ == Counter || typ == Flag
		for _, src := range []string{column("{type: " + name + ", index: true}"), "tables: {a: {columns: {c: {type: " + name + "}}, indexes: [[c]]}}"} {
			if _, err := Parse([]byte(src)); (err == nil) != indexed || err != nil && !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %v", src, err)
			}
		}
		mustParse(t, column("{type: "+name+", default: null}"))
	}
}

func TestDocumentTypesStay(t *testing.T) {
	before := mustNumber(t, nil, documents)
	for was, is := range map[string]string{"textarea": "text", "text, required: true": "textarea", "list": "set", "counter": "int"} {
		after := mustParse(t, strings.Replace(documents, "{type: "+was, "{type: "+is, 1))
		if _, err := Number(before, after); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "add a column") {
			t.Errorf("%s to %s: %v", was, is, err)
		}
	}
	removed := mustNumber(t, before, strings.Replace(documents, "      body:  {type: textarea}\n", "", 1))
	again := mustNumber(t, removed, strings.Replace(documents, "body:  {type: textarea}", "body: {type: list}", 1))
	if err := CheckSuccessor(before, again); err != nil {
		t.Errorf("another column of the same name: %v", err)
	}
	if err := CheckSuccessor(nil, before); err != nil {
		t.Error(err)
	}
}

func TestCheckEdit(t *testing.T) {
	s := mustNumber(t, nil, documents)
	change := func(column uint32) merge.Cell { return cell(t, column, []byte{1}) }
	op := func(kind merge.Kind, table uint32, cells ...merge.Cell) *merge.Op {
		return &merge.Op{Kind: kind, Table: table, Row: someID, Cells: cells}
	}
	long := cell(t, 2, make([]byte, MaxCell))
	for _, c := range []struct {
		name, rule string
		op         *merge.Op
	}{
		{"edit", "", op(merge.Edit, 1, change(2), change(3), change(4), cell(t, 5, int64(-1)), change(6), change(7), change(8), change(9))},
		{"edit a document by name", "", op(merge.Edit, DocumentsTable, change(2), change(8))},
		{"path key", "", op(merge.Insert, PathKeysTable, cell(t, 1, []byte{1}), cell(t, 2, "x"))},
		{"path key without", "required", op(merge.Insert, PathKeysTable, cell(t, 1, []byte{1}))},
		{"no such hidden table", "table", op(merge.Insert, FirstBuiltin+100)},
		{"edit of a value", "document", op(merge.Edit, 1, cell(t, 1, []byte{1}))},
		{"edit of an unknown column", "column", op(merge.Edit, 1, change(20))},
		{"insert of a document", "document", op(merge.Insert, 1, cell(t, 1, "x"), cell(t, 2, "y"))},
		{"insert of no document", "document", op(merge.Insert, 1, cell(t, 1, "x"), cell(t, 2, nil))},
		{"update of a document", "document", op(merge.Update, 1, cell(t, 5, int64(3)))},
		{"update of a named document", "document", op(merge.Update, DocumentsTable, change(2))},
		{"null as a change", "document", op(merge.Edit, 1, cell(t, 2, nil))},
		{"text as a change", "document", op(merge.Edit, 1, cell(t, 2, "x"))},
		{"number as a change of a text", "document", op(merge.Edit, 1, cell(t, 2, int64(1)))},
		{"bytes as a change of a counter", "document", op(merge.Edit, 1, change(5))},
		{"nothing as a change", "document", op(merge.Edit, 1, merge.Cell{Column: 2})},
		{"too long a change", "document", op(merge.Edit, 1, long)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var refused *OpError
			switch err := CheckOp(s, c.op); {
			case c.rule == "" && err != nil:
				t.Error(err)
			case c.rule != "" && (!errors.As(err, &refused) || refused.Rule != c.rule):
				t.Errorf("%v, want rule %s", err, c.rule)
			}
		})
	}
}

func TestSplit(t *testing.T) {
	s := mustNumber(t, nil, documents)
	pages, _ := s.Table("pages")
	rest, first, err := pages.Split(map[string]any{
		"title": "a", "Body": "b\nc", "steps": json.RawMessage(`["x", 1, 2.0, null, true]`), "tags": []string{"u", "v"},
		"likes": "3", "open": true, "past": json.RawMessage("0"), "photo": json.RawMessage("null"), "parts": "[]", "nowhere": 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]any{"title": "a", "nowhere": 1}, rest); d != "" {
		t.Error(d)
	}
	var got []any
	for _, f := range first {
		got = append(got, f.Column.Name, f.Value)
	}
	want := []any{"body", "b\nc", "steps", []any{"x", int64(1), 2.0, nil, true}, "tags", []any{"u", "v"}, "likes", int64(3), "open", true}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, bad := range []map[string]any{
		{"body": 5}, {"body": "\x00"}, {"steps": "x"}, {"steps": `{"a":1}`}, {"steps": `[[1]]`}, {"steps": `[{}]`}, {"tags": 1},
		{"likes": "many"}, {"likes": 1.5}, {"open": "yes"}, {"past": "x"}, {"photo": "x"}, {"parts": json.RawMessage(`["x"]`)},
		{"body": "a", "BODY": "b"}, {"steps": `["\ud800"]`}, {"steps": `[9223372036854775808]`},
	} {
		if _, _, err := pages.Split(bad); !errors.Is(err, ErrRefused) || !errors.Is(err, ErrValue) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := pages.Cells(map[string]any{"body": "x"}); !errors.Is(err, ErrRefused) {
		t.Errorf("a document as a cell: %v", err)
	}
}

func TestBuiltin(t *testing.T) {
	empty := mustNumber(t, nil, "tables: {}")
	for _, b := range Builtin() {
		found, ok := empty.TableByNumber(b.Number)
		if !ok || found != b || !b.Hidden() {
			t.Errorf("%s is not found", b.Name)
		}
		if _, ok := empty.Table(b.Name); ok {
			t.Errorf("%s has a name for people", b.Name)
		}
		if named, ok := BuiltinTable(b.Name); !ok || named != b {
			t.Errorf("%s is not found by its name", b.Name)
		}
		refused(t, "table", b.Name)
	}
	copied := &Schema{Tables: Builtin(), Next: 1<<32 - 1}
	if err := copied.checkNumbers(); !errors.Is(err, ErrInvalid) {
		t.Errorf("numbers of built-in tables in a schema: %v", err)
	}
}

func TestDocumentRow(t *testing.T) {
	const want = "519c3793ea752688e49da4f1f96e6047"
	if got := DocumentRow("notes"); hex.EncodeToString(got[:]) != want {
		t.Errorf("%x, want %s", got, want)
	}
	for name, good := range map[string]bool{
		"notes": true, "a b/ü 日": true, "": false, " a": false, "a ": false, "a\nb": false, "a\x1b[2J": false, "\u202eb": false,
		"a\u200bb": false, "\xff": false, "a\u00a0b": false, strings.Repeat("a", MaxDocumentName): true, strings.Repeat("a", MaxDocumentName+1): false,
	} {
		if err := CheckDocumentName(name); (err == nil) != good || err != nil && (!errors.Is(err, ErrValue) || strings.ContainsRune(err.Error(), 0x1b)) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestVectorsDocuments: schemas with document columns, and what no decoder takes.
func TestVectorsDocuments(t *testing.T) {
	const file, refusedFile, column = "documents.json", "documents-refused.json", "8801617802" + "00000000f6"
	if *update {
		v := vector{Name: "every type", Files: []string{documents}}
		v.Hex = hex.EncodeToString(encode(t, apply(t, v.Files)))
		writeVectors(t, file, []vector{v})
		writeVectors(t, refusedFile, []vector{
			{Name: "type 19", Hex: one("8801617813" + "00000000f6"), Refuse: "later version"},
			{Name: "default of a document", Hex: one("880161780c" + "0000000105"), Refuse: "has no default"},
			{Name: "document required", Hex: one("880161780c" + "02000000f6"), Refuse: "begins empty"},
			{Name: "document with an index", Hex: one("880161780c" + "01000000f6"), Refuse: "has no index"},
			{Name: "document in an ordered table", Hex: strings.Replace(one("880161780c"+"00000000f6"), "616100", "616102", 1), Refuse: "ordered table"},
			{Name: "number of a built-in table", Hex: "8301" + "1a80000002" + "81" + "861a80000001" + "616100" + "02" + "81" + column + "80", Refuse: "numbers"},
		})
	}
	for _, v := range readVectors(t, file) {
		want := apply(t, v.Files)
		if got := hex.EncodeToString(encode(t, want)); got != v.Hex {
			t.Errorf("%s: encoded as %s", v.Name, got)
		}
		if got, err := Decode(unhex(t, v.Hex)); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%s: %v %s", v.Name, err, cmp.Diff(want, got))
		}
		if printed := mustNumber(t, nil, want.YAML()); !Diff(want, printed).Empty() {
			t.Errorf("%s: printed and parsed: %s", v.Name, Diff(want, printed))
		}
	}
	for _, v := range readVectors(t, refusedFile) {
		if _, err := Decode(unhex(t, v.Hex)); err == nil || !strings.Contains(err.Error(), v.Refuse) {
			t.Errorf("%s: %v, want one that says %q", v.Name, err, v.Refuse)
		}
	}
}
