package threeway

import (
	"slices"
	"strings"
)

// pieces are a block taken apart: what stands before the first entry (a document's
// mark), each entry with the comments above it, and what stands after the last.
type pieces struct {
	head, tail []string
	parts      []block
}

func (p pieces) of(n *node, key string) block {
	if i := slices.Index(n.keys, key); i >= 0 {
		return p.parts[i]
	}
	return block{}
}

// split takes a block map or list apart by its indentation. It is not a parser: the
// number of parts is checked against the tree, and the merge's result is read back.
func (b block) split() (pieces, bool) {
	var p pieces
	var pending []string
	indent := -1
	for _, l := range b.lines {
		switch {
		case !content(l):
			pending = append(pending, l)
			continue
		case indent < 0 && strings.HasPrefix(l, "---"):
			p.head, pending = append(p.head, append(pending, l)...), nil
			continue
		case indent < 0:
			indent = indentOf(l)
		}
		if indentOf(l) == indent && dashed(l) == (b.n.kind == 'a') {
			p.parts = append(p.parts, block{lines: append(pending, l)})
		} else if n := len(p.parts); n > 0 {
			p.parts[n-1].lines = append(append(p.parts[n-1].lines, pending...), l)
		} else {
			return p, false
		}
		pending = nil
	}
	p.tail = pending
	if len(p.parts) != len(b.n.items) {
		return p, false
	}
	for i := range p.parts {
		p.parts[i].n = b.n.items[i]
	}
	return p, true
}

// key cuts an entry behind the line of its key.
func (b block) key() (head []string, body block) {
	n := slices.IndexFunc(b.lines, content) + 1
	return b.lines[:n], block{b.n, b.lines[n:]}
}

// first is the first line that is no comment.
func (b block) first() string {
	if n := slices.IndexFunc(b.lines, content); n >= 0 {
		return b.lines[n]
	}
	return ""
}

// undash replaces an item's dash with white space.
func (b block) undash() block {
	lines := slices.Clone(b.lines)
	if n := slices.IndexFunc(lines, content); n >= 0 {
		lines[n] = strings.Replace(lines[n], "-", " ", 1)
	}
	return block{b.n, lines}
}

// content reports whether a line is neither blank nor a comment.
func content(l string) bool {
	t := strings.TrimSpace(l)
	return t != "" && t[0] != '#'
}

func indentOf(l string) int { return len(l) - len(strings.TrimLeft(l, " ")) }

func dashed(l string) bool {
	t := strings.TrimSpace(l)
	return t == "-" || strings.HasPrefix(t, "- ")
}
