package merge

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/espace-git/espace-git/internal/traces/trace"
	"github.com/google/go-cmp/cmp"
)

// graphCase is a case of the published tests of causal graphs.
type graphCase struct {
	Hist []struct {
		Span    [2]int32
		Parents []int32
	}
	A, B     []int32    // of diff.json
	RawA     [][2]int32 `json:"expect_a"`
	RawB     [][2]int32 `json:"expect_b"`
	Frontier []int32    // of version_contains.json
	Target   int32
	Expected bool
}

func (c *graphCase) graph() *textGraph {
	g := new(textGraph)
	for _, h := range c.Hist {
		g.push(h.Span[1]-h.Span[0], h.Parents)
	}
	return g
}

func graphCases(t *testing.T, name string) (out []graphCase) {
	t.Helper()
	f, err := os.Open(filepath.Join(trace.Root(".."), "conformance/causal_graph", name))
	if err != nil {
		t.Skipf("no test data: %v (set ESPACE_TESTDATA)", err)
	}
	defer f.Close()
	for d := json.NewDecoder(f); ; {
		var c graphCase
		if err := d.Decode(&c); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		t.Fatalf("%s: no cases", name)
	}
	return out
}

// events lists what ranges hold, which must descend.
func events(t *testing.T, ranges [][2]int32) (out []int32) {
	for _, r := range ranges {
		for lv := r[1] - 1; lv >= r[0]; lv-- {
			if len(out) > 0 && out[len(out)-1] <= lv {
				t.Errorf("%v does not descend", ranges)
			}
			out = append(out, lv)
		}
	}
	return out
}

func TestTextGraphDiff(t *testing.T) {
	for i, c := range graphCases(t, "diff.json") {
		g := c.graph()
		a, b := g.diff(c.A, c.B, nil, nil)
		sum := int32(0)
		for _, r := range append(append([]textRange(nil), a...), b...) {
			sum += r.to - r.from
		}
		if d, least := g.distance(c.A, c.B, 1<<30), g.distance(c.A, c.B, 1); d != sum || least != min(sum, 1) {
			t.Errorf("case %d: distance %d, bounded by 1 %d, want %d", i, d, least, sum)
		}
		for _, side := range []struct {
			got  []textRange
			want [][2]int32
		}{{a, c.RawA}, {b, c.RawB}} {
			var got [][2]int32
			for _, r := range side.got {
				got = append(got, [2]int32{r.from, r.to})
			}
			if d := cmp.Diff(events(t, side.want), events(t, got)); d != "" {
				t.Errorf("case %d: (-want +got)\n%s", i, d)
			}
		}
	}
}

func TestTextGraphContains(t *testing.T) {
	for i, c := range graphCases(t, "version_contains.json") {
		if c.Target < 0 {
			continue // the empty text is in all
		}
		if got := c.graph().contains(c.Frontier, c.Target); got != c.Expected {
			t.Errorf("case %d: %v contains %d: %t", i, c.Frontier, c.Target, got)
		}
	}
}

// TestTextOrder has three branches that meet again and again: their runs come in
// an order in which parents are first, and which moves less than the storage's.
func TestTextOrder(t *testing.T) {
	g, random := new(textGraph), rand.New(rand.NewPCG(1, 2))
	var tips [4]int32
	g.push(1, nil)
	for range 400 {
		d := random.IntN(len(tips))
		parents := []int32{tips[d]}
		if random.IntN(3) == 0 {
			parents = g.reduce([]int32{tips[d], tips[random.IntN(len(tips))]})
		}
		g.push(int32(1+random.IntN(50)), parents)
		tips[d] = g.len() - 1
	}
	order := new(textOrder).of(g, 1, len(g.runs), []int32{0})
	moved, stored, seen := int32(0), int32(0), make([]bool, len(g.runs))
	seen[0] = true
	last := [2]int32{}
	for i, k := range order {
		for _, p := range g.runs[k].parents {
			if !seen[g.at(p)] {
				t.Fatalf("run %d comes before its parent %d", k, g.at(p))
			}
		}
		moved += g.distance(last[:1], g.runs[k].parents, math.MaxInt32)
		stored += g.distance(last[1:], g.runs[i+1].parents, math.MaxInt32)
		last, seen[k] = [2]int32{g.runs[k].to - 1, g.runs[i+1].to - 1}, true
	}
	if slices.Contains(seen, false) || moved > stored/2 {
		t.Errorf("the order moves over %d events, the storage's over %d", moved, stored)
	}
}
