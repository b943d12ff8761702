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
	live dotStamps // adds
	dead dotStamps // the greatest remove of each add, which may not have come yet
}

func (p *presence) is() bool { return p.live.len() > 0 }

func (p *presence) add(m Mark) {
	d, stamp := m.Dot(), m.normal()
	if by, ok := p.dead.get(d); ok {
		if !by.Less(stamp) {
			return
		}
		p.dead.delete(d) // it was no remove of this
	}
	p.live.put(d, stamp)
}

func (p *presence) remove(d Dot, by Stamp) {
	by = by.normal()
	if stamp, ok := p.live.get(d); ok {
		if by.Less(stamp) {
			return
		}
		p.live.delete(d)
	}
	before, _ := p.dead.get(d)
	p.dead.put(d, maxStamp(before, by))
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

// adds are the adds that live, by name.
func (p *presence) adds() []Mark {
	all := p.live.all()
	if len(all) == 0 {
		return nil
	}
	out := make([]Mark, len(all))
	for i, e := range all {
		out[i] = Mark{e.stamp, e.Index}
	}
	return out
}

// names are the names of the adds that live.
func (p *presence) names() []Dot {
	all := p.live.all()
	out := make([]Dot, len(all))
	for i, e := range all {
		out[i] = e.Dot
	}
	return out
}

// seal keeps what lives, with its names.
func (p *presence) seal(opening uint64) (sealed presence) {
	for _, e := range p.live.all() {
		sealed.live.put(e.Dot, e.stamp.Lower(opening))
	}
	return sealed
}

// still is the part of the names that live, or that the transaction itself makes.
func (p *presence) still(stamp Stamp, saw []Dot) []Dot {
	return slices.DeleteFunc(slices.Clone(saw), func(d Dot) bool {
		d = d.in(stamp)
		_, lives := p.live.get(d)
		return !lives && (d.Device != stamp.Device || d.Number != stamp.Number)
	})
}

func (w *stateWriter) presence(p *presence) {
	w.uint(uint64(p.live.len()))
	for _, e := range p.live.all() {
		w.mark(Mark{e.stamp, e.Index})
	}
	w.uint(uint64(p.dead.len()))
	for _, e := range p.dead.all() {
		w.dot(e.Dot)
		w.mark(Mark{Stamp: e.stamp})
	}
}

// minStateMark and minStateGrave are the sizes of the smallest, in bytes.
const (
	minStateDot   = 3
	minStateMark  = minStateDot + 2
	minStateGrave = minStateDot + minStateMark
)

// presence reads one; names that do not ascend or come twice are found when it
// is printed again.
func (r *stateReader) presence() (p presence) {
	n := r.count(minStateMark, "names")
	for i := 0; i < n && r.err == nil; i++ {
		m := r.mark()
		p.live.put(m.Dot(), m.Stamp)
	}
	n = r.count(minStateGrave, "removed names")
	for i := 0; i < n && r.err == nil; i++ {
		d, by := r.dot(), r.mark().Stamp
		if _, lives := p.live.get(d); lives {
			r.fail("a removed name that lives")
		}
		p.dead.put(d, by)
	}
	return p
}
