package merge

import "fmt"

// TextSide says to which neighbour an anchor holds.
type TextSide uint8

const (
	// BeforeAnchor: the anchor holds to the code point left of it; what is
	// inserted at the place comes behind the anchor.
	BeforeAnchor TextSide = iota
	// AfterAnchor: it holds to the code point right of it.
	AfterAnchor
)

// TextAnchor is a place between two code points that lasts while the text
// changes, on every device that has the code point it holds to. If that is
// deleted, the anchor is where it was.
type TextAnchor struct {
	Side TextSide
	// At is the event that inserted the code point. If Edge is set there is
	// none: the anchor is the begin of the text, or with AfterAnchor its end.
	At   TextID
	Edge bool
}

// Anchor gives the anchor for a position of the merged text.
func (t *Text) Anchor(pos int, side TextSide) (TextAnchor, error) {
	if pos < 0 || pos > t.Len() {
		return TextAnchor{}, fmt.Errorf("%w: %d of %d", ErrTextPosition, pos, t.Len())
	}
	if side == BeforeAnchor {
		pos--
	}
	if pos < 0 || pos == t.Len() {
		return TextAnchor{Side: side, Edge: true}, nil
	}
	tree := &t.whole().tree
	at := tree.seekAlive(int32(pos))
	return TextAnchor{Side: side, At: t.lanes.id(tree.span(at).id + at.off)}, nil
}

// Position is where an anchor is in the merged text now. The error is
// ErrTextMissing if the text does not have what it holds to.
func (t *Text) Position(a TextAnchor) (int, error) {
	if a.Edge {
		if a.Side == AfterAnchor {
			return t.Len(), nil
		}
		return 0, nil
	}
	lv := t.lanes.find(a.At)
	if lv < 0 || lv >= t.merged || t.log.runs[t.log.at(lv)].kind != textInsert {
		return 0, fmt.Errorf("%w: no code point was inserted by %s %d", ErrTextMissing, a.At.Device, a.At.Seq)
	}
	tree := &t.whole().tree
	if value, _ := tree.ids.get(lv); value < 0 {
		return 0, fmt.Errorf("%w: %s %d had no effect", ErrTextMissing, a.At.Device, a.At.Seq)
	}
	at := tree.find(lv)
	pos := int(tree.effect(at))
	if a.Side == BeforeAnchor && !tree.span(at).dead {
		pos++
	}
	return pos, nil
}

// seekAlive is the place of the item at a position of the effect version, which
// must be below its length.
func (t *textTree) seekAlive(pos int32) textAt {
	k := t.root
	for range t.height {
		n, i := &t.nodes[k], int32(0)
		for ; pos >= n.alive[i]; i++ {
			pos -= n.alive[i]
		}
		k = n.kid[i]
	}
	l, i := t.leaves.at(k), int32(0)
	for ; pos >= l.span[i].alive(); i++ {
		pos -= l.span[i].alive()
	}
	return textAt{k, i, pos}
}

// effect is the position in the effect version of an item, or where it was.
func (t *textTree) effect(at textAt) (pos int32) {
	l := t.leaves.at(at.leaf)
	for i := range at.i {
		pos += l.span[i].alive()
	}
	if !l.span[at.i].dead {
		pos += at.off
	}
	for kid, k := at.leaf, l.up; k >= 0; kid, k = k, t.nodes[k].up {
		n := &t.nodes[k]
		for i := int32(0); n.kid[i] != kid; i++ {
			pos += n.alive[i]
		}
	}
	return pos
}

// Move gives the position after the splice of a cursor that was at pos. A cursor
// where something is inserted stays before it, and with after set goes behind it.
func (s TextSplice) Move(pos int, after bool) int {
	n := len([]rune(s.Text))
	switch {
	case pos < s.Pos || pos == s.Pos && !after:
		return pos
	case pos <= s.Pos+s.Del:
		if after {
			return s.Pos + n
		}
		return s.Pos
	}
	return pos - s.Del + n
}

// TextCredit says who wrote a part of the text: N code points were inserted by
// First and the events that count on from it.
type TextCredit struct {
	First TextID
	N     int
}

// Blame credits the whole merged text, in order. When it was written is known
// where the events' changes are: in the lanes.
func (t *Text) Blame() (out []TextCredit) {
	tree := &t.whole().tree
	for k := int32(0); k >= 0; k = tree.leaves.at(k).next {
		l := tree.leaves.at(k)
		for _, s := range l.span[:l.n] {
			if !s.dead {
				out = t.credit(out, s.id, s.n)
			}
		}
	}
	return out
}

// credit appends n events from lv on, cut where the device changes.
func (t *Text) credit(out []TextCredit, lv, n int32) []TextCredit {
	for n > 0 {
		i, k := t.lanes.owner(lv), n
		if i+1 < len(t.lanes.owners) {
			k = min(n, t.lanes.owners[i+1].lv-lv)
		}
		id := t.lanes.id(lv)
		if last := len(out) - 1; last >= 0 && out[last].First.Device == id.Device && out[last].First.Seq+uint32(out[last].N) == id.Seq {
			out[last].N += int(k)
		} else {
			out = append(out, TextCredit{id, int(k)})
		}
		lv, n = lv+k, n-k
	}
	return out
}
