package threeway

// A span is a half-open range of elements.
type span struct{ from, to int }

// A hunk replaces old elements with new ones; one of them may be empty.
type hunk struct{ old, new span }

// maxEdits bounds the work of the exact search, O((N+M)·D). Beyond it what differs is
// compared by the elements that occur once on each side, which loses quality, not
// correctness: any alignment gives a valid merge.
const maxEdits = 2000

// diff is how old becomes new: hunks in order, no two of which touch. Elements are
// compared with ==, so callers hand in canonical texts.
func diff(old, new []string) []hunk {
	d := differ{}
	a, b := d.number(old), d.number(new)
	d.keepOld, d.keepNew = make([]bool, len(a)), make([]bool, len(b))
	d.compare(a, b, 0, 0)
	return d.hunks()
}

type differ struct {
	ids              map[string]int
	keepOld, keepNew []bool // part of the common subsequence
}

// number gives equal elements equal numbers: comparing numbers is fast.
func (d *differ) number(v []string) []int {
	if d.ids == nil {
		d.ids = make(map[string]int, len(v))
	}
	out := make([]int, len(v))
	for i, s := range v {
		id, ok := d.ids[s]
		if !ok {
			id = len(d.ids)
			d.ids[s] = id
		}
		out[i] = id
	}
	return out
}

// compare marks the common subsequence of a and b, which begin at i and j.
func (d *differ) compare(a, b []int, i, j int) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		d.keep(i, j)
		a, b, i, j = a[1:], b[1:], i+1, j+1
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
		d.keep(i+len(a), j+len(b))
	}
	if len(a) == 0 || len(b) == 0 {
		return
	}
	if pairs, ok := myers(a, b, maxEdits); ok {
		for _, p := range pairs {
			d.keep(i+p[0], j+p[1])
		}
		return
	}
	d.anchored(a, b, i, j)
}

func (d *differ) keep(i, j int) { d.keepOld[i], d.keepNew[j] = true, true }

// anchored splits at the longest ascending run of elements that occur once in each
// (patience diff, Bram Cohen), and compares what lies between. Where there is none,
// nothing more is common.
func (d *differ) anchored(a, b []int, i, j int) {
	x, y := 0, 0
	for _, p := range anchors(a, b) {
		if p[0] < x || p[1] < y {
			continue // the comparison before went over it
		}
		d.compare(a[x:p[0]], b[y:p[1]], i+x, j+y)
		d.keep(i+p[0], j+p[1])
		x, y = p[0]+1, p[1]+1
	}
	if x > 0 || y > 0 {
		d.compare(a[x:], b[y:], i+x, j+y)
	}
}

// hunks reads the gaps between what is kept.
func (d *differ) hunks() []hunk {
	var out []hunk
	i, j := 0, 0
	for i < len(d.keepOld) || j < len(d.keepNew) {
		h := hunk{span{i, i}, span{j, j}}
		for i < len(d.keepOld) && !d.keepOld[i] {
			i++
		}
		for j < len(d.keepNew) && !d.keepNew[j] {
			j++
		}
		if h.old.to, h.new.to = i, j; h.old.from < i || h.new.from < j {
			out = append(out, h)
		}
		for i < len(d.keepOld) && j < len(d.keepNew) && d.keepOld[i] && d.keepNew[j] {
			i, j = i+1, j+1
		}
	}
	return out
}
