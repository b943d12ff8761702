package threeway

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxYAML bounds what is given to the library's parser, in bytes; what is larger is
// merged as text.
const maxYAML = 1 << 20

// mergeYAML decides by the structure, and writes by lines, so that comments, quotes and
// layout stay: the library's printer would lose some. Whatever the lines give is read
// back, and counts only if it means what the structure says.
func mergeYAML(o, a, b []byte, opt Options) ([]byte, result) {
	var trees [3]*node
	for i, v := range [][]byte{o, a, b} {
		n, ok := parseYAML(v)
		if !ok {
			return nil, unreadable
		}
		trees[i] = n
	}
	want, ok := mergeNode(trees[0], trees[1], trees[2])
	if !ok {
		return nil, conflicts
	}
	if lines, ok := sameByLines(o, a, b, opt, want, parseYAML); ok {
		return lines, merges
	}
	out, ok := mergeBlock(block{trees[0], ended(o)}, block{trees[1], ended(a)}, block{trees[2], ended(b)})
	merged := []byte(strings.Join(out, ""))
	if back, read := parseYAML(merged); !ok || !read || !same(back, want) {
		return nil, conflicts
	}
	return merged, merges
}

// ended are the lines of a document, the last one with its end.
func ended(doc []byte) []string {
	lines := splitLines(doc)
	if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
		lines[n-1] += ending(lines)
	}
	return lines
}

// parseYAML reads one document of maps, lists and scalars. Anchors, aliases (which grow
// when they are followed), tags, merge keys and several documents are not read.
func parseYAML(doc []byte) (n *node, ok bool) {
	defer func() {
		// The library is not ours: that it panics on some input is the same to the
		// caller as that it refuses it.
		if recover() != nil {
			n, ok = nil, false
		}
	}()
	if len(doc) > maxYAML || !utf8.Valid(doc) || nested(doc) {
		return nil, false
	}
	file, err := parser.ParseBytes(doc, 0)
	if err != nil || len(file.Docs) > 1 {
		return nil, false
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return &node{kind: 's', value: "null"}, true
	}
	return readYAML(file.Docs[0].Body, 0)
}

// nested reports whether flow brackets or dashes nest too deep for a parser that
// recurses.
func nested(doc []byte) bool {
	depth := 0
	for _, c := range doc {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		}
		if depth > maxDepth {
			return true
		}
	}
	return strings.Contains(string(doc), strings.Repeat("- ", maxDepth))
}

