package threeway_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/threeway"
)

var labels = threeway.Options{Ours: "ours", Base: "base", Theirs: "theirs"}

func TestMerge(t *testing.T) {
	for name, c := range map[string]struct {
		kind          threeway.Kind
		o, a, b, want string
		conflict      bool
	}{
		"text: both sides": {threeway.Text, "1\n2\n3\n4\n5\n", "1\nA\n3\n4\n5\n", "1\n2\n3\n4\nB\n", "1\nA\n3\n4\nB\n", false},
		"text: conflict": {threeway.Text, "1\n2\n3\n", "1\nA\n3\n", "1\nB\n3\n",
			"1\n<<<<<<< ours\nA\n=======\nB\n>>>>>>> theirs\n3\n", true},
		"text: both add the same": {threeway.Text, "1\n", "1\nX\n", "1\nX\n", "1\nX\n", false},
		"text: no end of line": {threeway.Text, "1", "2", "3",
			"<<<<<<< ours\n2\n=======\n3\n>>>>>>> theirs\n", true},
		"text: CRLF": {threeway.Text, "1\r\n", "2\r\n", "3\r\n",
			"<<<<<<< ours\r\n2\r\n=======\r\n3\r\n>>>>>>> theirs\r\n", true},
		"json: keys side by side": {threeway.JSON,
			"{\n  \"a\": 1,\n  \"b\": 2\n}\n", "{\n  \"a\": 3,\n  \"b\": 2\n}\n", "{\n  \"a\": 1,\n  \"b\": 4\n}\n",
			"{\n  \"a\": 3,\n  \"b\": 4\n}\n", false},
		"json: both add at the end": {threeway.JSON,
			"{\n  \"a\": 1\n}\n", "{\n  \"a\": 1,\n  \"x\": {\"deep\": [1, 2]}\n}\n", "{\n  \"a\": 1,\n  \"y\": 2\n}\n",
			"{\n  \"a\": 1,\n  \"x\": {\"deep\": [1, 2]},\n  \"y\": 2\n}\n", false},
		"json: on one line":       {threeway.JSON, `{"a":1,"b":[1,2,3]}`, `{"a":2,"b":[1,2,3]}`, `{"a":1,"b":[1,2,3,4]}`, `{"a":2,"b":[1,2,3,4]}`, false},
		"json: elements in place": {threeway.JSON, `[{"n": 1}, {"n": 2}]`, `[{"n": 3}, {"n": 2}]`, `[{"n": 1}, {"n": 4}]`, `[{"n": 3}, {"n": 4}]`, false},
		"json: change and deletion": {threeway.JSON, `{"a": 1}`, `{}`, `{"a": 2}`,
			"<<<<<<< ours\n{}\n=======\n{\"a\": 2}\n>>>>>>> theirs\n", true},
		"json: one key added twice, far apart": {threeway.JSON,
			"{\n\"a\": 1,\n\"b\": 2,\n\"c\": 3\n}\n", "{\n\"x\": 1,\n\"a\": 1,\n\"b\": 2,\n\"c\": 3\n}\n", "{\n\"a\": 1,\n\"b\": 2,\n\"x\": 2,\n\"c\": 3\n}\n",
			"{\n<<<<<<< ours\n\"x\": 1,\n\"a\": 1,\n\"b\": 2,\n=======\n\"a\": 1,\n\"b\": 2,\n\"x\": 2,\n>>>>>>> theirs\n\"c\": 3\n}\n", true},
		"json: not JSON is text": {threeway.JSON, "{a\n1\n2\n", "{b\n1\n2\n", "{a\n1\n3\n", "{b\n1\n3\n", false},
		"yaml: comments stay": {threeway.YAML,
			"# top\na: 1 # one\nb: 2\n", "# top\na: 1 # one\nb: 2\n# new\nx: 3 # three\n", "# top\na: 1 # one\nb: 2\ny: [1, 2]\n",
			"# top\na: 1 # one\nb: 2\n# new\nx: 3 # three\ny: [1, 2]\n", false},
		"yaml: deep, touching": {threeway.YAML,
			"s:\n  a: 1\n  b: 2\nl:\n  - n: 1\n    m: 1\n", "s:\n  a: 3 # why\n  b: 2\nl:\n  - n: 2\n    m: 1\n", "s:\n  a: 1\n  b: 4\nl:\n  - n: 1\n    m: 2\n",
			"s:\n  a: 3 # why\n  b: 4\nl:\n  - n: 2\n    m: 2\n", false},
		"yaml: conflict":          {threeway.YAML, "a: 1\n", "a: 2\n", "a: 3\n", "<<<<<<< ours\na: 2\n=======\na: 3\n>>>>>>> theirs\n", true},
		"csv: cells of one row":   {threeway.CSV, "id,n,m\n1,a,b\n2,c,d\n", "id,n,m\n1,A,b\n2,c,d\n", "id,n,m\n1,a,B\n2,c,d\n", "id,n,m\n1,A,B\n2,c,d\n", false},
		"csv: both add rows":      {threeway.CSV, "id,n\n1,a\n", "id,n\n1,a\n2,b\n", "id,n\n1,a\n3,\"c,\"\"d\"\n", "id,n\n1,a\n2,b\n3,\"c,\"\"d\"\n", false},
		"csv: a column and a row": {threeway.CSV, "id;n\n1;a\n", "id;n;x\n1;a;9\n", "id;n\n1;a\n2;b\n", "id;n;x\n1;a;9\n2;b;\n", false},
		"csv: a column that is gone": {threeway.CSV, "id,n\n1,a\n", "id\n1\n", "id,n\n1,a\n2,b\n",
			"<<<<<<< ours\nid\n1\n=======\nid,n\n1,a\n2,b\n>>>>>>> theirs\n", true},
		"csv: one row added twice": {threeway.CSV, "id,n\n1,a\n", "id,n\n1,a\n2,b\n", "id,n\n1,a\n2,c\n",
			"id,n\n1,a\n<<<<<<< ours\n2,b\n=======\n2,c\n>>>>>>> theirs\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			got, clean, err := threeway.Merge(c.kind, []byte(c.o), []byte(c.a), []byte(c.b), labels)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
			if clean == c.conflict {
				t.Errorf("clean: %v", clean)
			}
		})
	}
}

