package schema

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/google/go-cmp/cmp"
)

var (
	someID     = [16]byte{0x01, 0x8f, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0x2a}
	someUUID   = "018f0000-0000-7000-8000-00000000002a"
	someMember = wire.MemberID(someID)
)

func TestConvert(t *testing.T) {
	moment := time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.FixedZone("", 3600))
	micros := int64(1772597167123456)
	for _, c := range []struct {
		typ      Type
		in, want any
	}{
		{Text, "", ""}, {Text, "ü", "ü"}, {Text, "true", "true"}, {Text, nil, nil}, {Text, json.RawMessage(`"a\u0062"`), "ab"},
		{Text, json.RawMessage(" null"), nil},
		{Int, 5, int64(5)}, {Int, uint8(5), int64(5)}, {Int, "-5", int64(-5)}, {Int, 5.0, int64(5)}, {Int, "1e3", int64(1000)},
		{Int, json.RawMessage("9223372036854775807"), int64(math.MaxInt64)}, {Int, "9223372036854775807", int64(math.MaxInt64)},
		{Int, json.Number("7"), int64(7)}, {Int, uint64(7), int64(7)}, {Int, float32(2), int64(2)},
		{Real, 1.5, 1.5}, {Real, float32(1.5), 1.5}, {Real, 3, 3.0}, {Real, "0.1", 0.1}, {Real, math.Copysign(0, -1), 0.0}, {Real, "-0", 0.0},
		{Real, json.RawMessage("1e3"), 1000.0},
		{Bool, true, true}, {Bool, "false", false}, {Bool, json.RawMessage("true"), true},
		{Bytes, []byte{1}, []byte{1}}, {Bytes, "AAE=", []byte{0, 1}}, {Bytes, "", []byte{}},
		{Time, moment, micros}, {Time, micros, micros}, {Time, "2026-03-04T05:06:07.123456789+01:00", micros},
		{Time, "1970-01-02", int64(86400e6)}, {Time, json.RawMessage(`"1970-01-01T00:00:00Z"`), int64(0)},
		{JSON, `{"b":1, "a" : [ ]}`, `{"a":[],"b":1}`}, {JSON, map[string]any{"x": 1.5}, `{"x":1.5}`}, {JSON, []any{}, `[]`}, {JSON, true, `true`},
		{JSON, 5, `5`}, {JSON, `"text"`, `"text"`}, {JSON, json.RawMessage(`"text"`), `"text"`}, {JSON, json.RawMessage(`{"a":null}`), `{"a":null}`},
		{ID, someID, someID[:]}, {ID, someUUID, someID[:]}, {ID, someID[:], someID[:]}, {Ref, strings.ToUpper(someUUID), someID[:]},
		{Member, someMember, someID[:]}, {Member, someMember.String(), someID[:]}, {Member, json.RawMessage(`"` + someMember.String() + `"`), someID[:]},
	} {
		got, err := Convert(&Column{Name: "c", Type: c.typ}, c.in)
		if d := cmp.Diff(c.want, got); err != nil || d != "" {
			t.Errorf("%s of %T %v: %v %s", c.typ, c.in, c.in, err, d)
			continue
		}
		b, err := Encode(&Column{Type: c.typ}, c.in)
		if err != nil || checkValue(&Column{Type: c.typ}, b) != nil {
			t.Errorf("%s of %v: %x, %v, %v", c.typ, c.in, b, err, checkValue(&Column{Type: c.typ}, b))
		}
	}
}

