package threeway

import (
	"slices"
	"sort"
)

// myers finds the pairs of a longest common subsequence with at most limit edits
// (Myers, "An O(ND) Difference Algorithm", 1986). Of the trace, edit d needs 2d+1
// integers: 32 MB at the limit.
func myers(a, b []int, limit int) ([][2]int, bool) {
	limit = min(limit, len(a)+len(b))
	var trace [][]int32
	prev := []int32{0} // furthest x on diagonal k, at index k+d; before any edit diagonal 0
	x := snake(a, b, 0, 0)
	prev[0] = int32(x)
	for d := 0; ; d++ {
		trace = append(trace, prev)
		if k := len(a) - len(b); k >= -d && k <= d && int(prev[k+d]) >= len(a) {
			return backtrack(a, b, trace), true
		}
		if d == limit {
			return nil, false
		}
		prev = step(a, b, prev, d+1)
	}
}

func snake(a, b []int, x, y int) int {
	for x < len(a) && y < len(b) && a[x] == b[y] {
		x, y = x+1, y+1
	}
	return x
}

// step goes from d-1 edits to d. Diagonals of the other parity hold -1.
func step(a, b []int, prev []int32, d int) []int32 {
	next := make([]int32, 2*d+1)
	for k := -d; k <= d; k++ {
		next[k+d] = -1
	}
	for k := -d; k <= d; k += 2 {
		x := from(prev, d, k)
		if x > len(a) || x-k > len(b) || x-k < 0 {
			continue
		}
		next[k+d] = int32(snake(a, b, x, x-k))
	}
	return next
}

// from is where diagonal k is entered: by a deletion from k-1 or an insertion from k+1,
// whichever is further; -1-ish values mean that neither can be.
func from(prev []int32, d, k int) int {
	at := func(k int) int {
		if i := k + d - 1; i >= 0 && i < len(prev) && prev[i] >= 0 {
			return int(prev[i])
		}
		return -2
	}
	if down, right := at(k+1), at(k-1)+1; down >= 0 && down >= right {
		return down
	} else if right > 0 {
		return right
	}
	return 1 << 30
}

// backtrack walks from the end to the start and collects what was equal.
func backtrack(a, b []int, trace [][]int32) [][2]int {
	var pairs [][2]int
	x, y := len(a), len(b)
	for d := len(trace) - 1; ; d-- {
		start := 0
		if d > 0 {
			start = from(trace[d-1], d, x-y)
		}
		for x > start && y > 0 {
			x, y = x-1, y-1
			pairs = append(pairs, [2]int{x, y})
		}
		if d == 0 {
			break
		}
		if k := x - y; stepsDown(trace[d-1], d, k) {
			y--
		} else {
			x--
		}
	}
	slices.Reverse(pairs)
	return pairs
}

// stepsDown reports whether from chose the insertion.
func stepsDown(prev []int32, d, k int) bool {
	i := k + d
	return i < len(prev) && prev[i] >= 0 && int(prev[i]) == from(prev, d, k)
}

// anchors are the longest ascending run of the elements that occur once in each.
func anchors(a, b []int) [][2]int {
	where := func(v []int) map[int]int {
		m := make(map[int]int, len(v))
		for i, e := range v {
			if _, ok := m[e]; ok {
				m[e] = -1
			} else {
				m[e] = i
			}
		}
		return m
	}
	inA, inB := where(a), where(b)
	var pairs [][2]int
	for i, e := range a {
		if j, ok := inB[e]; ok && j >= 0 && inA[e] >= 0 {
			pairs = append(pairs, [2]int{i, j})
		}
	}
	return ascending(pairs)
}

// ascending is the longest run of pairs whose second numbers ascend (patience sorting).
func ascending(pairs [][2]int) [][2]int {
	var tops []int // of each pile, an index into pairs
	before := make([]int, len(pairs))
	for i, p := range pairs {
		n := sort.Search(len(tops), func(n int) bool { return pairs[tops[n]][1] > p[1] })
		before[i] = -1
		if n > 0 {
			before[i] = tops[n-1]
		}
		if n == len(tops) {
			tops = append(tops, i)
		} else {
			tops[n] = i
		}
	}
	out := make([][2]int, len(tops))
	if len(tops) > 0 {
		for i, n := tops[len(tops)-1], len(tops)-1; n >= 0; i, n = before[i], n-1 {
			out[n] = pairs[i]
		}
	}
	return out
}
