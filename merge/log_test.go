package merge

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func entriesOf(l *Log) (out []LogEntry) {
	for _, e := range l.From(0) {
		out = append(out, e)
	}
	return out
}

// checkLog sorts all operations.
func checkLog(t *rapid.T, base, l *Log, done []written[*LogChange]) {
	want := entriesOf(base)
	for _, w := range done {
		for i, op := range w.change.Ops {
			want = append(want, LogEntry{Mark{w.stamp.normal(), w.change.First + uint32(i)}, op})
		}
	}
	slices.SortFunc(want, func(a, b LogEntry) int { return a.Compare(b.Mark) })
	if got := entriesOf(l); !reflect.DeepEqual(want, got) || l.Len() != len(want) {
		t.Fatalf("%d entries (-want +got):\n%s", l.Len(), cmp.Diff(want, got))
	}
}

func logDriver() driver[*Log, *LogChange] {
	return driver[*Log, *LogChange]{
		fresh: func() *Log { return new(Log) },
		apply: (*Log).Apply,
		edit: func(t *rapid.T, l *Log, stamp Stamp) (*LogChange, bool) {
			c := &LogChange{uint32(rapid.IntRange(0, 2).Draw(t, "first")), rapid.SliceOfN(scalarGen(), 1, 3).Draw(t, "ops")}
			return c, true
		},
		print:   EncodeLog,
		read:    DecodeLog,
		encode:  EncodeLogChange,
		decode:  DecodeLogChange,
		seal:    (*Log).Seal,
		reissue: func(_ *Log, c *LogChange, _, _ Stamp, _ *Log) (*LogChange, bool) { return c.Reissue(), true },
		check:   checkLog,
	}
}

func TestLog(t *testing.T) { testDriver(t, logDriver()) }

// A seal changes marks, but not their order.
func TestLogSealKeepsOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newStory(rt, logDriver())
		s.draw(12)
		l := s.replicas[0].state
		before := entriesOf(l)
		after := entriesOf(l.Seal(s.opening + uint64(rapid.IntRange(1, 20).Draw(rt, "opening"))))
		for i, e := range after {
			if e.Dot() != before[i].Dot() || i > 0 && !after[i-1].Less(e.Mark) {
				rt.Fatalf("entry %d is %v after a seal, was %v", i, e, before[i])
			}
		}
	})
}

// A reducer that goes back to where Changed says, or leaves it to a Fold, ends
// with what a replay of everything gives.
func TestLogReducer(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var l, m Log
		fold := Fold[string]{Step: func(s string, e LogEntry) string { return s + string(e.Op) }}
		var states []string // after 1, 2, … entries of m, by hand
		for i := range rapid.IntRange(1, 60).Draw(rt, "changes") {
			at := uint64(rapid.IntRange(max(1, i-20), i+20).Draw(rt, "time"))
			c := &LogChange{0, [][]byte{value(int64(i))}}
			stamp := Stamp{Time: at, Device: device(1), Number: uint64(i + 1)}
			l.Apply(stamp, c)
			m.Apply(stamp, c)
			if rapid.Bool().Draw(rt, "more") {
				continue
			}
			from := m.Changed()
			states = states[:from]
			for k, e := range m.From(from) {
				before := ""
				if k > 0 {
					before = states[k-1]
				}
				states = append(states, before+string(e.Op))
			}
			want := ""
			for _, e := range l.From(0) {
				want += string(e.Op)
			}
			if got, _ := fold.State(&l); got != want || states[len(states)-1] != want {
				rt.Fatalf("fold %x, by hand %x, want %x", got, states[len(states)-1], want)
			}
			if got, steps := fold.State(&l); got != want || steps > 0 {
				rt.Fatalf("asked again: %x after %d steps", got, steps)
			}
		}
	})
}

// An entry n places late costs about n steps, and few states are kept.
func TestLogFoldGoesBackLittle(t *testing.T) {
	var l Log
	fold := Fold[int]{Step: func(n int, _ LogEntry) int { return n + 1 }}
	add := func(at, number int) {
		l.Apply(Stamp{Time: uint64(at), Device: device(1), Number: uint64(number)}, &LogChange{0, [][]byte{value(nil)}})
	}
	const entries = 10_000
	for i := 1; i <= entries; i++ {
		add(10*i, i)
		if i%7 == 0 {
			fold.State(&l)
		}
	}
	for i, late := range []int{1, 10, 100, 1000, 9000} {
		fold.State(&l)
		if len(fold.kept) > 80 {
			t.Errorf("%d states kept", len(fold.kept))
		}
		add(10*(entries-late)+1+i, entries+1+i)
		if n, steps := fold.State(&l); n != l.Len() || steps > 2*late+20 {
			t.Errorf("%d entries late: %d steps to %d", late, steps, n)
		}
	}
}

func TestMarkKey(t *testing.T) {
	gen := rapid.Custom(func(t *rapid.T) Mark {
		at := rapid.Uint64Range(1, 3).Draw(t, "time")
		before := at + rapid.Uint64Range(0, 2).Draw(t, "before")
		return Mark{Stamp{at, before, device(byte(rapid.IntRange(1, 2).Draw(t, "device"))), rapid.Uint64Range(1, 3).Draw(t, "number")}, uint32(rapid.IntRange(0, 300).Draw(t, "index"))}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		x, y := a.Key(), b.Key()
		if bytes.Compare(x[:], y[:]) != a.Compare(b) {
			t.Fatalf("%x and %x are not in the order of %v and %v", x, y, a, b)
		}
		if back, err := ParseMarkKey(x[:]); err != nil || back != a {
			t.Fatalf("%v, %v; was %v", back, err, a)
		}
	})
	if _, err := ParseMarkKey(make([]byte, MarkKeySize)); !errors.Is(err, wire.ErrMalformed) {
		t.Error(err)
	}
}

func sampleLogChange() *LogChange { return &LogChange{3, [][]byte{value("a"), value(int64(-1))}} }

func sampleLog() *Log {
	l := new(Log)
	l.Apply(Stamp{Time: 100, Device: device(1), Number: 6}, sampleLogChange())
	l.Apply(Stamp{Time: 90, Before: 120, Device: device(2), Number: 1}, &LogChange{0, [][]byte{value(nil)}})
	return l
}

func FuzzDecodeLog(f *testing.F) {
	f.Add(EncodeLog(new(Log)))
	f.Add(EncodeLog(sampleLog()))
	f.Add(EncodeLog(sampleLog().Seal(95)))
	f.Fuzz(func(t *testing.T, b []byte) { checkDecoder(t, b, DecodeLog, EncodeLog) })
}

func FuzzDecodeLogChange(f *testing.F) {
	f.Add(encoded(f, sampleLogChange(), EncodeLogChange))
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		checkDecoder(t, b, func(b []byte) (*LogChange, error) { return DecodeLogChange(device(1), b) }, func(c *LogChange) []byte {
			return encoded(t, c, EncodeLogChange)
		})
	})
}

func FuzzParseMarkKey(f *testing.F) {
	k := Mark{Stamp{90, 120, device(2), 1}, 7}.Key()
	f.Add(k[:])
	f.Fuzz(func(t *testing.T, b []byte) {
		checkDecoder(t, b, ParseMarkKey, func(m Mark) []byte { k := m.Key(); return k[:] })
	})
}
