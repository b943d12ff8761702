package merge

import (
	"maps"
	"slices"
)

// dotStamps maps names to stamps: a few as a list that ascends, which is what
// honest devices lead to, many in a map, so that a hostile one makes no work in
// the square of what it wrote.
type dotStamps struct {
	few  []dotStamp
	many map[Dot]Stamp
}

type dotStamp struct {
	Dot
	stamp Stamp
}

const fewDots = 16

func (s *dotStamps) find(d Dot) (int, bool) {
	return slices.BinarySearchFunc(s.few, d, func(e dotStamp, d Dot) int { return e.Compare(d) })
}

func (s *dotStamps) len() int { return len(s.few) + len(s.many) }

func (s *dotStamps) get(d Dot) (Stamp, bool) {
	if s.many != nil {
		stamp, ok := s.many[d]
		return stamp, ok
	}
	if i, ok := s.find(d); ok {
		return s.few[i].stamp, true
	}
	return Stamp{}, false
}

func (s *dotStamps) put(d Dot, stamp Stamp) {
	if s.many == nil {
		i, ok := s.find(d)
		switch {
		case ok:
			s.few[i].stamp = stamp
			return
		case len(s.few) < fewDots:
			s.few = slices.Insert(s.few, i, dotStamp{d, stamp})
			return
		}
		s.many = make(map[Dot]Stamp, 2*fewDots)
		for _, e := range s.few {
			s.many[e.Dot] = e.stamp
		}
		s.few = nil
	}
	s.many[d] = stamp
}

func (s *dotStamps) delete(d Dot) {
	if s.many != nil {
		delete(s.many, d)
	} else if i, ok := s.find(d); ok {
		s.few = slices.Delete(s.few, i, i+1)
	}
}

// all are the names in their order, with their stamps. The caller must not change
// them.
func (s *dotStamps) all() []dotStamp {
	if s.many == nil {
		return s.few
	}
	out := make([]dotStamp, 0, len(s.many))
	for _, d := range slices.SortedFunc(maps.Keys(s.many), Dot.Compare) {
		out = append(out, dotStamp{d, s.many[d]})
	}
	return out
}
