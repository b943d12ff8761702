package threeway_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/espace-git/espace-git/threeway"
)

func apply(text string, splices []threeway.Splice) string {
	old, out, at := []rune(text), []rune{}, 0
	for _, s := range splices {
		out = append(append(out, old[at:s.Pos]...), []rune(s.Text)...)
		at = s.Pos + s.Del
	}
	return string(append(out, old[at:]...))
}

func TestSplices(t *testing.T) {
	for _, c := range []struct {
		old, new string
		want     []threeway.Splice
	}{
		{"", "", nil},
		{"same", "same", nil},
		{"", "ä new", []threeway.Splice{{0, 0, "ä new"}}},
		{"héllo", "", []threeway.Splice{{0, 5, ""}}},
		{"é", "è", []threeway.Splice{{0, 1, "è"}}},
		{"a red fox\n", "a blue fox\n", []threeway.Splice{{2, 3, "blue"}}},
		{"one\ntwo\nthree\n", "one\n2\nthree\n4\n", []threeway.Splice{{4, 3, "2"}, {14, 0, "4\n"}}},
	} {
		if diff := cmp.Diff(c.want, threeway.Splices(c.old, c.new)); diff != "" {
			t.Errorf("%q to %q: %s", c.old, c.new, diff)
		}
	}
}

func TestSplicesGiveTheNewText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom([]string{"a", "ß", "word", " ", "\n", "😀", ".", "é\n"}))
		old, new := strings.Join(words.Draw(t, "old"), ""), strings.Join(words.Draw(t, "new"), "")
		if got := apply(old, threeway.Splices(old, new)); got != new {
			t.Fatalf("%q to %q: got %q", old, new, got)
		}
	})
}
