package merge

import "slices"

// listOrder is the places of a list in their order, in blocks, so that a place
// is found by its number among those that show, and the other way round, and two
// places are compared, without walking over all of them.
type listOrder struct {
	blocks []*listBlock
	shown  int
}

// listBlock holds up to listBlockSize places, each as 2·number + shows.
type listBlock struct {
	places []int32
	shown  int
	at     int // its own index in blocks
}

const listBlockSize = 512

// begin puts the first place there: the begin of the list, which never shows.
func (o *listOrder) begin() *listBlock {
	o.blocks = []*listBlock{{places: []int32{0}}}
	return o.blocks[0]
}

// index is where the block has a place. The last is asked for most, by those who
// append.
func (b *listBlock) index(place int32) int {
	if last := len(b.places) - 1; b.places[last]>>1 == place {
		return last
	}
	for i, p := range b.places {
		if p>>1 == place {
			return i
		}
	}
	return -1
}

// insertAfter puts a place behind another one.
func (l *List) insertAfter(place, after int32) {
	b := l.places[after].block
	i := b.index(after) + 1
	b.places = slices.Insert(b.places, i, place<<1)
	l.places[place].block = b
	if len(b.places) > listBlockSize {
		l.split(b)
	}
}

func (l *List) split(b *listBlock) {
	half := len(b.places) / 2
	c := &listBlock{places: append(make([]int32, 0, listBlockSize+1), b.places[half:]...)}
	b.places = b.places[:half]
	for _, p := range c.places {
		l.places[p>>1].block = c
		c.shown += int(p & 1)
	}
	b.shown -= c.shown
	o := &l.order
	o.blocks = slices.Insert(o.blocks, b.at+1, c)
	for i := b.at + 1; i < len(o.blocks); i++ {
		o.blocks[i].at = i
	}
}

// show says whether a place shows.
func (l *List) show(place int32, shows bool) {
	b := l.places[place].block
	i := b.index(place)
	if was := b.places[i]&1 == 1; was == shows {
		return
	}
	step := 1
	if !shows {
		step = -1
	}
	b.places[i] ^= 1
	b.shown, l.order.shown = b.shown+step, l.order.shown+step
}

// find is the i-th place that shows, from 0.
func (o *listOrder) find(i int) int32 {
	for _, b := range o.blocks {
		if i >= b.shown {
			i -= b.shown
			continue
		}
		for _, p := range b.places {
			if i -= int(p & 1); i < 0 {
				return p >> 1
			}
		}
	}
	return -1
}

// rank counts the places that show before one.
func (l *List) rank(place int32) (n int) {
	b := l.places[place].block
	for _, before := range l.order.blocks[:b.at] {
		n += before.shown
	}
	for _, p := range b.places[:b.index(place)] {
		n += int(p & 1)
	}
	return n
}

// before says whether a place stands before another; -1 is the end.
func (l *List) before(a, b int32) bool {
	switch {
	case a == b || a < 0:
		return false
	case b < 0:
		return true
	}
	x, y := l.places[a].block, l.places[b].block
	if x != y {
		return x.at < y.at
	}
	return x.index(a) < x.index(b)
}

// next is the place behind one, or -1 for the end.
func (l *List) next(place int32) int32 {
	b := l.places[place].block
	if i := b.index(place) + 1; i < len(b.places) {
		return b.places[i] >> 1
	}
	if b.at+1 < len(l.order.blocks) {
		return l.order.blocks[b.at+1].places[0] >> 1
	}
	return -1
}

// prev is the place before one that is not the begin.
func (l *List) prev(place int32) int32 {
	b := l.places[place].block
	if i := b.index(place); i > 0 {
		return b.places[i-1] >> 1
	}
	before := l.order.blocks[b.at-1].places
	return before[len(before)-1] >> 1
}
