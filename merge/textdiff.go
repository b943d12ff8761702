package merge

import "slices"

// textSame says that n code points from a on in one text are those from b on in
// another.
type textSame struct{ a, b, n int }

// maxTextDiff bounds the insertions and deletions that the search for a shortest
// difference looks for: beyond it what lies between a common begin and a common
// end counts as replaced. So the search takes at most about 4 MB.
const maxTextDiff = 1000

// TextDiff lists splices that make one text of another, each in the text that
// the ones before it leave. It is for texts of which no more is known, as those
// on both sides of a seal.
func TextDiff(from, to string) (out []TextSplice) {
	a, b := []rune(from), []rune(to)
	var atA, atB int
	for _, s := range append(sameRunes(a, b), textSame{len(a), len(b), 0}) {
		if s.a > atA || s.b > atB {
			out = append(out, TextSplice{atB, s.a - atA, string(b[atB:s.b])})
		}
		atA, atB = s.a+s.n, s.b+s.n
	}
	return out
}

// sameRunes lists what two texts have in common, ascending in both.
func sameRunes(a, b []rune) (out []textSame) {
	begin := 0
	for begin < len(a) && begin < len(b) && a[begin] == b[begin] {
		begin++
	}
	end := 0
	for end < len(a)-begin && end < len(b)-begin && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	if begin > 0 {
		out = append(out, textSame{0, 0, begin})
	}
	for _, s := range shortestEdit(a[begin:len(a)-end], b[begin:len(b)-end]) {
		out = append(out, textSame{s.a + begin, s.b + begin, s.n})
	}
	if end > 0 {
		out = append(out, textSame{len(a) - end, len(b) - end, end})
	}
	return out
}

// shortestEdit is the greedy algorithm of Myers: An O(ND) Difference Algorithm
// and Its Variations, Algorithmica 1, 1986. reached[d] holds how far d edits lead
// on each diagonal.
func shortestEdit(a, b []rune) []textSame {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	var reached [][]int32
	last := make([]int32, 2*maxTextDiff+3)
	for d := 0; d <= maxTextDiff; d++ {
		now := make([]int32, 0, d+1)
		for k := -d; k <= d; k += 2 {
			at := maxTextDiff + 1 + k
			x := last[at+1] // one more of b
			if k > -d && (k == d || last[at-1]+1 > x) {
				x = last[at-1] + 1 // one of a less
			}
			for y := int(x) - k; int(x) < len(a) && y < len(b) && y >= 0 && a[x] == b[y]; y++ {
				x++
			}
			now = append(now, x)
			if int(x) >= len(a) && int(x)-k >= len(b) {
				return wayBack(append(reached, now), k)
			}
		}
		for i, x := range now {
			last[maxTextDiff+1-d+2*i] = x
		}
		reached = append(reached, now)
	}
	return nil
}

// wayBack lists what was in common on the way to diagonal k.
func wayBack(reached [][]int32, k int) (out []textSame) {
	for d := len(reached) - 1; d >= 0; d-- {
		x := int(reached[d][(k+d)/2])
		from, next := 0, k
		if d > 0 {
			before := func(k int) (int, bool) {
				if k < -(d-1) || k > d-1 {
					return 0, false
				}
				return int(reached[d-1][(k+d-1)/2]), true
			}
			down, okDown := before(k + 1)
			right, okRight := before(k - 1)
			if from, next = down, k+1; okRight && (!okDown || right+1 > down) {
				from, next = right+1, k-1
			}
		}
		if x > from {
			out = append(out, textSame{from, from - k, x - from})
		}
		k = next
	}
	slices.Reverse(out)
	return out
}
