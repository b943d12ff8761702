package merge

import "math/bits"

// textIndex maps ranges of numbers to values: only where a range begins is
// stored, as one bit, with the values of each 64 numbers side by side. So a
// change of one range touches one value, and all takes about 4 bytes a range
// and 3 bits a number. Where no range begins in 1024 numbers, as in a long
// deletion of nothing that a hostile device claims, almost nothing is stored.
type textIndex struct {
	first  int32       // number of the first bit
	table  []int32     // for each 1024 numbers, their block and one, or 0
	sums   []uint64    // one bit for each entry of table that is not 0
	blocks []textBlock // of 16 pages
	vals   textValues
	free   [7][]int32 // free places in vals, by the logarithm of their size
}

// textValues holds values in parts, which never move.
type textValues struct {
	parts []*[valuesPart]int32
	n     int32
}

const valuesPart = 1024

// at gives the values from a place on, up to the end of its part.
func (v *textValues) at(k int32) []int32 {
	return v.parts[uint32(k)/valuesPart][uint32(k)%valuesPart:]
}

// add gives a place for n values, all in one part.
func (v *textValues) add(n int32) int32 {
	if v.n%valuesPart+n > valuesPart {
		v.n += valuesPart - v.n%valuesPart
	}
	if int(v.n) == len(v.parts)*valuesPart {
		v.parts = append(v.parts, new([valuesPart]int32))
	}
	v.n += n
	return v.n - n
}

type textBlock struct {
	pages [16]textPage
	have  uint32 // one bit for each page with a begin
}

type textPage struct {
	starts uint64
	vals   int32 // offset of its values; there is room for the next power of two
}

func (x *textIndex) reset(first int32) {
	x.first, x.table, x.sums, x.blocks, x.vals.n = first, x.table[:0], x.sums[:0], x.blocks[:0], 0
	for i := range x.free {
		x.free[i] = x.free[i][:0]
	}
}

// page is the page of a number, made if need be.
func (x *textIndex) page(k int32) *textPage {
	t := int(k >> 10)
	for t >= len(x.table) {
		x.table = append(x.table, 0)
	}
	for t>>6 >= len(x.sums) {
		x.sums = append(x.sums, 0)
	}
	if x.table[t] == 0 {
		x.blocks = append(x.blocks, textBlock{})
		x.table[t] = int32(len(x.blocks))
		x.sums[t>>6] |= 1 << (t & 63)
	}
	b := &x.blocks[x.table[t]-1]
	b.have |= 1 << (k >> 6 & 15)
	return &b.pages[k>>6&15]
}

// set says that a range begins at k, with this value.
func (x *textIndex) set(k, value int32) {
	k -= x.first
	page, bit := x.page(k), uint64(1)<<(k&63)
	rank := int32(bits.OnesCount64(page.starts & (bit - 1)))
	if page.starts&bit != 0 {
		x.vals.at(page.vals)[rank] = value
		return
	}
	n := int32(bits.OnesCount64(page.starts))
	if n == 0 || n&(n-1) == 0 {
		x.grow(page, n)
	}
	vals := x.vals.at(page.vals)
	copy(vals[rank+1:n+1], vals[rank:n])
	vals[rank] = value
	page.starts |= bit
}

// grow makes room for more than the n values of a page, a power of two or 0.
func (x *textIndex) grow(page *textPage, n int32) {
	old, class := page.vals, bits.Len32(uint32(n))
	if free := x.free[class]; len(free) > 0 {
		page.vals, x.free[class] = free[len(free)-1], free[:len(free)-1]
	} else {
		page.vals = x.vals.add(1 << class)
	}
	if n > 0 {
		copy(x.vals.at(page.vals), x.vals.at(old)[:n])
		x.free[class-1] = append(x.free[class-1], old)
	}
}

// get is the value of the range that holds k, and where it begins. There must
// be one.
func (x *textIndex) get(k int32) (value, start int32) {
	k -= x.first
	if t := int(k >> 10); t < len(x.table) && x.table[t] > 0 {
		b := &x.blocks[x.table[t]-1]
		p := k >> 6 & 15
		if below := b.pages[p].starts & (^uint64(0) >> (63 - k&63)); below != 0 {
			return x.value(&b.pages[p], below, k>>6)
		}
		if have := b.have & (1<<p - 1); have != 0 {
			p = int32(bits.Len32(have)) - 1
			return x.value(&b.pages[p], b.pages[p].starts, k>>10<<4+p)
		}
	}
	t := x.before(min(int(k>>10), len(x.table)))
	b := &x.blocks[x.table[t]-1]
	p := int32(bits.Len32(b.have)) - 1
	return x.value(&b.pages[p], b.pages[p].starts, int32(t)<<4+p)
}

// value is that of the last begin among those of the n-th page.
func (x *textIndex) value(page *textPage, starts uint64, n int32) (value, start int32) {
	top := bits.Len64(starts) - 1
	return x.vals.at(page.vals)[bits.OnesCount64(starts)-1], x.first + n<<6 + int32(top)
}

// before is the last entry of the table before one that is not 0.
func (x *textIndex) before(t int) int {
	s := (t - 1) >> 6
	below := x.sums[s] & (^uint64(0) >> (63 - (t-1)&63))
	for below == 0 {
		s--
		below = x.sums[s]
	}
	return s<<6 + bits.Len64(below) - 1
}
