package merge

import (
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// TextDoc is a text as a document: what the epoch starts with, and this epoch's
// changes. The first is the insertion of the zero device, which no author can
// name; all changes have it in their past. Of it is known who wrote what, to the
// minute.
//
// A device's changes have effect in the order in which it made them, each behind
// the one before: the number of its first event goes on from there. A change that
// names others' events which are not here waits, with all later ones of its
// author, so that it does not matter what came first.
//
// Methods that make a change do not apply it. It must be applied before the next
// one is made, and a transaction's own changes in their order.
type TextDoc struct {
	text    Text
	base    textBase
	authors map[wire.DeviceID]*textAuthor
	waits   int   // changes that wait
	size    int64 // code points inserted, the base among them
	// claims are what all changes say that they do, whether they have effect.
	claims textClaims
	// full: they are more than a text takes, so that none has effect. It turns
	// on which changes there are, not on their order.
	full bool

	carried textCarried // of what this epoch starts with: see textcarry.go
}

// textAuthor is what a text knows of the author of changes.
type textAuthor struct {
	claims  textClaims
	deleted int64       // code points, void ones among them, by changes in effect
	past    int64       // a lower bound of the code points inserted in the past of its last change
	times   []textTime  // ascending by seq
	queue   []textQueue // the first waits for missing
	missing TextID
}

// textTime says when the events from seq on were made.
type textTime struct {
	seq    uint32
	minute uint64
}

// textQueue is a change that waits.
type textQueue struct {
	change []byte // encoded
	minute uint64
}

// Type is TextDocument.
func (d *TextDoc) Type() DocumentType { return TextDocument }

// Apply is that of Document.
func (d *TextDoc) Apply(stamp Stamp, change []byte) error {
	c, err := openTextChange(stamp.Device, change)
	if err != nil {
		return err
	}
	if d.claim(c); d.full {
		return nil
	}
	a := d.author(stamp.Device)
	minute := minuteOf(stamp)
	if len(a.queue) > 0 {
		d.queue(a, c, minute)
		return nil
	}
	switch missing, err := d.take(a, c, minute); {
	case err != nil:
		return err
	case missing != TextID{}:
		a.missing = missing
		d.queue(a, c, minute)
	case d.waits > 0:
		d.wake()
	}
	return nil
}

func (d *TextDoc) author(id wire.DeviceID) *textAuthor {
	a := d.authors[id]
	if a == nil {
		if d.authors == nil {
			d.authors = map[wire.DeviceID]*textAuthor{}
		}
		a = new(textAuthor)
		d.authors[id] = a
	}
	return a
}

func (d *TextDoc) queue(a *textAuthor, c *TextChange, minute uint64) {
	b, err := appendTextChange(nil, c)
	if err != nil {
		return // it was decoded: it can be encoded
	}
	a.queue = append(a.queue, textQueue{b, minute})
	d.waits++
}

// take gives a change effect, or names what it waits for; all before it, of its
// author, have effect or never will.
func (d *TextDoc) take(a *textAuthor, c *TextChange, minute uint64) (missing TextID, err error) {
	inserts, deletes := c.events()
	next := int64(d.text.lanes.next(c.First.Device))
	switch first := int64(c.First.Seq); {
	case first+inserts+deletes <= next:
		return TextID{}, nil // it came before
	case first != next:
		return TextID{}, fmt.Errorf("%w: %s has %d, the change begins with %d", ErrTextMissing, c.First.Device, next, first)
	}
	for _, p := range c.Parents {
		if !d.text.Has(p) {
			return p, nil
		}
	}
	full := *c
	full.Parents = d.parents(c)
	if !d.bounded(a, &full, inserts, deletes) {
		return TextID{}, fmt.Errorf("%w: more is deleted than there ever was", ErrTextChange)
	}
	if err := d.text.Add(&full); err != nil {
		return TextID{}, err
	}
	d.note(a, c.First.Seq, inserts, deletes, minute)
	return TextID{}, nil
}

// note counts the events of an author that have effect now.
func (d *TextDoc) note(a *textAuthor, first uint32, inserts, deletes int64, minute uint64) {
	d.size += inserts
	a.deleted += deletes
	if n := len(a.times); n == 0 || a.times[n-1].minute != minute {
		a.times = append(a.times, textTime{first, minute})
	}
}

// parents are those that a change names, and what every change has in its past:
// its author's own events and the base.
func (d *TextDoc) parents(c *TextChange) []TextID {
	parents := append([]TextID{}, c.Parents...)
	if c.First.Seq > 0 {
		parents = append(parents, TextID{c.First.Device, c.First.Seq - 1})
	}
	if len(parents) == 0 && d.base.len > 0 {
		parents = append(parents, d.base.last())
	}
	return parents
}

// wake takes changes whose past is there by now, as long as there are any.
func (d *TextDoc) wake() {
	for again := true; again; {
		again = false
		for id, a := range d.authors {
			for len(a.queue) > 0 && (a.missing == TextID{} || d.text.Has(a.missing)) {
				again = true
				d.shift(id, a)
			}
		}
	}
}

// shift takes the first change that waits, unless it waits for something else.
func (d *TextDoc) shift(id wire.DeviceID, a *textAuthor) {
	first := a.queue[0]
	c, err := DecodeTextChange(id, first.change)
	a.missing = TextID{}
	if err == nil {
		a.missing, _ = d.take(a, c, first.minute) // void: no effect
	}
	if a.missing == (TextID{}) {
		a.queue = a.queue[1:]
		d.waits--
	}
}

// Waits says whether changes of a device wait for others' that are not here.
func (d *TextDoc) Waits(device wire.DeviceID) bool {
	a := d.authors[device]
	return a != nil && len(a.queue) > 0
}

// Seal is that of Document.
func (d *TextDoc) Seal(uint64) Document {
	sealed := newTextDoc(d.String(), d.runs())
	sealed.carried = carriedOf(d)
	return sealed
}

// Value is String.
func (d *TextDoc) Value() any { return d.String() }

// Empty is that of Document.
func (d *TextDoc) Empty() bool { return d.sealed() && d.base.len == 0 }

// sealed says that the document is as Seal left it.
func (d *TextDoc) sealed() bool { return len(d.authors) == 0 }

func (d *TextDoc) check(author wire.DeviceID, change []byte) error {
	_, err := openTextChange(author, change)
	return err
}

func (d *TextDoc) resettle(author wire.DeviceID, change []byte, _, _ Stamp) ([]byte, error) {
	return change, d.check(author, change)
}

func (d *TextDoc) refers(wire.DeviceID, []byte) []Dot { return nil }
