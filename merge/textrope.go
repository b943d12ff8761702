package merge

import "unicode/utf8"

// Sizes of the rope's parts: a chunk is cut in two when it would grow beyond
// ropeChunk bytes, a block beyond ropeBlock chunks.
const (
	ropeChunk = 1024
	ropeBlock = 64
)

// textRope is the text as it reads: blocks of chunks of UTF-8 with their counts
// of code points. The last edit is held back while edits go on at the same
// place, so that typing costs one visit a run, not one a key.
type textRope struct {
	blocks []ropeNode
	runes  int32 // of blocks
	edit   ropeEdit
}

// ropeLeaf is some UTF-8 with its code points counted.
type ropeLeaf struct {
	runes int32
	of    []byte // has room for ropeChunk bytes
}

// ropeNode is some chunks, never none, with their code points counted.
type ropeNode struct {
	runes int32
	of    []ropeLeaf
}

// ropeEdit is an edit that the blocks do not have yet: from pos on, del code
// points give way to the n of ins.
type ropeEdit struct {
	pos, del, n int32
	ins         []byte
}

func (e *ropeEdit) empty() bool { return e.del == 0 && e.n == 0 }

func (r *textRope) len() int32 { return r.runes + r.edit.n - r.edit.del }

// insert puts n code points before position pos.
func (r *textRope) insert(pos int32, b []byte, n int32) {
	e := &r.edit
	if pos != e.pos+e.n || e.empty() {
		r.flush()
		e.pos = pos
	}
	e.ins = append(e.ins, b...)
	e.n += n
}

// delete takes n code points away from position pos on.
func (r *textRope) delete(pos, n int32) {
	e := &r.edit
	end := e.pos + e.n
	switch {
	case e.empty() || pos > end || pos+n < end || pos+n > end && pos < end && pos != e.pos:
		r.flush()
		e.pos, e.del = pos, n
	case pos+n == end: // backspace
		k := min(n, e.n)
		e.ins, e.n = cutRunes(e.ins, e.n, k), e.n-k
		e.pos, e.del = e.pos-(n-k), e.del+n-k
	case pos == end: // forward
		e.del += n
	default: // all of ins and more behind it
		e.del += n - e.n
		e.ins, e.n = e.ins[:0], 0
	}
}

// cutRunes takes the last k of b's n code points off.
func cutRunes(b []byte, n, k int32) []byte {
	if int(n) == len(b) {
		return b[:n-k]
	}
	for ; k > 0; k-- {
		_, size := utf8.DecodeLastRune(b)
		b = b[:len(b)-size]
	}
	return b
}

// flush brings the blocks up to date.
func (r *textRope) flush() {
	e := &r.edit
	if e.del > 0 {
		r.cut(e.pos, e.del)
	}
	if e.n > 0 {
		r.put(e.pos, e.ins, e.n)
	}
	e.del, e.n, e.ins = 0, 0, e.ins[:0]
	if cap(e.ins) > 1<<16 {
		e.ins = nil
	}
}

// find gives block, chunk and offset in code points of position pos; at a
// border, the earlier chunk.
func (r *textRope) find(pos int32) (bi, ci int, at int32) {
	for bi < len(r.blocks)-1 && pos > r.blocks[bi].runes {
		pos -= r.blocks[bi].runes
		bi++
	}
	chunks := r.blocks[bi].of
	for ci < len(chunks)-1 && pos > chunks[ci].runes {
		pos -= chunks[ci].runes
		ci++
	}
	return bi, ci, pos
}

func (c *ropeLeaf) ascii() bool { return int(c.runes) == len(c.of) }

// offset is where the n-th code point of a chunk begins.
func (c *ropeLeaf) offset(n int32) int32 {
	if c.ascii() {
		return n
	}
	return runeOffset(c.of, n)
}

func (r *textRope) put(pos int32, b []byte, n int32) {
	if len(r.blocks) == 0 {
		r.blocks = []ropeNode{{0, []ropeLeaf{{0, make([]byte, 0, ropeChunk)}}}}
	}
	r.runes += n
	bi, ci, at := r.find(pos)
	c := &r.blocks[bi].of[ci]
	o := c.offset(at)
	if len(c.of)+len(b) <= ropeChunk {
		old := len(c.of)
		c.of = c.of[:old+len(b)]
		copy(c.of[int(o)+len(b):], c.of[o:old])
		copy(c.of[o:], b)
		c.runes += n
		r.blocks[bi].runes += n
		return
	}
	r.replace(bi, ci, chunksOf(c.of[:o], b, c.of[o:]), n)
}

