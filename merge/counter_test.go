package merge

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"pgregory.net/rapid"
)

func deltaGen() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64(), rapid.Int64Range(-3, 3), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64}))
}

// exact is the slow model: numbers without end.
func (c Counter) exact() *big.Int {
	n := new(big.Int).Lsh(big.NewInt(c.hi), 64)
	return n.Add(n, new(big.Int).SetUint64(c.lo))
}

func checkCounter(t *rapid.T, c Counter, want *big.Int) {
	if c.exact().Cmp(want) != 0 {
		t.Fatalf("sum %d, want %d", c.exact(), want)
	}
	shown := new(big.Int).Set(want)
	if low := big.NewInt(math.MinInt64); shown.Cmp(low) < 0 {
		shown = low
	}
	if high := big.NewInt(math.MaxInt64); shown.Cmp(high) > 0 {
		shown = high
	}
	if c.Value() != shown.Int64() {
		t.Fatalf("shows %d, want %d", c.Value(), shown)
	}
	if _, ok := c.Exact(); ok != want.IsInt64() {
		t.Fatalf("%d is exact: %t", want, ok)
	}
}

func TestCounter(t *testing.T) { testDriver(t, counterDriver()) }

func counterDriver() driver[*Counter, int64] {
	return driver[*Counter, int64]{
		fresh:  func() *Counter { return new(Counter) },
		apply:  func(c *Counter, _ Stamp, delta int64) { c.Add(delta) },
		edit:   func(t *rapid.T, c *Counter, _ Stamp) (int64, bool) { return deltaGen().Draw(t, "delta"), true },
		print:  func(c *Counter) []byte { return EncodeCounter(*c) },
		read:   func(b []byte) (*Counter, error) { c, err := DecodeCounter(b); return &c, err },
		encode: func(_ wire.DeviceID, delta int64) ([]byte, error) { return EncodeCounterOp(delta), nil },
		decode: func(_ wire.DeviceID, b []byte) (int64, error) { return DecodeCounterOp(b) },
		seal:   func(c *Counter, _ uint64) *Counter { return c },
		reissue: func(_ *Counter, delta int64, _, _ Stamp, _ *Counter) (int64, bool) {
			return delta, true
		},
		check: func(t *rapid.T, base, c *Counter, done []written[int64]) {
			want := base.exact()
			for _, w := range done {
				want.Add(want, big.NewInt(w.change))
			}
			checkCounter(t, *c, want)
		},
		once: true,
	}
}

// Counters are a group: parts may be summed apart, and a delta taken back.
func TestCounterLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all, left, right Counter
		want := new(big.Int)
		for _, d := range rapid.SliceOf(deltaGen()).Draw(t, "deltas") {
			all.Add(d)
			want.Add(want, big.NewInt(d))
			if rapid.Bool().Draw(t, "left") {
				left.Add(d)
			} else {
				right.Add(d)
			}
		}
		checkCounter(t, all, want)
		other := right
		other.Merge(left)
		left.Merge(right)
		if left != all || other != all {
			t.Fatalf("merged %v and %v, summed %v", left, other, all)
		}
		d := deltaGen().Draw(t, "delta")
		left.Add(d)
		left.Sub(d)
		if left != all {
			t.Fatalf("%v after adding %d and taking it back, was %v", left, d, all)
		}
	})
}

func TestCounterSaturates(t *testing.T) {
	var c Counter
	for range 3 {
		c.Add(math.MaxInt64)
	}
	if c.Value() != math.MaxInt64 {
		t.Errorf("shows %d", c.Value())
	}
	c.Add(math.MinInt64)
	c.Add(math.MinInt64)
	if v, ok := c.Exact(); !ok || v != math.MaxInt64-2 {
		t.Errorf("%d, %t: what was cut off is lost", v, ok)
	}
}

func TestCounterRefused(t *testing.T) {
	for _, b := range []string{"\x00", "\x00\x01", "\xff\xff", "\xff\x80", "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11"} {
		if c, err := DecodeCounter([]byte(b)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%x: %v, %v", b, c, err)
		}
	}
	for _, b := range []string{"", "\xf6", "\x61a", "\x18\x01", "\x01\x01", "\x1b\x80\x00\x00\x00\x00\x00\x00\x00"} {
		if d, err := DecodeCounterOp([]byte(b)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%x: %d, %v", b, d, err)
		}
	}
}

func FuzzDecodeCounter(f *testing.F) {
	for _, c := range []Counter{{}, {0, 1}, {-1, math.MaxUint64}, {0, 1 << 63}, {math.MinInt64, 0}, {math.MaxInt64, 5}} {
		f.Add(EncodeCounter(c))
		f.Add(EncodeCounterOp(int64(c.lo)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		checkDecoder(t, b, DecodeCounter, EncodeCounter)
		checkDecoder(t, b, DecodeCounterOp, EncodeCounterOp)
	})
}
