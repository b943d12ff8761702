package merge

import (
	"bytes"
	"cmp"

	"github.com/espace-git/espace-git/internal/wire"
)

// Stamp orders writes: the greatest stamp wins (DESIGN 8). Two different
// transactions never have equal stamps, since a device gives a number once.
type Stamp struct {
	// Time is a hybrid logical time: see time.go for its parts.
	Time uint64
	// Before is the time before it was lowered to an opening. It is never
	// below Time; a smaller value, as in a literal that leaves it out, counts
	// as Time, which means: never lowered.
	Before uint64
	// Device wrote the transaction; its bytes never change, so ties do not
	// depend on names or on arrival.
	Device wire.DeviceID
	// Number is the transaction's number on its device, from 1.
	Number uint64
}

// Compare is -1, 0 or +1 by time, time before lowering, device, number.
func (s Stamp) Compare(o Stamp) int {
	if s.Time != o.Time {
		return cmp.Compare(s.Time, o.Time)
	}
	if c := cmp.Compare(s.before(), o.before()); c != 0 {
		return c
	}
	if c := bytes.Compare(s.Device[:], o.Device[:]); c != 0 {
		return c
	}
	return cmp.Compare(s.Number, o.Number)
}

// Less says that o wins over s.
func (s Stamp) Less(o Stamp) bool { return s.Compare(o) < 0 }

// IsZero says that there is no stamp: numbers begin at 1. The zero stamp is
// less than every other.
func (s Stamp) IsZero() bool { return s == Stamp{} }

// Lower is what s counts as after a seal that opens an epoch at the given time:
// at most the opening. Equal times are then decided by the times before, so a
// write that saw another still beats it.
func (s Stamp) Lower(opening uint64) Stamp {
	s.Before = s.before()
	s.Time = min(s.Time, opening)
	return s
}

func (s Stamp) before() uint64 { return max(s.Before, s.Time) }

// normal gives the one form that is encoded.
func (s Stamp) normal() Stamp {
	s.Before = s.before()
	return s
}

func maxStamp(a, b Stamp) Stamp {
	if a.Less(b) {
		return b
	}
	return a
}
