package merge

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/espace-git/espace-git/internal/wire"
)

// textClaims are what changes say that they do.
type textClaims struct{ inserts, deletes, bytes int64 }

func runes(s string) int { return utf8.RuneCountInString(s) }

// events counts what a change inserts and what it deletes.
func (c *TextChange) events() (inserts, deletes int64) {
	for i := range c.Ops {
		inserts += int64(runes(c.Ops[i].Text))
		deletes += int64(c.Ops[i].Del)
	}
	return inserts, deletes
}

// openTextChange decodes a cell. Beyond what DecodeTextChange asks for, a change
// does something, and names neither the zero device nor its own events as
// parents.
func openTextChange(author wire.DeviceID, cell []byte) (*TextChange, error) {
	c, err := openChange(author, cell, DecodeTextChange)
	if err != nil {
		return nil, err
	}
	inserts, deletes := c.events()
	switch {
	case author.IsZero():
		err = fmt.Errorf("%w: the zero device writes nothing", ErrTextChange)
	case len(c.Ops) == 0:
		err = fmt.Errorf("%w: nothing is changed", ErrTextChange)
	case int64(c.First.Seq)+inserts+deletes > MaxTextEvents:
		err = ErrTextFull
	}
	for _, p := range c.Parents {
		if p.Device.IsZero() || p.Device == author && p.Seq >= c.First.Seq {
			err = fmt.Errorf("%w: %s %d can't be a parent", ErrTextChange, p.Device, p.Seq)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("decoding text change: %w", err)
	}
	return c, nil
}

// bounded says whether a change whose past is here deletes no more, together
// with its author's earlier ones, than was ever inserted in its past and by
// itself. No honest one does: nobody deletes a code point twice. So a text takes
// memory in proportion to what was written, not to what a change claims.
func (d *TextDoc) bounded(a *textAuthor, c *TextChange, inserts, deletes int64) bool {
	past := max(a.past, int64(d.base.len))
	if a.deleted+deletes > past+inserts {
		past = d.past(c.Parents)
	}
	a.past = past + inserts
	return a.deleted+deletes <= a.past
}

// past counts the code points inserted in the past of events.
func (d *TextDoc) past(parents []TextID) int64 {
	known := make([]int32, 0, len(parents))
	for _, id := range parents {
		known = append(known, d.text.lanes.find(id))
	}
	known = d.text.graph.reduce(known)
	beside, _ := d.text.graph.diff(d.text.graph.tips(), known, nil, nil)
	n := d.size
	for _, r := range beside {
		n -= int64(d.text.log.inserts(r))
	}
	return n
}

// inserts counts the events of a range that insert.
func (l *textLog) inserts(r textRange) (n int32) {
	if r.from >= r.to {
		return 0
	}
	for i := l.at(r.from); r.from < r.to; i++ {
		stop := min(r.to, l.stop(i))
		if l.runs[i].kind == textInsert {
			n += stop - r.from
		}
		r.from = stop
	}
	return n
}

// claim notes what a change says that it does, and empties the text of all
// changes if it is too much.
func (d *TextDoc) claim(c *TextChange) {
	a := d.author(c.First.Device)
	more := claimsOf(c)
	a.claims.add(more)
	d.claims.add(more)
	if !d.full && !d.fits() {
		runs, text := d.base.runs, d.base.text
		*d = TextDoc{authors: d.authors, claims: d.claims, full: true, carried: d.carried}
		d.restart(text, runs)
		for _, a := range d.authors {
			*a = textAuthor{claims: a.claims}
		}
	}
}

func claimsOf(c *TextChange) (n textClaims) {
	n.inserts, n.deletes = c.events()
	for i := range c.Ops {
		n.bytes += int64(len(c.Ops[i].Text))
	}
	return n
}

func (c *textClaims) add(o textClaims) {
	c.inserts, c.deletes, c.bytes = c.inserts+o.inserts, c.deletes+o.deletes, c.bytes+o.bytes
}

// fits says whether the changes are no more than a text takes, if no author
// deletes more than what all insert.
func (d *TextDoc) fits() bool {
	inserts := int64(d.base.len) + d.claims.inserts
	if int64(len(d.base.text))+d.claims.bytes > math.MaxInt32 || inserts > MaxTextEvents {
		return false
	}
	if inserts+d.claims.deletes <= MaxTextEvents {
		return true
	}
	for _, a := range d.authors {
		inserts += min(a.claims.deletes, int64(d.base.len)+d.claims.inserts)
	}
	return inserts <= MaxTextEvents
}

// room says whether a change that is about to be made leaves the text far from
// its bounds, so that others' changes, not seen yet, find room too.
func (d *TextDoc) room(author wire.DeviceID, c *TextChange) bool {
	const share = 4
	n := claimsOf(c)
	n.add(d.claims)
	events := int64(d.base.len) + n.inserts + min(n.deletes, int64(d.base.len)+n.inserts)
	return !d.full && events <= MaxTextEvents/share && int64(len(d.base.text))+n.bytes <= math.MaxInt32/share
}
