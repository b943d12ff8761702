package merge

import "math"

// textOrder puts runs of the graph into an order in which the prepare version
// moves little: of the runs whose parents are all there it takes the one that is
// nearest to the version after the last, and among equals goes on along a branch.
//
//	storage order   a1 b1 a2 b2 a3 b3 c     each step undoes one run, redoes one
//	this order      a1 a2 a3 b1 b2 b3 c
//
// The paper's order goes along branches only (its section 3.7). With many devices
// that meet at different times, that moves three times as much.
type textOrder struct {
	waits []int32 // for each run, parents that are not in the order yet
	child []int32 // its first child, in links
	links []textLink
	ready []int32
	order []int32
	last  [1]int32 // the version after the last run
	wide  bool     // more than two runs were ready at once
}

type textLink struct{ run, next int32 }

// orderWidth bounds the runs that are compared for each step, the latest ready.
const orderWidth = 12

// of gives the runs first … stop-1 of the graph in such an order, which begins at
// a version. What is kept in o is overwritten by the next call.
func (o *textOrder) of(g *textGraph, first, stop int, at []int32) []int32 {
	o.wide = false
	o.order, o.ready, o.links = o.order[:0], o.ready[:0], append(o.links[:0], textLink{})
	o.waits, o.child = o.waits[:0], o.child[:0]
	for i := first; i < stop; i++ {
		o.waits, o.child = append(o.waits, 0), append(o.child, 0)
	}
	// The later runs first, so that the lists and the stack give the earlier.
	for i := stop - 1; i >= first; i-- {
		for _, p := range g.runs[i].parents {
			if p < g.runs[first].from {
				continue
			}
			k := g.at(p) - first
			o.links = append(o.links, textLink{int32(i - first), o.child[k]})
			o.child[k] = int32(len(o.links) - 1)
			o.waits[i-first]++
		}
		if o.waits[i-first] == 0 {
			o.ready = append(o.ready, int32(i-first))
		}
	}
	for len(o.ready) > 0 {
		k := o.nearest(g, first, at)
		o.order = append(o.order, int32(first)+k)
		o.last[0] = g.runs[first+int(k)].to - 1
		at = o.last[:]
		from := len(o.ready)
		for l := o.child[k]; l != 0; l = o.links[l].next {
			c := o.links[l].run
			if o.waits[c]--; o.waits[c] == 0 {
				o.ready = append(o.ready, c)
			}
		}
		for i, j := from, len(o.ready)-1; i < j; i, j = i+1, j-1 {
			o.ready[i], o.ready[j] = o.ready[j], o.ready[i]
		}
	}
	return o.order
}

// nearest takes the run out of the ready ones that is the nearest to a version.
// As long as there are no more than two branches at a time, it would gain less
// than it costs: then it takes the latest.
func (o *textOrder) nearest(g *textGraph, first int, at []int32) int32 {
	top := len(o.ready) - 1
	best, least := top, int32(math.MaxInt32)
	if o.wide = o.wide || top > 1; !o.wide {
		least = 0
	}
	for i := top; i >= 0 && i > top-orderWidth && least > 0; i-- {
		if d := g.distance(at, g.runs[first+int(o.ready[i])].parents, least); d < least {
			best, least = i, d
		}
	}
	k := o.ready[best]
	o.ready = append(o.ready[:best], o.ready[best+1:]...)
	return k
}
