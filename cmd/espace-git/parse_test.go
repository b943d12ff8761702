package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/space"
)

func testApp(stdin string) *app {
	var out, err bytes.Buffer
	return newApp(context.Background(), []string{"espace-git"}, strings.NewReader(stdin), &out, &err, nil)
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"7d": 7 * 24 * time.Hour, "2w": 14 * 24 * time.Hour, "12h": 12 * time.Hour, "1h30m": 90 * time.Minute, "0d": 0,
	} {
		if got, err := duration(text); err != nil || got != want {
			t.Errorf("duration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "7", "d", "-1d", "1.5d", "99999999d", "7 d", "7D", "1d12h"} {
		if got, err := duration(text); err == nil {
			t.Errorf("duration(%q) = %v, want an error", text, got)
		}
	}
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func TestValues(t *testing.T) {
	for _, tt := range []struct {
		name, stdin string
		args, nulls []string
		want        space.Row
		bad         string
	}{
		{name: "none", want: space.Row{}},
		{name: "texts", args: []string{"a=1", "b=", "c=x=y", "d= spaced "}, want: space.Row{"a": "1", "b": "", "c": "x=y", "d": " spaced "}},
		{name: "null", args: []string{"a=1"}, nulls: []string{"b"}, want: space.Row{"a": "1", "b": nil}},
		{name: "no column", args: []string{"=1"}, bad: "col=value"},
		{name: "no value", args: []string{"a"}, bad: "col=value"},
		{name: "twice", args: []string{"a=1", "a=2"}, bad: "twice"},
		{name: "twice by null", args: []string{"a=1"}, nulls: []string{"a"}, bad: "twice"},
		{name: "stdin", args: []string{"-"}, stdin: `{"a":1,"b":1.5,"c":"x","d":true,"e":null,"f":{"g":[1]},"h":9007199254740993}`, want: space.Row{
			"a": raw(`1`), "b": raw(`1.5`), "c": raw(`"x"`), "d": raw(`true`), "e": nil, "f": raw(`{"g":[1]}`), "h": raw(`9007199254740993`),
		}},
		{name: "stdin and arguments", args: []string{"-", "a=1"}, bad: "col=value"},
		{name: "stdin list", args: []string{"-"}, stdin: `[1]`, bad: "one JSON object"},
		{name: "stdin two", args: []string{"-"}, stdin: `{} {}`, bad: "one JSON object"},
		{name: "stdin junk", args: []string{"-"}, stdin: `{"a":`, bad: "in the middle"},
		{name: "stdin empty", args: []string{"-"}, stdin: " \n", bad: "nothing came"},
		{name: "stdin key twice", args: []string{"-"}, stdin: `{"a":1,"a":2}`, bad: "twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := testApp(tt.stdin).values(tt.args, tt.nulls)
			if tt.bad != "" {
				if err == nil || !strings.Contains(err.Error(), tt.bad) {
					t.Fatalf("got %v, %v; want an error with %q", got, err, tt.bad)
				}
				if code, _ := classify(err); code != exitUsage {
					t.Errorf("exit code %d, want %d", code, exitUsage)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func all(t *testing.T, text, format string) ([]space.Row, error) {
	t.Helper()
	next, err := reader(strings.NewReader(text), format)
	if err != nil {
		return nil, err
	}
	var rows []space.Row
	for {
		row, err := next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
}

func TestRowReaders(t *testing.T) {
	two := []space.Row{{"a": "1", "b": "x,y"}, {"b": "line\nbreak"}}
	for _, tt := range []struct {
		name, format, text string
		want               []space.Row
		bad                string
	}{
		{"csv", formatCSV, "a,b\n1,\"x,y\"\n,\"line\nbreak\"\n", two, ""},
		{"csv with byte order mark", formatCSV, "\ufeffa,b\r\n1,\"x,y\"\r\n,\"line\nbreak\"\r\n", two, ""},
		{"csv head only", formatCSV, "a,b\n", nil, ""},
		{"csv empty", formatCSV, "", nil, "first line"},
		{"csv nameless", formatCSV, "a,\n1,2\n", nil, "column 2"},
		{"csv same name", formatCSV, "a,a\n1,2\n", nil, "column 2"},
		{"csv ragged", formatCSV, "a,b\n1\n", nil, "1 cells"},
		{"csv open quote", formatCSV, "a\n\"x\n", nil, "does not end"},
		{"csv quote inside", formatCSV, "a\nx\"y\n", nil, "doubled"},
		{"csv text after quote", formatCSV, "a\n\"x\"y\n", nil, "doubled"},
		{"csv empty and no text", formatCSV, "a,b\n\"\",\n\n,\"\"", []space.Row{{"a": ""}, {"b": ""}}, ""},
		{"csv line ends", formatCSV, "a,b\r\n\"1\r\n2\n3\"\"\",x", []space.Row{{"a": "1\r\n2\n3\"", "b": "x"}}, ""},
		{"jsonl", formatJSON, `{"a":"1","b":"x,y"}` + "\n" + `{"b":"line\nbreak"}` + "\n", []space.Row{{"a": raw(`"1"`), "b": raw(`"x,y"`)}, {"b": raw(`"line\nbreak"`)}}, ""},
		{"jsonl empty", formatJSON, "\n\n", nil, ""},
		{"jsonl list", formatJSON, "[]", nil, "one JSON object"},
		{"jsonl cut", formatJSON, `{"a":1}` + "\n" + `{"a"`, nil, "in the middle"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := all(t, tt.text, tt.format)
			if (err != nil) != (tt.bad != "") || err != nil && !strings.Contains(err.Error(), tt.bad) {
				t.Fatalf("error %v, want %q", err, tt.bad)
			}
			if err == nil && !cmp.Equal(tt.want, got) {
				t.Error(cmp.Diff(tt.want, got))
			}
		})
	}
}

func TestCSVRoundTrip(t *testing.T) {
	values := []any{"", nil, "a,b", "\"", "x\r\ny\nz", " spaced ", int64(-3), 1.5, raw(`"x"`), true, "\ufeff"}
	line := csvLine(values, func(s string) string { return s })
	rows, err := all(t, "a,b,c,d,e,f,g,h,i,j,k\n"+line, formatCSV)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%q: %d rows, %v", line, len(rows), err)
	}
	want := space.Row{}
	for i, v := range values {
		if v != nil {
			want[string(rune('a'+i))] = text(v)
		}
	}
	if d := cmp.Diff(want, rows[0]); d != "" {
		t.Error(d)
	}
}

func TestRowFormat(t *testing.T) {
	for _, tt := range []struct{ flag, name, want string }{
		{"", "a.csv", formatCSV}, {"", "A.CSV", formatCSV}, {"", "a.jsonl", formatJSON}, {"", "a.ndjson", formatJSON}, {"csv", "-", formatCSV}, {"jsonl", "a.csv", formatJSON},
	} {
		if got, err := rowFormat(tt.flag, tt.name); err != nil || got != tt.want {
			t.Errorf("rowFormat(%q, %q) = %q, %v; want %q", tt.flag, tt.name, got, err, tt.want)
		}
	}
	for _, tt := range [][2]string{{"", "-"}, {"", "a.xlsx"}, {"xml", "a.csv"}} {
		if _, err := rowFormat(tt[0], tt[1]); err == nil {
			t.Errorf("rowFormat(%q, %q): want an error", tt[0], tt[1])
		}
	}
}

func TestUnique(t *testing.T) {
	if d := cmp.Diff([]string{"a", "b", "a_2", "a_3"}, unique([]string{"a", "b", "a", "a"})); d != "" {
		t.Error(d)
	}
}

func TestOrderedKeepsTheQuerysOrder(t *testing.T) {
	b, err := json.Marshal(ordered{[]string{"z", "a"}, []any{int64(1), nil}})
	if want := `{"z":1,"a":null}`; err != nil || string(b) != want {
		t.Errorf("got %s, %v; want %s", b, err, want)
	}
}

func TestText(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	for _, tt := range []struct {
		v    any
		want string
	}{
		{nil, ""}, {"x", "x"}, {int64(-3), "-3"}, {1.5, "1.5"}, {1e21, "1e+21"}, {true, "true"}, {[]byte{0xff}, "/w=="},
		{json.RawMessage(`[1]`), "[1]"}, {noon, "2026-03-01T11:00:00Z"},
	} {
		if got := text(tt.v); got != tt.want {
			t.Errorf("text(%v) = %q, want %q", tt.v, got, tt.want)
		}
	}
}

func TestReadLink(t *testing.T) {
	for stdin, want := range map[string]string{
		"espace1abc\n":                     "espace1abc",
		"Hi Bob,\n\n  espace1abc\n\nAlice": "espace1abc",
		"\"espace1abc\"":                   "espace1abc",
		"<ESPACE1ABC>\n":                   "espace1abc",
	} {
		if got, err := testApp(stdin).readLink("-"); err != nil || got != want {
			t.Errorf("%q: got %q, %v", stdin, got, err)
		}
	}
	if _, err := testApp("nothing here").readLink("-"); err == nil {
		t.Error("a text without a link was taken")
	}
}

func TestSplitUse(t *testing.T) {
	for line, want := range map[string][2]string{
		"init DIR": {"init", "DIR"}, "member role NAME ROLE": {"member role", "NAME ROLE"}, "allowed-signers": {"allowed-signers", ""},
		"insert TABLE [COL=VALUE...|-]": {"insert", "TABLE [COL=VALUE...|-]"},
	} {
		if path, rest := splitUse(line); path != want[0] || rest != want[1] {
			t.Errorf("splitUse(%q) = %q, %q", line, path, rest)
		}
	}
}
