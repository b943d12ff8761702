package merge

import (
	"errors"
	"math"
	"testing"
	"time"
)

// sealedColumn is a row whose first column was set by a stamp, sealed.
func sealedColumn(t testing.TB, at uint64, by Stamp) rows {
	s := rows{}
	s.apply(t, Stamp{1, 1, device(1), 1}, []Op{{Kind: Insert, Table: lists, Row: row(1)}})
	s.apply(t, by, []Op{{Kind: Update, Table: lists, Row: row(1), Cells: []Cell{{1, value("sealed")}}}})
	return s.seal(at)
}

func setBy(what string) []Op {
	return []Op{{Kind: Update, Table: lists, Row: row(1), Cells: []Cell{{1, value(what)}}}}
}

// holds says which value the column of the sample shows.
func (s rows) holds(what string) bool {
	f := s[place{lists, row(1)}]
	return f != nil && f.state.Live() && f.values[1] == string(value(what))
}

// backdated-reissue: a mark may carry any time up to the opening and any time
// before. Dated back it loses to what is sealed. Dated to the opening, with the
// greatest time before, it wins one race against what was lowered to the same
// opening; whoever has seen it wins, in this epoch and after all later seals.
func TestAttackBackdatedReissue(t *testing.T) {
	const opening = 1000
	ahead := Stamp{opening + 50, 0, device(2), 3} // lowered to the opening
	sealed := sealedColumn(t, opening, ahead)
	back := Transaction{Number: 9, Time: 1, Before: MaxTime}
	sealed.apply(t, back.Stamp(device(0xff)), setBy("backdated"))
	if CheckTime(&back, 0, opening) != nil || !sealed.holds("sealed") {
		t.Error("a mark dated back wins over what is sealed")
	}
	race := Transaction{Number: MaxNumber, Time: opening, Before: MaxTime}
	sealed.apply(t, race.Stamp(device(0xff)), setBy("race"))
	if !sealed.holds("race") {
		t.Error("the sample shows no race")
	}
	seen := Transaction{Number: 1, Time: NextTime(0, race.Time, opening)}
	answer := seen.Stamp(device(0))
	for _, o := range []uint64{0, opening + 1, opening + 2, opening + Leap} {
		state, by := sealed, answer
		if o > 0 { // whoever answered was offline, and issues it again
			again, _, verdict := Reissue(&Transaction{Number: 1, Time: seen.Time, Ops: setBy("answer")}, device(0), o, sealed.seal(o))
			if verdict != Again {
				t.Fatalf("after %d: %s", o, verdict)
			}
			state, by = sealed.seal(o), again.Stamp(device(0))
		}
		state = state.clone()
		state.apply(t, by, setBy("answer"))
		if !state.holds("answer") || !state.seal(opening+3*Leap).holds("answer") {
			t.Errorf("after %d a write that has seen the mark loses to it", o)
		}
	}
	if bad := (Transaction{Number: 1, Time: opening + 1, Before: opening + 1}); !errors.Is(CheckTime(&bad, 0, opening), ErrTime) {
		t.Error("a mark after the opening has effect")
	}
}

// A mark brings no deleted row back and saves none from a delete of this epoch.
func TestAttackFakeMarkAgainstDelete(t *testing.T) {
	const opening = 1000
	s := sealedColumn(t, opening, Stamp{5, 5, device(1), 2})
	s.apply(t, Stamp{opening + 1, 0, device(0), 1}, []Op{{Kind: Delete, Table: lists, Row: row(1)}})
	fake := Transaction{Number: MaxNumber, Time: opening, Before: MaxTime}
	s.apply(t, fake.Stamp(device(0xff)), []Op{{Kind: Insert, Table: lists, Row: row(1), Cells: []Cell{{1, value("back")}}}})
	if s.shown() != "[]" || s.seal(opening+9).digest() != "[]" {
		t.Errorf("it is back: %s", s.shown())
	}
}