func TestMarkers(t *testing.T) {
	o := threeway.Options{Ours: "HEAD\nx", Theirs: "topic", Base: "base", Marker: 9, Diff3: true}
	got, _, _ := threeway.Merge(threeway.Text, []byte("o\n"), []byte("a\n"), []byte("b\n"), o)
	want := "<<<<<<<<< HEAD?x\na\n||||||||| base\no\n=========\nb\n>>>>>>>>> topic\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestBinary(t *testing.T) {
	if _, _, err := threeway.Merge(threeway.Text, []byte("o"), []byte("\x00a"), []byte("b"), labels); !errors.Is(err, threeway.ErrBinary) {
		t.Error(err)
	}
}

// TestLarge: thousands of differences, and versions that share nothing, end soon.
func TestLarge(t *testing.T) {
	line := func(prefix string, n int) []byte {
		var s strings.Builder
		for i := range n {
			s.WriteString(prefix)
			s.WriteString(strings.Repeat("x", i%50))
			s.WriteByte('\n')
		}
		return []byte(s.String())
	}
	if _, clean, err := threeway.Merge(threeway.Text, line("o", 50_000), line("a", 50_000), line("b", 50_000), labels); err != nil || clean {
		t.Error(clean, err)
	}
}

func TestKindOf(t *testing.T) {
	for name, want := range map[string]threeway.Kind{"a/b.JSON": threeway.JSON, "x.yml": threeway.YAML, "t.tsv": threeway.CSV, "README": threeway.Text} {
		if got := threeway.KindOf(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
