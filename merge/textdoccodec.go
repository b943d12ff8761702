package merge

import (
	"compress/flate"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"unicode/utf8"

	"github.com/espace-git/espace-git/internal/wire"
)

// textBase is what an epoch starts with.
type textBase struct {
	text string
	len  int // code points
	runs []TextRun
	ends []int // of runs, in code points
}

// newTextDoc is a sealed text.
func newTextDoc(text string, runs []TextRun) *TextDoc {
	d := new(TextDoc)
	d.restart(text, runs)
	return d
}

func (d *TextDoc) restart(text string, runs []TextRun) {
	d.base = textBase{text: text, len: runes(text), runs: runs}
	end := 0
	for _, r := range runs {
		end += r.N
		d.base.ends = append(d.base.ends, end)
	}
	d.size = int64(d.base.len)
	if d.base.len > 0 {
		_ = d.text.Add(&TextChange{Ops: []TextOp{{Text: text}}}) // within all bounds: it was a text, or decoded
		d.text.Merge(nil)
	}
}

// last is the last event of the base.
func (b *textBase) last() TextID { return TextID{Seq: uint32(b.len - 1)} }

// part appends the runs of n code points of the base.
func (b *textBase) part(out []TextRun, from, n int) []TextRun {
	for i := sort.SearchInts(b.ends, from+1); n > 0; i++ {
		k := min(n, b.ends[i]-from)
		out = appendTextRun(out, TextRun{b.runs[i].Device, b.runs[i].Minute, k})
		from, n = from+k, n-k
	}
	return out
}

// Encode is that of Document. A sealed text:
//
//	state of documents (spec/documents.md): text, runs, (n, device, minute)…
//
// text is its length and its bytes, minutes are the distance to the run before.
func (d *TextDoc) Encode() ([]byte, error) {
	if !d.sealed() {
		return d.encodeOpen()
	}
	return d.base.encode(), nil
}

func (b *textBase) encode() []byte {
	return encodeState(func(w *stateWriter) {
		w.text(b.text)
		w.uint(uint64(len(b.runs)))
		before := uint64(0)
		for _, r := range b.runs {
			w.uint(uint64(r.N))
			w.device(r.Device)
			w.column = binary.AppendVarint(w.column, int64(r.Minute)-int64(before))
			before = r.Minute
		}
	})
}

const (
	minTextRun = 3
	maxMinute  = (MaxTime >> counterBits) / 60_000
)

func (d *TextDoc) load(b []byte) error {
	if len(b) > 0 && b[0] == textOpenVersion {
		return d.loadOpen(b)
	}
	return d.loadSealed(b)
}

func (d *TextDoc) loadSealed(b []byte) error {
	var base textBase
	err := decodeState("text document", b, base.read, base.encode)
	if err == nil {
		d.restart(base.text, base.runs)
	}
	return err
}

func (b *textBase) read(r *stateReader) {
	text := r.bytes(r.count(1, "text"), "text")
	n := r.count(minTextRun, "runs")
	if r.err == nil && !utf8.Valid(text) {
		r.fail("text is not UTF-8")
	}
	b.text = string(text)
	left := runes(b.text)
	if left > MaxTextEvents {
		r.fail("text is too long")
	}
	minute := uint64(0)
	for i := 0; i < n && r.err == nil; i++ {
		run := r.textRun(left, &minute)
		if k := len(b.runs); k > 0 && b.runs[k-1].Device == run.Device && b.runs[k-1].Minute == run.Minute {
			r.fail("two runs that are one")
		}
		left -= run.N
		b.runs = append(b.runs, run)
	}
	if r.err == nil && left > 0 {
		r.fail("%d code points of nobody", left)
	}
}

func (r *stateReader) textRun(left int, minute *uint64) (run TextRun) {
	run.N = int(r.uint(uint64(left), "run"))
	if i := r.uint(uint64(len(r.devices)), "device"); i < uint64(len(r.devices)) {
		run.Device = r.devices[i]
	}
	step, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail("minute")
		return run
	}
	r.b = r.b[size:]
	*minute += uint64(step)
	if run.Minute = *minute; run.N == 0 || run.Device.IsZero() || run.Minute > maxMinute {
		r.fail("run of nobody, or of no time")
	}
	return run
}

// textOpenVersion is the first byte of a text with changes of an open epoch, for
// this device alone: nothing signs or hashes it, so its form may change with the
// store's version.
//
//	version, base, full, claims, text, authors, author…
//	text      as SaveText; nothing if full
//	author    16 bytes, claims, deleted, past, times, (seq, minute)…,
//	          missing, queue, (minute, change)…
//
// Parts in bytes are a length and the bytes, claims three numbers, missing a
// device and a number.
const textOpenVersion = 2

