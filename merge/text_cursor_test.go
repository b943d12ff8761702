package merge

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// place is where the model has a node now, or where it was.
func (m *textModel) place(node int, version []TextID) (pos int, alive bool) {
	seen := m.visible(m.past(version))
	for _, k := range seen {
		if k != node && m.less(k, node) {
			pos++
		}
	}
	return pos, slices.Contains(seen, node)
}

func TestTextAnchors(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newTextStory(3)
		s.draw(rt)
		d := s.devices[0]
		var anchors []TextAnchor
		for pos := range d.text.Len() + 1 {
			for _, side := range []TextSide{BeforeAnchor, AfterAnchor} {
				a, err := d.text.Anchor(pos, side)
				if err != nil {
					rt.Fatal(err)
				}
				if back, err := d.text.Position(a); err != nil || back != pos {
					rt.Fatalf("anchor of %d is at %d: %v", pos, back, err)
				}
				anchors = append(anchors, a)
			}
		}
		s.draw(rt)
		version := d.text.Version()
		for _, a := range anchors {
			want := 0
			if a.Edge && a.Side == AfterAnchor {
				want = d.text.Len()
			} else if !a.Edge {
				pos, alive := s.model.place(s.model.byID[a.At], version)
				if want = pos; alive && a.Side == BeforeAnchor {
					want++
				}
			}
			if pos, err := d.text.Position(a); err != nil || pos != want {
				rt.Fatalf("%v is at %d, want %d: %v", a, pos, want, err)
			}
		}
		s.checkBlame(rt, d)
	})
}

func (s *textStory) checkBlame(t textTB, d *textDevice) {
	t.Helper()
	var got, want []TextID
	for _, c := range d.text.Blame() {
		for i := range c.N {
			got = append(got, TextID{c.First.Device, c.First.Seq + uint32(i)})
		}
	}
	for _, k := range s.model.visible(s.model.past(d.text.Version())) {
		want = append(want, s.model.events[k].id)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("authors (-want +got):\n%s", diff)
	}
}

func TestTextAnchorErrors(t *testing.T) {
	x := sampleText(t)
	x.Merge(nil)
	for _, pos := range []int{-1, x.Len() + 1} {
		if _, err := x.Anchor(pos, BeforeAnchor); !errors.Is(err, ErrTextPosition) {
			t.Errorf("position %d: %v", pos, err)
		}
	}
	for name, id := range map[string]TextID{
		"unknown": {device(1), 0}, "beyond": {device(9), 99}, "a deletion": {device(9), 12}, "void": {device(9), 5},
	} {
		if _, err := x.Position(TextAnchor{At: id}); !errors.Is(err, ErrTextMissing) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTextSpliceMove(t *testing.T) {
	s := TextSplice{Pos: 3, Del: 2, Text: "äbc"}
	for _, tt := range []struct {
		pos   int
		after bool
		want  int
	}{{0, true, 0}, {3, false, 3}, {3, true, 6}, {4, false, 3}, {4, true, 6}, {5, false, 3}, {6, false, 7}} {
		if got := s.Move(tt.pos, tt.after); got != tt.want {
			t.Errorf("%d moved to %d, want %d", tt.pos, got, tt.want)
		}
	}
}

// without is the model's text as if events of a device had not been. What they
// inserted stays in the tree, for what hangs there.
func (m *textModel) without(version []TextID, first TextID, n int) string {
	undone := func(k int) bool {
		id := m.events[k].id
		return id.Device == first.Device && id.Seq >= first.Seq && id.Seq < first.Seq+uint32(n)
	}
	past := m.past(version)
	dead := map[int]bool{}
	for k, in := range past {
		if in && m.events[k].kills >= 0 && !undone(k) {
			dead[m.events[k].kills] = true
		}
	}
	var b strings.Builder
	for _, k := range m.known(past) {
		if !dead[k] && !undone(k) {
			b.WriteRune(m.events[k].char)
		}
	}
	return b.String()
}

func TestTextUndo(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newTextStory(3)
		s.draw(rt)
		d := s.devices[0]
		count := int(d.text.Next(d.id).Seq)
		first := TextID{d.id, uint32(rapid.IntRange(0, count).Draw(rt, "first"))}
		n := rapid.IntRange(0, count-int(first.Seq)).Draw(rt, "n")
		before, version := d.text.String(), d.text.Version()
		undo, made, err := d.text.Undo(first, n)
		if err != nil {
			rt.Fatal(err)
		}
		checkText(rt, &d.text)
		if got, want := d.text.String(), s.model.without(version, first, n); got != want {
			rt.Fatalf("%d events from %d on undone in %q: %q, want %q", n, first.Seq, before, got, want)
		}
		if _, _, err := d.text.Undo(undo, made); err != nil || d.text.String() != before {
			rt.Fatalf("redone: %q, %v, want %q", d.text.String(), err, before)
		}
		// What undoing does is seen by others as the same.
		for _, other := range s.devices[1:] {
			for _, c := range d.text.Since(other.text.Version()) {
				other.add(rt, &c)
			}
			other.merge(rt)
			for _, c := range other.text.Since(d.text.Version()) {
				d.add(rt, &c)
			}
		}
		d.text.Merge(nil)
		last := s.devices[2]
		for _, c := range d.text.Since(last.text.Version()) {
			last.add(rt, &c)
		}
		if last.merge(rt); last.text.String() != d.text.String() {
			rt.Fatalf("%q and %q", last.text.String(), d.text.String())
		}
	})
}

func TestTextUndoErrors(t *testing.T) {
	x := sampleText(t)
	for _, tt := range []struct {
		first TextID
		n     int
	}{{TextID{device(1), 0}, 1}, {TextID{device(9), 0}, 100}, {TextID{device(9), 0}, -1}} {
		if _, _, err := x.Undo(tt.first, tt.n); !errors.Is(err, ErrTextMissing) {
			t.Errorf("%v: %v", tt, err)
		}
	}
}
