package threeway

import "strings"

// maxColumns bounds a table; what is wider is merged as text.
const maxColumns = 10_000

// parseCSV reads RFC 4180, with the separator that the header has most of. Rows of
// another length than the header, repeated columns, quotes inside cells and mixed line
// ends are not read: printing them again would change them.
func parseCSV(doc []byte) (*table, bool) {
	s := string(doc)
	t := &table{comma: separator(s), eol: "\n"}
	if first, _, ok := strings.Cut(s, "\n"); ok && strings.HasSuffix(first, "\r") {
		t.eol = "\r\n"
	}
	for s != "" {
		row, rest, ok := t.row(s)
		if !ok || len(row) > maxColumns || t.header != nil && len(row) != len(t.header) {
			return nil, false
		}
		if t.header == nil {
			t.header = row
		} else {
			t.rows = append(t.rows, row)
		}
		s = rest
	}
	if len(t.header) == 0 || len(set(t.header)) != len(t.header) {
		return nil, false
	}
	return t, true
}

func separator(s string) byte {
	first, _, _ := strings.Cut(s, "\n")
	best := byte(',')
	for _, c := range []byte{';', '\t'} {
		if strings.Count(first, string(c)) > strings.Count(first, string(best)) {
			best = c
		}
	}
	return best
}

// row reads one record and its line end.
func (t *table) row(s string) (cells []string, rest string, ok bool) {
	for {
		n := cellEnd(s, t.comma)
		if n < 0 {
			return nil, "", false
		}
		cells = append(cells, s[:n])
		switch s = s[n:]; {
		case s == "":
			t.last = false
			return cells, "", true
		case strings.HasPrefix(s, t.eol):
			t.last = true
			return cells, s[len(t.eol):], true
		case s[0] != t.comma:
			return nil, "", false
		}
		s = s[1:]
	}
}

// cellEnd is where the cell at the start of s ends; below zero if it is malformed.
func cellEnd(s string, comma byte) int {
	if !strings.HasPrefix(s, `"`) {
		n := strings.IndexAny(s, string(comma)+"\r\n")
		if n < 0 {
			n = len(s)
		}
		if strings.Contains(s[:n], `"`) {
			return -1
		}
		return n
	}
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			i++
			continue
		}
		return i + 1
	}
	return -1
}
