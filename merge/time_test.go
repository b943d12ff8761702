package merge

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The abstract model of the protocol decides times with these two formulas,
// over plain integers. age is its bound above the opening.
func modelClock(now, past, opening, age int64) int64 {
	return min(max(now, opening+1, past+1), max(opening+age, past+1))
}

func modelTimely(time int64, marked bool, past, opening, age int64) bool {
	if marked {
		return time <= opening
	}
	return time > max(opening, past) && time <= max(opening+age, past+1)
}

// drawTimes gives times that lie close to each other and to the bounds.
func drawTimes(t *rapid.T) (now, past, opening int64) {
	opening = rapid.Int64Range(1, 1<<60).Draw(t, "opening")
	near := rapid.OneOf(
		rapid.Int64Range(-3, 3),
		rapid.Map(rapid.Int64Range(-3, 3), func(d int64) int64 { return int64(Ahead) + d }),
		rapid.Int64Range(-1<<55, 1<<55),
	)
	past = max(0, opening+near.Draw(t, "past"))
	if rapid.Bool().Draw(t, "nothing seen") {
		past = 0
	}
	now = max(0, opening+near.Draw(t, "now"))
	return now, past, opening
}

func TestTimesAgreeWithModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now, past, opening := drawTimes(t)
		want := modelClock(now, past, opening, int64(Ahead))
		if got := NextTime(uint64(now), uint64(past), uint64(opening)); got != uint64(want) {
			t.Fatalf("next time %d, model %d", got, want)
		}
		for _, time := range []int64{want - 1, want, want + 1, now, past, past + 1, past + 2, opening, opening + 1,
			opening + int64(Ahead), opening + int64(Ahead) + 1} {
			for _, marked := range []bool{false, true} {
				tx := Transaction{Time: uint64(max(time, 1))}
				if marked {
					tx.Before = tx.Time
				}
				err := CheckTime(&tx, uint64(past), uint64(opening))
				if ok := modelTimely(max(time, 1), marked, past, opening, int64(Ahead)); ok != (err == nil) {
					t.Fatalf("time %d, marked %t: %v, model %t", time, marked, err, ok)
				}
				if err != nil && !errors.Is(err, ErrTime) {
					t.Fatalf("%v is no ErrTime", err)
				}
			}
		}
	})
}

func TestTimesAtTheEnd(t *testing.T) {
	for _, c := range []struct {
		now, past, opening, want uint64
		ok                       bool
	}{
		{math.MaxUint64, 5, 10, 10 + Ahead, true},
		{0, 0, MaxTime - 1, MaxTime, true},
		{0, MaxTime - 1, 10, MaxTime, true},
		{0, MaxTime, 10, MaxTime, false}, // nothing can come after it
		{0, math.MaxUint64, 10, MaxTime, false},
		{0, 0, math.MaxUint64, MaxTime, false},
	} {
		got := NextTime(c.now, c.past, c.opening)
		err := CheckTime(&Transaction{Time: got}, c.past, c.opening)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("%+v: %d, %v", c, got, err)
		}
	}
}

func TestOpeningTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.Uint64Range(0, MaxTime-Leap).Draw(t, "before")
		claimed := rapid.Uint64().Draw(t, "claimed")
		got := OpeningTime(claimed, before)
		if got <= before || got > before+Leap || claimed > before && claimed <= before+Leap && got != claimed {
			t.Fatalf("opening %d after %d counts as %d", claimed, before, got)
		}
	})
	if got := OpeningTime(math.MaxUint64, MaxTime); got != MaxTime {
		t.Errorf("at the end: %d", got)
	}
}

func TestMillis(t *testing.T) {
	for ms, want := range map[int64]int64{-5: 0, 0: 0, 1_700_000_000_000: 1_700_000_000_000, math.MaxInt64: 1<<47 - 1} {
		if got := Millis(FromMillis(ms)); got != want {
			t.Errorf("%d ms: %d, want %d", ms, got, want)
		}
	}
	if FromMillis(math.MaxInt64) > MaxTime {
		t.Error("above MaxTime")
	}
}

// laneOf is a device in a group whose clocks are wrong in both directions.
type clockDevice struct {
	skew, last uint64
	past       uint64 // greatest time seen
}

// A write that has seen another beats it, whatever the clocks say, and every
// time that NextTime gives is taken (invariants I11 and I14 of the model).
func TestSeenWritesLose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const opening = 1 << 40
		devices := make([]clockDevice, 3)
		for i := range devices {
			devices[i].skew = rapid.Uint64Range(0, 2*Ahead).Draw(t, "skew")
		}
		for now := range uint64(rapid.IntRange(1, 40).Draw(t, "steps")) {
			d := &devices[rapid.IntRange(0, 2).Draw(t, "device")]
			if rapid.Bool().Draw(t, "sync") {
				d.past = max(d.past, devices[rapid.IntRange(0, 2).Draw(t, "from")].past)
				continue
			}
			tx := Transaction{Time: NextTime(max(now+d.skew, d.last), d.past, opening)}
			if err := CheckTime(&tx, d.past, opening); err != nil {
				t.Fatal(err)
			}
			if tx.Time <= d.past {
				t.Fatalf("%d does not beat %d, which it has seen", tx.Time, d.past)
			}
			d.past, d.last = tx.Time, tx.Time
		}
	})
}

// highest-device-at-the-time-bound: the last possible time, written by the
// device with the highest ID, gains one race and no more.
func TestAttackHighestDeviceAtTheTimeBound(t *testing.T) {
	const opening = 1 << 40
	evil := Transaction{Number: MaxNumber, Time: NextTime(MaxTime, 0, opening)}
	if evil.Time != opening+Ahead {
		t.Fatalf("bound is %d", evil.Time)
	}
	above := evil
	above.Time++
	if err := CheckTime(&above, 0, opening); !errors.Is(err, ErrTime) {
		t.Fatalf("above the bound: %v", err)
	}
	honest := Transaction{Number: 1, Time: NextTime(opening+1, evil.Time, opening)}
	if err := CheckTime(&honest, evil.Time, opening); err != nil {
		t.Fatal(err)
	}
	if !evil.Stamp(device(0xff)).Less(honest.Stamp(device(0))) {
		t.Error("a write that has seen the last possible time loses to it")
	}
}

// fake-reissue-mark: a mark is bound by the opening alone, so it loses to
// whatever the epoch has written.
func TestAttackFakeReissueMark(t *testing.T) {
	const opening = 1 << 40
	fake := Transaction{Number: 1, Time: opening + 1, Before: opening + 1}
	if err := CheckTime(&fake, 0, opening); !errors.Is(err, ErrTime) {
		t.Errorf("marked and after the opening: %v", err)
	}
	fake.Time, fake.Before = opening, MaxTime
	if err := CheckTime(&fake, 0, opening); err != nil {
		t.Errorf("marked, at the opening: %v", err)
	}
	plain := Transaction{Number: 1, Time: NextTime(0, 0, opening)}
	if !fake.Stamp(device(9)).Less(plain.Stamp(device(1))) {
		t.Error("a marked write beats one of the epoch")
	}
}
