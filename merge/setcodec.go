package merge

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Operations and states of documents as bytes. Numbers are varints as in
// package encoding/binary, each in its shortest form; values are the scalars of
// value.go, which end by themselves. Whoever decodes prints again and compares.

// documentVersion is the first byte of every state. Evolution: another form has
// another first byte, and who does not know it refuses.
const documentVersion = 1

// Forms of a dot in an operation, in the two lowest bits of its head.
const (
	dotHere  = iota // index: of the transaction itself
	dotOwn          // index, number: of an earlier transaction of its author
	dotOther        // index, device, number
	dotNone         // no dot; no index
)

// opWriter prints an operation's parts. Its author is known to whoever reads.
type opWriter struct {
	column
	author wire.DeviceID
}

func (w *opWriter) dot(d Dot) {
	head := uint64(d.Index) << 2
	switch {
	case d.IsZero():
		w.uint(dotNone)
	case d.Device != w.author:
		w.uint(head | dotOther)
		w.column = append(w.column, d.Device[:]...)
		w.uint(d.Number)
	case d.Number == 0:
		w.uint(head + dotHere)
	default:
		w.uint(head | dotOwn)
		w.uint(d.Number)
	}
}

func (w *opWriter) dots(list []Dot) {
	for _, d := range list {
		w.dot(d)
	}
}

func (w *opWriter) value(v []byte) { w.column = append(w.column, v...) }

type opReader struct {
	columnReader
	author wire.DeviceID
}

// dot reads a dot; none says whether it may be missing.
func (r *opReader) dot(none bool) (d Dot) {
	head := r.uint(MaxIndex<<2|3, "name")
	if head&3 == dotNone {
		if head != dotNone || !none {
			r.fail("no name")
		}
		return Dot{}
	}
	d.Index, d.Device = uint32(head>>2), r.author
	if head&3 == dotOther {
		copy(d.Device[:], r.bytes(len(d.Device), "device"))
	}
	if head&3 != dotHere {
		d.Number = r.uint(MaxNumber, "transaction number")
		if r.err == nil && (d.Number == 0 || d.Device.IsZero()) {
			r.fail("name without number or device")
		}
	}
	return d
}

func (r *opReader) index() uint32 { return uint32(r.uint(MaxIndex, "index")) }

// dots reads n names that ascend.
func (r *opReader) dots(n int) []Dot {
	if n > len(r.b) {
		r.fail("more names than bytes")
	}
	if n == 0 || r.err != nil {
		return nil
	}
	out := make([]Dot, 0, n)
	for i := 0; i < n && r.err == nil; i++ {
		out = append(out, r.dot(false))
		if i > 0 && out[i-1].Compare(out[i]) >= 0 {
			r.fail("names do not ascend")
		}
	}
	return out
}

// scalar reads one value, as a copy.
func (r *columnReader) scalar() []byte {
	in := reader{b: r.b}
	v := in.raw()
	if in.err != nil {
		r.fail("value: %v", in.err)
		return nil
	}
	r.b = r.b[in.off:]
	return slices.Clone(v)
}

// decodeOps is the frame of all decoders of changes: bounds, nothing behind the
// end, and one form. None of them can be asked for more memory than a small
// multiple of its input.
func decodeOps(what string, device wire.DeviceID, b []byte, read func(*opReader), print func(*opWriter)) error {
	r := opReader{columnReader{b: b}, device}
	switch {
	case len(b) > wire.MaxEntry:
		r.fail("%d bytes, limit %d", len(b), wire.MaxEntry)
	case device.IsZero():
		r.fail("no author")
	default:
		read(&r)
	}
	if r.err == nil && r.more() {
		r.fail("something behind it")
	}
	if r.err == nil {
		w := opWriter{make(column, 0, len(b)), device}
		if print(&w); !bytes.Equal(w.column, b) {
			r.fail("not the canonical encoding")
		}
	}
	if r.err != nil {
		return fmt.Errorf("decoding %s: %w", what, r.err)
	}
	return nil
}

// encodeOps prints a change and refuses what its decoder would.
func encodeOps(what string, device wire.DeviceID, print func(*opWriter), decode func([]byte) error) ([]byte, error) {
	w := opWriter{author: device}
	print(&w)
	if err := decode(w.column); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", what, err)
	}
	return w.column, nil
}
