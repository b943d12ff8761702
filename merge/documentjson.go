package merge

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/espace-git/espace-git/internal/wire"
)

// What readers see of documents with parts: JSON in canonical form (RFC 8785),
// but for integers, which are printed with all of their digits.
//
//	null, bool, text   as they are
//	int                decimal digits
//	real               as ECMAScript prints it
//	bytes              base64 with padding

// appendJSONItem appends a scalar to an open array.
func appendJSONItem(b, scalar []byte) []byte {
	if b[len(b)-1] != '[' {
		b = append(b, ',')
	}
	return appendJSON(b, scalar)
}

// appendJSON appends a canonical scalar.
func appendJSON(b, scalar []byte) []byte {
	v, err := DecodeValue(scalar)
	if err != nil {
		return append(b, "null"...) // a node whose value has not come
	}
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		text, _ := json.Marshal(v) // finite: it can't fail
		return append(b, text...)
	case string:
		return appendJSONText(b, v)
	case []byte:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v)
		return append(b, '"')
	}
	return append(b, "null"...)
}

var jsonEscapes = map[byte]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`}

func appendJSONText(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		if esc, ok := jsonEscapes[c]; ok {
			b = append(b, esc...)
		} else {
			b = fmt.Appendf(b, `\u%04x`, c)
		}
		from = i + 1
	}
	return append(append(b, s[from:]...), '"')
}

// words shows a scalar to people, cut to some 64 bytes.
func words(scalar []byte) string {
	const limit = 64
	s := string(appendJSON(nil, scalar))
	if len(s) <= limit {
		return s
	}
	s = s[:limit]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}

// String is device.number.index, as ParseDot takes it.
func (d Dot) String() string { return fmt.Sprintf("%s.%d.%d", d.Device, d.Number, d.Index) }

// ParseDot takes what String prints of a dot whose number is settled, and
// nothing else.
func ParseDot(s string) (d Dot, err error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return d, fmt.Errorf("reading name %.80q: %w: not device.number.index", s, wire.ErrMalformed)
	}
	if d.Device, err = wire.ParseDeviceID(parts[0]); err != nil {
		return Dot{}, fmt.Errorf("reading name: %w", err)
	}
	number, errNumber := strconv.ParseUint(parts[1], 10, 63)
	index, errIndex := strconv.ParseUint(parts[2], 10, 24)
	d.Number, d.Index = number, uint32(index)
	if errNumber != nil || errIndex != nil || number == 0 || d.String() != s {
		return Dot{}, fmt.Errorf("reading name %.80q: %w: not device.number.index", s, wire.ErrMalformed)
	}
	return d, nil
}
