package merge

import (
	"fmt"
	"slices"
)

// Undo takes back what n events of a device did, from first on, with new events
// of the same device: what they inserted and still lives is deleted; what they
// alone deleted comes back, as a copy where it was. What others did stays. To
// redo, undo the events of the undoing. It gives the first of these and how many
// they are.
func (t *Text) Undo(first TextID, n int) (TextID, int, error) {
	t.Merge(nil)
	next := t.Next(first.Device)
	if n < 0 || int64(first.Seq)+int64(n) > int64(next.Seq) {
		return next, 0, fmt.Errorf("%w: %s has made %d", ErrTextMissing, first.Device, next.Seq)
	}
	edits := t.undoing(first, int32(n))
	for _, e := range slices.Backward(edits) { // positions further left stay true
		if err := t.Edit(first.Device, e.Pos, e.Del, e.Text); err != nil {
			return next, int(t.Next(first.Device).Seq - next.Seq), err
		}
	}
	return next, int(t.Next(first.Device).Seq - next.Seq), nil
}

// undoing lists the splices that undo, by positions in the text as it is.
func (t *Text) undoing(first TextID, n int32) (out []TextSplice) {
	w := t.whole()
	w.prepare(t.head) // so that states count all events
	w.at = append(w.at[:0], t.head...)
	undone := t.lanes.ranges(first, n)
	revived := subtract(w.deletedBy(undone), undone)
	pos := 0
	for k := int32(0); k >= 0; k = w.tree.leaves.at(k).next {
		l := w.tree.leaves.at(k)
		for _, s := range l.span[:l.n] {
			switch {
			case !s.dead:
				for _, r := range overlaps(undone, s.id, s.n) {
					out = append(out, TextSplice{Pos: pos + int(r.from-s.id), Del: int(r.to - r.from)})
				}
				pos += int(s.n)
			case s.state == 2: // deleted by one event
				for _, r := range overlaps(revived, s.id, s.n) {
					out = append(out, TextSplice{Pos: pos, Text: t.inserted(r)})
				}
			}
		}
	}
	return out
}

// ranges are the local numbers of n events of a device, ascending.
func (t *textLanes) ranges(first TextID, n int32) (out []textRange) {
	for seq := int32(first.Seq); n > 0; {
		lv := t.find(TextID{first.Device, uint32(seq)})
		o := t.owner(lv)
		k := n
		if o+1 < len(t.owners) {
			k = min(n, t.owners[o+1].lv-lv)
		}
		out = append(out, textRange{lv, lv + k})
		seq, n = seq+k, n-k
	}
	slices.SortFunc(out, func(a, b textRange) int { return int(a.from - b.from) })
	return out
}

// deletedBy lists the items that events delete, ascending.
func (w *textWalker) deletedBy(events []textRange) (out []textRange) {
	for _, g := range w.targets {
		if g.item == textNothing {
			continue
		}
		for _, r := range overlaps(events, g.lv, g.n) {
			item := g.item + (r.from-g.lv)*g.step
			if g.step < 0 {
				item -= r.to - r.from - 1
			}
			out = append(out, textRange{item, item + r.to - r.from})
		}
	}
	slices.SortFunc(out, func(a, b textRange) int { return int(a.from - b.from) })
	return out
}

// overlaps gives what ascending ranges have in common with n numbers from one on.
func overlaps(ranges []textRange, from, n int32) (out []textRange) {
	i, _ := slices.BinarySearchFunc(ranges, from, func(r textRange, lv int32) int { return int(r.to - 1 - lv) })
	for ; i < len(ranges) && ranges[i].from < from+n; i++ {
		if r := (textRange{max(ranges[i].from, from), min(ranges[i].to, from+n)}); r.from < r.to {
			out = append(out, r)
		}
	}
	return out
}

// subtract leaves out of ascending ranges what others have.
func subtract(ranges, others []textRange) (out []textRange) {
	for _, r := range ranges {
		for _, o := range overlaps(others, r.from, r.to-r.from) {
			if r.from < o.from {
				out = append(out, textRange{r.from, o.from})
			}
			r.from = o.to
		}
		if r.from < r.to {
			out = append(out, r)
		}
	}
	return out
}

// inserted is the text that events inserted.
func (t *Text) inserted(r textRange) string {
	var b []byte
	for i := t.log.at(r.from); r.from < r.to; i++ {
		stop := min(r.to, t.log.stop(i))
		b = append(b, t.log.text(i, r.from, stop)...)
		r.from = stop
	}
	return string(b)
}
