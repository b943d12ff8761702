package schema

import (
	"errors"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/merge"
	"pgregory.net/rapid"
)

func cell(t testing.TB, column uint32, v any) merge.Cell {
	t.Helper()
	b, err := merge.EncodeValue(v)
	if err != nil {
		t.Fatal(err)
	}
	return merge.Cell{Column: column, Value: b}
}

func TestCheckOp(t *testing.T) {
	s := mustNumber(t, nil, `
tables:
  a:
    columns:
      name: {type: text, required: true}
      n: {type: int}
      due: {type: time, required: true, default: now}
`)
	name, due := cell(t, 1, "x"), cell(t, 3, int64(5))
	op := func(kind merge.Kind, cells ...merge.Cell) *merge.Op {
		return &merge.Op{Kind: kind, Table: 1, Row: someID, Cells: cells}
	}
	for _, c := range []struct {
		name, rule string
		op         *merge.Op
	}{
		{"insert", "", op(merge.Insert, name, due)},
		{"insert all", "", op(merge.Insert, name, cell(t, 2, int64(1)), due)},
		{"insert null", "", op(merge.Insert, name, cell(t, 2, nil), due)},
		{"update", "", op(merge.Update, cell(t, 2, int64(1)))},
		{"delete", "", op(merge.Delete)},
		{"delete that saw", "", &merge.Op{Kind: merge.Delete, Table: 1, Row: someID, Saw: []merge.Saw{{Column: 0}, {Column: 3}}}},
		{"delete that saw too much", "column", &merge.Op{Kind: merge.Delete, Table: 1, Row: someID, Saw: []merge.Saw{{Column: 4}}}},
		{"no such table", "table", &merge.Op{Kind: merge.Delete, Table: 9, Row: someID}},
		{"no such column", "column", op(merge.Update, cell(t, 4, nil))},
		{"wrong type", "type", op(merge.Update, cell(t, 2, "1"))},
		{"required null", "required", op(merge.Update, cell(t, 1, nil))},
		{"required missing", "required", op(merge.Insert, name)},
		{"first required missing", "required", op(merge.Insert, due)},
		{"nothing given", "required", op(merge.Insert)},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckOp(s, c.op)
			var refused *OpError
			switch {
			case c.rule == "" && err != nil:
				t.Error(err)
			case c.rule != "" && (!errors.As(err, &refused) || !errors.Is(err, ErrRefused) || refused.Rule != c.rule):
				t.Errorf("%v, want rule %s", err, c.rule)
			}
		})
	}
}

// What a lane writes the order does not, and the other way round.
func TestCheckWay(t *testing.T) {
	s := mustNumber(t, nil, "tables: {plain: {columns: {n: {type: int}}}, seats: {ordered: true, columns: {n: {type: int}}}}")
	check := map[bool]func(*Schema, *merge.Op) error{false: CheckLane, true: CheckOrdered}
	for _, c := range []struct {
		table   uint32
		ordered bool
		rule    string
	}{{1, false, ""}, {2, true, ""}, {1, true, "ordered"}, {2, false, "ordered"}, {3, false, "table"}, {3, true, "table"}} {
		err := check[c.ordered](s, &merge.Op{Kind: merge.Update, Table: c.table, Row: someID, Cells: []merge.Cell{cell(t, 1, int64(1))}})
		var refused *OpError
		if (err == nil) != (c.rule == "") || err != nil && (!errors.As(err, &refused) || refused.Rule != c.rule) {
			t.Errorf("table %d, ordered %t: %v, want rule %q", c.table, c.ordered, err, c.rule)
		}
	}
}

func TestCheckValue(t *testing.T) {
	raw := func(v any) []byte { return cell(t, 1, v).Value }
	values := map[string][]byte{
		"null": raw(nil), "bool": raw(true), "int": raw(int64(-5)), "real": raw(1.5), "text": raw("a"), "bytes": raw([]byte{1}),
		"id": raw(someID[:]), "json": raw(`{"a":1}`), "badjson": raw(`{"a": 1}`), "nul": raw("a\x00"), "late": raw(int64(1) << 62),
		"long": raw(strings.Repeat("a", 256)), // a head with a zero byte, and no NUL in the text
	}
	takes := map[Type]string{
		Text: "text json badjson long", Int: "int late", Real: "real", Bool: "bool", Bytes: "bytes id", Time: "int", JSON: "json",
		ID: "id", Ref: "id", Member: "id",
	}
	for typ, list := range takes {
		for name, v := range values {
			want := name == "null" || strings.Contains(" "+list+" ", " "+name+" ")
			if err := checkValue(&Column{Type: typ}, v); (err == nil) != want {
				t.Errorf("%s in a column of type %s: %v", name, typ, err)
			} else if err != nil && !errors.Is(err, ErrValue) {
				t.Errorf("%s in a column of type %s: %v is no ErrValue", name, typ, err)
			}
		}
	}
	if err := checkValue(&Column{Type: Bytes}, raw(make([]byte, MaxCell))); !errors.Is(err, ErrValue) {
		t.Errorf("a value beyond MaxCell: %v", err)
	}
	if checkValue(&Column{Type: Text}, nil) == nil || checkValue(&Column{Type: Counter}, raw(int64(1))) == nil {
		t.Error("no value, or one of a document, is taken")
	}
}

