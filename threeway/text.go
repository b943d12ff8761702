package threeway

import (
	"bytes"
	"slices"
	"strings"
)

// splitLines cuts after each newline; the last line may have none.
func splitLines(b []byte) []string {
	var lines []string
	for len(b) > 0 {
		n := bytes.IndexByte(b, '\n') + 1
		if n == 0 {
			n = len(b)
		}
		lines = append(lines, string(b[:n]))
		b = b[n:]
	}
	return lines
}

// mergeText is diff3 by lines (Khanna, Kunal, Pierce, "A Formal Investigation of
// Diff3", 2007), with git's reading of what touches: changes with no line between
// them conflict.
func mergeText(o, a, b []byte, opt Options) ([]byte, bool) {
	ol, al, bl := splitLines(o), splitLines(a), splitLines(b)
	w := writer{opt: opt}
	clean := true
	for _, r := range diff3(ol, al, bl) {
		if lines, ok := r.pick(ol, al, bl); ok {
			w.lines(lines)
		} else {
			clean = false
			w.conflict(ol[r.o.from:r.o.to], al[r.a.from:r.a.to], bl[r.b.from:r.b.to])
		}
	}
	return w.out.Bytes(), clean
}

// pick is what a region becomes without a conflict.
func (r region) pick(o, a, b []string) ([]string, bool) {
	x, y, z := o[r.o.from:r.o.to], a[r.a.from:r.a.to], b[r.b.from:r.b.to]
	switch {
	case slices.Equal(y, z), slices.Equal(x, z):
		return y, true
	case slices.Equal(x, y):
		return z, true
	}
	return nil, false
}

type writer struct {
	opt Options
	out bytes.Buffer
}

func (w *writer) lines(lines []string) {
	for _, l := range lines {
		w.out.WriteString(l)
	}
}

// conflict writes both sides between markers. Lines that both sides begin or end with
// stand outside, unless the base is shown, which they may not be part of.
func (w *writer) conflict(o, a, b []string) {
	head, tail := 0, 0
	if !w.opt.Diff3 {
		head = common(a, b)
		tail = commonEnd(a[head:], b[head:])
	}
	w.lines(a[:head])
	eol := ending(a, b, o)
	w.marker('<', w.opt.Ours, eol)
	w.side(a[head:len(a)-tail], eol)
	if w.opt.Diff3 {
		w.marker('|', w.opt.Base, eol)
		w.side(o, eol)
	}
	w.marker('=', "", eol)
	w.side(b[head:len(b)-tail], eol)
	w.marker('>', w.opt.Theirs, eol)
	w.lines(a[len(a)-tail:])
}

// side writes lines, and ends the last one: a marker begins a line.
func (w *writer) side(lines []string, eol string) {
	w.lines(lines)
	if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
		w.out.WriteString(eol)
	}
}

func (w *writer) marker(c byte, label, eol string) {
	n := w.opt.Marker
	if n <= 0 {
		n = 7
	}
	w.out.Write(bytes.Repeat([]byte{c}, min(n, 1000)))
	if label = strings.Map(oneLine, label); label != "" {
		w.out.WriteString(" " + label)
	}
	w.out.WriteString(eol)
}

func oneLine(r rune) rune {
	if r < ' ' {
		return '?'
	}
	return r
}

// ending is how markers end their lines: as the first line at hand does.
func ending(sides ...[]string) string {
	for _, lines := range sides {
		if len(lines) > 0 && strings.HasSuffix(lines[0], "\r\n") {
			return "\r\n"
		}
	}
	return "\n"
}

func common(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func commonEnd(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}
