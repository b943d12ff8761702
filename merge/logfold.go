package merge

// Fold keeps what an application's reducer makes of a log, and brings it up to
// date with little work: it keeps some of the states on the way, the nearer to
// the end the denser (about two for each power of two), so that a late entry n
// places before the end costs at most about 2n steps, not a replay from the
// begin.
//
// A log has one Fold, or none and its Changed is asked by somebody else.
type Fold[S any] struct {
	// Step turns a state and an entry into the next state. It must depend on
	// nothing else, and leave the given state as it is: states are kept.
	Step func(S, LogEntry) S
	// Start is the state of the empty log.
	Start S

	kept []keptState[S] // ascending
}

// keptState is the state after the first n entries.
type keptState[S any] struct {
	n     int
	state S
}

// State is the state after all entries, and how many steps it took to get there.
func (f *Fold[S]) State(l *Log) (state S, steps int) {
	from := l.Changed()
	for len(f.kept) > 0 && f.kept[len(f.kept)-1].n > from {
		f.kept = f.kept[:len(f.kept)-1]
	}
	state, n := f.Start, 0
	if k := len(f.kept); k > 0 {
		n, state = f.kept[k-1].n, f.kept[k-1].state
	}
	total := l.Len()
	for i, e := range l.From(n) {
		state = f.Step(state, e)
		steps++
		if i+1 == total || keepAt(i+1, total) {
			f.kept = append(f.kept, keptState[S]{i + 1, state})
		}
	}
	f.thin(total)
	return state, steps
}

// keepAt says whether the state after n of total entries is worth keeping: those
// that are a multiple of a power of two that is about half their distance from
// the end.
func keepAt(n, total int) bool {
	step := 1
	for 4*step <= total-n {
		step *= 2
	}
	return n%step == 0
}

// thin drops the states that lie too dense by now.
func (f *Fold[S]) thin(total int) {
	keep := f.kept[:0]
	for _, k := range f.kept {
		if keepAt(k.n, total) {
			keep = append(keep, k)
		}
	}
	clear(f.kept[len(keep):])
	f.kept = keep
}
