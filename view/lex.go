package view

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tokenKind is what a token of a condition is.
type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokName             // a column
	tokWord             // and, or, not, in, like, is, null, true, false: lower case
	tokSymbol           // = != < <= > >= ( ) , ?
	tokString
	tokInt
	tokReal
)

type token struct {
	kind  tokenKind
	text  string // of a string: its content
	value any    // of a number
	at    int    // byte offset, for messages
}

// synonyms lead to one spelling of each operator.
var synonyms = map[string]string{"==": "=", "<>": "!=", "&&": "and", "||": "or", "!": "not"}

var words = map[string]bool{
	"and": true, "or": true, "not": true, "in": true, "like": true, "is": true, "null": true, "true": true, "false": true,
}

// badQuery is an error about a place in a condition.
func badQuery(at int, format string, args ...any) error {
	return classed(ErrQuery, "where, at character %d: %w", at+1, fmt.Errorf(format, args...))
}

// lex splits a condition into tokens; the last is tokEnd.
func lex(src string) ([]token, error) {
	if len(src) > maxWhere {
		return nil, classed(ErrQuery, "where has more than %d bytes", maxWhere)
	}
	if !utf8.ValidString(src) || strings.ContainsRune(src, 0) {
		return nil, classed(ErrQuery, "where is not UTF-8 text")
	}
	var out []token
	for at := 0; ; {
		for at < len(src) && strings.IndexByte(" \t\r\n", src[at]) >= 0 {
			at++
		}
		if at == len(src) {
			return append(out, token{kind: tokEnd, at: at}), nil
		}
		t, n, err := next(src[at:], at)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		at += n
	}
}

// next reads the token that s begins with, and says how long it is.
func next(s string, at int) (token, int, error) {
	switch c := s[0]; {
	case c == '\'' || c == '"':
		return lexString(s, at)
	case letter(c):
		n := span(s, func(c byte) bool { return letter(c) || digit(c) })
		if word := strings.ToLower(s[:n]); words[word] {
			return token{kind: tokWord, text: word, at: at}, n, nil
		}
		return token{kind: tokName, text: s[:n], at: at}, n, nil
	case digit(c) || len(s) > 1 && (c == '-' || c == '+' || c == '.') && (digit(s[1]) || s[1] == '.'):
		return lexNumber(s, at)
	}
	for _, n := range []int{2, 1} {
		if len(s) < n {
			continue
		}
		text := s[:n]
		if same, ok := synonyms[text]; ok {
			text = same
		}
		if words[text] {
			return token{kind: tokWord, text: text, at: at}, n, nil
		}
		if strings.Contains(" = != < <= > >= ( ) , ? ", " "+text+" ") && strings.TrimSpace(text) == text {
			return token{kind: tokSymbol, text: text, at: at}, n, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(s)
	return token{}, 0, badQuery(at, "%s is not understood", strconv.QuoteRuneToASCII(r))
}

// lexString reads text in single or double quotes; a quote within is doubled.
func lexString(s string, at int) (token, int, error) {
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != quote {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == quote {
			b.WriteByte(quote)
			i++
			continue
		}
		return token{kind: tokString, text: b.String(), at: at}, i + 1, nil
	}
	return token{}, 0, badQuery(at, "the text has no closing quote")
}

func lexNumber(s string, at int) (token, int, error) {
	n := 1 + span(s[1:], func(c byte) bool { return digit(c) || c == '.' })
	if n < len(s) && s[n]|0x20 == 'e' {
		n++
		if n < len(s) && (s[n] == '-' || s[n] == '+') {
			n++
		}
		n += span(s[n:], digit)
	}
	if n < len(s) && letter(s[n]) {
		return token{}, 0, badQuery(at, "a number goes on with letters")
	}
	if v, err := strconv.ParseInt(s[:n], 10, 64); err == nil {
		return token{tokInt, s[:n], v, at}, n, nil
	}
	v, err := strconv.ParseFloat(s[:n], 64)
	if err != nil {
		return token{}, 0, badQuery(at, "%s is no number", strconv.QuoteToASCII(s[:min(n, 40)]))
	}
	return token{tokReal, s[:n], v, at}, n, nil
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}
