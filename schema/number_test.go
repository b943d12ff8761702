package schema

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// numbers shows a schema as "a1(x1 y2) b2()".
func numbers(s *Schema) string {
	var tables []string
	for _, t := range s.Tables {
		var columns []string
		for _, c := range t.Columns {
			columns = append(columns, fmt.Sprint(c.Name, c.Number))
		}
		tables = append(tables, fmt.Sprintf("%s%d(%s)", t.Name, t.Number, strings.Join(columns, " ")))
	}
	return strings.Join(tables, " ")
}

// tables writes "a:x,y b" as a schema of int columns; "y<x" means `was: x`.
func tables(short string) string {
	var b strings.Builder
	b.WriteString("tables:\n")
	if short == "" {
		return "tables: {}"
	}
	for _, t := range strings.Fields(short) {
		name, columns, _ := strings.Cut(t, ":")
		name, was, renamed := strings.Cut(name, "<")
		fmt.Fprintf(&b, "  %s:\n", name)
		if renamed {
			fmt.Fprintf(&b, "    was: %s\n", was)
		}
		b.WriteString("    columns: {")
		for _, c := range strings.FieldsFunc(columns, func(r rune) bool { return r == ',' }) {
			name, was, renamed := strings.Cut(c, "<")
			fmt.Fprintf(&b, "%s: {type: int", name)
			if renamed {
				fmt.Fprintf(&b, ", was: %s", was)
			}
			b.WriteString("}, ")
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []string
		want  string // of the last step
	}{
		{"first", []string{"b:x,y a:z"}, "b1(x1 y2) a2(z1)"},
		{"was in a new space", []string{"a<b:x<y"}, "a1(x1)"},
		{"order of the file does not count", []string{"a:x,y b", "b a:y,x"}, "a1(x1 y2) b2()"},
		{"column added", []string{"a:x", "a:w,x"}, "a1(x1 w2)"},
		{"column removed and a new one", []string{"a:x,y", "a:x", "a:x,z"}, "a1(x1 z3)"},
		{"removed and added again", []string{"a:x,y", "a:x", "a:x,y"}, "a1(x1 y3)"},
		{"table removed and added again", []string{"a b", "b", "a b"}, "b2() a3()"},
		{"all removed", []string{"a b", "", "a"}, "a3()"},
		{"renamed", []string{"a:x,y b", "c<a:x,z<y b"}, "c1(x1 z2) b2()"},
		{"renamed, applied again", []string{"a:x", "b<a:y<x", "b<a:y<x"}, "b1(y1)"},
		{"renamed, then without was", []string{"a:x", "b<a:y<x", "b:y"}, "b1(y1)"},
		{"renamed twice", []string{"a", "b<a", "c<b"}, "c1()"},
		{"other case", []string{"a:x", "A:X"}, "A1(X1)"},
		{"other case by was", []string{"a:x", "A<a:X<x"}, "A1(X1)"},
		{"renamed without was is another", []string{"a:x", "a:y"}, "a1(y2)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s *Schema
			for _, step := range c.steps {
				s = mustNumber(t, s, tables(step))
			}
			if got := numbers(s); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestNumberRefuses(t *testing.T) {
	for _, c := range []struct{ name, before, after, says string }{
		{"was nothing", "a:x", "b<c:x", "not there"},
		{"column was nothing", "a:x", "a:y<z", "not there"},
		{"both there", "a b", "b<a", "both are there"},
		{"both columns there", "a:x,y", "a:y<x", "both are there"},
		{"two of one", "a", "b<a c<a", "both claim"},
		{"old name used again", "a", "a b<a", "both claim"},
		{"old column used again", "a:x", "a:x,y<x", "both claim"},
		{"swap", "a:x,y", "a:y<x,x<y", "both are there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Number(mustNumber(t, nil, tables(c.before)), mustParse(t, tables(c.after)))
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want one that says %q", err, c.says)
			}
		})
	}
}

func TestNumberTooBig(t *testing.T) {
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, " %s%d:", strings.Repeat("a", 50), i)
		for j := range 55 {
			fmt.Fprintf(&b, "c%d,", j)
		}
	}
	if _, err := Number(nil, mustParse(t, tables(b.String()))); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "limit") {
		t.Errorf("%.200v", err)
	}
}

