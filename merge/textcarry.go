package merge

import (
	"bytes"
	"cmp"
	"slices"
	"sort"

	"github.com/espace-git/espace-git/internal/wire"
)

// A change of a text that no cut covers is issued again by its author, against
// the text of the open epoch. That has other names for the same code points: the
// author looks up where they are. It is a local step, see reissue.go.

// textCarried says where what a text starts with stood in the epoch before. It
// is known to who sealed it, and kept in memory alone.
type textCarried struct {
	known  bool         // base and runs are
	base   string       // with which the epoch before had started
	runs   []TextCredit // names in the epoch before, in order
	moved  []textMoved  // what was issued again since
	first  []TextID     // of each author who issued again: the first event of that
	places *textPlaces  // as made last
}

// textMoved says that n events from was on were issued again as those from is on.
type textMoved struct {
	was, is TextID
	n       int
}

// textPlaces translates items of an old text to those of a new one.
type textPlaces struct {
	old    *TextDoc
	events int         // of old
	order  []textRange // items of old in their order, dead or alive
	rank   []int32     // places in order, ascending by item
	in     []textIn    // ascending by lv
	// guessed: by comparing the texts, so that an item may be there under
	// another name.
	guessed bool
}

// textIn says that n items from lv on are those from id on in the new text.
type textIn struct {
	lv, n int32
	id    TextID
}

func carriedOf(d *TextDoc) textCarried {
	return textCarried{known: true, base: d.base.text, runs: d.text.Blame()}
}

// placesOf is the translation from an old text to d.
func (d *TextDoc) placesOf(old *TextDoc) *textPlaces {
	if p := d.carried.places; p != nil && p.old == old && p.events == old.text.Events() {
		return p
	}
	p := &textPlaces{old: old, events: old.text.Events()}
	tree := &old.text.whole().tree
	for k := int32(0); k >= 0; k = tree.leaves.at(k).next {
		l := tree.leaves.at(k)
		for _, s := range l.span[:l.n] {
			p.rank = append(p.rank, int32(len(p.order)))
			p.order = append(p.order, textRange{s.id, s.id + s.n})
		}
	}
	slices.SortFunc(p.rank, func(a, b int32) int { return cmp.Compare(p.order[a].from, p.order[b].from) })
	if !p.byName(d) {
		p.in = nil
		p.byText(d)
	}
	for _, m := range d.carried.moved {
		if old.text.Has(TextID{m.was.Device, m.was.Seq + uint32(m.n-1)}) {
			p.put(m)
		}
	}
	d.carried.places = p
	return p
}

// byName notes where the base of d stood, if that is known to be in the old text.
func (p *textPlaces) byName(d *TextDoc) bool {
	if d.carried.known && d.carried.base == p.old.base.text && p.named(d.carried.runs, d.base.text) {
		return true
	}
	if d.base.text != p.old.base.text {
		return false
	}
	p.sameEpoch(d)
	return true
}

// sameEpoch notes the events that both texts have: no seal lies between them, or
// one that changed nothing. Those that were issued again have other names.
func (p *textPlaces) sameEpoch(d *TextDoc) {
	p.in = nil
	for i := range p.old.text.lanes.lanes {
		id := p.old.text.lanes.lanes[i].device
		n := min(p.old.text.lanes.next(id), d.text.lanes.next(id))
		for _, first := range d.carried.first {
			if first.Device == id {
				n = min(n, int32(first.Seq))
			}
		}
		p.sameEvents(d, id, n)
	}
	p.sort()
}

// named notes that the base stood where these events inserted it, if the old
// text says so too.
func (p *textPlaces) named(runs []TextCredit, base string) bool {
	p.in = nil
	t, at, rest := &p.old.text, 0, []byte(base)
	for _, r := range runs {
		if r.N > 0 && !t.Has(TextID{r.First.Device, r.First.Seq + uint32(r.N-1)}) {
			return false
		}
		ok := true
		t.lanes.each(r.First, int32(r.N), func(lv, n int32) {
			text := t.inserted(textRange{lv, lv + n})
			if ok = ok && len(text) <= len(rest) && text == string(rest[:len(text)]); ok {
				p.in = append(p.in, textIn{lv, n, TextID{Seq: uint32(at)}})
				at, rest = at+int(n), rest[len(text):]
			}
		})
		if !ok {
			return false
		}
	}
	p.sort()
	return len(rest) == 0
}

// sameEvents notes a device's first events, up to a number, as far as they are
// the same in both texts.
func (p *textPlaces) sameEvents(d *TextDoc, device wire.DeviceID, n int32) {
	for at := (TextID{Device: device}); int32(at.Seq) < n; {
		b := d.text.part(at, n-int32(at.Seq))
		a := p.old.text.part(at, b.n)
		if a.n < b.n {
			b = d.text.part(at, a.n)
		}
		if a.kind != b.kind || !bytes.Equal(a.text, b.text) {
			return
		}
		if a.kind == textInsert {
			p.in = append(p.in, textIn{a.lv, a.n, at})
		}
		at.Seq += uint32(a.n)
	}
}

// part is what an event and those that follow it did, as far as that is one
// operation, up to a number of events.
func (t *Text) part(id TextID, n int32) textOp {
	lv := t.lanes.find(id)
	if o := t.lanes.owner(lv); o+1 < len(t.lanes.owners) {
		n = min(n, t.lanes.owners[o+1].lv-lv)
	}
	i := t.log.at(lv)
	return t.log.part(i, lv, min(lv+n, t.log.stop(i)))
}