func TestCanonicalJSON(t *testing.T) {
	for in, want := range map[string]string{
		` { "b" : [ 1 , 2.50 ] , "a" : null } `: `{"a":null,"b":[1,2.5]}`,
		`"\u00e9\u0001\n\/\ud83d\ude00\u2028"`:  "\"é\\u0001\\n/😀\u2028\"",
		`[1e21,1e20,1e-6,1e-7,-0,0.1,1E2]`:      `[1e+21,100000000000000000000,0.000001,1e-7,0,0.1,100]`,
		`{"\ud83d\ude00":1,"\ufb33":2,"a":3}`:   "{\"a\":3,\"😀\":1,\"\ufb33\":2}", // by UTF-16 units
		`{}`:                                    `{}`, `[]`: `[]`, `"\b\t\n\f\r\"\\"`: `"\b\t\n\f\r\"\\"`, `9007199254740992`: `9007199254740992`,
	} {
		got, err := canonicalJSON(in)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", in, got, err, want)
		}
		if again, err := canonicalJSON(got); err != nil || again != got {
			t.Errorf("%s: again %s, %v", got, again, err)
		}
	}
}

// Attack 13, where values of users are JSON.
func TestAttackJSONTricks(t *testing.T) {
	for name, bad := range map[string]string{
		"duplicate-key":   `{"a":1,"a":2}`,
		"escaped-same":    `{"a":1,"\u0061":2}`,
		"lone-surrogate":  `"\ud800"`,
		"low-surrogate":   `"\udc00"`,
		"wrong-pair":      `"\ud800\u0041"`,
		"two-high":        `["\ud800\ud800\udc00"]`,
		"invalid-utf8":    "\"\xff\"",
		"trailing-data":   `{} {}`,
		"trailing-comma":  `[1,]`,
		"big-number":      `9007199254740993`,
		"huge-number":     `1e400`,
		"nan":             `NaN`,
		"comment":         `{} // x`,
		"deep":            strings.Repeat("[", 100_000),
		"deep-closed":     strings.Repeat("[", 40) + strings.Repeat("]", 40),
		"unquoted":        `{a:1}`,
		"number-key":      `{1:1}`,
		"mismatched":      `[1}`,
		"leading-zero":    `01`,
		"control":         "\"\x01\"",
		"nothing":         ``,
		"key-without-end": `{"a"`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := canonicalJSON(bad); !errors.Is(err, ErrValue) {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,"\u00e9"]}`, `"\ud83d\ude00"`, `[1e21,-0]`, `{"a":1,"a":2}`, `nullx`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := canonicalJSON(s)
		if err != nil {
			return
		}
		if again, err := canonicalJSON(got); err != nil || again != got {
			t.Fatalf("%q: %q, then %q, %v", s, got, again, err)
		}
	})
}

// FuzzConvert: text for any type gives a value that the column takes and that
// is shown as text which gives it again, or an error of a class.
func FuzzConvert(f *testing.F) {
	for t := Text; t <= Member; t++ {
		for _, s := range []string{"", "5", "-1.5e3", "true", "AAE=", "2026-03-04T05:06:07Z", `{"a":1}`, someUUID, someMember.String()} {
			f.Add(uint8(t), s)
		}
	}
	f.Fuzz(func(t *testing.T, typ uint8, s string) {
		c := &Column{Name: "c", Type: Type(typ)}
		v, err := Convert(c, s)
		if err != nil {
			if !errors.Is(err, ErrValue) && !errors.Is(err, ErrLater) {
				t.Fatalf("%v is of no class", err)
			}
			return
		}
		b, err := merge.EncodeValue(v)
		if err != nil || checkValue(c, b) != nil {
			t.Fatalf("%q is %v: %v, %v", s, v, err, checkValue(c, b))
		}
		back, err := Convert(c, Format(c, v))
		if again, err2 := merge.EncodeValue(back); err != nil || err2 != nil || string(again) != string(b) {
			t.Fatalf("%q is %v, shown as %q, %v", s, v, Format(c, v), err)
		}
	})
}

// Whatever Complete makes of an insert with its required columns, CheckOp takes.
func TestCompleteIsTaken(t *testing.T) {
	s := mustNumber(t, nil, everything)
	rapid.Check(t, func(rt *rapid.T) {
		table := rapid.SampledFrom(s.Tables).Draw(rt, "table")
		values := map[string]any{}
		for _, c := range table.Columns {
			if rapid.Bool().Draw(rt, "given") && !c.Required {
				values[c.Name] = nil
			}
		}
		cells, err := table.Cells(values)
		if err != nil {
			rt.Fatal(err)
		}
		if cells, err = table.Complete(cells, Author{Now: 1, Member: someMember}); err != nil {
			rt.Fatal(err)
		}
		if err := CheckOp(s, &merge.Op{Kind: merge.Insert, Table: table.Number, Row: someID, Cells: cells}); err != nil {
			rt.Fatal(err)
		}
	})
}

func BenchmarkCheckOp(b *testing.B) {
	src, err := Template("chat")
	if err != nil {
		b.Fatal(err)
	}
	s := mustNumber(b, nil, string(src))
	table, _ := s.Table("messages")
	cells, err := table.Cells(map[string]any{"channel": someID, "text": "hello world", "sent": int64(1_700_000_000_000_000), "author": someMember})
	if err != nil {
		b.Fatal(err)
	}
	op := &merge.Op{Kind: merge.Insert, Table: table.Number, Row: someID, Cells: cells}
	b.ReportAllocs()
	for b.Loop() {
		if err := CheckOp(s, op); err != nil {
			b.Fatal(err)
		}
	}
}
