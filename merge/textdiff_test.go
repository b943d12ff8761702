package merge

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestTextDiff: the splices make the second text of the first, and where little
// was changed they touch little.
func TestTextDiff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SampledFrom([]rune("abé€"))
		a, b := string(rapid.SliceOfN(letters, 0, 40).Draw(t, "a")), string(rapid.SliceOfN(letters, 0, 40).Draw(t, "b"))
		got, touched := applySplices(a, TextDiff(a, b))
		if got != b {
			t.Fatalf("%q, want %q", got, b)
		}
		if limit := shortestDistance([]rune(a), []rune(b)); touched > limit {
			t.Fatalf("%d code points touched, %d are enough", touched, limit)
		}
	})
}

func TestTextDiffOfLongTexts(t *testing.T) {
	long := strings.Repeat("some words, ", 50_000)
	for _, other := range []string{"", "x" + long + "y", long[:300_000] + "here" + long[300_001:], strings.Repeat("other text. ", 50_000)} {
		if got, _ := applySplices(long, TextDiff(long, other)); got != other {
			t.Errorf("another text of %d bytes", len(got))
		}
	}
}

func applySplices(text string, splices []TextSplice) (string, int) {
	r, touched := []rune(text), 0
	for _, s := range splices {
		r = append(r[:s.Pos:s.Pos], append([]rune(s.Text), r[s.Pos+s.Del:]...)...)
		touched += s.Del + runes(s.Text)
	}
	return string(r), touched
}

// shortestDistance counts the insertions and deletions of a shortest difference,
// by a table.
func shortestDistance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		corner := row[0]
		row[0] = i + 1
		for j := range b {
			best := min(row[j], row[j+1]) + 1
			if a[i] == b[j] {
				best = corner
			}
			corner, row[j+1] = row[j+1], best
		}
	}
	return row[len(b)]
}