// byText compares the texts: first the living items with the base, then, between
// what is the same, the dead ones too, since the base may have them. It is a guess.
func (p *textPlaces) byText(d *TextDoc) {
	p.guessed = true
	w, base := p.old.text.whole(), []rune(d.base.text)
	var all textItems
	for _, r := range p.order {
		all.add(r, p.old.text.inserted(r), w.tree.span(w.tree.find(r.from)).dead)
	}
	var living textItems
	var at []int // of living in all
	for i := range all.lv {
		if !all.dead[i] {
			at = append(at, i)
			living.runes = append(living.runes, all.runes[i])
		}
	}
	item, in := 0, 0 // what comes next
	between := func(toItem, toIn int) {
		for _, s := range sameRunes(all.runes[item:toItem], base[in:toIn]) {
			for k := range s.n {
				p.same(all.lv[item+s.a+k], in+s.b+k)
			}
		}
	}
	for _, s := range sameRunes(living.runes, base) {
		for k := range s.n {
			between(at[s.a+k], s.b+k)
			p.same(all.lv[at[s.a+k]], s.b+k)
			item, in = at[s.a+k]+1, s.b+k+1
		}
	}
	between(len(all.lv), len(base))
	p.sort()
}

// same notes that an item is one of the base.
func (p *textPlaces) same(lv int32, in int) {
	id := TextID{Seq: uint32(in)}
	if n := len(p.in); n > 0 && p.in[n-1].end() == lv && p.in[n-1].next() == id {
		p.in[n-1].n++
		return
	}
	p.in = append(p.in, textIn{lv, 1, id})
}

// textItems are items one by one.
type textItems struct {
	lv    []int32
	runes []rune
	dead  []bool
}

func (t *textItems) add(r textRange, text string, dead bool) {
	for _, c := range text {
		t.lv, t.runes, t.dead = append(t.lv, r.from), append(t.runes, c), append(t.dead, dead)
		r.from++
	}
}

// each visits n events of a device by their local numbers, in runs.
func (t *textLanes) each(first TextID, n int32, visit func(lv, n int32)) {
	for seq := int32(first.Seq); n > 0; {
		lv := t.find(TextID{first.Device, uint32(seq)})
		k, o := n, t.owner(lv)
		if o+1 < len(t.owners) {
			k = min(n, t.owners[o+1].lv-lv)
		}
		visit(lv, k)
		seq, n = seq+k, n-k
	}
}

func (p *textPlaces) sort() {
	slices.SortFunc(p.in, func(a, b textIn) int { return cmp.Compare(a.lv, b.lv) })
}

// put notes what was issued again.
func (p *textPlaces) put(m textMoved) {
	is := m.is
	p.old.text.lanes.each(m.was, int32(m.n), func(lv, n int32) {
		i := sort.Search(len(p.in), func(i int) bool { return p.in[i].lv > lv })
		if i > 0 && p.in[i-1].end() == lv && p.in[i-1].next() == is {
			p.in[i-1].n += n
		} else {
			p.in = slices.Insert(p.in, i, textIn{lv, n, is})
		}
		is.Seq += uint32(n)
	})
}

func (in *textIn) end() int32   { return in.lv + in.n }
func (in *textIn) next() TextID { return TextID{in.id.Device, in.id.Seq + uint32(in.n)} }

// last is the last item of a range that the new text has, as it is called there,
// with the end of what it has, and how many before it are called in a row.
func (p *textPlaces) last(r textRange) (id TextID, end, n int32, ok bool) {
	i := sort.Search(len(p.in), func(i int) bool { return p.in[i].lv >= r.to }) - 1
	if i < 0 || p.in[i].end() <= r.from {
		return TextID{}, 0, 0, false
	}
	in := &p.in[i]
	end = min(in.end(), r.to)
	id = in.id
	id.Seq += uint32(end - 1 - in.lv)
	return id, end, end - max(in.lv, r.from), true
}

// behind is the position behind the nearest living item that stands left of an
// item of the old text, in that.
func (d *TextDoc) behind(p *textPlaces, lv int32) int {
	i := sort.Search(len(p.rank), func(i int) bool { return p.order[p.rank[i]].from > lv }) - 1
	r := textRange{p.order[p.rank[i]].from, lv}
	tree := &d.text.whole().tree
	for k := p.rank[i]; ; r = p.order[k] {
		for r.from < r.to {
			id, end, n, ok := p.last(r)
			if !ok {
				break
			}
			at, ok := d.text.item(id)
			if !ok {
				r.to = end - 1
				continue
			}
			if !tree.span(at).dead {
				return int(tree.effect(at)) + 1
			}
			r.to = end - min(n, at.off+1)
		}
		if k--; k < 0 {
			return 0
		}
	}
}

// item is the place of the item that an event inserted; false if it inserted none.
func (t *Text) item(id TextID) (textAt, bool) {
	tree, lv := &t.whole().tree, t.lanes.find(id)
	if lv < 0 {
		return textAt{}, false
	}
	if value, _ := tree.ids.get(lv); value < 0 {
		return textAt{}, false
	}
	return tree.find(lv), true
}

// Follow gives the anchor in d, which a seal left, for one in the old text of the
// epoch before: at the same code point, or where that would be.
func (d *TextDoc) Follow(old *TextDoc, a TextAnchor) (TextAnchor, error) {
	if _, err := old.Position(a); err != nil || a.Edge {
		return a, err
	}
	p, lv := d.placesOf(old), old.text.lanes.find(a.At)
	d.text.Merge(nil)
	if id, _, _, ok := p.last(textRange{lv, lv + 1}); ok {
		if _, ok = d.text.item(id); ok {
			return TextAnchor{Side: a.Side, At: id}, nil
		}
	}
	return d.Anchor(d.behind(p, lv), a.Side)
}
