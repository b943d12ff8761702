package merge

import (
	"fmt"
	"slices"
	"sort"

	"github.com/espace-git/espace-git/internal/wire"
)

// String is the text as it reads.
func (d *TextDoc) String() string {
	d.text.Merge(nil)
	return d.text.String()
}

// Len is the number of code points.
func (d *TextDoc) Len() int {
	d.text.Merge(nil)
	return d.text.Len()
}

// Slice is the text from code point from on, up to to.
func (d *TextDoc) Slice(from, to int) (string, error) {
	d.text.Merge(nil)
	return d.text.Slice(from, to)
}

// Merge tells what changed since the text was read last, in order: each splice
// against the text that the ones before it leave. Who wants to see all changes
// asks after each Apply, before any other method that reads.
func (d *TextDoc) Merge(emit func(TextSplice)) { d.text.Merge(emit) }

// Version names the latest events, ascending; nothing while the text is as the
// epoch started with it.
func (d *TextDoc) Version() []TextID {
	d.text.Merge(nil)
	return slices.DeleteFunc(d.text.Version(), func(id TextID) bool { return id.Device.IsZero() })
}

// Splice is the change of a device by which, at code point pos, del code points
// give way to s. It takes the same time for short and for long texts.
func (d *TextDoc) Splice(author wire.DeviceID, pos, del int, s string) ([]byte, error) {
	return d.Splices(author, TextSplice{pos, del, s})
}

// Splices is the change that makes several splices, each in the text that the
// ones before it leave. It is nil if they change nothing.
func (d *TextDoc) Splices(author wire.DeviceID, splices ...TextSplice) ([]byte, error) {
	size, events := d.Len(), 0
	var ops []TextOp
	for _, s := range splices {
		if s.Pos < 0 || s.Del < 0 || s.Pos > size || s.Del > size-s.Pos {
			return nil, fmt.Errorf("%w: %d code points at %d of %d", ErrTextPosition, s.Del, s.Pos, size)
		}
		n, err := d.text.check(TextOp{Pos: s.Pos, Del: s.Del, Text: s.Text}, 0, 0)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			ops = appendTextOp(ops, TextOp{Pos: s.Pos, Del: s.Del, Text: s.Text})
		}
		size, events = size+n-2*s.Del, events+n
	}
	if len(ops) == 0 {
		return nil, nil
	}
	c := &TextChange{First: d.text.Next(author), Parents: d.Version(), Ops: ops}
	if !d.room(author, c) {
		return nil, ErrTextFull
	}
	return ChangeCell(EncodeTextChange(c))
}

// appendTextOp lets an operation go on with the one before it where that is the
// same as one.
func appendTextOp(ops []TextOp, op TextOp) []TextOp {
	n := len(ops)
	if n == 0 || op.Back {
		return append(ops, op)
	}
	switch last := &ops[n-1]; {
	case op.Del == 0 && !last.Back && last.Text != "" && op.Pos == last.Pos+runes(last.Text):
		last.Text += op.Text
	case last.Text == "" && !last.Back && op.Pos == last.Pos:
		last.Del, last.Text = last.Del+op.Del, op.Text
	default:
		return append(ops, op)
	}
	return ops
}

// TextEvents are the events of a change: the first, and how many.
func TextEvents(author wire.DeviceID, change []byte) (first TextID, n int, err error) {
	c, err := openTextChange(author, change)
	if err != nil {
		return TextID{}, 0, err
	}
	inserts, deletes := c.events()
	return c.First, int(inserts + deletes), nil
}

// Undo is the change of a device that takes back what n events did, from first
// on, whoever made them: what they inserted and still lives is deleted; what they
// alone deleted comes back, as a copy where it was. What others did stays. To
// redo, undo that change. It is nil if nothing is left to take back, and the
// error is ErrTextMissing if the events are not those of this epoch.
func (d *TextDoc) Undo(author wire.DeviceID, first TextID, n int) ([]byte, error) {
	d.text.Merge(nil)
	if next := d.text.Next(first.Device); n < 0 || first.Device.IsZero() || int64(first.Seq)+int64(n) > int64(next.Seq) {
		return nil, fmt.Errorf("%w: %s has made %d", ErrTextMissing, first.Device, next.Seq)
	}
	splices := d.text.undoing(first, int32(n))
	slices.Reverse(splices) // positions further left stay true
	return d.Splices(author, splices...)
}

// Anchor is that of Text. It is good for this epoch; see Follow.
func (d *TextDoc) Anchor(pos int, side TextSide) (TextAnchor, error) {
	d.text.Merge(nil)
	return d.text.Anchor(pos, side)
}

// Position is that of Text.
func (d *TextDoc) Position(a TextAnchor) (int, error) {
	d.text.Merge(nil)
	return d.text.Position(a)
}

// TextRun says who wrote N code points, and when: in whole minutes since 1970.
type TextRun struct {
	Device wire.DeviceID
	Minute uint64
	N      int
}

// Blame says of the whole text who wrote what, in order.
func (d *TextDoc) Blame() []TextRun { return d.runs() }

func (d *TextDoc) runs() (out []TextRun) {
	d.text.Merge(nil)
	if d.text.Events() == d.base.len {
		return slices.Clone(d.base.runs)
	}
	for _, c := range d.text.Blame() {
		if c.First.Device.IsZero() {
			out = d.base.part(out, int(c.First.Seq), c.N)
		} else {
			out = d.authors[c.First.Device].part(out, c)
		}
	}
	return out
}

// part appends the runs of events of one author.
func (a *textAuthor) part(out []TextRun, c TextCredit) []TextRun {
	i := sort.Search(len(a.times), func(i int) bool { return a.times[i].seq > c.First.Seq }) - 1
	for seq, n := c.First.Seq, c.N; n > 0; i++ {
		k := n
		if i+1 < len(a.times) {
			k = min(n, int(a.times[i+1].seq-seq))
		}
		out = appendTextRun(out, TextRun{c.First.Device, a.times[i].minute, k})
		seq, n = seq+uint32(k), n-k
	}
	return out
}

// appendTextRun joins what one device wrote in one minute.
func appendTextRun(runs []TextRun, r TextRun) []TextRun {
	if n := len(runs); n > 0 && runs[n-1].Device == r.Device && runs[n-1].Minute == r.Minute {
		runs[n-1].N += r.N
		return runs
	}
	return append(runs, r)
}

// minuteOf is when a transaction was written, before its time was lowered.
func minuteOf(s Stamp) uint64 { return uint64(Millis(s.before())) / 60_000 }
