package merge

import (
	"iter"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Log is an application's own operations, in the order of their marks, which is
// the same on every device. Nothing is ever changed or taken out. The zero value
// is empty. Not safe for several goroutines, not even for reading.
//
// What the operations mean is the application's business: its reducer turns a
// state and an operation into the next state. An operation that comes late takes
// its place among the others, so a reducer must go back to before that place:
// see Changed, and Fold, which keeps states to go back to.
type Log struct {
	entries []LogEntry
	late    []LogEntry
	changed int // entries before it are as they were when Changed was last asked
}

// LogEntry is one operation and when it was made, by whom.
type LogEntry struct {
	Mark
	Op []byte // a canonical scalar
}

// LogChange is what one transaction appends to one log: operations with the
// indexes First, First+1, …
type LogChange struct {
	First uint32
	Ops   [][]byte
}

// Apply folds a change of the transaction with the given stamp. One that came
// before is passed over. What it costs to put late entries in their place is
// paid once, when the log is looked at next.
func (l *Log) Apply(stamp Stamp, c *LogChange) {
	stamp = stamp.normal()
	for i, op := range c.Ops {
		e := LogEntry{Mark{stamp, c.First + uint32(i)}, op}
		if n := len(l.entries); len(l.late) == 0 && (n == 0 || l.entries[n-1].Less(e.Mark)) {
			l.entries = append(l.entries, e)
		} else {
			l.late = append(l.late, e)
		}
	}
}

// settle merges the late entries with those that come after them.
func (l *Log) settle() {
	if len(l.late) == 0 {
		return
	}
	slices.SortStableFunc(l.late, func(a, b LogEntry) int { return a.Compare(b.Mark) })
	from := l.find(l.late[0].Mark)
	tail := slices.Clone(l.entries[from:])
	l.entries = l.entries[:from]
	first := -1 // the first entry that was not there
	for _, e := range l.late {
		for len(tail) > 0 && !e.Less(tail[0].Mark) {
			l.entries, tail = append(l.entries, tail[0]), tail[1:]
		}
		if n := len(l.entries); n > 0 && l.entries[n-1].Mark == e.Mark {
			continue
		}
		if first < 0 {
			first = len(l.entries)
		}
		l.entries = append(l.entries, e)
	}
	l.entries, l.late = append(l.entries, tail...), nil
	if first >= 0 {
		l.changed = min(l.changed, first)
	}
}

// find is the place of the first entry that is not less than the mark.
func (l *Log) find(m Mark) int {
	i, _ := slices.BinarySearchFunc(l.entries, m, func(e LogEntry, m Mark) int { return e.Compare(m) })
	return i
}

// Len is the number of entries.
func (l *Log) Len() int {
	l.settle()
	return len(l.entries)
}

// At is the i-th entry, from 0 to Len-1.
func (l *Log) At(i int) LogEntry {
	l.settle()
	return l.entries[i]
}

// From gives the entries from the i-th on.
func (l *Log) From(i int) iter.Seq2[int, LogEntry] {
	l.settle()
	return func(yield func(int, LogEntry) bool) {
		for ; i < len(l.entries); i++ {
			if !yield(i, l.entries[i]) {
				return
			}
		}
	}
}

// Changed is from which entry on the log is another than when Changed was last
// asked: the number of entries that were there then, if all new ones came behind
// them; less, if some came late. A reducer that had folded all entries goes back
// to its state before that entry and folds from there on.
func (l *Log) Changed() int {
	l.settle()
	from := l.changed
	l.changed = len(l.entries)
	return from
}

// Seal is the log as the epoch with the given opening starts with it: all
// entries, in the same order, with marks lowered to the opening.
func (l *Log) Seal(opening uint64) *Log {
	l.settle()
	sealed := &Log{entries: slices.Clone(l.entries)}
	for i := range sealed.entries {
		sealed.entries[i].Mark = sealed.entries[i].Lower(opening)
	}
	return sealed
}

// Reissue is the change for the open epoch: the same. Its entries take their
// place by the lowered stamp, which may lie before sealed ones.
func (c *LogChange) Reissue() *LogChange { return c }

// MarkKeySize is the length of a mark's key.
const MarkKeySize = 8 + 8 + len(wire.DeviceID{}) + 8 + 4

// Key is a mark as bytes whose order is that of the marks, for stores that keep
// each entry of a log by itself: time, time before it was lowered, device,
// number, index, the integers big-endian.
func (m Mark) Key() [MarkKeySize]byte {
	return [MarkKeySize]byte(m.appendKey(make([]byte, 0, MarkKeySize)))
}
