package merge

import (
	"bytes"
	"compress/flate"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/espace-git/espace-git/internal/wire"
)

// textVersion is the first byte of a saved text. Evolution: another form has
// another first byte; who does not know it refuses.
const textVersion = 1

// SaveText gives a text with its whole history as bytes, merged. It is a
// checkpoint of one replica: events are in the order in which they arrived
// there, so two replicas save the same text as different bytes.
//
//	version, text, dead, devices, graph, kinds, positions     each compressed
//
// What is inserted is stored once: what lives, in the text; what does not, in
// dead, in the order of events. Which is which follows from a replay.
//
//	devices     16 bytes each, by their first event
//	graph       (device, n)… for events of one device, 0-0; then for runs of the
//	            graph (n, parents, distance of each from the run's begin)…
//	kinds       (4·n+kind)… for operations, cut where a run of the graph ends
//	positions   the distance from where the operation before left the cursor…
//
// The error is ErrTextFull if a column is too long.
func SaveText(t *Text) ([]byte, error) { return saveText(t, flate.BestCompression) }

func saveText(t *Text, level int) ([]byte, error) {
	t.Merge(nil)
	text := t.rope.appendTo(nil)
	columns := [][]byte{text, t.dead()}
	for _, c := range t.columns() {
		columns = append(columns, c)
	}
	b := []byte{textVersion}
	for i, c := range columns {
		if len(c) > maxColumn {
			return nil, fmt.Errorf("saving text: %w: column %d has %d bytes", ErrTextFull, i, len(c))
		}
		var dictionary []byte
		if i == 1 {
			dictionary = tailOf(text)
		}
		b = appendPacked(b, c, dictionary, level)
	}
	return b, nil
}

// columns are devices, graph, kinds and positions.
func (t *Text) columns() (c [4]column) {
	for i := range t.lanes.lanes {
		c[0] = append(c[0], t.lanes.lanes[i].device[:]...)
	}
	owners := t.lanes.owners
	for i, o := range owners {
		stop := t.log.end
		if i+1 < len(owners) {
			stop = owners[i+1].lv
		}
		c[1].uint(uint64(o.lane))
		c[1].uint(uint64(stop - o.lv))
	}
	c[1].uint(0)
	c[1].uint(0)
	for i := range t.graph.runs {
		run := &t.graph.runs[i]
		c[1].uint(uint64(run.to - run.from))
		c[1].uint(uint64(len(run.parents)))
		for _, p := range run.parents {
			c[1].uint(uint64(run.from - p))
		}
	}
	cursor := int32(0)
	for i := range t.log.runs {
		r := &t.log.runs[i]
		n := t.log.stop(i) - r.lv
		c[2].uint(uint64(n)<<2 | uint64(r.kind))
		c[3].int(r.pos - cursor)
		cursor = r.cursor(n)
	}
	return c
}

// cursor is where a run of n events leaves it.
func (r *textOpRun) cursor(n int32) int32 {
	switch r.kind {
	case textInsert:
		return r.pos + n
	case textErase:
		return r.pos - n
	}
	return r.pos
}

// whole is a walker that has all merged events since the first. It is kept
// beside the one for merges, which begins as late as it can.
func (t *Text) whole() *textWalker {
	if w := t.walker; t.full == nil && w != nil && w.base < 0 {
		t.replay(w, t.merged)
		return w
	}
	if t.full == nil {
		t.full = &textWalker{graph: &t.graph, log: &t.log, lanes: &t.lanes}
		t.full.reset(-1, 0)
	}
	t.replay(t.full, t.merged)
	return t.full
}

// textLiving is a run of living items and the byte of the text where it begins.
type textLiving struct{ id, n, at int32 }

// living lists the living items by their numbers, given the text.
func (w *textWalker) living(text []byte) (out []textLiving) {
	at := int32(0)
	for k := int32(0); k >= 0; k = w.tree.leaves.at(k).next {
		l := w.tree.leaves.at(k)
		for _, s := range l.span[:l.n] {
			if s.dead {
				continue
			}
			out = append(out, textLiving{s.id, s.n, at})
			at += runeOffset(text[at:], s.n)
		}
	}
	slices.SortFunc(out, func(a, b textLiving) int { return int(a.id - b.id) })
	return out
}