func (d *TextDoc) encodeOpen() ([]byte, error) {
	w := column{textOpenVersion}
	w.bytes(d.base.encode())
	full, saved := uint64(1), []byte(nil)
	if !d.full {
		var err error
		if saved, err = saveText(&d.text, flate.BestSpeed); err != nil {
			return nil, err
		}
		full = 0
	}
	w.uint(full)
	w.claims(d.claims)
	w.bytes(saved)
	ids := make([]wire.DeviceID, 0, len(d.authors))
	for id := range d.authors {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b wire.DeviceID) int { return TextID{Device: a}.Compare(TextID{Device: b}) })
	w.uint(uint64(len(ids)))
	for _, id := range ids {
		w = append(w, id[:]...)
		d.authors[id].print(&w)
	}
	return w, nil
}

func (c *column) bytes(b []byte) {
	c.uint(uint64(len(b)))
	*c = append(*c, b...)
}

func (c *column) claims(n textClaims) {
	c.uint(uint64(n.inserts))
	c.uint(uint64(n.deletes))
	c.uint(uint64(n.bytes))
}

func (a *textAuthor) print(w *column) {
	w.claims(a.claims)
	w.uint(uint64(a.deleted))
	w.uint(uint64(a.past))
	w.uint(uint64(len(a.times)))
	for _, t := range a.times {
		w.uint(uint64(t.seq))
		w.uint(t.minute)
	}
	*w = append(*w, a.missing.Device[:]...)
	w.uint(uint64(a.missing.Seq))
	w.uint(uint64(len(a.queue)))
	for _, q := range a.queue {
		w.uint(q.minute)
		w.bytes(q.change)
	}
}

func (d *TextDoc) loadOpen(b []byte) error {
	r := columnReader{b: b[1:]}
	base := r.bytes(r.count(1, "base"), "base")
	if r.err == nil && (len(base) == 0 || base[0] != documentVersion) {
		r.fail("base")
	}
	if r.err == nil {
		r.err = d.load(base)
	}
	d.full = r.uint(1, "full") == 1
	d.claims = r.claims()
	saved := r.bytes(r.count(1, "text"), "text")
	n := r.count(len(wire.DeviceID{}), "authors")
	d.authors = make(map[wire.DeviceID]*textAuthor, n)
	for i := 0; i < n && r.err == nil; i++ {
		var id wire.DeviceID
		copy(id[:], r.bytes(len(id), "author"))
		d.authors[id] = r.textAuthor()
		d.waits += len(d.authors[id].queue)
	}
	if r.err == nil && (r.more() || len(d.authors) != n || n == 0) {
		r.fail("authors")
	}
	if r.err == nil && !d.full {
		r.err = d.loadEvents(saved)
	}
	if r.err != nil {
		*d = TextDoc{}
		return fmt.Errorf("decoding text document: %w", r.err)
	}
	return nil
}

// loadEvents takes the events of all, and holds them against the base and the
// authors.
func (d *TextDoc) loadEvents(saved []byte) error {
	t, err := LoadText(saved)
	if err != nil {
		return err
	}
	if int(t.Next(wire.DeviceID{}).Seq) != d.base.len {
		return fmt.Errorf("%w: not the events of this base", wire.ErrMalformed)
	}
	for i := range t.lanes.lanes {
		l := &t.lanes.lanes[i]
		if a := d.authors[l.device]; !l.device.IsZero() && (a == nil || len(a.times) == 0 || a.times[0].seq > 0) {
			return fmt.Errorf("%w: events without an author", wire.ErrMalformed)
		}
	}
	t.Forget() // what it keeps points into t
	d.text, d.size = *t, int64(t.log.inserts(textRange{0, t.log.end}))
	return nil
}

func (r *columnReader) size(what string) int64 { return int64(r.uint(1<<62, what)) }

func (r *columnReader) claims() textClaims {
	return textClaims{r.size("inserts"), r.size("deletes"), r.size("bytes")}
}

func (r *columnReader) textAuthor() *textAuthor {
	a := &textAuthor{claims: r.claims(), deleted: r.size("deleted"), past: r.size("past")}
	n := r.count(2, "times")
	for i := 0; i < n && r.err == nil; i++ {
		t := textTime{uint32(r.uint(MaxTextEvents, "number")), r.uint(maxMinute, "minute")}
		if i > 0 && a.times[i-1].seq >= t.seq {
			r.fail("times do not ascend")
		}
		a.times = append(a.times, t)
	}
	copy(a.missing.Device[:], r.bytes(len(a.missing.Device), "missing"))
	a.missing.Seq = uint32(r.uint(MaxTextEvents, "missing"))
	n = r.count(2, "queue")
	for i := 0; i < n && r.err == nil; i++ {
		q := textQueue{minute: r.uint(maxMinute, "minute")}
		q.change = slices.Clone(r.bytes(r.count(1, "change"), "change"))
		a.queue = append(a.queue, q)
	}
	return a
}
