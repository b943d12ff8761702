package merge

import (
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"pgregory.net/rapid"
)

// device is an ID of one repeated byte.
func device(b byte) (d wire.DeviceID) {
	for i := range d {
		d[i] = b
	}
	return d
}

func drawStamp(t *rapid.T) Stamp {
	return Stamp{
		Time:   rapid.Uint64Range(1, 4).Draw(t, "time"),
		Before: rapid.Uint64Range(0, 4).Draw(t, "before"),
		Device: device(rapid.ByteRange(1, 3).Draw(t, "device")),
		Number: rapid.Uint64Range(1, 3).Draw(t, "number"),
	}
}

func TestStampIsATotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawStamp(t), drawStamp(t), drawStamp(t)
		if a.Compare(b) != -b.Compare(a) {
			t.Fatalf("%v and %v: not antisymmetric", a, b)
		}
		if (a.Compare(b) == 0) != (a.normal() == b.normal()) {
			t.Fatalf("%v and %v: equal, or not", a, b)
		}
		if !b.Less(a) && !c.Less(b) && c.Less(a) {
			t.Fatalf("%v, %v, %v: not transitive", a, b, c)
		}
		if !(Stamp{}).Less(a) {
			t.Fatalf("%v is not above nothing", a)
		}
	})
}

// Writes of one epoch keep their order when seals lower them, and stay below
// those of later epochs.
func TestLowerKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, later := drawStamp(t), drawStamp(t), drawStamp(t)
		a.Before, b.Before = a.Time, b.Time
		o1 := rapid.Uint64Range(1, 5).Draw(t, "opening")
		o2 := o1 + rapid.Uint64Range(1, 3).Draw(t, "second opening")
		later.Time += o1
		later.Before = later.Time
		a1, b1 := a.Lower(o1), b.Lower(o1)
		if a.Compare(b) != a1.Compare(b1) || a.Compare(b) != a1.Lower(o2).Compare(b1.Lower(o2)) {
			t.Fatalf("%v and %v change order at %d", a, b, o1)
		}
		if a1.Time > o1 || !a1.Less(later) || a1.Lower(o2) != a1 {
			t.Fatalf("%v lowered to %d is %v; later %v", a, o1, a1, later)
		}
	})
}
