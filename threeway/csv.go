package threeway

import (
	"slices"
	"strings"
)

// A table is a CSV file. Cells stand as written, with their quotes.
type table struct {
	comma  byte
	eol    string
	last   bool // the last line ends with eol
	header []string
	rows   [][]string
}

// mergeCSV merges rows by the column that identifies them, and cells by the header.
// That column is Options.Key; else one called id or key; else the first; if its cells
// are given and differ in each version. Without such a column a whole row is one line
// of text, and so it is where the headers are not the same set of distinct names.
func mergeCSV(o, a, b []byte, opt Options) ([]byte, result) {
	var t [3]*table
	for i, v := range [][]byte{o, a, b} {
		var ok bool
		if t[i], ok = parseCSV(v); !ok || t[i].comma != t[0].comma {
			return nil, unreadable
		}
	}
	key, ok := keyColumn(t[:], opt.Key)
	if !ok {
		return nil, unreadable
	}
	n, ok := mergeNode(t[0].tree(key), t[1].tree(key), t[2].tree(key))
	if !ok {
		return nil, conflicts
	}
	header, ok := mergeHeader(t[0].header, t[1].header, t[2].header)
	if !ok {
		return nil, conflicts
	}
	return t[1].print(header, n)
}

// mergeHeader: columns that one side deleted are gone. That the other side changed a
// cell of one shows as a conflict of that row.
func mergeHeader(o, a, b []string) ([]string, bool) {
	inO, inA, inB := set(o), set(a), set(b)
	var out []string
	for _, c := range mergeOrder(o, a, b) {
		if inA[c] && inB[c] || !inO[c] {
			out = append(out, c)
		}
	}
	return out, len(out) > 0
}

// tree is the table as an object of rows, each an object of its cells that are given.
func (t *table) tree(key string) *node {
	out := &node{kind: 'o'}
	at := slices.Index(t.header, key)
	for _, row := range t.rows {
		r := &node{kind: 'o'}
		for i, cell := range row {
			if cell != "" {
				r.keys = append(r.keys, t.header[i])
				r.items = append(r.items, &node{kind: 's', value: quote(plain(cell)), raw: cell})
			}
		}
		out.keys, out.items = append(out.keys, plain(row[at])), append(out.items, r.seal())
	}
	return out.seal()
}

// print writes the merged rows. A cell whose column is gone would be lost: a conflict.
func (t *table) print(header []string, n *node) ([]byte, result) {
	var out strings.Builder
	sep := string(t.comma)
	out.WriteString(strings.Join(header, sep))
	for _, row := range n.items {
		cells, left := make([]string, len(header)), len(row.keys)
		for i, c := range header {
			if v := row.child(c); v != nil {
				cells[i] = v.raw
				left--
			}
		}
		if left > 0 {
			return nil, conflicts
		}
		out.WriteString(t.eol + strings.Join(cells, sep))
	}
	if t.last {
		out.WriteString(t.eol)
	}
	return []byte(out.String()), merges
}

// keyColumn finds the column that tells the rows apart, as the header writes it.
func keyColumn(tables []*table, name string) (string, bool) {
	candidates := []string{}
	for _, c := range tables[0].header {
		p := strings.ToLower(plain(c))
		if name == plain(c) || name == "" && (p == "id" || p == "key") {
			candidates = append(candidates, c)
		}
	}
	if name == "" {
		candidates = append(candidates, tables[0].header[0])
	}
	for _, c := range candidates {
		if !slices.ContainsFunc(tables, func(t *table) bool { return !t.identifies(c) }) {
			return c, true
		}
	}
	return "", false
}

func (t *table) identifies(column string) bool {
	at := slices.Index(t.header, column)
	if at < 0 {
		return false
	}
	seen := map[string]bool{}
	for _, row := range t.rows {
		cell := plain(row[at])
		if cell == "" || seen[cell] {
			return false
		}
		seen[cell] = true
	}
	return true
}

// plain is a cell without its quotes.
func plain(cell string) string {
	if strings.HasPrefix(cell, `"`) {
		return strings.ReplaceAll(cell[1:len(cell)-1], `""`, `"`)
	}
	return cell
}
