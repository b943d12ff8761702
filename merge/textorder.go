package merge

// textOrder puts runs of the graph into an order in which the prepare version
// moves little: along a branch as far as it goes, then along the next.
//
//	storage order   a1 b1 a2 b2 a3 b3 c     each step undoes one run, redoes one
//	this order      a1 a2 a3 b1 b2 b3 c
type textOrder struct {
	waits []int32 // for each run, parents that are not in the order yet
	child []int32 // its first child, in links
	links []textLink
	ready []int32
	order []int32
}

type textLink struct{ run, next int32 }

// of gives the runs first … stop-1 of the graph in such an order. What is kept
// in o is overwritten by the next call.
func (o *textOrder) of(g *textGraph, first, stop int) []int32 {
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
		k := o.ready[len(o.ready)-1]
		o.ready = o.ready[:len(o.ready)-1]
		o.order = append(o.order, int32(first)+k)
		at := len(o.ready)
		for l := o.child[k]; l != 0; l = o.links[l].next {
			c := o.links[l].run
			if o.waits[c]--; o.waits[c] == 0 {
				o.ready = append(o.ready, c)
			}
		}
		for i, j := at, len(o.ready)-1; i < j; i, j = i+1, j-1 {
			o.ready[i], o.ready[j] = o.ready[j], o.ready[i]
		}
	}
	return o.order
}
