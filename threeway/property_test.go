package threeway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/espace-git/espace-git/threeway"
)

func merge(t *rapid.T, kind threeway.Kind, o, a, b string) (string, bool) {
	got, clean, err := threeway.Merge(kind, []byte(o), []byte(a), []byte(b), labels)
	if err != nil {
		t.Fatal(err)
	}
	return string(got), clean
}

// lines draws a document with repeated lines, and edited changes some of it.
func lines(t *rapid.T) []string {
	return rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "{", "}", ""}), 0, 20).Draw(t, "lines")
}

func edited(t *rapid.T, doc []string) []string {
	out := slices.Clone(doc)
	for range rapid.IntRange(0, 4).Draw(t, "edits") {
		from := rapid.IntRange(0, len(out)).Draw(t, "from")
		to := rapid.IntRange(from, min(len(out), from+3)).Draw(t, "to")
		out = slices.Replace(out, from, to, rapid.SliceOfN(rapid.SampledFrom([]string{"a", "x", "y", "}"}), 0, 3).Draw(t, "new")...)
	}
	return out
}

func doc(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// TestLaws: what both sides did counts once, what one did counts, and who is ours makes no difference.
func TestLaws(t *testing.T) {
	for name, kind := range map[string]func(*rapid.T) (threeway.Kind, string, string, string){
		"text": func(t *rapid.T) (threeway.Kind, string, string, string) {
			o := lines(t)
			return threeway.Text, doc(o), doc(edited(t, o)), doc(edited(t, o))
		},
		"json": func(t *rapid.T) (threeway.Kind, string, string, string) {
			return threeway.JSON, object(t), object(t), object(t)
		},
		"yaml": func(t *rapid.T) (threeway.Kind, string, string, string) {
			return threeway.YAML, yamlDoc(t), yamlDoc(t), yamlDoc(t)
		},
		"csv": func(t *rapid.T) (threeway.Kind, string, string, string) {
			return threeway.CSV, csvDoc(t), csvDoc(t), csvDoc(t)
		},
	} {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			k, o, a, b := kind(t)
			for _, law := range [][4]string{{o, a, a, a}, {o, o, b, b}, {o, a, o, a}} {
				if got, clean := merge(t, k, law[0], law[1], law[2]); !clean || got != law[3] {
					t.Fatalf("%q: %q, clean %v", law, got, clean)
				}
			}
			ab, clean := merge(t, k, o, a, b)
			ba, also := merge(t, k, o, b, a)
			if clean != also || clean && !sameMeaning(k, ab, ba) {
				t.Fatalf("o %q a %q b %q:\n%q %v\n%q %v", o, a, b, ab, clean, ba, also)
			}
		}))
	}
}

func sameMeaning(kind threeway.Kind, x, y string) bool {
	if kind != threeway.JSON {
		return x == y
	}
	var v, w any
	return json.Unmarshal([]byte(x), &v) == nil && json.Unmarshal([]byte(y), &w) == nil && reflect.DeepEqual(v, w)
}

// values draws the fields of a document: some keys are missing, some are equal on all sides.
func values(t *rapid.T) map[string]int {
	return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), rapid.IntRange(0, 2), 1, 5).Draw(t, "values")
}

func object(t *rapid.T) string {
	v := map[string]any{"list": rapid.SliceOfN(rapid.IntRange(0, 3), 0, 4).Draw(t, "list"), "map": values(t)}
	b, _ := json.MarshalIndent(v, "", "  ")
	return string(b) + "\n"
}

func yamlDoc(t *rapid.T) string {
	var s strings.Builder
	for _, k := range []string{"x", "y"} {
		fmt.Fprintf(&s, "# about %s\n%s:\n", k, k)
		v := values(t)
		for _, f := range slices.Sorted(mapKeys(v)) {
			fmt.Fprintf(&s, "  %s: %d # %s\n", f, v[f], f)
		}
	}
	return s.String()
}

func csvDoc(t *rapid.T) string {
	var s strings.Builder
	s.WriteString("id,n,m\n")
	v, w := values(t), values(t)
	for _, k := range slices.Sorted(mapKeys(v)) {
		fmt.Fprintf(&s, "%s,%d,%d\n", k, v[k], w[k])
	}
	return s.String()
}