func readYAML(n ast.Node, depth int) (*node, bool) {
	if depth > maxDepth {
		return nil, false
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return readMap(n.Values, depth)
	case *ast.MappingValueNode:
		return readMap([]*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		out := &node{kind: 'a'}
		for _, v := range n.Values {
			item, ok := readYAML(v, depth+1)
			if !ok {
				return nil, false
			}
			out.items = append(out.items, item)
		}
		return out.seal(), true
	}
	return readScalar(n)
}

func readMap(values []*ast.MappingValueNode, depth int) (*node, bool) {
	out, seen := &node{kind: 'o'}, map[string]bool{}
	for _, v := range values {
		key, ok := readScalar(v.Key)
		if !ok || seen[key.value] {
			return nil, false
		}
		seen[key.value] = true
		item, ok := readYAML(v.Value, depth+1)
		if !ok {
			return nil, false
		}
		out.keys, out.items = append(out.keys, key.value), append(out.items, item)
	}
	return out.seal(), true
}

// readScalar: numbers and booleans as written, texts by what they say.
func readScalar(n ast.Node) (*node, bool) {
	value := ""
	switch n := n.(type) {
	case *ast.StringNode:
		value = quote(n.Value)
	case *ast.LiteralNode:
		value = quote(n.Value.Value)
	case *ast.NullNode:
		value = "null"
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		value = "#" + n.GetToken().Value
	default:
		return nil, false
	}
	if t := n.GetToken(); t == nil || t.Type == token.MergeKeyType {
		return nil, false
	}
	return &node{kind: 's', value: value}, true
}

// A block is a value and the lines that it stands on.
type block struct {
	n     *node
	lines []string
}

func (b block) text() string { return strings.Join(b.lines, "") }

// mergeBlock merges entry by entry.
func mergeBlock(o, a, b block) ([]string, bool) {
	if lines, ok := simple(o, a, b); ok {
		return lines, true
	}
	if o.n == nil || a.n == nil || b.n == nil || o.n.kind != a.n.kind || a.n.kind != b.n.kind || a.n.kind == 's' {
		return nil, false
	}
	os, ok1 := o.split()
	as, ok2 := a.split()
	bs, ok3 := b.split()
	if !ok1 || !ok2 || !ok3 {
		return nil, false
	}
	head, ok1 := textOf(os.head, as.head, bs.head)
	tail, ok2 := textOf(os.tail, as.tail, bs.tail)
	var body []string
	if a.n.kind == 'o' {
		body, ok3 = mergeEntries(o.n, a.n, b.n, os, as, bs)
	} else {
		body, ok3 = mergeItems(os.parts, as.parts, bs.parts)
	}
	return slices.Concat(head, body, tail), ok1 && ok2 && ok3
}

// mergeEntries merges a map, key by key.
func mergeEntries(o, a, b *node, os, as, bs pieces) ([]string, bool) {
	var out []string
	for _, k := range mergeOrder(o.keys, a.keys, b.keys) {
		lines, ok := mergeEntry(os.of(o, k), as.of(a, k), bs.of(b, k))
		if !ok {
			return nil, false
		}
		out = append(out, lines...)
	}
	return out, true
}

// mergeEntry merges comments and key as text, and what is below by its structure.
func mergeEntry(o, a, b block) ([]string, bool) {
	if lines, ok := simple(o, a, b); ok {
		return lines, true
	}
	if a.n == nil || b.n == nil || o.n == nil {
		return nil, false
	}
	oh, ob := o.key()
	ah, ab := a.key()
	bh, bb := b.key()
	head, ok := textOf(oh, ah, bh)
	if !ok || len(ab.lines) == 0 || len(bb.lines) == 0 || len(ob.lines) == 0 {
		return nil, false
	}
	body, ok := mergeBlock(ob, ab, bb)
	return append(head, body...), ok
}

// mergeItems merges a list; those that both changed in place, one by one.
func mergeItems(o, a, b []block) ([]string, bool) {
	var out []string
	for _, r := range diff3(texts(o), texts(a), texts(b)) {
		x, y, z := o[r.o.from:r.o.to], a[r.a.from:r.a.to], b[r.b.from:r.b.to]
		if lines, ok := trivialText(texts(x), texts(y), texts(z)); ok {
			out = append(out, lines...)
			continue
		}
		if len(x) != len(y) || len(x) != len(z) {
			return nil, false
		}
		for i := range x {
			lines, ok := mergeItem(x[i], y[i], z[i])
			if !ok {
				return nil, false
			}
			out = append(out, lines...)
		}
	}
	return out, true
}

// mergeItem merges an item as if it stood where its dash ends.
func mergeItem(o, a, b block) ([]string, bool) {
	if lines, ok := simple(o, a, b); ok {
		return lines, true
	}
	lines, ok := mergeBlock(o.undash(), a.undash(), b.undash())
	if !ok {
		return nil, false
	}
	for i, l := range lines {
		if n := indentOf(a.first()); content(l) && indentOf(l) > n {
			lines[i] = l[:n] + "-" + l[n+1:]
			return lines, true
		}
	}
	return nil, false
}

// simple merges what needs no structure: what is missing, equal, or clean by lines.
func simple(o, a, b block) ([]string, bool) {
	if lines, ok := trivialText(o.lines, a.lines, b.lines); ok {
		return lines, true
	}
	if o.n == nil || a.n == nil || b.n == nil || a.n.kind != 's' {
		return nil, false
	}
	return textOf(o.lines, a.lines, b.lines)
}

func trivialText(o, a, b []string) ([]string, bool) {
	switch {
	case slices.Equal(a, b), slices.Equal(o, b):
		return slices.Clone(a), true
	case slices.Equal(o, a):
		return slices.Clone(b), true
	}
	return nil, false
}

func textOf(o, a, b []string) ([]string, bool) {
	join := func(l []string) []byte { return []byte(strings.Join(l, "")) }
	out, clean := mergeText(join(o), join(a), join(b), Options{})
	return splitLines(out), clean
}

func texts(blocks []block) []string {
	out := make([]string, len(blocks))
	for i, b := range blocks {
		out[i] = b.text()
	}
	return out
}
