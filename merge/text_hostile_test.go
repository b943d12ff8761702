package merge

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTextRefused(t *testing.T) {
	a, b := device(1), device(2)
	x := new(Text)
	mustAdd(t, x, &TextChange{First: TextID{a, 0}, Ops: []TextOp{{Text: "abc"}}})
	x.Merge(nil)
	for name, tt := range map[string]struct {
		change TextChange
		want   error
	}{
		"unknown parent":    {TextChange{TextID{b, 0}, []TextID{{b, 7}}, []TextOp{{Text: "x"}}}, ErrTextMissing},
		"itself a parent":   {TextChange{TextID{b, 0}, []TextID{{b, 0}}, []TextOp{{Text: "x"}}}, ErrTextMissing},
		"parent to come":    {TextChange{TextID{a, 3}, []TextID{{a, 3}}, []TextOp{{Text: "x"}}}, ErrTextMissing},
		"number left out":   {TextChange{TextID{a, 4}, []TextID{{a, 2}}, []TextOp{{Text: "x"}}}, ErrTextMissing},
		"first left out":    {TextChange{TextID{b, 1}, nil, []TextOp{{Text: "x"}}}, ErrTextMissing},
		"number too great":  {TextChange{TextID{b, math.MaxUint32}, nil, []TextOp{{Text: "x"}}}, ErrTextMissing},
		"negative position": {TextChange{TextID{b, 0}, nil, []TextOp{{Pos: -1, Text: "x"}}}, ErrTextChange},
		"great position":    {TextChange{TextID{b, 0}, nil, []TextOp{{Pos: 1 << 40, Text: "x"}}}, ErrTextChange},
		"negative length":   {TextChange{TextID{b, 0}, nil, []TextOp{{Del: -1}}}, ErrTextChange},
		"great length":      {TextChange{TextID{b, 0}, nil, []TextOp{{Del: 1 << 40}}}, ErrTextChange},
		"backspaces beyond": {TextChange{TextID{b, 0}, nil, []TextOp{{Pos: 1, Del: 3, Back: true}}}, ErrTextChange},
		"backspaces, text":  {TextChange{TextID{b, 0}, nil, []TextOp{{Pos: 1, Del: 1, Back: true, Text: "x"}}}, ErrTextChange},
		"not UTF-8":         {TextChange{TextID{b, 0}, nil, []TextOp{{Text: "ok"}, {Text: "\xff"}}}, ErrTextChange},
		"a surrogate":       {TextChange{TextID{b, 0}, nil, []TextOp{{Text: "\xed\xa0\x80"}}}, ErrTextChange},
		"too many":          {TextChange{TextID{b, 0}, nil, []TextOp{{Del: MaxTextEvents - 3}, {Text: "x"}}}, ErrTextFull},
	} {
		t.Run(name, func(t *testing.T) {
			if err := x.Add(&tt.change); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if x.Merge(nil); x.String() != "abc" || x.Events() != 3 {
				t.Errorf("left %q with %d events", x.String(), x.Events())
			}
		})
	}
	for _, e := range []struct {
		pos, del int
		text     string
		want     error
	}{{4, 0, "x", ErrTextPosition}, {2, 2, "", ErrTextPosition}, {-1, 0, "x", ErrTextChange}, {0, -1, "", ErrTextChange}, {0, 0, "\xff", ErrTextChange}} {
		if err := x.Edit(a, e.pos, e.del, e.text); !errors.Is(err, e.want) || x.String() != "abc" {
			t.Errorf("edit %+v: %v, %q", e, err, x.String())
		}
	}
}

// TestTextVoid: a place that is not there is decided where the author was, so
// the same everywhere, whatever else has come to the text since.
func TestTextVoid(t *testing.T) {
	a, b := device(1), device(2)
	changes := []*TextChange{
		{TextID{a, 0}, nil, []TextOp{{Text: "abc"}}},
		{TextID{b, 0}, []TextID{{a, 2}}, []TextOp{{Pos: 4, Text: "XX"}, {Pos: 2, Del: 2}, {Pos: 4, Del: 4, Back: true}, {Pos: 1, Text: "é"}}},
		{TextID{a, 3}, []TextID{{a, 2}}, []TextOp{{Pos: 3, Text: "defgh"}}},
		{TextID{a, 8}, []TextID{{b, 8}, {a, 7}}, []TextOp{{Pos: 0, Text: "!"}}},
	}
	// At b: XX is beyond the end of abc; c goes, and what is behind it is not
	// there; of four backspaces from 4 on, the last one finds b.
	for _, order := range [][]int{{0, 1, 2, 3}, {0, 2, 1, 3}} {
		for _, each := range []bool{true, false} {
			x := new(Text)
			for _, k := range order {
				mustAdd(t, x, changes[k])
				if each {
					x.Merge(nil)
				}
			}
			x.Merge(nil)
			checkText(t, x)
			if got := x.String(); got != "!aédefgh" {
				t.Errorf("order %v: %q", order, got)
			}
		}
	}
}

