package merge

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// MaxIndex bounds the index of a Dot: an entry has no room for more.
const MaxIndex = 1<<24 - 1

// Dot names what one operation of a document made, for ever: an element added
// to a set, an item of a list, a node of a tree. Seals keep it, and so does a
// re-issue, which keeps its transaction's number.
type Dot struct {
	Device wire.DeviceID
	// Number is that of the transaction on its device. 0, in an operation: the
	// transaction that holds it, whose number is settled at signing.
	Number uint64
	// Index tells apart what one transaction makes in one document. Its author
	// chooses it, and uses it once.
	Index uint32
}

// Compare orders by device, number, index.
func (d Dot) Compare(o Dot) int {
	if c := bytes.Compare(d.Device[:], o.Device[:]); c != 0 {
		return c
	}
	if c := cmp.Compare(d.Number, o.Number); c != 0 {
		return c
	}
	return cmp.Compare(d.Index, o.Index)
}

// IsZero says that there is none: the begin or end of a list, the root of a tree.
func (d Dot) IsZero() bool { return d == Dot{} }

// in is the dot as the transaction with the given stamp means it.
func (d Dot) in(s Stamp) Dot {
	if d.Number == 0 && !d.IsZero() {
		d.Number = s.Number
	}
	return d
}

// renumber gives the dots of one transaction another number.
func (d *Dot) renumber(device wire.DeviceID, from, to uint64) {
	if d.Device == device && d.Number == from && !d.IsZero() {
		d.Number = to
	}
}

func renumberAll(dots []Dot, device wire.DeviceID, from, to uint64) {
	for i := range dots {
		dots[i].renumber(device, from, to)
	}
	slices.SortFunc(dots, Dot.Compare)
}

// Mark orders the writes of documents: by stamp, and within one transaction by
// index. The greatest wins.
type Mark struct {
	Stamp
	Index uint32
}

// Compare is -1, 0 or +1.
func (m Mark) Compare(o Mark) int {
	if c := m.Stamp.Compare(o.Stamp); c != 0 {
		return c
	}
	return cmp.Compare(m.Index, o.Index)
}

// Less says that o wins over m.
func (m Mark) Less(o Mark) bool { return m.Compare(o) < 0 }

// IsZero says that there is none: it is less than every other.
func (m Mark) IsZero() bool { return m == Mark{} }

// Dot names what the write made.
func (m Mark) Dot() Dot { return Dot{m.Device, m.Number, m.Index} }

// Lower is what m counts as after a seal, see Stamp.Lower.
func (m Mark) Lower(opening uint64) Mark {
	m.Stamp = m.Stamp.Lower(opening)
	return m
}
