package schema

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustParse(t testing.TB, src string) *Schema {
	t.Helper()
	s, err := Parse([]byte(src))
	if err != nil {
		t.Fatalf("parsing: %v", err)
	}
	return s
}

func mustNumber(t testing.TB, prev *Schema, src string) *Schema {
	t.Helper()
	s, err := Number(prev, mustParse(t, src))
	if err != nil {
		t.Fatalf("numbering: %v", err)
	}
	return s
}

func TestParse(t *testing.T) {
	s := mustParse(t, `
tables:
  Channels:
    columns: {title: {type: text, required: true}}
  messages:
    update_wins: true
    ordered: false
    columns:
      channel: {type: ref, table: channels, on_delete: cascade, index: true}
      author:  {type: member, default: auth.member}
      answers: {type: ref, table: messages, on_delete: null}
      n:       {type: int, default: -3}
      data:    {type: json, default: {b: [1, null], a: 0.5}}
      sent:    {type: time, default: now}
    indexes: [[channel, SENT]]
`)
	want := &Schema{Tables: []*Table{
		{Name: "Channels", Columns: []*Column{{Name: "title", Type: Text, Required: true}}},
		{Name: "messages", UpdateWins: true, Columns: []*Column{
			{Name: "channel", Type: Ref, Table: "Channels", OnDelete: Cascade, Index: true},
			{Name: "author", Type: Member, Default: Default{Kind: DefaultMember}},
			{Name: "answers", Type: Ref, Table: "messages", OnDelete: Null},
			{Name: "n", Type: Int, Default: Default{DefaultValue, int64(-3)}},
			{Name: "data", Type: JSON, Default: Default{DefaultValue, `{"a":0.5,"b":[1,null]}`}},
			{Name: "sent", Type: Time, Default: Default{Kind: DefaultNow}},
		}, Indexes: [][]string{{"channel", "sent"}}},
	}}
	if d := cmp.Diff(want, s); d != "" {
		t.Error(d)
	}
}

func TestParseEmpty(t *testing.T) {
	for _, src := range []string{"", "# nothing\n", "tables: {}\n", "tables:\n"} {
		if s := mustParse(t, src); len(s.Tables) != 0 {
			t.Errorf("%q: %d tables", src, len(s.Tables))
		}
	}
}

// column wraps the text of one column into a schema.
func column(c string) string { return "tables: {a: {columns: {c: " + c + "}}}" }

func TestParseRefuses(t *testing.T) {
	cases := []struct {
		name, src string
		class     error
		says      string
	}{
		{"unknown top", "table: {}", ErrInvalid, "tables"},
		{"unknown key", "tables: {a: {column: {}}}", ErrInvalid, "columns"},
		{"unknown column key", column("{type: text, indexed: true}"), ErrInvalid, "indexed"},
		{"no type", column("{index: true}"), ErrInvalid, "no type"},
		{"unknown type", column("{type: varchar}"), ErrInvalid, "varchar"},
		{"not a map", column("text"), ErrInvalid, "must be a map"},
		{"ordered", "tables: {a: {ordered: 1}}", ErrInvalid, "ordered is true or false"},
		{"ordered update_wins", "tables: {a: {ordered: true, update_wins: true}}", ErrInvalid, "concurrent"},
		{"ordered cascade", "tables: {a: {ordered: true, columns: {x: {type: ref, table: b, on_delete: cascade}}}, b: {}}", ErrInvalid, "ordered target"},
		{"ordered null", "tables: {a: {ordered: true, columns: {x: {type: ref, table: b, on_delete: null}}}, b: {}}", ErrInvalid, "ordered target"},
		{"unique json", "tables: {a: {ordered: true, columns: {x: {type: json, unique: true}}}}", ErrInvalid, "json"},
		{"unique index", "tables: {a: {columns: {x: {type: int}}, indexes: [{columns: [x], unique: true}]}}", ErrInvalid, "ordered: true"},
		{"unique twice", "tables: {a: {ordered: true, columns: {x: {type: int, unique: true}}, indexes: [{columns: [x], unique: true}]}}", ErrInvalid, "unique twice"},
		{"unique and index", "tables: {a: {ordered: true, columns: {x: {type: int}}, indexes: [[x], {columns: [x], unique: true}]}}", ErrInvalid, "twice"},
		{"unique of nothing", "tables: {a: {ordered: true, columns: {x: {type: int}}, indexes: [{unique: true}]}}", ErrInvalid, "1 to 8"},
		{"unique misspelt", "tables: {a: {ordered: true, columns: {x: {type: int}}, indexes: [{columns: [x], unqiue: true}]}}", ErrInvalid, "no key"},
		{"seals", "tables: {a: {seals: true}}", ErrLater, "seal"},
		{"rules", "tables: {a: {rules: {insert: 'true'}}}", ErrLater, "rules"},
		{"empty rules", "tables: {a: {rules: }}", ErrLater, "rules"},
		{"actions", "tables: {a: {actions: {}}}", ErrLater, "actions"},
		{"unique", column("{type: int, unique: true}"), ErrInvalid, "ordered: true"},
		{"compress", "tables: {a: {compress: false}}", ErrLater, "compressed"},
		{"ref without table", column("{type: ref}"), ErrInvalid, "which table"},
		{"ref to nowhere", column("{type: ref, table: b}"), ErrInvalid, "not there"},
		{"table without ref", column("{type: int, table: a}"), ErrInvalid, "references"},
		{"on_delete", column("{type: ref, table: a, on_delete: restrict}"), ErrInvalid, "cascade, null or keep"},
		{"on_delete of int", column("{type: int, on_delete: cascade}"), ErrInvalid, "references"},
		{"required null", column("{type: ref, table: a, on_delete: null, required: true}"), ErrInvalid, "required"},
		{"default type", column("{type: int, default: '5'}"), ErrInvalid, "is text"},
		{"default bool", column("{type: bool, default: 1}"), ErrInvalid, "bool"},
		{"default now", column("{type: int, default: now}"), ErrInvalid, "now"},
		{"default nan", column("{type: real, default: .nan}"), ErrInvalid, ""},
		{"json index", column("{type: json, index: true}"), ErrInvalid, "index"},
		{"same name", "tables: {a: {}, A: {}}", ErrInvalid, "twice"},
		{"same column", "tables: {a: {columns: {x: {type: int}, X: {type: int}}}}", ErrInvalid, "twice"},
		{"index of nothing", "tables: {a: {columns: {x: {type: int}}, indexes: [[y]]}}", ErrInvalid, "not there"},
		{"index twice", "tables: {a: {columns: {x: {type: int}}, indexes: [[x],[x]]}}", ErrInvalid, "twice"},
		{"line of a name", "tables:\n  a b:\n    columns: {}\n", ErrInvalid, "line 2"},
		{"line of a value", "tables:\n  a:\n    columns:\n      x: {type: int, index: 5}\n", ErrInvalid, "line 4"},
		{"tab", "tables:\n\ta: {}\n", ErrInvalid, "line 2: a tab cannot indent"},
		{"open brace", "tables: {\n", ErrInvalid, "not YAML: line 1"},
		{"index flat", "tables: {a: {columns: {x: {type: int}}, indexes: [x]}}", ErrInvalid, "list"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.src))
			if !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %v that says %q", err, c.class, c.says)
			}
		})
	}
}

