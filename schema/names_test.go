package schema

import (
	"errors"
	"strings"
	"testing"
)

// Attack 66: path traversal, device names, terminal escapes, bidirectional
// marks and look-alikes in names of tables and columns.
func TestAttackNames(t *testing.T) {
	both := map[string]string{
		"path-traversal":  "../x",
		"slash":           "a/b",
		"backslash":       `a\b`,
		"dot":             "a.b",
		"dots":            "..",
		"colon":           "c:x",
		"terminal-escape": "a\x1b[31m",
		"c1-escape":       "a\u009b31m",
		"bell":            "a\x07",
		"newline":         "a\nb",
		"nul":             "a\x00",
		"bidi-override":   "a\u202eb",
		"bidi-isolate":    "a\u2066b",
		"zero-width":      "a\u200bb",
		"look-alike":      "\u0430bc", // Cyrillic a
		"kelvin":          "\u212aey",
		"full-width":      "\uff41bc",
		"combining":       "a\u0301",
		"not-utf8":        "a\xff",
		"quote":           `a"b`,
		"single-quote":    "a'b",
		"semicolon":       "a;drop",
		"comment":         "a--",
		"space":           "a b",
		"leading-digit":   "1a",
		"underscore":      "_a",
		"dash":            "-a",
		"empty":           "",
		"long":            strings.Repeat("a", MaxName+1),
		"sql-select":      "select",
		"sql-order":       "ORDER",
		"sql-group":       "Group",
		"sql-values":      "values",
		"sql-cast":        "cast",
		"sql-raise":       "Raise",
		"sqlite-master":   "sqlite_master",
		"store-prefix":    "espace_x",
		"pragma":          "pragma_table_info",
	}
	columns := map[string]string{"id": "id", "rowid": "ROWID", "oid": "oid", "created": "created_at", "updater": "Updated_By"}
	tables := map[string]string{"device-con": "con", "device-nul": "NUL", "device-com1": "com1", "device-lpt9": "LPT9",
		"rule-word": "auth", "rule-exists": "exists", "cel": "package", "store-table": "t12"}
	for name, bad := range both {
		t.Run(name, func(t *testing.T) {
			refused(t, "table", bad)
			refused(t, "column", bad)
		})
	}
	for name, bad := range columns {
		t.Run(name, func(t *testing.T) { refused(t, "column", bad) })
	}
	for name, bad := range tables {
		t.Run(name, func(t *testing.T) { refused(t, "table", bad) })
	}
}

// refused checks the error, and that it can be printed on a terminal.
func refused(t *testing.T, kind, name string) {
	t.Helper()
	err := checkName(kind, name)
	if !errors.Is(err, ErrInvalid) {
		t.Fatalf("%s %q: %v", kind, name, err)
	}
	for _, c := range err.Error() {
		if c < ' ' || c > '~' && c != '…' {
			t.Errorf("%s %q: the message holds %U", kind, name, c)
		}
	}
	// A decoded schema goes through the same check.
	s := &Schema{Next: 2, Tables: []*Table{{Number: 1, Name: "a", Next: 2, Columns: []*Column{{Number: 1, Name: "c", Type: Int}}}}}
	if kind == "table" {
		s.Tables[0].Name = name
	} else {
		s.Tables[0].Columns[0].Name = name
	}
	b, err := s.encode()
	if err == nil {
		_, err = Decode(b)
	}
	if err == nil {
		t.Errorf("%s %q: taken from its encoding", kind, name)
	}
}

func TestGoodNames(t *testing.T) {
	for _, name := range []string{"a", "Z9", "text", "number", "key", "action", "end", "messages", "long_name_2", "t", "tx1", "t1a",
		"t_1", "value", "com", "com10", "desc1", "status", "date", strings.Repeat("a", MaxName)} {
		for _, kind := range []string{"table", "column"} {
			if err := checkName(kind, name); err != nil {
				t.Errorf("%s %q: %v", kind, name, err)
			}
		}
	}
	for _, name := range []string{"row", "now", "con", "t1", "package"} {
		if err := checkName("column", name); err != nil {
			t.Errorf("column %q: %v", name, err)
		}
	}
}
