package merge

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"pgregory.net/rapid"
)

// textTB is what a *testing.T and a *rapid.T have in common.
type textTB interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// textDevice is one device of a story: its text, and a mirror that only follows
// the splices.
type textDevice struct {
	id     wire.DeviceID
	text   Text
	mirror []rune
}

func (d *textDevice) merge(t textTB) {
	t.Helper()
	d.text.Merge(func(s TextSplice) {
		tail := append([]rune(s.Text), d.mirror[s.Pos+s.Del:]...)
		d.mirror = append(d.mirror[:s.Pos:s.Pos], tail...)
	})
	checkText(t, &d.text)
	if got := d.text.String(); got != string(d.mirror) {
		t.Fatalf("text %q, but its splices give %q", got, string(d.mirror))
	}
}

func (d *textDevice) add(t textTB, c *TextChange) {
	t.Helper()
	if err := d.text.Add(c); err != nil {
		t.Fatal(err)
	}
}

// drawOps draws operations, with positions that meet: ends, middle, and
// sometimes beyond the end.
func drawTextOps(t *rapid.T, size int) (ops []TextOp) {
	for range rapid.IntRange(1, 3).Draw(t, "ops") {
		op := TextOp{Pos: rapid.SampledFrom([]int{0, 0, 1, size / 2, size / 2, size - 1, size, size, size + 2}).Draw(t, "pos")}
		op.Pos = max(op.Pos, 0)
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0, 1:
			op.Del = rapid.IntRange(1, 3).Draw(t, "del")
		case 2:
			op.Del, op.Back = min(op.Pos+1, rapid.IntRange(1, 3).Draw(t, "back")), true
		case 3:
			op.Del = 1
			fallthrough
		default:
			op.Text = rapid.SampledFrom([]string{"a", "b", "cd", "efg", "ß", "😀é", "x"}).Draw(t, "text")
		}
		if !op.Back {
			size += len([]rune(op.Text)) - min(op.Del, size)
		}
		ops = append(ops, op)
	}
	return ops
}

// textStory is what happens between devices.
type textStory struct {
	devices []*textDevice
	model   *textModel
	changes []*TextChange // in the order in which they were made
}

func newTextStory(n int) *textStory {
	s := &textStory{model: newTextModel()}
	for i := range n {
		s.devices = append(s.devices, &textDevice{id: device(byte(10 - i))})
	}
	return s
}

// write lets a device make a change.
func (s *textStory) write(t textTB, d *textDevice, ops []TextOp) {
	t.Helper()
	c := &TextChange{First: d.text.Next(d.id), Parents: d.text.Version(), Ops: ops}
	d.add(t, c)
	s.model.add(c)
	s.changes = append(s.changes, c)
	s.agree(t, d)
}

func (s *textStory) agree(t textTB, d *textDevice) {
	t.Helper()
	d.merge(t)
	if got, want := d.text.String(), s.model.text(d.text.Version()); got != want {
		t.Fatalf("device %s has %q, want %q", d.id, got, want)
	}
}

// sync brings a device up to n changes that it lacks and another one has, merged
// after each or at the end.
func (s *textStory) sync(t textTB, to, from *textDevice, n int, each bool) {
	t.Helper()
	for i, c := range from.text.Since(to.text.Version()) {
		if i == n {
			break
		}
		to.add(t, &c)
		if each {
			to.merge(t)
		}
	}
	s.agree(t, to)
}

func TestTextModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newTextStory(rapid.IntRange(2, 4).Draw(rt, "devices"))
		s.draw(rt)
		s.converge(rt, rapid.Uint64().Draw(rt, "order"))
	})
}

// draw lets things happen.
func (s *textStory) draw(t *rapid.T) {
	n := len(s.devices)
	who := rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2, 3}) // uneven branches
	for range rapid.IntRange(1, 24).Draw(t, "steps") {
		d := s.devices[who.Draw(t, "device")%n]
		switch rapid.IntRange(0, 5).Draw(t, "step") {
		case 0, 1, 2:
			s.write(t, d, drawTextOps(t, d.text.Len()))
		case 3, 4:
			from := s.devices[rapid.IntRange(0, n-1).Draw(t, "from")]
			s.sync(t, d, from, rapid.IntRange(1, 6).Draw(t, "changes"), rapid.Bool().Draw(t, "each"))
		case 5:
			d.text.Forget()
		}
	}
}

// converge delivers everything to fresh devices in other orders.
func (s *textStory) converge(t textTB, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	want := ""
	for round := range 4 {
		d := &textDevice{}
		for left := append([]*TextChange(nil), s.changes...); len(left) > 0; {
			i := random.IntN(len(left))
			if round == 0 {
				i = 0
			}
			if err := d.text.Add(left[i]); errors.Is(err, ErrTextMissing) {
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			left = append(left[:i], left[i+1:]...)
			if round > 1 && random.IntN(3) == 0 {
				d.merge(t)
			}
			if random.IntN(8) == 0 {
				d.text.Forget()
			}
		}
		s.agree(t, d)
		if round == 0 {
			want = d.text.String()
		} else if got := d.text.String(); got != want {
			t.Fatalf("one order gives %q, another %q", want, got)
		}
	}
}