// dead is what was inserted and does not live, in the order of events.
func (t *Text) dead() (out []byte) {
	text := t.rope.appendTo(nil)
	t.insertions(t.whole().living(text), text, func(i int, from, to int32, alive []byte) {
		if alive == nil {
			out = append(out, t.log.text(i, from, to)...)
		}
	})
	return out
}

// insertions visits all inserted code points in the order of events, in parts
// that are alive as a whole, with their text, or dead.
func (t *Text) insertions(living []textLiving, text []byte, visit func(run int, from, to int32, alive []byte)) {
	for i := range t.log.runs {
		if t.log.runs[i].kind != textInsert {
			continue
		}
		for from, stop := t.log.runs[i].lv, t.log.stop(i); from < stop; {
			to := stop
			if len(living) > 0 && living[0].id <= from {
				l := &living[0]
				to = min(l.id+l.n, stop)
				size := runeOffset(text[l.at:], to-from)
				visit(i, from, to, text[l.at:l.at+size])
				if l.n, l.id, l.at = l.n-(to-l.id), to, l.at+size; l.n == 0 {
					living = living[1:]
				}
			} else {
				if len(living) > 0 {
					to = min(to, living[0].id)
				}
				visit(i, from, to, nil)
			}
			from = to
		}
	}
}

// ReadText gives the text alone of what SaveText printed, without looking at
// its history.
func ReadText(b []byte) (string, error) {
	r := columnReader{b: b}
	text := r.savedText()
	if r.err != nil {
		return "", fmt.Errorf("reading saved text: %w", r.err)
	}
	return string(text), nil
}

func (r *columnReader) savedText() []byte {
	if v := r.bytes(1, "version"); r.err == nil && v[0] != textVersion {
		r.fail("version %d", v[0])
	}
	text := r.packed(nil, "text")
	if r.err == nil && !utf8.Valid(text) {
		r.fail("text is not UTF-8")
	}
	return text
}

// LoadText takes what SaveText printed. The columns are printed again and
// compared, so that one history has one form.
func LoadText(b []byte) (*Text, error) {
	r := columnReader{b: b}
	text := r.savedText()
	dead := r.packed(tailOf(text), "dead text")
	var c [4]column
	for i := range c {
		c[i] = r.packed(nil, "column")
	}
	if r.err == nil && (r.more() || !utf8.Valid(dead)) {
		r.fail("dead text is not UTF-8, or something behind it")
	}
	t := new(Text)
	err := r.err
	if err == nil {
		err = t.load(c, text, dead)
	}
	if err != nil {
		return nil, fmt.Errorf("loading text: %w", err)
	}
	return t, nil
}

func (t *Text) load(c [4]column, text, dead []byte) error {
	living := utf8.RuneCount(text)
	if err := t.loadEvents(c, living+utf8.RuneCount(dead)); err != nil {
		return err
	}
	for i, again := range t.columns() {
		if !bytes.Equal(again, c[i]) {
			return fmt.Errorf("%w: column %d is not canonical", wire.ErrMalformed, i)
		}
	}
	t.Merge(nil)
	if t.Len() != living {
		return fmt.Errorf("%w: the history leads to a text of another length", wire.ErrMalformed)
	}
	return t.restore(text, dead)
}

// restore puts the inserted text, which was made up for the replay, in its place.
func (t *Text) restore(text, dead []byte) error {
	content := make([]byte, 0, len(text)+len(dead))
	offsets := make([]int32, len(t.log.runs))
	last := -1
	t.insertions(t.whole().living(text), text, func(i int, from, to int32, alive []byte) {
		for ; last < i; last++ {
			offsets[last+1] = int32(len(content))
		}
		if alive != nil {
			content = append(content, alive...)
			return
		}
		size := runeOffset(dead, to-from)
		content = append(content, dead[:size]...)
		dead = dead[size:]
	})
	for ; last+1 < len(offsets); last++ {
		offsets[last+1] = int32(len(content))
	}
	for i := range t.log.runs {
		t.log.runs[i].text = offsets[i]
	}
	t.log.content, t.rope, t.full = content, ropeOf(text), nil
	return nil
}
