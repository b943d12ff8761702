package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/espace-git/espace-git/internal/wire"
)

// canonicalJSON brings JSON text into the one form of RFC 8785: keys sorted by
// UTF-16 code units, no blanks, numbers as ECMAScript prints them. Duplicate
// keys, lone surrogates, trailing data and integers that a double can't hold
// are refused: they mean different things to different readers.
func canonicalJSON(text string) (string, error) {
	if len(text) > MaxCell {
		return "", fmt.Errorf("%w: more than %d bytes", ErrValue, MaxCell)
	}
	if !utf8.ValidString(text) || loneSurrogate(text) {
		return "", fmt.Errorf("%w: JSON is not Unicode text", ErrValue)
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	out, err := appendJSON(make([]byte, 0, len(text)), dec, 0)
	if err == nil {
		if _, end := dec.Token(); end != io.EOF {
			err = errors.New("data after the end")
		}
	}
	if err != nil {
		return "", fmt.Errorf("%w: not JSON: %w", ErrValue, err)
	}
	return string(out), nil
}

// treeJSON is the canonical text of a Go value.
func treeJSON(v any) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrValue, err)
	}
	return canonicalJSON(string(b))
}

// appendJSON reads one value from dec and prints it.
func appendJSON(b []byte, dec *json.Decoder, depth int) ([]byte, error) {
	if depth > wire.MaxDepth {
		return nil, fmt.Errorf("nested more than %d deep", wire.MaxDepth)
	}
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, t), nil
	case string:
		return appendJSONString(b, t), nil
	case json.Number:
		return appendJSONNumber(b, t.String())
	case json.Delim:
		if t == '[' {
			return appendJSONArray(b, dec, depth)
		}
		return appendJSONObject(b, dec, depth)
	}
	return nil, errors.New("unknown token")
}

func appendJSONArray(b []byte, dec *json.Decoder, depth int) ([]byte, error) {
	b = append(b, '[')
	var err error
	for first := true; dec.More(); first = false {
		if !first {
			b = append(b, ',')
		}
		if b, err = appendJSON(b, dec, depth+1); err != nil {
			return nil, err
		}
	}
	_, err = dec.Token()
	return append(b, ']'), err
}

type jsonMember struct {
	key   string
	value []byte
}

func appendJSONObject(b []byte, dec *json.Decoder, depth int) ([]byte, error) {
	var members []jsonMember
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, ok := t.(string)
		if !ok {
			return nil, errors.New("a key must be a string")
		}
		value, err := appendJSON(nil, dec, depth+1)
		if err != nil {
			return nil, err
		}
		members = append(members, jsonMember{key, value})
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	slices.SortFunc(members, func(x, y jsonMember) int {
		return slices.Compare(utf16.Encode([]rune(x.key)), utf16.Encode([]rune(y.key)))
	})
	b = append(b, '{')
	for i, m := range members {
		if i > 0 {
			if m.key == members[i-1].key {
				return nil, fmt.Errorf("key %s is there twice", strconv.QuoteToASCII(cut(m.key)))
			}
			b = append(b, ',')
		}
		b = append(appendJSONString(b, m.key), ':')
		b = append(b, m.value...)
	}
	return append(b, '}'), nil
}

func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20:
			b = append(b, c)
		case strings.IndexByte("\b\t\n\f\r", c) >= 0:
			b = append(b, '\\', "btnXfr"[c-8])
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(b, '"')
}

// appendJSONNumber prints as ECMAScript's Number.prototype.toString does, which
// is what encoding/json does for floats.
func appendJSONNumber(b []byte, literal string) ([]byte, error) {
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, fmt.Errorf("number %s is beyond a double", cut(literal))
	}
	if f == 0 {
		return append(b, '0'), nil
	}
	text, err := json.Marshal(f)
	if integer := strings.Trim(literal, "-0123456789") == ""; integer && string(text) != literal {
		return nil, fmt.Errorf("integer %s loses digits as a number: make it a string", cut(literal))
	}
	return append(b, text...), err
}

// loneSurrogate looks for \ud800 … \udfff that are not a pair: encoding/json
// replaces them silently.
func loneSurrogate(s string) bool {
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i+1 >= len(s) {
			return false
		}
		s = s[i:]
		unit, ok := escaped(s)
		if !ok {
			s = s[2:]
			continue
		}
		s = s[6:]
		if !utf16.IsSurrogate(unit) {
			continue
		}
		low, ok := escaped(s)
		if !ok || utf16.DecodeRune(unit, low) == utf8.RuneError {
			return true
		}
		s = s[6:]
	}
}

// escaped reads \uXXXX at the start of s.
func escaped(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}
