package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MarshalJSON is the one JSON text of v: RFC 8785 with integers only, their
// absolute value below 2^53. Fields without value are left out by v's own tags.
func MarshalJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	tree, err := parseJSON(bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}))
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	return appendJSON(nil, tree), nil
}

// UnmarshalJSON decodes b into v and refuses b unless it is exactly what
// MarshalJSON prints for v: no duplicate or unknown or differently cased keys,
// no lone surrogates, no second form of a number, nothing after the end.
func UnmarshalJSON(b []byte, v any) error {
	tree, err := parseJSON(b)
	if err != nil {
		return err
	}
	if !bytes.Equal(appendJSON(nil, tree), b) {
		return fmt.Errorf("%w: not canonical JSON", ErrMalformed)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	again, err := MarshalJSON(v)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !bytes.Equal(again, b) {
		return fmt.Errorf("%w: fields of another kind", ErrMalformed)
	}
	return nil
}

// A JSON tree has nodes of types nil, bool, int64, string, []any and []member.
type member struct {
	key   string
	value any
}

// parseJSON is a strict reader: encoding/json takes duplicate keys, other case
// and lone surrogates, and so can't judge what was signed.
func parseJSON(b []byte) (any, error) {
	if len(b) > MaxJSON {
		return nil, fmt.Errorf("%w: %d bytes of JSON, limit %d", ErrMalformed, len(b), MaxJSON)
	}
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("%w: invalid UTF-8", ErrMalformed)
	}
	p := jsonParser{b: b}
	p.space()
	v, err := p.value(0)
	if err != nil {
		return nil, fmt.Errorf("%w: at byte %d: %w", ErrMalformed, p.i, err)
	}
	p.space()
	if p.i != len(b) {
		return nil, fmt.Errorf("%w: data after the end", ErrMalformed)
	}
	return v, nil
}

type jsonParser struct {
	b []byte
	i int
}

func (p *jsonParser) space() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\t' || p.b[p.i] == '\n' || p.b[p.i] == '\r') {
		p.i++
	}
}

func (p *jsonParser) peek() byte {
	if p.i < len(p.b) {
		return p.b[p.i]
	}
	return 0
}

func (p *jsonParser) value(depth int) (any, error) {
	if depth > MaxDepth {
		return nil, errors.New("nested too deeply")
	}
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		return p.str()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, w := range []struct {
		word  string
		value any
	}{{"null", nil}, {"true", true}, {"false", false}} {
		if bytes.HasPrefix(p.b[p.i:], []byte(w.word)) {
			p.i += len(w.word)
			return w.value, nil
		}
	}
	return nil, errors.New("no value")
}

func (p *jsonParser) object(depth int) (any, error) {
	p.i++
	out := []member{}
	seen := map[string]bool{}
	for p.space(); p.peek() != '}'; p.space() {
		if len(out) > 0 {
			if p.peek() != ',' {
				return nil, errors.New("no comma")
			}
			p.i++
			p.space()
		}
		if p.peek() != '"' {
			return nil, errors.New("no key")
		}
		key, err := p.str()
		if err != nil {
			return nil, err
		}
		if seen[key] {
			return nil, fmt.Errorf("key %q twice", key)
		}
		seen[key] = true
		p.space()
		if p.peek() != ':' {
			return nil, errors.New("no colon")
		}
		p.i++
		p.space()
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, member{key, v})
	}
	p.i++
	return out, nil
}

func (p *jsonParser) array(depth int) (any, error) {
	p.i++
	out := []any{}
	for p.space(); p.peek() != ']'; p.space() {
		if len(out) > 0 {
			if p.peek() != ',' {
				return nil, errors.New("no comma")
			}
			p.i++
			p.space()
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	p.i++
	return out, nil
}

func (p *jsonParser) number() (any, error) {
	start := p.i
	for p.i < len(p.b) && bytes.IndexByte([]byte("+-.eE0123456789"), p.b[p.i]) >= 0 {
		p.i++
	}
	s := string(p.b[start:p.i])
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != s || n > MaxInt || n < -MaxInt {
		return nil, fmt.Errorf("%q is no integer below 2^53", s)
	}
	return n, nil
}

// str reads a string. Surrogates must come in pairs.
func (p *jsonParser) str() (string, error) {
	p.i++
	var out []byte
	for {
		c := p.peek()
		if p.i >= len(p.b) || c < 0x20 {
			return "", errors.New("string does not end")
		}
		p.i++
		if c == '"' {
			return string(out), nil
		}
		if c != '\\' {
			out = append(out, c)
			continue
		}
		r, err := p.escape()
		if err != nil {
			return "", err
		}
		out = utf8.AppendRune(out, r)
	}
}

func (p *jsonParser) escape() (rune, error) {
	c := p.peek()
	p.i++
	if i := bytes.IndexByte([]byte(`"\/bfnrt`), c); i >= 0 && c != 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), nil
	}
	if c != 'u' {
		return 0, errors.New("unknown escape")
	}
	r, err := p.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if !bytes.HasPrefix(p.b[p.i:], []byte(`\u`)) {
		return 0, errors.New("lone surrogate")
	}
	p.i += 2
	low, err := p.hex4()
	if err != nil {
		return 0, err
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, errors.New("lone surrogate")
	}
	return r, nil
}

func (p *jsonParser) hex4() (rune, error) {
	if p.i+4 > len(p.b) {
		return 0, errors.New("escape does not end")
	}
	n, err := strconv.ParseUint(string(p.b[p.i:p.i+4]), 16, 16)
	if err != nil || n > math.MaxUint16 {
		return 0, errors.New("no hexadecimal escape")
	}
	p.i += 4
	return rune(n), nil
}

// appendJSON prints a tree in the form of RFC 8785: keys sorted by UTF-16 code
// units, no white space, the fewest escapes.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case string:
		return appendString(b, v)
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	case []member:
		v = slices.Clone(v)
		slices.SortFunc(v, func(x, y member) int {
			return slices.Compare(utf16.Encode([]rune(x.key)), utf16.Encode([]rune(y.key)))
		})
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, m.key), ':')
			b = appendJSON(b, m.value)
		}
		return append(b, '}')
	}
	panic(fmt.Sprintf("wire: JSON node of type %T", v)) // parseJSON makes no other
}

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20:
			b = append(b, c)
		case bytes.IndexByte([]byte("\b\t\n\f\r"), c) >= 0:
			b = append(b, '\\', "btn_fr"[c-'\b'])
		default:
			b = fmt.Appendf(b, `\u%04x`, c)
		}
	}
	return append(b, '"')
}
