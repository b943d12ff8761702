package merge

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/espace-git/espace-git/internal/wire"
)

// Kinds of encoded operations: those of the log, and a replacement.
const textReplace = 3

// EncodeTextChange gives a change as bytes. Its device is not among them: who
// wrote a lane is known. All numbers are varints as in package encoding/binary,
// signed ones marked ±.
//
//	seq, 2·parents+own, (device, seq)…, operations, (4·n+kind, ±pos, [length, text])…
//
// own says that the event before seq is a parent; it is left out of the list,
// which ascends. n counts the code points deleted, or inserted where nothing is
// deleted. A position is told as the distance from where the operation before
// left the cursor. Kinds: 0 insert, 1 delete, 2 backspaces, 3 replace; 0 and 3
// have a text. Evolution: a new kind comes with a higher format of the space.
func EncodeTextChange(c *TextChange) ([]byte, error) {
	b, err := appendTextChange(nil, c)
	if err != nil {
		return nil, fmt.Errorf("encoding text change: %w", err)
	}
	if _, err := DecodeTextChange(c.First.Device, b); err != nil {
		return nil, fmt.Errorf("encoding text change: %w", err)
	}
	return b, nil
}

func appendTextChange(b column, c *TextChange) (column, error) {
	b.uint(uint64(c.First.Seq))
	parents, own := c.otherParents()
	head := uint64(len(parents)) << 1
	if own {
		head++
	}
	b.uint(head)
	for _, p := range parents {
		b = append(b, p.Device[:]...)
		b.uint(uint64(p.Seq))
	}
	b.uint(uint64(len(c.Ops)))
	cursor := int32(0)
	for i := range c.Ops {
		op := &c.Ops[i]
		if op.Pos < 0 || op.Pos > MaxTextEvents || op.Del < 0 || op.Del > MaxTextEvents || op.Back && (op.Del == 0 || op.Text != "" || op.Del > op.Pos+1) {
			return nil, fmt.Errorf("%w: operation %d", ErrTextChange, i)
		}
		n, kind := op.size()
		b.uint(uint64(n)<<2 | uint64(kind))
		b.int(int32(op.Pos) - cursor)
		if op.Text != "" {
			b.uint(uint64(len(op.Text)))
			b = append(b, op.Text...)
		}
		cursor = op.cursor(n)
	}
	return b, nil
}

// otherParents are the parents without the event just before the first.
func (c *TextChange) otherParents() ([]TextID, bool) {
	if c.First.Seq == 0 {
		return c.Parents, false
	}
	own := slices.Index(c.Parents, TextID{c.First.Device, c.First.Seq - 1})
	if own < 0 {
		return c.Parents, false
	}
	return slices.Delete(slices.Clone(c.Parents), own, own+1), true
}

func (op *TextOp) size() (n int, kind uint8) {
	switch {
	case op.Back:
		return op.Del, textErase
	case op.Text == "":
		return op.Del, textDelete
	case op.Del > 0:
		return op.Del, textReplace
	}
	return utf8.RuneCountInString(op.Text), textInsert
}

// cursor is where the operation leaves it.
func (op *TextOp) cursor(n int) int32 {
	switch {
	case op.Back:
		return int32(op.Pos - n)
	case op.Text == "":
		return int32(op.Pos)
	case op.Del > 0:
		n = utf8.RuneCountInString(op.Text)
	}
	return int32(op.Pos + n)
}

// DecodeTextChange takes what EncodeTextChange prints and nothing else.
func DecodeTextChange(device wire.DeviceID, b []byte) (*TextChange, error) {
	c := &TextChange{First: TextID{Device: device}}
	if len(b) > wire.MaxEntry {
		return nil, fmt.Errorf("decoding text change: %w: %d bytes", wire.ErrMalformed, len(b))
	}
	r := columnReader{b: b}
	c.First.Seq = uint32(r.uint(MaxTextEvents, "number"))
	r.textParents(c)
	n := r.count(2, "operations")
	c.Ops = make([]TextOp, 0, min(n, 1<<10))
	cursor := int32(0)
	for i := 0; i < n && r.err == nil; i++ {
		var op TextOp
		cursor = r.textOp(&op, cursor)
		c.Ops = append(c.Ops, op)
	}
	if r.err == nil && r.more() {
		r.fail("something behind it")
	}
	if r.err == nil {
		if again, err := appendTextChange(make([]byte, 0, len(b)), c); err != nil || !bytes.Equal(again, b) {
			r.fail("not the canonical encoding")
		}
	}
	if r.err != nil {
		return nil, fmt.Errorf("decoding text change: %w", r.err)
	}
	return c, nil
}

func (r *columnReader) textParents(c *TextChange) {
	head := r.uint(uint64(2*wire.MaxDevices+1), "parents")
	own := head&1 == 1
	if own && c.First.Seq == 0 {
		r.fail("no event before the first")
		return
	}
	for i := range int(head >> 1) {
		var p TextID
		copy(p.Device[:], r.bytes(len(p.Device), "device"))
		p.Seq = uint32(r.uint(MaxTextEvents, "number"))
		if i > 0 && c.Parents[i-1].Compare(p) >= 0 {
			r.fail("parents do not ascend")
		}
		if r.err != nil {
			return
		}
		c.Parents = append(c.Parents, p)
	}
	if own {
		p := TextID{c.First.Device, c.First.Seq - 1}
		i, found := slices.BinarySearchFunc(c.Parents, p, TextID.Compare)
		if found {
			r.fail("a parent twice")
			return
		}
		c.Parents = slices.Insert(c.Parents, i, p)
	}
}

func (r *columnReader) textOp(op *TextOp, cursor int32) int32 {
	head := r.uint(MaxTextEvents<<2|3, "operation")
	n, kind := int(head>>2), uint8(head&3)
	pos := int64(cursor) + int64(r.int("position"))
	if n == 0 || pos < 0 || pos > MaxTextEvents || kind == textErase && int64(n) > pos+1 {
		r.fail("operation: %d code points at %d", n, pos)
		return 0
	}
	op.Pos, op.Del, op.Back = int(pos), n, kind == textErase
	if kind == textInsert || kind == textReplace {
		text := r.bytes(r.count(1, "text"), "text")
		if len(text) == 0 || !utf8.Valid(text) || kind == textInsert && utf8.RuneCount(text) != n {
			r.fail("text")
		}
		if op.Text = string(text); kind == textInsert {
			op.Del = 0
		}
	}
	return op.cursor(n)
}
