package schema

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// Of YAML a schema file uses maps, lists and scalars. Anchors and aliases (which
// grow when they are followed), tags, merge keys, further documents and long
// texts in blocks have no use in one and are refused, by their tokens, before
// the library's recursive parser sees them.
const (
	maxTokens = 100_000
	maxDepth  = 12 // flow brackets, or nested blocks
)

// item is one YAML value: nil, bool, int64, float64, string, []item or []pair.
type item struct {
	line  int
	value any
}

type pair struct {
	key string
	item
}

// readYAML takes a document apart without interpreting it. An empty one is nil.
func readYAML(src []byte) (out item, err error) {
	defer func() {
		// The library is not ours: that it panics on some input is the same to
		// the caller as that it refuses it.
		if p := recover(); p != nil {
			out, err = item{}, invalid("not YAML")
		}
	}()
	text, err := clean(src)
	if err != nil {
		return item{}, err
	}
	tokens, err := tokenize(text)
	if err != nil {
		return item{}, err
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return item{}, invalid("not YAML: %s", yamlError(err))
	}
	switch {
	case len(file.Docs) == 0 || file.Docs[0].Body == nil:
		return item{}, checkEmpty(text)
	case len(file.Docs) > 1:
		return item{}, invalid("more than one document")
	}
	return readNode(file.Docs[0].Body, 0)
}

// tokenize stops at the first thing that is not YAML, and at the limits. Each
// scan takes at least a byte, or it would never end.
func tokenize(text string) (token.Tokens, error) {
	var s scanner.Scanner
	var tokens token.Tokens
	s.Init(text)
	for range len(text) + 1 {
		next, err := s.Scan()
		if err == io.EOF {
			return tokens, checkTokens(tokens)
		}
		tokens.Add(next...)
		if err != nil {
			return nil, cmp.Or(checkTokens(tokens), invalid("not YAML"))
		}
		if len(tokens) > maxTokens {
			return nil, invalid("more than %d tokens", maxTokens)
		}
	}
	return nil, invalid("not YAML")
}

// checkTokens bounds what the parser has to do.
func checkTokens(tokens token.Tokens) error {
	depth, dashes, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, dashes = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType:
			dashes++
		case token.InvalidType:
			if strings.Contains(t.Value, "\t") {
				return invalid("line %d: a tab cannot indent: use spaces", line)
			}
			return invalid("line %d: not YAML", line)
		case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType, token.MappingKeyType,
			token.DirectiveType, token.LiteralType, token.FoldedType:
			return invalid("line %d: %s is not used in a schema file", line, strconv.QuoteToASCII(cut(t.Value)))
		}
		if depth > maxDepth || dashes > maxDepth || t.Position.IndentNum > 8*maxDepth {
			return invalid("line %d: nested more than %d deep", line, maxDepth)
		}
	}
	return nil
}

// clean bounds the source and refuses characters that show something else than
// what is there. The line end that it adds closes what the scanner would drop.
func clean(src []byte) (string, error) {
	if len(src) > MaxSource {
		return "", invalid("%d bytes, limit %d", len(src), MaxSource)
	}
	if !utf8.Valid(src) {
		return "", invalid("not UTF-8")
	}
	text := strings.TrimPrefix(string(src), "\ufeff")
	for i, c := range text {
		control := c < ' ' && c != '\t' && c != '\n' && c != '\r' || c >= 0x7f && c <= 0x9f
		bidi := c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069
		if control || bidi {
			return "", invalid("line %d: character %U", 1+strings.Count(text[:i], "\n"), c)
		}
	}
	return text + "\n", nil
}

// checkEmpty makes sure that a document without content is one: the scanner
// passes over some things that it does not understand.
func checkEmpty(text string) error {
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return invalid("line %d: not YAML", i+1)
		}
	}
	return nil
}

// yamlError takes the library's message without its picture of the source,
// which takes quadratic time to draw.
func yamlError(err error) string {
	var e interface {
		GetMessage() string
		GetToken() *token.Token
	}
	if !errors.As(err, &e) || e.GetToken() == nil {
		return "syntax"
	}
	return fmt.Sprintf("line %d: %s", e.GetToken().Position.Line, cut(strconv.QuoteToASCII(e.GetMessage())))
}

func readNode(n ast.Node, depth int) (item, error) {
	line := n.GetToken().Position.Line
	if depth > maxDepth {
		return item{}, invalid("line %d: nested more than %d deep", line, maxDepth)
	}
	switch n := n.(type) {
	case *ast.NullNode:
		return item{line, nil}, nil
	case *ast.BoolNode:
		return item{line, n.Value}, nil
	case *ast.IntegerNode:
		return readInt(line, n)
	case *ast.FloatNode:
		return item{line, n.Value}, nil
	case *ast.StringNode:
		return item{line, n.Value}, nil
	case *ast.SequenceNode:
		return readList(line, n, depth)
	case *ast.MappingNode:
		return readMap(line, n.Values, depth)
	case *ast.MappingValueNode:
		return readMap(line, []*ast.MappingValueNode{n}, depth)
	}
	return item{}, invalid("line %d: %s is not used in a schema file", line, n.Type())
}

func readInt(line int, n *ast.IntegerNode) (item, error) {
	switch v := n.Value.(type) {
	case int64:
		return item{line, v}, nil
	case uint64:
		if v <= 1<<63-1 {
			return item{line, int64(v)}, nil
		}
	}
	return item{}, invalid("line %d: integer beyond 64 bits", line)
}

func readList(line int, n *ast.SequenceNode, depth int) (item, error) {
	list := make([]item, 0, len(n.Values))
	for _, v := range n.Values {
		it, err := readNode(v, depth+1)
		if err != nil {
			return item{}, err
		}
		list = append(list, it)
	}
	return item{line, list}, nil
}

func readMap(line int, values []*ast.MappingValueNode, depth int) (item, error) {
	pairs := make([]pair, 0, len(values))
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		key, err := readKey(v.Key)
		if err != nil {
			return item{}, err
		}
		if seen[key] {
			return item{}, invalid("line %d: %s is there twice", v.Key.GetToken().Position.Line, strconv.QuoteToASCII(cut(key)))
		}
		seen[key] = true
		it, err := readNode(v.Value, depth+1)
		if err != nil {
			return item{}, err
		}
		it.line = v.Key.GetToken().Position.Line // where a person looks for it
		pairs = append(pairs, pair{key, it})
	}
	return item{line, pairs}, nil
}

// readKey takes a key as it is written: a column may be called `no` or `1`, and
// whether that is a name is judged where names are.
func readKey(k ast.MapKeyNode) (string, error) {
	if s, ok := k.(*ast.StringNode); ok {
		return s.Value, nil
	}
	if s, ok := k.(ast.ScalarNode); ok && !k.IsMergeKey() {
		return s.GetToken().Value, nil
	}
	return "", invalid("line %d: a key must be a name", k.GetToken().Position.Line)
}

// describe names a value for an error message.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case []item:
		return "a list"
	case []pair:
		return "a map"
	case string:
		return strconv.QuoteToASCII(cut(v))
	default:
		return fmt.Sprint(v)
	}
}
