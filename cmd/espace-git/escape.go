package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Names, rows and the words of a host are other people's data. Printed as they are, they could move the cursor, recolour or
// hide text, type into a terminal that answers queries, or reorder what a reader sees. So they are escaped wherever they are
// printed as text (attack 66). JSON loses nothing by it: there the escapes are JSON's own.

// harmful reports whether a terminal or a reader could be misled by r: controls (C0, DEL, C1), marks that change direction,
// line and paragraph separators, and characters without width, among them the tags that hide text.
func harmful(r rune) bool {
	switch {
	case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
		return !joins(r)
	case r == '\u115f', r == '\u1160', r == '\u3164', r == '\uffa0': // Hangul fillers: letters that look like nothing
		return true
	}
	return false
}

// joins are format characters that words of some languages, and emoji, need: joiner and non-joiner.
func joins(r rune) bool { return r == '\u200c' || r == '\u200d' }

// clean escapes what is harmful in s, line ends included.
func clean(s string) string {
	if !strings.ContainsFunc(s, suspect) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !utf8.ValidString(s[i:i+1]) && !strings.HasPrefix(s[i:], "\ufffd"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case harmful(r):
			b.WriteString(escaped(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func suspect(r rune) bool { return r == utf8.RuneError || harmful(r) }

func escaped(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r < 0x100:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// cleanLines is clean for a text of several lines. All but the first are indented, so that no text of others can pose as a
// line of this program.
func cleanLines(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, line := range lines {
		lines[i] = clean(line)
	}
	return strings.Join(lines, "\n    ")
}

// cleanText is clean for a whole document, whose lines and tabs are its own.
func cleanText(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		cells := strings.Split(line, "\t")
		for j, cell := range cells {
			cells[j] = clean(cell)
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return strings.Join(lines, "\n")
}

// cleanJSON escapes what is harmful in encoded JSON; the value stays the same.
func cleanJSON(b []byte) []byte {
	var out []byte
	for _, r := range string(b) {
		switch {
		case r == '\n' || !harmful(r): // a raw line end stands between values only
			out = utf8.AppendRune(out, r)
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
	}
	return out
}
