package merge

import "slices"

// textRange is a range of local event numbers, end excluded.
type textRange struct{ from, to int32 }

// textGraphRun is a run of events of which each has the one before as its only
// parent; the first has parents of its own.
type textGraphRun struct {
	textRange
	parents []int32 // maximal, ascending; none: the empty text
}

// textGraph is the causal graph of one text. Local event numbers (LV) count the
// events in order of arrival, so every parent is below its child.
//
//	LV   0 1 2 3 4 5 6 7 8
//	     a─a─a─┬─a─a───a─a     runs [0,3) [3,5) parents {2}, [5,7) parents {2},
//	           └─────b─b─┘          [7,9) parents {4,6}
type textGraph struct {
	runs  []textGraphRun
	queue []textTip // of diff
}

// textTip is a version's event on its way back in time.
type textTip struct {
	lv   int32
	side uint8 // onlyA, onlyB or both
}

const (
	onlyA uint8 = 1
	onlyB uint8 = 2
)

func (g *textGraph) len() int32 {
	if n := len(g.runs); n > 0 {
		return g.runs[n-1].to
	}
	return 0
}

// push adds n events, the first with the given parents, and says whether a new
// run was begun. It keeps a copy of parents.
func (g *textGraph) push(n int32, parents []int32) bool {
	next := g.len()
	if next > 0 && len(parents) == 1 && parents[0] == next-1 {
		g.runs[len(g.runs)-1].to += n
		return false
	}
	g.runs = append(g.runs, textGraphRun{textRange{next, next + n}, slices.Clone(parents)})
	return true
}