// chunksOf cuts a, b and c, joined, into chunks of about equal length that
// leave room to grow.
func chunksOf(a, b, c []byte) []ropeLeaf {
	all := make([]byte, 0, len(a)+len(b)+len(c))
	all = append(append(append(all, a...), b...), c...)
	count := (len(all) + ropeChunk*3/4 - 1) / (ropeChunk * 3 / 4)
	out := make([]ropeLeaf, 0, count)
	for ; count > 0; count-- {
		n := len(all) / count
		for n < len(all) && !utf8.RuneStart(all[n]) {
			n++
		}
		out = append(out, ropeLeaf{int32(utf8.RuneCount(all[:n])), append(make([]byte, 0, ropeChunk), all[:n]...)})
		all = all[n:]
	}
	return out
}

// replace puts chunks in the place of one; the block has more code points then.
func (r *textRope) replace(bi, ci int, chunks []ropeLeaf, more int32) {
	old := r.blocks[bi].of
	all := make([]ropeLeaf, 0, len(old)+len(chunks)+ropeBlock/4)
	all = append(append(append(all, old[:ci]...), chunks...), old[ci+1:]...)
	if len(all) <= ropeBlock {
		r.blocks[bi] = ropeNode{r.blocks[bi].runes + more, all}
		return
	}
	var blocks []ropeNode
	for count := (len(all) + ropeBlock*3/4 - 1) / (ropeBlock * 3 / 4); count > 0; count-- {
		n := len(all) / count
		block := ropeNode{0, append(make([]ropeLeaf, 0, ropeBlock), all[:n]...)}
		for _, c := range block.of {
			block.runes += c.runes
		}
		blocks, all = append(blocks, block), all[n:]
	}
	r.blocks = append(r.blocks[:bi:bi], append(blocks, r.blocks[bi+1:]...)...)
}

// cut deletes from the blocks.
func (r *textRope) cut(pos, n int32) {
	r.runes -= n
	bi, ci, at := r.find(pos)
	for n > 0 {
		block := &r.blocks[bi]
		c := &block.of[ci]
		k := min(n, c.runes-at)
		c.remove(at, k)
		block.runes, n, at = block.runes-k, n-k, 0
		if c.runes == 0 && len(block.of) > 1 {
			block.of = append(block.of[:ci], block.of[ci+1:]...)
		} else if n > 0 {
			ci++
		}
		if ci < len(block.of) {
			continue
		}
		if bi, ci = bi+1, 0; block.runes == 0 && len(r.blocks) > 1 {
			bi--
			r.blocks = append(r.blocks[:bi], r.blocks[bi+1:]...)
		}
	}
	if bi < len(r.blocks) {
		r.blocks[bi].join(ci)
	}
}

func (c *ropeLeaf) remove(at, n int32) {
	from := c.offset(at)
	to := from + n
	if !c.ascii() {
		to = from + runeOffset(c.of[from:], n)
	}
	c.of = append(c.of[:from], c.of[to:]...)
	c.runes -= n
}

// join puts a chunk that became small together with the one after it.
func (b *ropeNode) join(ci int) {
	if ci+1 >= len(b.of) || len(b.of[ci].of)+len(b.of[ci+1].of) > ropeChunk/2 {
		return
	}
	c, next := &b.of[ci], &b.of[ci+1]
	c.of = append(c.of, next.of...)
	c.runes += next.runes
	b.of = append(b.of[:ci+1], b.of[ci+2:]...)
}

// appendTo appends the text.
func (r *textRope) appendTo(b []byte) []byte {
	r.flush()
	for i := range r.blocks {
		for j := range r.blocks[i].of {
			b = append(b, r.blocks[i].of[j].of...)
		}
	}
	return b
}

// appendPart appends n code points from position pos on.
func (r *textRope) appendPart(b []byte, pos, n int32) []byte {
	r.flush()
	if n <= 0 {
		return b
	}
	bi, ci, at := r.find(pos)
	for n > 0 {
		c := &r.blocks[bi].of[ci]
		k := min(n, c.runes-at)
		from := c.offset(at)
		to := from + k
		if !c.ascii() {
			to = from + runeOffset(c.of[from:], k)
		}
		b = append(b, c.of[from:to]...)
		n, at = n-k, 0
		if ci++; ci == len(r.blocks[bi].of) {
			bi, ci = bi+1, 0
		}
	}
	return b
}

// ropeOf is the rope of a valid UTF-8 text.
func ropeOf(s []byte) (r textRope) {
	if len(s) > 0 {
		r.put(0, s, int32(utf8.RuneCount(s)))
	}
	return r
}

// insertString is insert for a string.
func (r *textRope) insertString(pos int32, s string, n int32) {
	e := &r.edit
	if pos != e.pos+e.n || e.empty() {
		r.flush()
		e.pos = pos
	}
	e.ins = append(e.ins, s...)
	e.n += n
}
