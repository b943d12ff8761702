package merge

import "math/bits"

// textIndex maps ranges of numbers to values: only where a range begins is
// stored, as one bit, with the values of each 64 numbers side by side. So a
// change of one range touches one value, and the whole takes about 4 bytes a
// range and 3 bits a number.
type textIndex struct {
	first int32 // number of the first bit
	pages []textPage
	sums  []uint64 // one bit for each page that has a range's begin
	vals  []int32
	free  [7][]int32 // free places in vals, by the logarithm of their size
}

type textPage struct {
	starts uint64
	vals   int32 // offset of its values; there is room for the next power of two
}

func (x *textIndex) reset(first int32) {
	x.first, x.pages, x.sums, x.vals = first, x.pages[:0], x.sums[:0], x.vals[:0]
	for i := range x.free {
		x.free[i] = x.free[i][:0]
	}
}

// set says that a range begins at k, with this value.
func (x *textIndex) set(k, value int32) {
	k -= x.first
	p, bit := int(k>>6), uint64(1)<<(k&63)
	for p >= len(x.pages) {
		x.pages = append(x.pages, textPage{})
	}
	for p>>6 >= len(x.sums) {
		x.sums = append(x.sums, 0)
	}
	page := &x.pages[p]
	rank := int32(bits.OnesCount64(page.starts & (bit - 1)))
	if page.starts&bit != 0 {
		x.vals[page.vals+rank] = value
		return
	}
	n := int32(bits.OnesCount64(page.starts))
	if n == 0 || n&(n-1) == 0 {
		x.grow(page, n)
	}
	copy(x.vals[page.vals+rank+1:page.vals+n+1], x.vals[page.vals+rank:page.vals+n])
	x.vals[page.vals+rank] = value
	page.starts |= bit
	x.sums[p>>6] |= 1 << (p & 63)
}

// grow makes room for more than the n values of a page, a power of two or 0.
func (x *textIndex) grow(page *textPage, n int32) {
	old, class := page.vals, bits.Len32(uint32(n))
	if free := x.free[class]; len(free) > 0 {
		page.vals, x.free[class] = free[len(free)-1], free[:len(free)-1]
	} else {
		page.vals = int32(len(x.vals))
		for range int32(1) << class {
			x.vals = append(x.vals, 0)
		}
	}
	if n > 0 {
		copy(x.vals[page.vals:], x.vals[old:old+n])
		x.free[class-1] = append(x.free[class-1], old)
	}
}

// get is the value of the range that holds k, and where it begins. There must
// be one.
func (x *textIndex) get(k int32) (value, start int32) {
	k -= x.first
	p := int(k >> 6)
	if p >= len(x.pages) {
		p, k = len(x.pages)-1, 63
	}
	below := x.pages[p].starts & (^uint64(0) >> (63 - k&63))
	if below == 0 {
		p = x.before(p)
		below = x.pages[p].starts
	}
	page := &x.pages[p]
	top := 63 - bits.LeadingZeros64(below)
	return x.vals[int(page.vals)+bits.OnesCount64(below)-1], x.first + int32(p<<6+top)
}

// before is the last page before p that has a begin.
func (x *textIndex) before(p int) int {
	s := p >> 6
	below := x.sums[s] & (uint64(1)<<(p&63) - 1)
	for below == 0 {
		s--
		below = x.sums[s]
	}
	return s<<6 + 63 - bits.LeadingZeros64(below)
}