// at is the index of the run that holds lv.
func (g *textGraph) at(lv int32) int {
	lo, hi := 0, len(g.runs)
	if hi > 8 && g.runs[hi-8].from <= lv {
		lo = hi - 8 // most questions are about recent events
	}
	for hi-lo > 1 {
		if mid := int(uint(lo+hi) / 2); g.runs[mid].from <= lv {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// advance is the version after a run that ends with last and whose first event
// has the given parents. It reuses head.
func advance(head []int32, last int32, parents []int32) []int32 {
	keep := head[:0]
	for _, lv := range head {
		if !slices.Contains(parents, lv) {
			keep = append(keep, lv)
		}
	}
	keep = append(keep, last)
	for i := len(keep) - 1; i > 0 && keep[i] < keep[i-1]; i-- {
		keep[i], keep[i-1] = keep[i-1], keep[i]
	}
	return keep
}

// diff gives the events that only a has and those that only b has, each as
// ranges in descending order. The slices are appended to.
func (g *textGraph) diff(a, b []int32, inA, inB []textRange) ([]textRange, []textRange) {
	q, open := g.queue[:0], 0 // open: tips that are not in both
	add := func(lv int32, side uint8) {
		i := behind(q, lv)
		if i > 0 && q[i-1].lv == lv {
			if old := q[i-1].side; old|side != old {
				q[i-1].side, open = onlyA|onlyB, open-openTip(old)
			}
			return
		}
		q, open = slices.Insert(q, i, textTip{lv, side}), open+openTip(side)
	}
	for _, lv := range a {
		add(lv, onlyA)
	}
	for _, lv := range b {
		add(lv, onlyB)
	}
	emit := func(side uint8, from, to int32) {
		switch {
		case from >= to:
		case side == onlyA:
			inA = append(inA, textRange{from, to})
		case side == onlyB:
			inB = append(inB, textRange{from, to})
		}
	}
	for open > 0 {
		tip := q[len(q)-1]
		q, open = q[:len(q)-1], open-openTip(tip.side)
		run := &g.runs[g.at(tip.lv)]
		// Other tips in the same run: from the lower one on, it is in both.
		for len(q) > 0 && q[len(q)-1].lv >= run.from {
			other := q[len(q)-1]
			q, open = q[:len(q)-1], open-openTip(other.side)
			if other.side|tip.side != tip.side {
				emit(tip.side, other.lv+1, tip.lv+1)
				tip = textTip{other.lv, other.side | tip.side}
			}
		}
		emit(tip.side, run.from, tip.lv+1)
		for _, p := range run.parents {
			add(p, tip.side)
		}
	}
	g.queue = q
	return inA, inB
}

// distance counts the events that one version has and the other has not, or
// gives the bound if they are no fewer.
func (g *textGraph) distance(a, b []int32, bound int32) int32 {
	if slices.Equal(a, b) {
		return 0
	}
	q, open, sum := g.queue[:0], 0, int32(0)
	for _, lv := range a {
		q, open = joinTip(q, open, textTip{lv, onlyA})
	}
	for _, lv := range b {
		q, open = joinTip(q, open, textTip{lv, onlyB})
	}
	for open > 0 && sum < bound {
		tip := q[len(q)-1]
		q, open = q[:len(q)-1], open-openTip(tip.side)
		run := &g.runs[g.at(tip.lv)]
		for len(q) > 0 && q[len(q)-1].lv >= run.from {
			other := q[len(q)-1]
			q, open = q[:len(q)-1], open-openTip(other.side)
			if other.side|tip.side != tip.side {
				sum += (tip.lv - other.lv) * int32(openTip(tip.side))
				tip = textTip{other.lv, other.side | tip.side}
			}
		}
		sum += (tip.lv + 1 - run.from) * int32(openTip(tip.side))
		for _, p := range run.parents {
			q, open = joinTip(q, open, textTip{p, tip.side})
		}
	}
	g.queue = q
	return min(sum, bound)
}

// joinTip puts a tip into the queue of diff; open counts those not in both.
func joinTip(q []textTip, open int, t textTip) ([]textTip, int) {
	i := behind(q, t.lv)
	if i == 0 || q[i-1].lv != t.lv {
		return slices.Insert(q, i, t), open + openTip(t.side)
	}
	old := q[i-1].side
	q[i-1].side |= t.side
	return q, open + openTip(q[i-1].side) - openTip(old)
}

// openTip is 1 for a tip that only one version has.
func openTip(side uint8) int {
	if side == onlyA|onlyB {
		return 0
	}
	return 1
}

// behind is the index behind all tips up to lv.
func behind(q []textTip, lv int32) int {
	lo, hi := 0, len(q)
	for hi > 0 && hi+4 > len(q) { // most belong at the end
		if q[hi-1].lv <= lv {
			return hi
		}
		hi--
	}
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); q[mid].lv <= lv {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// addTip keeps the queue ascending, with one tip for an event.
func addTip(q []textTip, t textTip) []textTip {
	i := behind(q, t.lv)
	if i > 0 && q[i-1].lv == t.lv {
		return q
	}
	return slices.Insert(q, i, t)
}

// contains says whether the version holds the event.
func (g *textGraph) contains(version []int32, lv int32) bool {
	if slices.Contains(version, lv) {
		return true
	}
	q := g.queue[:0]
	for _, v := range version {
		if v > lv {
			q = addTip(q, textTip{v, 0})
		}
	}
	found := false
	for len(q) > 0 && !found {
		tip := q[len(q)-1].lv
		q = q[:len(q)-1]
		run := &g.runs[g.at(tip)]
		if run.from <= lv {
			found = true
		}
		for len(q) > 0 && q[len(q)-1].lv >= run.from {
			q = q[:len(q)-1]
		}
		for _, p := range run.parents {
			if p >= lv && !found {
				found = p == lv
				q = addTip(q, textTip{p, 0})
			}
		}
	}
	g.queue = q[:0]
	return found
}

// reduce sorts the events and drops those that another one has in its past.
func (g *textGraph) reduce(version []int32) []int32 {
	slices.Sort(version)
	version = slices.Compact(version)
	if len(version) < 2 {
		return version
	}
	keep := version[:0:0]
	for i, lv := range version {
		if !g.contains(version[i+1:], lv) {
			keep = append(keep, lv)
		}
	}
	return keep
}