func TestDiff(t *testing.T) {
	const base = `
tables:
  a: {columns: {x: {type: int}, y: {type: text, required: true}, r: {type: ref, table: a}}, indexes: [[x]]}
  b: {columns: {z: {type: int}}}
`
	for _, c := range []struct{ name, after, want string }{
		{"same", base, ""},
		{"all gone", "tables: {}", "narrows: removes table a\nnarrows: removes table b\n"},
		{"table added", base + "  c: {columns: {}}\n", "widens:  adds table c\n"},
		{"table renamed", strings.Replace(base, "  b: {", "  c: {was: b, ", 1), "widens:  renames table b to c\n"},
		{"column renamed", strings.Replace(base, "z: {", "w: {was: z, ", 1), "widens:  renames column z to b.w\n"},
		{"column removed", strings.Replace(base, "z: {type: int}", "", 1), "narrows: removes column b.z\n"},
		{"column added", strings.Replace(base, "z: {", "n: {type: int}, z: {", 1), "widens:  adds column b.n\n"},
		{"required added", strings.Replace(base, "z: {", "n: {type: int, required: true}, z: {", 1), "narrows: adds column b.n, required and without default\n"},
		{"required with default added", strings.Replace(base, "z: {", "n: {type: int, required: true, default: 1}, z: {", 1), "widens:  adds column b.n\n"},
		{"type", strings.Replace(base, "z: {type: int", "z: {type: real", 1), "narrows: changes the type of b.z from int to real\n"},
		{"target", strings.Replace(base, "table: a", "table: b", 1), "narrows: lets a.r refer to table b\n"},
		{"on_delete", strings.Replace(base, "table: a", "table: a, on_delete: cascade", 1), "narrows: changes on_delete of a.r from keep to cascade\n"},
		{"required", strings.Replace(base, "z: {", "z: {required: true, default: 3, ", 1), "narrows: makes b.z required\nwidens:  changes the default of b.z\n"},
		{"optional", strings.Replace(base, ", required: true", "", 1), "widens:  makes a.y optional\n"},
		{"default", strings.Replace(base, "z: {", "z: {default: 3, ", 1), "widens:  changes the default of b.z\n"},
		{"index", strings.Replace(base, "z: {", "z: {index: true, ", 1), "widens:  adds the index of b.z\n"},
		{"indexes", strings.Replace(base, "[[x]]", "[[x, y]]", 1), "widens:  adds the index of a (x, y)\nwidens:  removes the index of a (x)\n"},
		{"update wins", strings.Replace(base, "  b: {", "  b: {update_wins: true, ", 1), "narrows: sets update_wins of table b to true\n"},
		{"ordered", strings.Replace(base, "  b: {", "  b: {ordered: true, ", 1), "narrows: sets ordered of table b to true\n"},
		{"replaced", strings.Replace(base, "z: {type: int}", "q: {type: int}", 1), "narrows: removes column b.z\nwidens:  adds column b.q\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := mustNumber(t, nil, base)
			d := Diff(before, mustNumber(t, before, c.after))
			if got := cmp.Diff(c.want, d.String()); got != "" {
				t.Error(got)
			}
			if d.Narrows() != strings.Contains(c.want, "narrows") || d.Empty() != (c.want == "") {
				t.Errorf("narrows %t, empty %t", d.Narrows(), d.Empty())
			}
		})
	}
	if d := Diff(nil, mustNumber(t, nil, base)); d.Narrows() || len(d.Changes) != 2 {
		t.Errorf("a first schema: %s", d)
	}
}

func TestDiffUnique(t *testing.T) {
	const base = `
tables:
  a: {ordered: true, columns: {x: {type: int}, y: {type: text}}, indexes: [[x]]}
`
	unique := strings.Replace(base, "x: {type: int}", "x: {type: int, unique: true}", 1)
	pair := strings.Replace(base, "[[x]]", "[[x], {columns: [y, x], unique: true}]", 1)
	for _, c := range []struct{ name, before, after, want string }{
		{"same", unique, unique, ""},
		{"column", base, unique, "narrows: makes a.x unique\n"},
		{"no column", unique, base, "widens:  lets rows have the same a.x\n"},
		{"pair", base, pair, "narrows: makes a.y with x unique\n"},
		{"pair turned", pair, strings.Replace(pair, "[y, x]", "[x, y]", 1), ""},
		{"no pair", pair, base, "widens:  lets rows have the same a.y with x\n"},
		{"new column", base, strings.Replace(base, "x: {", "n: {type: int, unique: true}, x: {", 1), "widens:  adds column a.n\nwidens:  makes a.n unique\n"},
		{"as an index", unique, strings.Replace(base, "[[x]]", "[{columns: [x], unique: true}]", 1), "widens:  removes the index of a (x)\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := mustNumber(t, nil, c.before)
			d := Diff(before, mustNumber(t, before, c.after))
			if got := cmp.Diff(c.want, d.String()); got != "" {
				t.Error(got)
			}
		})
	}
}

// A renamed target of a reference is the same target.
func TestDiffRenamedTarget(t *testing.T) {
	before := mustNumber(t, nil, "tables: {a: {columns: {r: {type: ref, table: b}}}, b: {columns: {}}}")
	after := mustNumber(t, before, "tables: {a: {columns: {r: {type: ref, table: c}}}, c: {was: b, columns: {}}}")
	if d := Diff(before, after); d.Narrows() {
		t.Error(d)
	}
}
