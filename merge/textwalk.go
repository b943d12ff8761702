package merge

import "slices"

// textWalker replays events of a text in any order that respects causality. It
// keeps two versions of the same items: the prepare version, in which the
// position of the next event means something, and the effect version, in which
// all events so far have happened.
//
// Source: Gentle, Kleppmann: Collaborative Text Editing with Eg-walker
// (EuroSys 2025), with the order of FugueMax (Weidner, Kleppmann: The Art of
// the Fugue, arXiv 2305.00583) as in integrate.
type textWalker struct {
	graph *textGraph
	log   *textLog
	lanes *textLanes

	tree    textTree
	targets []textTarget
	at      []int32 // the prepare version
	base    int32   // see reset
	next    int32   // the first event that the tree does not have

	inA, inB []textRange
	work     int // events undone, redone and applied
}

// textTarget says which items a run of events deletes: item, item+step, …
type textTarget struct{ lv, n, item, step int32 }

// textNothing is the target of an event that is void.
const textNothing int32 = -1

// textSink takes the effects of events, in the effect version.
type textSink interface {
	put(pos int32, text []byte, n int32)
	take(pos, n int32)
}

// reset begins at a version of one event, or at the empty text (-1), which all
// events that follow must have in their past. The text has size code points there.
func (w *textWalker) reset(base, size int32) {
	w.tree.reset(base+1, size)
	w.targets, w.at, w.base, w.next = w.targets[:0], w.at[:0], base, base+1
	if base >= 0 {
		w.at = append(w.at, base)
	}
}

// walk applies the events from … to-1 of one run of the graph, which are the next.
func (w *textWalker) walk(from, to int32, parents []int32, sink textSink) {
	w.prepare(parents)
	w.work += int(to - from)
	for i := w.log.at(from); from < to; i++ {
		stop := min(to, w.log.stop(i))
		op := w.log.part(i, from, stop)
		switch op.kind {
		case textInsert:
			w.insert(&op, sink)
		case textDelete:
			w.delete(op.lv, op.n, op.pos, sink)
		case textErase:
			w.erase(op.lv, op.n, op.pos, sink)
		}
		from = stop
	}
	w.at, w.next = append(w.at[:0], to-1), to
}

// prepare brings the prepare version to the given one.
func (w *textWalker) prepare(version []int32) {
	if slices.Equal(w.at, version) {
		return
	}
	w.inA, w.inB = w.graph.diff(w.at, version, w.inA[:0], w.inB[:0])
	for _, r := range w.inA {
		w.work += int(r.to - r.from)
		w.retreat(r.from, r.to)
	}
	for i := len(w.inB) - 1; i >= 0; i-- {
		w.work += int(w.inB[i].to - w.inB[i].from)
		w.advance(w.inB[i].from, w.inB[i].to)
	}
	w.tree.settle()
}

// retreat undoes events in the prepare version, the latest first: what is
// deleted comes back before it goes.
func (w *textWalker) retreat(from, to int32) {
	for to > from {
		value, start := w.tree.ids.get(to - 1)
		start = max(start, from)
		if value < 0 {
			w.bump(&w.targets[^value], start, to, -1)
		} else {
			w.flip(start, to, value, -1)
		}
		to = start
	}
}

func (w *textWalker) advance(from, to int32) {
	for from < to {
		value, _ := w.tree.ids.get(from)
		if value < 0 {
			t := &w.targets[^value]
			stop := min(to, t.lv+t.n)
			w.bump(t, from, stop, 1)
			from = stop
			continue
		}
		from = w.flip(from, to, value, 1)
	}
}

// flip makes inserted items appear or disappear, as many as lie in one span,
// and says where it stopped.
func (w *textWalker) flip(from, to, leaf, by int32) int32 {
	at := w.tree.within(leaf, from)
	n := min(to-from, w.tree.span(at).n-at.off)
	at = w.tree.isolate(at, n)
	w.tree.span(at).state += by
	w.tree.shift(at.leaf, n*by)
	return from + n
}

// bump counts a part of a run of deletions in or out.
func (w *textWalker) bump(t *textTarget, from, to, by int32) {
	if t.item == textNothing {
		return
	}
	item, n := t.item+(from-t.lv)*t.step, to-from
	if t.step < 0 {
		item -= n - 1
	}
	for n > 0 {
		at := w.tree.find(item)
		k := min(n, w.tree.span(at).n-at.off)
		at = w.tree.isolate(at, k)
		s := w.tree.span(at)
		before := s.prepared()
		s.state += by
		if d := s.prepared() - before; d != 0 {
			w.tree.shift(at.leaf, d)
		}
		item, n = item+k, n-k
	}
}

// target notes what events delete.
func (w *textWalker) target(lv, n, item, step int32) {
	if k := len(w.targets); k > 0 {
		t := &w.targets[k-1]
		if t.lv+t.n == lv && t.step == step && item == t.item+t.n*step && item != textNothing && t.item != textNothing {
			t.n += n
			return
		}
	}
	w.tree.ids.set(lv, ^int32(len(w.targets)))
	w.targets = append(w.targets, textTarget{lv, n, item, step})
}