// TestTextAgain: changes that come twice, or in overlapping parts, change nothing.
func TestTextAgain(t *testing.T) {
	x := sampleText(t)
	x.Merge(nil)
	want, history := x.String(), x.Since(nil)
	for _, c := range history {
		mustAdd(t, x, &c)
	}
	if d := cmp.Diff(history, x.Since(nil)); d != "" {
		t.Error(d)
	}
	whole := &TextChange{First: TextID{device(1), 0}, Ops: []TextOp{{Text: "añb"}, {Pos: 2, Del: 2, Back: true}, {Pos: 1, Del: 1, Text: "öx"}}}
	for known := range 8 {
		y := new(Text)
		for k := range known {
			d := device(1)
			part := *whole
			part.Ops = firstEvents(whole.Ops, k+1)
			mustAdd(t, y, &part)
			if y.Merge(nil); y.Next(d).Seq != uint32(k+1) {
				t.Fatalf("%d events, want %d", y.Next(d).Seq, k+1)
			}
		}
		mustAdd(t, y, whole)
		y.Merge(nil)
		if checkText(t, y); y.String() != "aöx" {
			t.Errorf("after the first %d: %q", known, y.String())
		}
	}
	if x.Merge(nil); x.String() != want {
		t.Errorf("%q, want %q", x.String(), want)
	}
}

// firstEvents cuts operations after n events.
func firstEvents(ops []TextOp, n int) (out []TextOp) {
	for _, op := range ops {
		if k := min(n, op.Del); k > 0 {
			out = append(out, TextOp{Pos: op.Pos, Del: k, Back: op.Back})
			n -= k
		}
		runes := []rune(op.Text)
		if k := min(n, len(runes)); k > 0 {
			out = append(out, TextOp{Pos: op.Pos, Text: string(runes[:k])})
			n -= k
		}
	}
	return out
}

// TestTextClaims: a few bytes that claim a billion events take little room.
func TestTextClaims(t *testing.T) {
	a, b := device(1), device(2)
	x := new(Text)
	mustAdd(t, x, &TextChange{First: TextID{a, 0}, Ops: []TextOp{{Text: "abc"}}})
	mustAdd(t, x, &TextChange{First: TextID{b, 0}, Parents: []TextID{{a, 0}}, Ops: []TextOp{{Del: 1 << 29}, {Pos: 1 << 28, Del: 1<<28 + 1, Back: true}}})
	mustAdd(t, x, &TextChange{First: TextID{a, 3}, Parents: []TextID{{a, 2}}, Ops: []TextOp{{Pos: 3, Text: "d"}}})
	mustAdd(t, x, &TextChange{First: TextID{b, 3<<28 + 1}, Parents: []TextID{{b, 3 << 28}, {a, 3}}, Ops: []TextOp{{Text: "x"}}})
	x.Merge(nil)
	if checkText(t, x); x.String() != "xbcd" {
		t.Errorf("%q", x.String())
	}
	if blocks := len(x.walker.tree.ids.blocks); blocks > 4 {
		t.Errorf("%d blocks of the index", blocks)
	}
}

// TestTextRuns: what two or three people type at one place, forwards or
// backwards, each alone, stays together.
func TestTextRuns(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := new(Text)
		mustAdd(t, x, &TextChange{First: TextID{device(7), 0}, Ops: []TextOp{{Text: "<>"}}})
		var words []string
		var changes []*TextChange
		for i := range rapid.IntRange(2, 3).Draw(rt, "people") {
			c := &TextChange{First: TextID{device(byte(i)), 0}, Parents: []TextID{{device(7), 1}}}
			word := strings.Repeat(string(rune('a'+i)), rapid.IntRange(1, 6).Draw(rt, "length"))
			back := rapid.Bool().Draw(rt, "backwards")
			for k := range word {
				pos := 1 + k
				if back {
					pos = 1
				}
				c.Ops = append(c.Ops, TextOp{Pos: pos, Text: word[:1]})
			}
			words, changes = append(words, word), append(changes, c)
		}
		for _, i := range rapid.Permutation([]int{0, 1, 2}[:len(words)]).Draw(rt, "order") {
			mustAdd(t, x, changes[i])
		}
		x.Merge(nil)
		for _, w := range words {
			if !strings.Contains(x.String(), w) {
				rt.Fatalf("%q is torn in %q", w, x.String())
			}
		}
	})
}

// TestTextMergeSome merges in small portions.
func TestTextMergeSome(t *testing.T) {
	s := newLaneStory(4, 5)
	s.play(t, 3000)
	history := s.hub.Since(nil)
	var all, some Text
	for _, c := range history {
		mustAdd(t, &all, &c)
		mustAdd(t, &some, &c)
	}
	all.Merge(nil)
	parts := 1
	for ; !some.MergeSome(50, nil); parts++ {
		checkText(t, &some)
	}
	if parts < 10 || some.String() != all.String() {
		t.Errorf("merged in %d parts, the same text: %t", parts, some.String() == all.String())
	}
	sum := 0
	for _, w := range some.Work() {
		sum += w.Work
	}
	if len(some.Work()) != 4 || sum < 1000 {
		t.Errorf("work: %v", some.Work())
	}
}
