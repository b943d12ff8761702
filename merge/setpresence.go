package merge

import "slices"

// presence is there while some add is that no remove took: adding wins. It is a
// join, so an add may come after the remove that names it.
//
// A remove takes only adds with a stamp that is not above its own: what its
// author can have seen (a write that has seen another has the greater stamp,
// DESIGN 8). So nobody removes beforehand what others will add, by guessing
// names.
type presence struct {
	live []Mark  // ascending by name
	dead []grave // ascending by name; none of them is live
}

// grave keeps the greatest remove of one add, which may not have come yet.
type grave struct {
	Dot
	by Stamp
}

func (p *presence) is() bool { return len(p.live) > 0 }

func (p *presence) find(d Dot) (int, bool) {
	return slices.BinarySearchFunc(p.live, d, func(m Mark, d Dot) int { return m.Dot().Compare(d) })
}

func (p *presence) grave(d Dot) (int, bool) {
	return slices.BinarySearchFunc(p.dead, d, func(g grave, d Dot) int { return g.Dot.Compare(d) })
}

func (p *presence) has(d Dot) bool {
	_, ok := p.find(d)
	return ok
}

func (p *presence) add(m Mark) {
	m.Stamp = m.normal()
	if i, ok := p.grave(m.Dot()); ok {
		if !p.dead[i].by.Less(m.Stamp) {
			return
		}
		p.dead = slices.Delete(p.dead, i, i+1) // it was no remove of this
	}
	if i, ok := p.find(m.Dot()); !ok {
		p.live = slices.Insert(p.live, i, m)
	}
}

func (p *presence) remove(d Dot, by Stamp) {
	by = by.normal()
	if i, ok := p.find(d); ok {
		if by.Less(p.live[i].Stamp) {
			return
		}
		p.live = slices.Delete(p.live, i, i+1)
	}
	if i, ok := p.grave(d); ok {
		p.dead[i].by = maxStamp(p.dead[i].by, by)
	} else {
		p.dead = slices.Insert(p.dead, i, grave{d, by})
	}
}

// apply folds one operation of a transaction: removes, then an add.
func (p *presence) apply(stamp Stamp, add bool, index uint32, saw []Dot) {
	for _, d := range saw {
		p.remove(d.in(stamp), stamp)
	}
	if add {
		p.add(Mark{stamp, index})
	}
}

// names are the adds that live.
func (p *presence) names() []Dot {
	out := make([]Dot, len(p.live))
	for i := range p.live {
		out[i] = p.live[i].Dot()
	}
	return out
}

// seal keeps what lives, with its names.
func (p *presence) seal(opening uint64) presence {
	live := slices.Clone(p.live)
	for i := range live {
		live[i] = live[i].Lower(opening)
	}
	return presence{live: live}
}

// still is the part of the names that live, or that the transaction itself makes.
func (p *presence) still(stamp Stamp, saw []Dot) []Dot {
	return slices.DeleteFunc(slices.Clone(saw), func(d Dot) bool {
		d = d.in(stamp)
		return !p.has(d) && (d.Device != stamp.Device || d.Number != stamp.Number)
	})
}

func (w *stateWriter) presence(p *presence) {
	w.uint(uint64(len(p.live)))
	for _, m := range p.live {
		w.mark(m)
	}
	w.uint(uint64(len(p.dead)))
	for _, g := range p.dead {
		w.dot(g.Dot)
		w.mark(Mark{Stamp: g.by})
	}
}

// minStateMark and minStateGrave are the sizes of the smallest, in bytes.
const (
	minStateDot   = 3
	minStateMark  = minStateDot + 2
	minStateGrave = minStateDot + minStateMark
)

func (r *stateReader) presence() (p presence) {
	n := r.count(minStateMark, "names")
	for i := 0; i < n && r.err == nil; i++ {
		m := r.mark()
		if i > 0 && p.live[i-1].Dot().Compare(m.Dot()) >= 0 {
			r.fail("names do not ascend")
		}
		p.live = append(p.live, m)
	}
	n = r.count(minStateGrave, "removed names")
	for i := 0; i < n && r.err == nil; i++ {
		g := grave{r.dot(), r.mark().Stamp}
		if i > 0 && p.dead[i-1].Dot.Compare(g.Dot) >= 0 || p.has(g.Dot) {
			r.fail("removed names do not ascend, or live")
		}
		p.dead = append(p.dead, g)
	}
	return p
}