func TestYAMLBombs(t *testing.T) {
	deep := strings.Repeat("[", 100_000)
	cases := map[string]string{
		"alias":         "tables: {a: &x {}, b: *x}",
		"billion":       "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\ntables: {}",
		"merge":         "tables: {a: {<<: {columns: {}}}}",
		"tag":           "tables: !!map {}",
		"duplicate":     "tables: {a: {}}\ntables: {b: {}}",
		"duplicate-in":  "tables:\n  a: {columns: {x: {type: int}, x: {type: text}}}",
		"two-documents": "tables: {}\n---\ntables: {}\n",
		"directive":     "%YAML 1.1\n---\ntables: {}\n",
		"block-text":    "tables: |\n  a\n",
		"complex-key":   "? [a]\n: b\n",
		"deep-flow":     "tables: " + deep,
		"deep-map":      "tables: " + strings.Repeat("{a: ", 50_000),
		"deep-dashes":   strings.Repeat("- ", 50_000),
		"deep-indent":   deepIndent(400),
		"long":          strings.Repeat("#", MaxSource+1),
		"many-tables":   "tables:\n" + manyTables(MaxTables+1),
		"quotes":        "tables: " + strings.Repeat(`"`, 50_001),
		"colons":        strings.Repeat("a: ", 30_000),
		"not-utf8":      "tables: {\xff\xfe: {}}",
		"open-tag":      "tables: {}\n!!!!",
		"only-tags":     "!!!!",
		"bidi":          "# \u202etxet\ntables: {}\n",
		"escape":        "# \x1b[2J\ntables: {}\n",
		"c1":            "# \u009b2J\ntables: {}\n",
		"nul":           "tables: {a\x00b: {}}",
	}
	for name, src := range cases {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := Parse([]byte(src))
			if d := time.Since(start); d > 10*time.Second { // linear: milliseconds
				t.Errorf("took %v", d)
			}
			if err == nil {
				t.Error("taken")
			} else if len(err.Error()) > 500 {
				t.Errorf("error of %d bytes", len(err.Error()))
			}
		})
	}
}

func deepIndent(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func manyTables(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("  x" + strings.Repeat("y", i%50) + "_" + strings.Repeat("z", i/50) + ": {columns: {}}\n")
	}
	return b.String()
}

func TestTemplates(t *testing.T) {
	entries, err := os.ReadDir("templates")
	if err != nil || len(entries) != len(Templates()) {
		t.Fatalf("%d files for %d names, %v", len(entries), len(Templates()), err)
	}
	for _, name := range Templates() {
		src, err := Template(name)
		if err != nil {
			t.Fatal(err)
		}
		s := mustNumber(t, nil, string(src))
		again := mustNumber(t, nil, s.YAML())
		if d := cmp.Diff(s, again); d != "" {
			t.Errorf("%s: printed and parsed: %s", name, d)
		}
	}
	if _, err := Template("../todo"); !errors.Is(err, ErrInvalid) {
		t.Errorf("unknown template: %v", err)
	}
}