// delete applies n deletions at one position.
func (w *textWalker) delete(lv, n, pos int32, sink textSink) {
	for n > 0 {
		if pos >= w.tree.prepared {
			w.target(lv, n, textNothing, 0) // void: there is nothing
			return
		}
		at, effect := w.tree.seek(pos)
		k := min(n, w.tree.span(at).n-at.off)
		item := w.tree.span(at).id + at.off
		w.kill(at, k, effect, sink)
		w.target(lv, k, item, 1)
		lv, n = lv+k, n-k
	}
}

// erase applies n deletions at pos, pos-1, …
func (w *textWalker) erase(lv, n, pos int32, sink textSink) {
	if void := min(n, pos-w.tree.prepared+1); void > 0 {
		w.target(lv, void, textNothing, 0)
		lv, n, pos = lv+void, n-void, pos-void
	}
	for n > 0 {
		at, effect := w.tree.seek(pos)
		k := min(n, at.off+1)
		if at.off -= k - 1; !w.tree.span(at).dead {
			effect -= k - 1
		}
		item := w.tree.span(at).id + at.off + k - 1
		w.kill(at, k, effect, sink)
		w.target(lv, k, item, -1)
		lv, n, pos = lv+k, n-k, pos-k
	}
}

// insert applies an insertion.
func (w *textWalker) insert(op *textOp, sink textSink) {
	if op.pos > w.tree.prepared {
		w.target(op.lv, op.n, textNothing, 0) // void, and so is each one after it
		return
	}
	at, left, effect := textAt{}, textBegin, int32(0)
	if op.pos > 0 {
		at, effect = w.tree.seek(op.pos - 1)
		s := w.tree.span(at)
		left = s.id + at.off
		if at.off++; !s.dead {
			effect++
		}
	}
	first, seen, right := w.origin(at)
	if first != seen { // between them lies what the author did not see
		place, passed := w.integrate(first, op.lv, left, right)
		if effect += passed; place != first {
			at = place
		}
	}
	if !w.extend(at, op, left, right) {
		w.tree.insert(at, textSpan{op.lv, op.n, left, right, 1, false})
	}
	if sink != nil {
		sink.put(effect, op.text, op.n)
	}
}

// kill deletes n items of one span.
func (w *textWalker) kill(at textAt, n, effect int32, sink textSink) {
	at = w.tree.isolate(at, n)
	s := w.tree.span(at)
	s.state++
	if s.dead {
		w.tree.add(at.leaf, -n, 0)
		return
	}
	s.dead = true
	w.tree.add(at.leaf, -n, -n)
	if sink != nil {
		sink.take(effect, n)
	}
}

// extend lets a span grow by what follows its last item, if it can.
func (w *textWalker) extend(at textAt, op *textOp, left, right int32) bool {
	if at.off == 0 {
		return false
	}
	s := w.tree.span(at)
	if at.off != s.n || s.id+s.n != op.lv || left != op.lv-1 || s.right != right || s.state != 1 || s.dead {
		return false
	}
	s.n += op.n
	w.tree.add(at.leaf, op.n, op.n)
	return true
}

// origin gives the place right of a gap, and the first item there that is
// inserted in the prepare version: its place and its number, the right origin.
func (w *textWalker) origin(gap textAt) (first, seen textAt, right int32) {
	first, ok := w.tree.right(gap)
	for seen = first; ok; {
		s := w.tree.span(seen)
		if s.state > 0 {
			return first, seen, s.id + seen.off
		}
		seen, ok = w.tree.right(textAt{seen.leaf, seen.i, s.n})
	}
	return first, seen, textEnd
}

// integrate finds the place of an insertion among concurrent ones, which fill
// the places from at on, and how much living text it passes. It is FugueMax in
// the form of Yjs' algorithm with its fault mended: go right past what is
// anchored between our origins; of those with our left origin, stay left of who
// reaches further right, and where both origins agree, of who has the greater name.
func (w *textWalker) integrate(at textAt, lv, left, right int32) (textAt, int32) {
	place, passed, scanned, scanning := at, int32(0), int32(0), false
	for ok := true; ok; {
		s := w.tree.span(at)
		if s.state > 0 || s.left != left && w.leftOf(s.left, left) {
			break
		}
		if s.left == left {
			if s.right == right && w.lanes.less(lv, s.id) {
				break
			}
			scanning = s.right != right && w.leftOf(s.right, right)
		}
		scanned += s.alive()
		at, ok = w.tree.right(textAt{at.leaf, at.i, s.n})
		if !scanning {
			place, passed = at, scanned
		}
	}
	return place, passed
}

// leftOf compares the places of two different origins.
func (w *textWalker) leftOf(a, b int32) bool {
	switch {
	case a == textBegin || b == textEnd:
		return true
	case a == textEnd || b == textBegin:
		return false
	}
	return w.tree.before(w.tree.find(a), w.tree.find(b))
}
