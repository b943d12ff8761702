package threeway

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/espace-git/espace-git/internal/wire"
)

// maxDepth bounds the nesting that is read; what is deeper is merged as text.
const maxDepth = 1000

// A style is the white space of a container: after the opening bracket, between
// elements behind the comma, before the closing bracket, and behind a key.
type style struct{ open, between, end, colon string }

// mergeJSON merges objects by key and arrays by element. Elements that one side wrote
// keep their bytes; only containers that both changed are written anew, in their style.
func mergeJSON(o, a, b []byte, opt Options) ([]byte, result) {
	var trees [3]*node
	for i, v := range [][]byte{o, a, b} {
		n, ok := parseJSON(v)
		if !ok {
			return nil, unreadable
		}
		trees[i] = n
	}
	n, ok := mergeNode(trees[0], trees[1], trees[2])
	if !ok {
		return nil, conflicts
	}
	if lines, ok := sameByLines(o, a, b, opt, n, parseJSON); ok {
		return lines, merges
	}
	head, tail := around(a)
	out := []byte(head + printJSON(n) + tail)
	if back, ok := parseJSON(out); !ok || !same(back, n) {
		return nil, conflicts
	}
	return out, merges
}

// sameByLines is the merge by lines if it is clean and means the same: it keeps all
// white space and, in YAML, comments.
func sameByLines(o, a, b []byte, opt Options, want *node, parse func([]byte) (*node, bool)) ([]byte, bool) {
	lines, clean := mergeText(o, a, b, opt)
	if !clean {
		return nil, false
	}
	got, ok := parse(lines)
	return lines, ok && same(got, want)
}

// around is the white space before and after the document.
func around(doc []byte) (head, tail string) {
	const space = " \t\r\n"
	s := string(doc)
	body := strings.TrimLeft(s, space)
	head = s[:len(s)-len(body)]
	return head, body[len(strings.TrimRight(body, space)):]
}

// parseJSON reads one strict JSON document. Duplicate keys, invalid UTF-8 and lone
// surrogates have no one meaning: such a document is not read.
func parseJSON(doc []byte) (*node, bool) {
	if !utf8.Valid(doc) || !json.Valid(doc) {
		return nil, false
	}
	p := jsonParser{doc: doc, d: json.NewDecoder(bytes.NewReader(doc))}
	p.d.UseNumber()
	n, ok := p.value(0)
	if !ok {
		return nil, false
	}
	_, err := p.d.Token()
	return n, err == io.EOF
}

type jsonParser struct {
	doc []byte
	d   *json.Decoder
	at  int // behind the last token
}

// token reads the next token, its text, and what stands before it.
func (p *jsonParser) token() (t json.Token, raw, before string, ok bool) {
	t, err := p.d.Token()
	if err != nil {
		return nil, "", "", false
	}
	end := int(p.d.InputOffset())
	text := string(p.doc[p.at:end])
	raw = strings.TrimLeft(text, " \t\r\n,:")
	p.at = end
	return t, raw, text[:len(text)-len(raw)], true
}

func (p *jsonParser) value(depth int) (*node, bool) {
	t, raw, _, ok := p.token()
	if !ok {
		return nil, false
	}
	return p.rest(t, raw, depth)
}

// rest reads the value that begins with the token t.
func (p *jsonParser) rest(t json.Token, raw string, depth int) (*node, bool) {
	delim, ok := t.(json.Delim)
	if !ok {
		value, ok := scalar(t, raw)
		return &node{kind: 's', value: value, raw: raw}, ok
	}
	if depth == maxDepth {
		return nil, false
	}
	start := p.at - 1
	n := &node{kind: 'a', style: &style{colon: ": "}}
	if delim == '{' {
		n.kind = 'o'
	}
	if !p.container(n, depth+1) {
		return nil, false
	}
	n.raw = string(p.doc[start:p.at])
	return n.seal(), true
}

// container reads elements up to the closing bracket.
func (p *jsonParser) container(n *node, depth int) bool {
	seen := map[string]bool{}
	for {
		t, raw, before, ok := p.token()
		if !ok {
			return false
		}
		if d, closing := t.(json.Delim); closing && (d == '}' || d == ']') {
			n.style.end = before
			return true
		}
		n.style.note(len(n.items), before)
		if n.kind == 'o' {
			key, _ := t.(string)
			if seen[key] || surrogate(raw) {
				return false
			}
			seen[key] = true
			n.keys, n.keyRaw = append(n.keys, key), append(n.keyRaw, raw)
			if t, raw, n.style.colon, ok = p.token(); !ok {
				return false
			}
		}
		item, ok := p.rest(t, raw, depth)
		if !ok {
			return false
		}
		n.items = append(n.items, item)
	}
}

func (s *style) note(n int, before string) {
	switch n {
	case 0:
		s.open, s.between = before, before
	case 1:
		s.between = strings.Replace(before, ",", "", 1)
	}
}

// scalar is the canonical text of a scalar: numbers as written (1 and 1.0 differ: some
// readers tell them apart).
func scalar(t json.Token, raw string) (string, bool) {
	if s, ok := t.(string); ok {
		return quote(s), !surrogate(raw)
	}
	return raw, true
}

// surrogate reports whether an escape was lost: encoding/json reads a lone surrogate
// as U+FFFD.
func surrogate(raw string) bool {
	return strings.Contains(raw, `\u`) && strings.Contains(unquoted(raw), "\uFFFD")
}

func unquoted(raw string) (s string) {
	if json.Unmarshal([]byte(raw), &s) != nil {
		return "\uFFFD"
	}
	return s
}

func quote(s string) string {
	b, _ := json.Marshal(s) // of a string: cannot fail
	return string(b)
}

// digest keeps canonical texts short, whatever the nesting.
func digest(s string) string {
	sum := wire.Hash(sha256.Sum256([]byte(s)))
	return s[:1] + string(sum[:])
}

// laid is the style of a merged container: of the side that has elements.
func laid(a, b *node) *style {
	if a.style == nil || len(a.items) == 0 && b.style != nil {
		return b.style
	}
	return a.style
}

func printJSON(n *node) string {
	if n.raw != "" {
		return n.raw
	}
	var out strings.Builder
	open, end := "[", "]"
	if n.kind == 'o' {
		open, end = "{", "}"
	}
	out.WriteString(open)
	for i, it := range n.items {
		if i == 0 {
			out.WriteString(n.style.open)
		} else {
			out.WriteString("," + n.style.between)
		}
		if n.kind == 'o' {
			out.WriteString(n.keyRaw[i] + n.style.colon)
		}
		out.WriteString(printJSON(it))
	}
	if len(n.items) > 0 || strings.TrimSpace(n.style.end) == "" {
		out.WriteString(n.style.end)
	}
	out.WriteString(end)
	return out.String()
}
