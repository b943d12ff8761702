package merge

import (
	"errors"
	"fmt"
	"math"
)

// Times are hybrid logical: 48 bits of Unix milliseconds, UTC, and a 16-bit
// counter below them. They fit an int64 until the year 6429 (MaxTime).
const (
	counterBits = 16

	// MaxTime bounds every time: decoders refuse greater ones.
	MaxTime = uint64(math.MaxInt64)
	// Ahead is how far a time may lie after its epoch's opening if nothing in
	// its causal past lies as far: 90 days.
	Ahead = uint64(90*24*3600*1000) << counterBits
	// Leap is how far an opening may lie after the one before: 10 years,
	// counted as 3,652 days.
	Leap = uint64(3652*24*3600*1000) << counterBits
)

// ErrTime says that a transaction's time breaks the bounds of DESIGN 8, so
// that the transaction has no effect.
var ErrTime = errors.New("time out of bounds")

// FromMillis is the first time of a Unix millisecond; out of range it is the
// nearest end.
func FromMillis(ms int64) uint64 {
	const top = int64(MaxTime >> counterBits)
	return uint64(min(max(ms, 0), top)) << counterBits
}

// Millis is the Unix time in milliseconds that t shows, without its counter.
func Millis(t uint64) int64 { return int64(t >> counterBits) }

// NextTime is the time to give to a transaction at signing. now is the device's
// clock, which the caller never lets go back (pass the greatest value used so
// far if it is later); past is the greatest time of a transaction with effect
// in the causal past within the epoch, 0 if there is none; opening is the
// effective time of the epoch's opening. The result passes CheckTime, unless
// past is MaxTime: then no time does.
func NextTime(now, past, opening uint64) uint64 {
	low := add(max(opening, past), 1)
	return min(max(now, low), bound(past, opening))
}

// CheckTime says whether a transaction's time lets it have effect; past and
// opening are as for NextTime. A marked (re-issued) one is bound by the opening
// alone: its time was lowered to it.
func CheckTime(tx *Transaction, past, opening uint64) error {
	if tx.Marked() {
		if tx.Time > opening {
			return fmt.Errorf("re-issued at %d, after the opening %d: %w", tx.Time, opening, ErrTime)
		}
		return nil
	}
	if low := max(opening, past); tx.Time <= low {
		return fmt.Errorf("%d is not after %d, which it has seen: %w", tx.Time, low, ErrTime)
	}
	if high := bound(past, opening); tx.Time > high {
		return fmt.Errorf("%d is dated ahead of %d: %w", tx.Time, high, ErrTime)
	}
	return nil
}

// Observed is how far a device's clock goes on when it meets tx in an epoch
// with the given opening: both times count, so that a seal which lowers what was
// seen turns no clock back, within the bound that holds for everybody.
func Observed(tx *Transaction, opening uint64) uint64 {
	return min(max(tx.Time, tx.Before), add(opening, Ahead))
}

// OpeningTime is what an opening counts as, whatever its author claims: at
// least its predecessor's plus one and at most its predecessor's plus Leap. The
// genesis counts as it claims.
func OpeningTime(claimed, predecessor uint64) uint64 {
	return min(max(claimed, add(predecessor, 1)), add(predecessor, Leap))
}

// bound is the greatest time that is allowed: whoever dates ahead gains one
// race, and those who saw it still come after it.
func bound(past, opening uint64) uint64 { return max(add(opening, Ahead), add(past, 1)) }

// add stays within MaxTime.
func add(t, d uint64) uint64 {
	if t >= MaxTime-d {
		return MaxTime
	}
	return t + d
}
