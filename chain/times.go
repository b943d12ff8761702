package chain

// FloorTime is t (Unix seconds) as commits carry it: the last full 10 minutes,
// so that the host learns no more than it sees anyway.
func FloorTime(t int64) int64 {
	if t < 0 {
		return 0
	}
	return min(t, maxTime) / timeStep * timeStep
}

// TimeAfter is the time of a commit made now on a parent dated parent: not
// before it, since git walks commits by date and slows down badly otherwise. A
// parent beyond all bounds (anyone may have pushed it) drags no further than
// the bound.
func TimeAfter(now, parent int64) int64 {
	if parent <= FloorTime(now) {
		return FloorTime(now)
	}
	return FloorTime(min(parent, maxTime-timeStep) + timeStep - 1)
}