// highest-device-at-the-time-bound, over a seal: who dated to the bound and who
// answered are lowered to one time, and the answer still wins, whatever the
// devices are called.
func TestAttackTimeBoundOverSeal(t *testing.T) {
	const opening = 1 << 40
	bound := NextTime(MaxTime, 0, opening)
	answer := NextTime(0, bound, opening)
	for _, next := range []uint64{opening + 1, bound, bound + 1, bound + 2, opening + Leap} {
		s := sealedColumn(t, opening, Stamp{5, 5, device(1), 2})
		s.apply(t, Stamp{bound, 0, device(0xff), MaxNumber}, setBy("bound"))
		for _, late := range []bool{false, true} {
			state := s.clone()
			if late {
				again, dropped, verdict := Reissue(&Transaction{Number: 1, Time: answer, Ops: setBy("answer")}, device(0), next, s.seal(next))
				if verdict != Again || len(dropped) > 0 {
					t.Fatalf("sealed at %d: %s, %v", next, verdict, dropped)
				}
				state = s.seal(next)
				state.apply(t, again.Stamp(device(0)), again.Ops)
			} else {
				state.apply(t, Stamp{answer, 0, device(0), 1}, setBy("answer"))
				state = state.seal(next)
			}
			if !state.holds("answer") || !state.seal(next+1).holds("answer") {
				t.Errorf("sealed at %d, late %t: a write that has seen the bound loses", next, late)
			}
		}
	}
}

// original-and-reissue: whatever is sealed first, its number is used up, and so
// neither the original nor another re-issue of it counts again. One without
// effect uses its number up too: no verdict may turn on another.
func TestAttackOriginalAndReissue(t *testing.T) {
	sealed := rangesOf(t, 1, 2, 4, 5)
	lane := rangesOf(t, 3)
	if NumberCounts(3, sealed, lane) || NumberCounts(5, sealed, Ranges{}) {
		t.Error("a number counts twice")
	}
	if !NumberCounts(3, sealed, Ranges{}) {
		t.Error("a gap is closed to the re-issue that it is kept open for")
	}
	after := sealed.Union(lane)
	if after.Len() != 1 || NumberCounts(3, after, Ranges{}) || !NumberCounts(6, after, Ranges{}) {
		t.Error("after the seal")
	}
	for _, n := range []uint64{0, MaxNumber + 1, math.MaxUint64} {
		if NumberCounts(n, Ranges{}, Ranges{}) {
			t.Errorf("%d counts", n)
		}
	}
	if !NumberCounts(MaxNumber, sealed, lane) || NumberCounts(MaxNumber, sealed, rangesOf(t, MaxNumber)) {
		t.Error("the last number")
	}
}

// opening-in-2100: who seals and claims the year 2100 (or 1970) moves the group's
// time by ten years at most. Everybody goes on writing, what is written later
// wins, and the next openings need not claim anything to be taken.
func TestAttackOpeningIn2100(t *testing.T) {
	day := func(y int) uint64 { return FromMillis(time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()) }
	now, opening := day(2026), day(2026)
	year := func(at uint64) int { return time.UnixMilli(Millis(at)).UTC().Year() }
	stamp := Stamp{NextTime(now, 0, opening), 0, device(1), 1}
	for n, claimed := range []uint64{day(2100), now, now, day(1970), math.MaxUint64, now} {
		next := OpeningTime(claimed, opening)
		if next <= opening || year(next) > year(opening)+10 {
			t.Fatalf("%d claims %d: %d after %d", n, year(claimed), year(next), year(opening))
		}
		opening = next
		tx := Transaction{Number: uint64(n + 2), Time: NextTime(now, 0, opening)}
		if err := CheckTime(&tx, 0, opening); err != nil {
			t.Fatalf("an honest clock in the epoch that claims %d: %v", year(claimed), err)
		}
		if later := tx.Stamp(device(0)); !stamp.Lower(opening).Less(later) {
			t.Fatalf("%v does not win over %v", later, stamp)
		} else {
			stamp = later
		}
	}
	if y := year(opening); y > 2046 {
		t.Errorf("two lies brought the group to %d", y)
	}
}

// Whatever is claimed, openings ascend, each by Leap at most, and are as
// claimed wherever that can be.
func TestOpeningsAscend(t *testing.T) {
	for _, c := range []struct{ claimed, before, want uint64 }{
		{0, 0, 1},
		{5, 5, 6},
		{7, 5, 7},
		{5 + Leap, 5, 5 + Leap},
		{6 + Leap, 5, 5 + Leap},
		{math.MaxUint64, 5, 5 + Leap},
		{0, MaxTime - 1, MaxTime},
		{0, MaxTime, MaxTime},
	} {
		if got := OpeningTime(c.claimed, c.before); got != c.want {
			t.Errorf("%d after %d: %d, want %d", c.claimed, c.before, got, c.want)
		}
	}
}