func mapKeys(m map[string]int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// TestDisjointEdits: changes with an unchanged line between them merge clean, into both.
func TestDisjointEdits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "lines")
		var o, a, b, want []string
		for i := range n {
			line, x, y, both := fmt.Sprint("line ", i), []string(nil), []string(nil), []string(nil)
			switch rapid.IntRange(0, 4).Draw(t, "who") {
			case 0:
				x, y, both = []string{"ours"}, []string{line}, []string{"ours"}
			case 1:
				x, y, both = []string{line}, []string{"theirs", "theirs"}, []string{"theirs", "theirs"}
			case 2:
				x, y = nil, []string{line}
			default:
				x, y, both = []string{line}, []string{line}, []string{line}
			}
			keep := fmt.Sprint("keep ", i)
			o, a, b, want = append(o, line, keep), append(append(a, x...), keep), append(append(b, y...), keep), append(append(want, both...), keep)
		}
		if got, clean := merge(t, threeway.Text, doc(o), doc(a), doc(b)); !clean || got != doc(want) {
			t.Fatalf("%q", got)
		}
	})
}

// TestJSONFields: fields that at most one side touched are all merged; the oracle is field by field.
func TestJSONFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, a, b := values(t), values(t), values(t)
		want, clean := map[string]any{}, true
		for _, k := range []string{"a", "b", "c", "d", "e"} {
			get := func(m map[string]int) int {
				if v, ok := m[k]; ok {
					return v
				}
				return -1
			}
			v := get(a)
			if get(a) == get(o) {
				v = get(b)
			}
			if clean = clean && (get(a) == get(o) || get(b) == get(o) || get(a) == get(b)); v >= 0 {
				want[k] = float64(v)
			}
		}
		text := func(m map[string]int) string { b, _ := json.MarshalIndent(m, "", "\t"); return string(b) }
		got, ok := merge(t, threeway.JSON, text(o), text(a), text(b))
		if ok != clean {
			t.Fatalf("clean %v\n%s", ok, got)
		}
		var v any
		if err := json.Unmarshal([]byte(got), &v); ok && (err != nil || !reflect.DeepEqual(v, any(want))) {
			t.Fatalf("%v: %s\nwant %v", err, got, want)
		}
	})
}

// TestAgainstGit: where lines are distinct, git merge-file finds the same merges and conflicts.
func TestAgainstGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		var o []string
		for i := range rapid.IntRange(0, 12).Draw(t, "lines") {
			o = append(o, fmt.Sprint("line ", i))
		}
		a, b := edited(t, o), edited(t, o)
		got, clean := merge(t, threeway.Text, doc(o), doc(a), doc(b))
		for name, v := range map[string][]string{"o": o, "a": a, "b": b} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(doc(v)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := exec.Command("git", "merge-file", "-p", filepath.Join(dir, "a"), filepath.Join(dir, "o"), filepath.Join(dir, "b")).Output()
		if gitClean := err == nil; gitClean != clean {
			t.Fatalf("clean %v, git %v\n%q\n%q\n%q\n%s", clean, gitClean, o, a, b, want)
		}
		if clean && got != string(want) {
			t.Fatalf("%q\ngit: %q", got, want)
		}
	})
}

func FuzzMerge(f *testing.F) {
	f.Add(uint8(0), []byte("1\n2\n"), []byte("1\n3\n"), []byte("0\n2\n"))
	f.Add(uint8(1), []byte(`{"a":1}`), []byte(`{"a":1,"b":[1,{}]}`), []byte(`{"a":2}`))
	f.Add(uint8(2), []byte("a: 1\nb:\n  - 1\n"), []byte("a: 2\nb:\n  - 1\n"), []byte("a: 1\nb:\n  - 2\n"))
	f.Add(uint8(3), []byte("id,n\n1,a\n"), []byte("id,n\n1,b\n"), []byte("id,n\n1,a\n2,\"c\"\n"))
	kinds := []threeway.Kind{threeway.Text, threeway.JSON, threeway.YAML, threeway.CSV}
	f.Fuzz(func(t *testing.T, k uint8, o, a, b []byte) {
		kind := kinds[int(k)%len(kinds)]
		got, clean, err := threeway.Merge(kind, o, a, b, labels)
		if err != nil {
			return
		}
		back, also, err := threeway.Merge(kind, o, b, a, labels)
		if err != nil || also != clean {
			t.Fatalf("%v %v %v", err, clean, also)
		}
		if clean && kind == threeway.Text && !bytes.Equal(got, back) {
			t.Fatalf("%q %q", got, back)
		}
	})
}
