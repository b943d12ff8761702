package threeway

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Splice is a change of a text: at code point Pos, Del code points give way to Text.
type Splice struct {
	Pos, Del int
	Text     string
}

// Splices say how old becomes new, in ascending order; positions count the code
// points of old. They follow lines, and words within lines that changed.
func Splices(old, new string) []Splice {
	// Whole lines alone: the end of a changed word may be the end of another one, too.
	start := strings.LastIndexByte(old[:sameStart(old, new)], '\n') + 1
	s := splicer{at: utf8.RuneCountInString(old[:start])}
	old, new = old[start:], new[start:]
	end := sameEnd(old, new)
	if end < len(old) || end < len(new) {
		end = wholeLines(old[len(old)-end:])
	}
	s.lines(old[:len(old)-end], new[:len(new)-end])
	return s.out
}

// wholeLines is how many bytes follow the first end of a line.
func wholeLines(s string) int {
	_, rest, _ := strings.Cut(s, "\n")
	return len(rest)
}

// sameStart is how many bytes the two begin with alike, whole code points only.
func sameStart(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && (n < len(a) && !utf8.RuneStart(a[n]) || n < len(b) && !utf8.RuneStart(b[n])) {
		n--
	}
	return n
}

func sameEnd(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	for n > 0 && !utf8.RuneStart(a[len(a)-n]) {
		n--
	}
	return n
}

type splicer struct {
	at  int // code points of old that were passed
	out []Splice
}

func (s *splicer) lines(old, new string) {
	if old == "" || new == "" {
		s.put(old, new)
		return
	}
	a, b := splitLines([]byte(old)), splitLines([]byte(new))
	s.hunks(a, b, func(x, y []string) { s.words(join(x), join(y)) })
}

func (s *splicer) words(old, new string) {
	a, b := splitWords(old), splitWords(new)
	s.hunks(a, b, func(x, y []string) { s.put(join(x), join(y)) })
}

// hunks passes over what is kept and gives each hunk to next, which passes over it.
func (s *splicer) hunks(a, b []string, next func(x, y []string)) {
	from := 0
	for _, h := range diff(a, b) {
		s.at += runes(a[from:h.old.from])
		next(a[h.old.from:h.old.to], b[h.new.from:h.new.to])
		from = h.old.to
	}
	s.at += runes(a[from:])
}

func (s *splicer) put(old, new string) {
	start := sameStart(old, new)
	s.at += utf8.RuneCountInString(old[:start])
	old, new = old[start:], new[start:]
	end := sameEnd(old, new)
	defer func(n int) { s.at += n }(utf8.RuneCountInString(old[len(old)-end:]))
	old, new = old[:len(old)-end], new[:len(new)-end]
	n := utf8.RuneCountInString(old)
	if n > 0 || new != "" {
		s.out = append(s.out, Splice{s.at, n, new})
	}
	s.at += n
}

func join(v []string) string {
	n := 0
	for _, x := range v {
		n += len(x)
	}
	b := make([]byte, 0, n)
	for _, x := range v {
		b = append(b, x...)
	}
	return string(b)
}

func runes(v []string) (n int) {
	for _, x := range v {
		n += utf8.RuneCountInString(x)
	}
	return n
}

// splitWords cuts into runs of letters and digits, and single code points.
func splitWords(s string) (out []string) {
	for s != "" {
		n := wordLen(s)
		out, s = append(out, s[:n]), s[n:]
	}
	return out
}

func wordLen(s string) (n int) {
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			if n == 0 {
				n = size
			}
			return n
		}
		n += size
	}
	return n
}
