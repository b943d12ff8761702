package merge

import (
	"slices"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// checkFlag looks through all changes: an enable lives if no disable that can
// have seen it names it.
func checkFlag(t *rapid.T, base, f *Flag, done []written[*FlagChange]) {
	var want []Mark
	add := func(m Mark) {
		if slices.Contains(want, m) || slices.ContainsFunc(done, func(w written[*FlagChange]) bool {
			return !w.stamp.Less(m.Stamp) && slices.ContainsFunc(w.change.Saw, func(d Dot) bool { return d.in(w.stamp) == m.Dot() })
		}) {
			return
		}
		want = append(want, m)
	}
	for _, m := range base.Enables() {
		add(m)
	}
	for _, w := range done {
		if w.change.On {
			add(Mark{w.stamp.normal(), w.change.Index})
		}
	}
	slices.SortFunc(want, func(a, b Mark) int { return a.Dot().Compare(b.Dot()) })
	if d := cmp.Diff(want, f.Enables()); d != "" {
		t.Fatalf("enables (-want +got):\n%s", d)
	}
	if f.On() != (len(want) > 0) {
		t.Fatalf("on: %t", f.On())
	}
}

func TestFlag(t *testing.T) { testDriver(t, flagDriver()) }

func flagDriver() driver[*Flag, *FlagChange] {
	return driver[*Flag, *FlagChange]{
		fresh: func() *Flag { return new(Flag) },
		apply: (*Flag).Apply,
		edit: func(t *rapid.T, f *Flag, _ Stamp) (*FlagChange, bool) {
			c, ok := f.Disable()
			switch {
			case !ok || rapid.Bool().Draw(t, "on"):
				c = f.Enable(0)
			case rapid.IntRange(0, 3).Draw(t, "guess") == 0:
				c.Saw = guessedDots(t)
			}
			return &c, true
		},
		print:  EncodeFlag,
		read:   DecodeFlag,
		encode: EncodeFlagChange,
		decode: DecodeFlagChange,
		seal:   (*Flag).Seal,
		reissue: func(_ *Flag, c *FlagChange, stamp, _ Stamp, sealed *Flag) (*FlagChange, bool) {
			again, ok := c.Reissue(stamp, sealed)
			return &again, ok
		},
		check: checkFlag,
	}
}

func TestFlagEnableWins(t *testing.T) {
	var f Flag
	on := f.Enable(0)
	f.Apply(Stamp{Time: 1, Device: device(1), Number: 1}, &on)
	off, _ := f.Disable()
	on = f.Enable(0)
	f.Apply(Stamp{Time: 9, Device: device(2), Number: 1}, &off)
	if f.On() {
		t.Error("on after a disable that saw it all")
	}
	f.Apply(Stamp{Time: 2, Device: device(3), Number: 1}, &on)
	if !f.On() {
		t.Error("off, though somebody enabled meanwhile")
	}
	if _, ok := new(Flag).Disable(); ok {
		t.Error("what is off is disabled")
	}
}

func sampleFlagChange() *FlagChange {
	return &FlagChange{On: true, Index: 3, Saw: []Dot{{device(1), 4, 0}, {device(7), 8, 9}}}
}

func sampleFlag() *Flag {
	f := new(Flag)
	f.Apply(Stamp{Time: 100, Device: device(1), Number: 5}, sampleFlagChange())
	f.Apply(Stamp{Time: 90, Device: device(2), Number: 1}, &FlagChange{On: true})
	return f
}

func FuzzDecodeFlag(f *testing.F) {
	f.Add(EncodeFlag(new(Flag)))
	f.Add(EncodeFlag(sampleFlag()))
	f.Fuzz(func(t *testing.T, b []byte) { checkDecoder(t, b, DecodeFlag, EncodeFlag) })
}

func FuzzDecodeFlagChange(f *testing.F) {
	f.Add(encoded(f, sampleFlagChange(), EncodeFlagChange))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkDecoder(t, b, func(b []byte) (*FlagChange, error) { return DecodeFlagChange(wire.DeviceID(device(1)), b) }, func(c *FlagChange) []byte {
			return encoded(t, c, EncodeFlagChange)
		})
	})
}