func TestRefusalsNameTheValue(t *testing.T) {
	for in, want := range map[string]string{
		`9223372036854775808`: `"9223372036854775808" is no integer of 64 bits`, `{"a":1}`: "a JSON object", `[]`: "a JSON list", `"\ud800"`: "not Unicode text",
	} {
		if _, err := Convert(&Column{Name: "c", Type: Int}, json.RawMessage(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func TestConvertRefuses(t *testing.T) {
	for _, c := range []struct {
		typ Type
		in  any
	}{
		{Text, 5}, {Text, "\xff"}, {Text, "a\x00b"}, {Text, json.RawMessage("5")}, {Text, json.RawMessage(`{"a":1}`)}, {Text, []byte("a")},
		{Text, json.RawMessage(`"\ud800"`)}, {Text, json.RawMessage("\"\xff\"")}, {Text, json.RawMessage(`"a" "b"`)}, {Text, json.RawMessage(``)},
		{Int, 1.5}, {Int, "1.5"}, {Int, ""}, {Int, "0x10"}, {Int, "1_000"}, {Int, "9223372036854775808"}, {Int, uint64(1 << 63)}, {Int, 1e18},
		{Int, true}, {Int, json.RawMessage("9223372036854775808")}, {Int, math.NaN()}, {Int, "١"},
		{Real, math.NaN()}, {Real, math.Inf(1)}, {Real, "inf"}, {Real, "NaN"}, {Real, "1e999"}, {Real, "0x1p4"}, {Real, ""}, {Real, "1_0"}, {Real, int64(1<<53 + 1)}, {Real, true},
		{Bool, 1}, {Bool, "yes"}, {Bool, "True"}, {Bool, ""},
		{Bytes, "a"}, {Bytes, "AAF="}, {Bytes, 5},
		{Time, "yesterday"}, {Time, ""}, {Time, 1.5}, {Time, "2026-02-30"}, {Time, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		{Time, time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)}, {Time, int64(math.MaxInt64)}, {Time, int64(math.MinInt64)}, {Time, json.RawMessage("5")},
		{JSON, "text"}, {JSON, "{"}, {JSON, `{"a":1,"a":2}`}, {JSON, "1 2"}, {JSON, ""}, {JSON, `"\ud800"`}, {JSON, math.NaN()}, {JSON, make(chan int)},
		{ID, "5"}, {ID, someMember}, {ID, []byte{1}}, {ID, strings.ReplaceAll(someUUID, "-", "")}, {ID, strings.Repeat("-", 36)}, {Ref, ""},
		{Member, someUUID}, {Member, strings.ToUpper(someMember.String())}, {Member, 5},
		{Counter, 5}, {Textarea, "a"},
	} {
		got, err := Convert(&Column{Name: "c", Type: c.typ}, c.in)
		if !errors.Is(err, ErrValue) && !errors.Is(err, ErrLater) {
			t.Errorf("%s of %T %v: %v, %v", c.typ, c.in, c.in, got, err)
		}
	}
	if _, err := Encode(&Column{Name: "c", Type: Text}, strings.Repeat("a", MaxCell)); !errors.Is(err, ErrValue) {
		t.Errorf("a long text: %v", err)
	}
}

// What is shown can be typed in again.
func TestFormatComesBack(t *testing.T) {
	for _, c := range []struct {
		typ   Type
		value any
		text  string
	}{
		{Text, "a b", "a b"}, {Int, int64(-5), "-5"}, {Real, 0.1, "0.1"}, {Real, 1e300, "1e+300"}, {Bool, true, "true"},
		{Bytes, []byte{0, 255}, "AP8="}, {Time, int64(1772597167123456), "2026-03-04T04:06:07.123456Z"}, {Time, int64(-1), "1969-12-31T23:59:59.999999Z"},
		{Time, firstMicro, "0001-01-01T00:00:00Z"}, {Time, lastMicro, "9999-12-31T23:59:59.999999Z"},
		{JSON, `{"a":1}`, `{"a":1}`}, {ID, someID[:], someUUID}, {Ref, someID[:], someUUID}, {Member, someID[:], someMember.String()},
	} {
		column := &Column{Type: c.typ}
		if got := Format(column, c.value); got != c.text {
			t.Errorf("%s %v shows as %s, want %s", c.typ, c.value, got, c.text)
		}
		back, err := Convert(column, c.text)
		if d := cmp.Diff(c.value, back); err != nil || d != "" {
			t.Errorf("%s %s: %v %s", c.typ, c.text, err, d)
		}
		shown, err := json.Marshal(Show(column, c.value))
		if err != nil {
			t.Fatal(err)
		}
		back, err = Convert(column, json.RawMessage(shown))
		if d := cmp.Diff(c.value, back); err != nil || d != "" {
			t.Errorf("%s %s as JSON: %v %s", c.typ, shown, err, d)
		}
	}
	if Format(&Column{Type: Int}, nil) != "" || Show(&Column{Type: Int}, nil) != nil {
		t.Error("null shows")
	}
}

func TestCells(t *testing.T) {
	s := mustNumber(t, nil, everything)
	table, _ := s.Table("things")
	cells, err := table.Cells(map[string]any{"Price": 2, "n": "7"})
	if err != nil || len(cells) != 2 || cells[0].Column != 1 || cells[1].Column != 2 {
		t.Fatalf("%+v, %v", cells, err)
	}
	for _, bad := range []map[string]any{{"x": 1}, {"n": "a"}, {"n": 1, "N": 2}, {"\x1b[31m": 1}} {
		_, err := table.Cells(bad)
		var op *OpError
		if !errors.As(err, &op) || !errors.Is(err, ErrRefused) || strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestComplete(t *testing.T) {
	s := mustNumber(t, nil, everything)
	table, _ := s.Table("things")
	given, err := table.Cells(map[string]any{"n": nil, "sold": true})
	if err != nil {
		t.Fatal(err)
	}
	cells, err := table.Complete(given, Author{Now: 1234, Member: someMember})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	for _, c := range cells {
		column, _ := table.ColumnByNumber(c.Column)
		if got[column.Name], err = merge.DecodeValue(c.Value); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]any{"n": nil, "price": 0.5, "sold": true, "photo": []byte{0, 1, 2}, "made": int64(1234),
		"data": `{"a":[1,null]}`, "author": someID[:]}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if err := CheckOp(s, &merge.Op{Kind: merge.Insert, Table: table.Number, Row: someID, Cells: cells}); err != nil {
		t.Error(err)
	}
	if _, err := table.Complete([]merge.Cell{{Column: 99, Value: []byte{0xf6}}}, Author{}); !errors.Is(err, ErrRefused) {
		t.Errorf("unknown column: %v", err)
	}
}
