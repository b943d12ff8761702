package merge

import (
	"sort"
	"unicode/utf8"
)

// Kinds of runs in the log. Runs are a matter of storage: what counts is the
// sequence of events, each of one code point.
const (
	textInsert uint8 = iota // the i-th event inserts at pos+i
	textDelete              // each event deletes at pos
	textErase               // backspace: the i-th event deletes at pos-i
)

// textOpRun is a run of operations of one kind in one run of the graph. It ends
// where the next one begins.
type textOpRun struct {
	lv   int32
	pos  int32 // at the version before the event
	text int32 // offset of the inserted bytes in the log's content
	// size is the length of the text before the run, if the run was applied
	// where it saw all events before it, and each of its events had effect;
	// else -1. See textWalker.base.
	size int32
	kind uint8
}

// textLog holds what was done, in order of arrival, without who and when.
type textLog struct {
	runs    []textOpRun
	content []byte // all inserted text, UTF-8
	end     int32  // the next local event number
}

// insert appends an insertion of n code points. fresh forbids to extend the
// last run: a new run of the graph begins.
func (l *textLog) insert(pos int32, s string, n int32, fresh bool) {
	if k := len(l.runs); !fresh && k > 0 {
		if r := &l.runs[k-1]; r.kind == textInsert && r.pos+l.end-r.lv == pos {
			l.content = append(l.content, s...)
			l.end += n
			return
		}
	}
	l.runs = append(l.runs, textOpRun{l.end, pos, int32(len(l.content)), -1, textInsert})
	l.content = append(l.content, s...)
	l.end += n
}

// delete appends the deletion of n code points from pos on.
func (l *textLog) delete(pos, n int32, fresh bool) {
	if k := len(l.runs); !fresh && k > 0 {
		r := &l.runs[k-1]
		have := l.end - r.lv
		switch {
		case r.kind == textDelete && r.pos == pos:
			l.end += n
			return
		case n == 1 && r.kind == textDelete && have == 1 && pos == r.pos-1:
			r.kind = textErase
			l.end++
			return
		case n == 1 && r.kind == textErase && pos == r.pos-have:
			l.end++
			return
		}
	}
	l.runs = append(l.runs, textOpRun{l.end, pos, int32(len(l.content)), -1, textDelete})
	l.end += n
}

// erase appends n backspaces, the first at pos.
func (l *textLog) erase(pos, n int32, fresh bool) {
	if n == 1 {
		l.delete(pos, n, fresh)
		return
	}
	if k := len(l.runs); !fresh && k > 0 {
		if r := &l.runs[k-1]; r.kind == textErase && pos == r.pos-(l.end-r.lv) {
			l.end += n
			return
		}
	}
	l.runs = append(l.runs, textOpRun{l.end, pos, int32(len(l.content)), -1, textErase})
	l.end += n
}

// at is the index of the run that holds lv.
func (l *textLog) at(lv int32) int {
	i := len(l.runs) - 1
	if l.runs[i].lv > lv {
		i = sort.Search(len(l.runs), func(i int) bool { return l.runs[i].lv > lv }) - 1
	}
	return i
}

// stop is the end of run i.
func (l *textLog) stop(i int) int32 {
	if i+1 < len(l.runs) {
		return l.runs[i+1].lv
	}
	return l.end
}

// text is what the events from … to-1 of the insertion run i insert.
func (l *textLog) text(i int, from, to int32) []byte {
	r, end := &l.runs[i], int32(len(l.content))
	if i+1 < len(l.runs) {
		end = l.runs[i+1].text
	}
	b := l.content[r.text:end]
	if int32(len(b)) == l.stop(i)-r.lv { // ASCII
		return b[from-r.lv : to-r.lv]
	}
	b = b[runeOffset(b, from-r.lv):]
	return b[:runeOffset(b, to-from)]
}

// runeOffset is where the n-th code point of b begins.
func runeOffset(b []byte, n int32) int32 {
	i := 0
	for ; n > 0; n-- {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		_, size := utf8.DecodeRune(b[i:])
		i += size
	}
	return int32(i)
}

// textOp is a part of one run: n events from lv on.
type textOp struct {
	kind       uint8
	lv, n, pos int32
	text       []byte // of an insertion
}

// part is the part of run i that covers the events from … to-1.
func (l *textLog) part(i int, from, to int32) textOp {
	r := &l.runs[i]
	op := textOp{r.kind, from, to - from, r.pos, nil}
	switch r.kind {
	case textInsert:
		op.pos += from - r.lv
		op.text = l.text(i, from, to)
	case textErase:
		op.pos -= from - r.lv
	}
	return op
}
