package merge

import (
	"math"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Merge brings the text up to date with all events that were added. Each change
// of the text as it reads is told to emit, if that is not nil, in order; emit
// must leave the text alone.
func (t *Text) Merge(emit func(TextSplice)) { t.merge(math.MaxInt, emit) }

// MergeSome is Merge, but stops once the work is beyond the limit, and says
// whether all is merged. The work is counted in events that are applied, undone
// or redone; a single run of events is never cut. Two devices that write
// for long without having seen each other, in changes that arrive by turns, cost
// work in the square of their number.
func (t *Text) MergeSome(limit int, emit func(TextSplice)) bool {
	t.merge(limit, emit)
	return t.merged == t.log.end
}

func (t *Text) merge(limit int, emit func(TextSplice)) {
	if t.merged == t.log.end {
		return
	}
	t.emit = emit
	first, start := t.graph.at(t.merged), t.work
	t.checkBase()
	t.lowestParents(first)
	for i := first; i < len(t.graph.runs) && t.work-start <= limit; {
		if !t.step(i) {
			i = t.branches(i, limit == math.MaxInt)
			continue
		}
		i++
	}
	t.emit = nil
}

// TextWork says how much work the merges of a device's events took, see MergeSome.
type TextWork struct {
	Device wire.DeviceID
	Work   int
}

// Work tells for each device what its events cost since the text was made or
// loaded, where they did not simply go on from all others.
func (t *Text) Work() (out []TextWork) {
	for i := range t.lanes.lanes {
		out = append(out, TextWork{t.lanes.lanes[i].device, t.lanes.lanes[i].work})
	}
	return out
}

// count puts down the walker's work to the device of an event.
func (t *Text) count(lv int32, w *textWalker) {
	t.lanes.lanes[t.lanes.owners[t.lanes.owner(lv)].lane].work += w.work
	t.work += w.work
	w.work = 0
}

// step applies what is not merged of a run, if that has seen all else.
func (t *Text) step(i int) bool {
	run := &t.graph.runs[i]
	from, parents := t.rest(run, t.merged)
	if !slices.Equal(parents, t.head) {
		return false
	}
	t.follow(from, run.to)
	t.finish(run.to, parents)
	t.merged = run.to
	return true
}

// rest is the part of a run from an event on, and its parents.
func (t *Text) rest(run *textGraphRun, from int32) (int32, []int32) {
	if from <= run.from {
		return run.from, run.parents
	}
	t.before[0] = from - 1
	return from, t.before[:]
}

func (t *Text) finish(to int32, parents []int32) { t.head = advance(t.head, to-1, parents) }

// branches applies the runs from one on, as far as they may be put into another
// order, and says where it stopped: at a run that all later ones build on, or
// after the first.
func (t *Text) branches(i int, all bool) int {
	t.catchUp(t.merged)
	shift, stop := len(t.graph.runs)-len(t.lowest), i+1
	for all && stop < len(t.graph.runs) && t.lowest[stop-shift] < t.graph.runs[stop].from {
		stop++
	}
	for _, k := range t.order.of(&t.graph, i, stop, t.walker.at) {
		run := &t.graph.runs[k]
		from, parents := t.rest(run, t.merged)
		t.walker.walk(from, run.to, parents, t)
		t.count(from, t.walker)
		t.finish(run.to, parents)
	}
	t.merged = t.graph.runs[stop-1].to
	t.walker.next = t.merged
	return stop
}

// Forget drops what makes the next merge of concurrent changes, and questions
// about places and authors, fast. It is made anew when it is needed.
func (t *Text) Forget() { t.walker, t.full = nil, nil }

// follow applies events that have seen all others: their positions are those of
// the text as it reads.
func (t *Text) follow(from, to int32) {
	for i := t.log.at(from); from < to; i++ {
		stop := min(to, t.log.stop(i))
		r, size := &t.log.runs[i], t.rope.len()
		if from == r.lv {
			r.size = size
		}
		op := t.log.part(i, from, stop)
		if !t.direct(&op, size) {
			r.size = -1
		}
		from = stop
	}
}

// direct applies what is not void, and says whether that is all.
func (t *Text) direct(op *textOp, size int32) bool {
	switch op.kind {
	case textInsert:
		if op.pos > size {
			return false
		}
		t.put(op.pos, op.text, op.n)
	case textDelete:
		n := min(op.n, max(size-op.pos, 0))
		if n > 0 {
			t.take(op.pos, n)
		}
		return n == op.n
	case textErase:
		void := min(op.n, max(op.pos-size+1, 0))
		if n := op.n - void; n > 0 {
			t.take(op.pos-op.n+1, n)
		}
		return void == 0
	}
	return true
}

// put and take make the text the sink of its walker.
func (t *Text) put(pos int32, b []byte, n int32) {
	t.rope.insert(pos, b, n)
	if t.emit != nil {
		t.emit(TextSplice{int(pos), 0, string(b)})
	}
}

func (t *Text) take(pos, n int32) {
	t.rope.delete(pos, n)
	if t.emit != nil {
		t.emit(TextSplice{int(pos), int(n), ""})
	}
}

// catchUp lets the walker have all events before the given one. They are in the
// text already.
func (t *Text) catchUp(to int32) {
	base, size := t.base(to)
	if t.walker == nil {
		t.walker = &textWalker{graph: &t.graph, log: &t.log, lanes: &t.lanes}
		t.walker.reset(base, size)
	} else if base >= t.walker.next {
		t.walker.reset(base, size) // what it has is of no more use
	}
	t.replay(t.walker, to)
}

// replay lets a walker have all events before the given one, from its base on.
func (t *Text) replay(w *textWalker, to int32) {
	if w.next >= to {
		return
	}
	for i := t.graph.at(w.next); w.next < to; i++ {
		run := &t.graph.runs[i]
		parents := run.parents
		if w.next > run.from {
			parents = append(t.parents[:0], w.next-1)
		}
		from := w.next
		w.walk(from, min(to, run.to), parents, nil)
		t.count(from, w)
	}
}

// checkBase drops the walker if an event that it does not have builds on one
// before its base.
func (t *Text) checkBase() {
	w := t.walker
	if w == nil || w.base < 0 {
		return
	}
	for i := t.graph.at(w.next); i < len(t.graph.runs); i++ {
		run := &t.graph.runs[i]
		if run.from >= w.next && (len(run.parents) == 0 || run.parents[0] < w.base) {
			t.walker = nil
			return
		}
	}
}

// lowestParents finds for each run from first on the least parent of all runs
// behind it.
func (t *Text) lowestParents(first int) {
	runs := t.graph.runs
	if t.walker != nil {
		first = min(first, t.graph.at(min(t.walker.next, t.merged)))
	} else {
		first = 0
	}
	lowest := slices.Grow(t.lowest[:0], len(runs)-first)[:len(runs)-first]
	least := runs[len(runs)-1].to
	for i := len(runs) - 1; i >= first; i-- {
		lowest[i-first] = least
		if parents := runs[i].parents; len(parents) == 0 {
			least = -1
		} else {
			least = min(least, parents[0])
		}
	}
	t.lowest = lowest
}

// base is the latest event before the given one that has all events before it in
// its past and is in the past of all that follow, whether merged or not: a
// critical version (the paper's section 3.5). It gives the size of the text
// there too. A merge base would not do: an event that the replay meets must
// find all items that its author saw.
func (t *Text) base(before int32) (lv, size int32) {
	first := len(t.graph.runs) - len(t.lowest)
	for i := t.graph.at(before - 1); i >= first && before > 0; i-- {
		run := &t.graph.runs[i]
		if t.walker != nil && run.to <= t.walker.next {
			break
		}
		top := min(run.to, before) - 1
		if top = min(top, t.lowest[i-first]); top < run.from {
			continue
		}
		for k := t.log.at(top); k >= 0 && t.log.runs[k].lv >= run.from; k-- {
			if r := &t.log.runs[k]; r.size >= 0 {
				last := min(top, t.log.stop(k)-1)
				if r.kind == textInsert {
					return last, r.size + last - r.lv + 1
				}
				return last, r.size - (last - r.lv + 1)
			}
		}
	}
	return -1, 0
}
