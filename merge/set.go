package merge

import (
	"bytes"
	"iter"
	"maps"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Set is an observed-remove set of scalars: a remove takes the adds that its
// author saw, and an add that it did not see stays (Shapiro et al., A
// comprehensive study of Convergent and Commutative Replicated Data Types,
// INRIA RR-7506, 3.3.5). The same changes give the same set, whatever the order
// and however often they come. The zero value is empty.
type Set struct {
	elements map[string]*presence // by the scalar's bytes
	size     int
}

// SetOp changes one element: the adds that it names go, and with Add a new one
// comes. An add names those that it replaces, so that an element which is added
// again and again has one name, not many.
type SetOp struct {
	Value []byte // a canonical scalar, see EncodeValue
	Add   bool
	Index uint32 // of the new add, which is named by its author's device and transaction
	Saw   []Dot  // ascending; of a remove, at least one
}

// SetChange is what one transaction does to one set.
type SetChange struct{ Ops []SetOp }

// Len is the number of elements.
func (s *Set) Len() int { return s.size }

// Has says whether the scalar is an element.
func (s *Set) Has(value []byte) bool {
	e := s.elements[string(value)]
	return e != nil && e.is()
}

// Adds are the adds that keep an element in the set: who made them, when, and by
// what name they go.
func (s *Set) Adds(value []byte) []Mark {
	if e := s.elements[string(value)]; e != nil {
		return e.adds()
	}
	return nil
}

// Values gives the elements in the order of their bytes.
func (s *Set) Values() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, k := range s.keys() {
			if s.elements[k].is() && !yield([]byte(k)) {
				return
			}
		}
	}
}

func (s *Set) keys() []string { return slices.Sorted(maps.Keys(s.elements)) }

// Add is the operation that adds a scalar; index is one that its author's
// transaction has not used in this set.
func (s *Set) Add(value []byte, index uint32) SetOp {
	return SetOp{bytes.Clone(value), true, index, s.names(value)}
}

// Remove is the operation that removes an element; false if there is none.
func (s *Set) Remove(value []byte) (SetOp, bool) {
	saw := s.names(value)
	return SetOp{Value: bytes.Clone(value), Saw: saw}, len(saw) > 0
}

func (s *Set) names(value []byte) []Dot {
	if e := s.elements[string(value)]; e != nil {
		return e.names()
	}
	return nil
}

// Apply folds a change of the transaction with the given stamp.
func (s *Set) Apply(stamp Stamp, c *SetChange) {
	for i := range c.Ops {
		op := &c.Ops[i]
		e := s.element(op.Value)
		was := e.is()
		e.apply(stamp, op.Add, op.Index, op.Saw)
		s.count(was, e.is())
	}
}

func (s *Set) element(value []byte) *presence {
	e := s.elements[string(value)]
	if e == nil {
		if s.elements == nil {
			s.elements = map[string]*presence{}
		}
		e = new(presence)
		s.elements[string(value)] = e
	}
	return e
}

func (s *Set) count(was, is bool) {
	switch {
	case is && !was:
		s.size++
	case was && !is:
		s.size--
	}
}

// Seal is the set as the epoch with the given opening starts with it: the
// elements with the names of their adds. What was removed leaves nothing.
func (s *Set) Seal(opening uint64) *Set {
	sealed := new(Set)
	for k, e := range s.elements {
		if e.is() {
			*sealed.element([]byte(k)) = e.seal(opening)
			sealed.size++
		}
	}
	return sealed
}

// Refers names the adds that the change's removes depend on: a re-issue waits
// for those that are neither sealed nor in effect. What an add replaces is not
// among them.
func (c *SetChange) Refers() (out []Dot) {
	for i := range c.Ops {
		if !c.Ops[i].Add {
			out = append(out, c.Ops[i].Saw...)
		}
	}
	return out
}

// Reissue is the change of the transaction with the given stamp for the open
// epoch, whose state is given as sealed, with what its author issued again
// before: its adds, and its removes of what is still there. ok is false if
// nothing is left; then nothing is lost.
func (c *SetChange) Reissue(stamp Stamp, sealed *Set) (again *SetChange, ok bool) {
	again = new(SetChange)
	for _, op := range c.Ops {
		e := sealed.elements[string(op.Value)]
		if e == nil {
			e = new(presence)
		}
		op.Saw = e.still(stamp, op.Saw)
		if op.Add || len(op.Saw) > 0 {
			again.Ops = append(again.Ops, op)
		}
	}
	return again, len(again.Ops) > 0
}

// Renumber replaces a transaction's number in what the change names: a device
// whose own transaction gets another number at signing calls it on the later
// ones that wait with it. To 0: the transaction that holds the change.
func (c *SetChange) Renumber(device wire.DeviceID, from, to uint64) {
	for i := range c.Ops {
		renumberAll(c.Ops[i].Saw, device, from, to)
	}
}
