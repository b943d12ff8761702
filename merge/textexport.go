package merge

import "slices"

// Since gives all events that the version has not, in an order in which another
// text can add them. Names in the version that are not known are passed over.
func (t *Text) Since(version []TextID) []TextChange {
	var known []int32
	for _, id := range version {
		if lv := t.lanes.find(id); lv >= 0 {
			known = append(known, lv)
		}
	}
	fresh, _ := t.graph.diff(t.graph.tips(), t.graph.reduce(known), nil, nil)
	var out []TextChange
	for _, r := range slices.Backward(fresh) {
		for r.from < r.to {
			c, stop := t.change(r.from, r.to)
			out = append(out, c)
			r.from = stop
		}
	}
	return out
}

// tips is the version of all events.
func (g *textGraph) tips() []int32 {
	var head []int32
	for i := range g.runs {
		head = advance(head, g.runs[i].to-1, g.runs[i].parents)
	}
	return head
}

// change gives the events from one on, as far as they are one change, and where
// it ends.
func (t *Text) change(from, to int32) (TextChange, int32) {
	run := &t.graph.runs[t.graph.at(from)]
	to = min(to, run.to)
	o := t.lanes.owner(from)
	if o+1 < len(t.lanes.owners) {
		to = min(to, t.lanes.owners[o+1].lv)
	}
	c := TextChange{First: t.lanes.id(from), Parents: t.names(run.parents)}
	if from > run.from {
		c.Parents = t.names([]int32{from - 1})
	}
	for i, lv := t.log.at(from), from; lv < to; i++ {
		stop := min(to, t.log.stop(i))
		c.Ops = append(c.Ops, opOf(t.log.part(i, lv, stop)))
		lv = stop
	}
	return c, to
}

func opOf(op textOp) TextOp {
	switch op.kind {
	case textInsert:
		return TextOp{Pos: int(op.pos), Text: string(op.text)}
	case textErase:
		return TextOp{Pos: int(op.pos), Del: int(op.n), Back: true}
	}
	return TextOp{Pos: int(op.pos), Del: int(op.n)}
}
