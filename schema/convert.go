package schema

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// MaxCell bounds one value as encoded: 4 MiB. More belongs in a file.
const MaxCell = 4 << 20

// Convert brings a value into the form that package merge lists for the
// column's type: nil, bool, int64, float64, string or []byte. It takes what
// programs and people have:
//
//	any type   nil; a string in the form that Format prints; json.RawMessage
//	int        integers of any Go type; json.Number; integral floats below 2^53
//	real       numbers
//	time       time.Time (cut to microseconds); int64 Unix microseconds
//	bytes      []byte
//	json       a string is JSON text; maps, slices, numbers and bools are values
//	id, ref    [16]byte, []byte
//	member     wire.MemberID, [16]byte, []byte
func Convert(c *Column, v any) (any, error) {
	out, err := convert(c, v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmp.Or(c.Name, c.Type.String()), err)
	}
	return out, nil
}

// Encode converts a value and encodes it as a cell.
func Encode(c *Column, v any) ([]byte, error) {
	v, err := Convert(c, v)
	if err != nil {
		return nil, err
	}
	b, err := merge.EncodeValue(v)
	if err == nil && len(b) > MaxCell {
		err = fmt.Errorf("%w: more than %d bytes", ErrValue, MaxCell)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	return b, nil
}

// Cells converts named values into cells, columns ascending.
func (t *Table) Cells(values map[string]any) ([]merge.Cell, error) {
	cells := make([]merge.Cell, 0, len(values))
	for name, v := range values {
		c, ok := t.Column(name)
		if !ok {
			return nil, &OpError{Rule: "column", Table: t.Name, Column: strconv.QuoteToASCII(cut(name)), Err: t.noColumn()}
		}
		if c.Type.Document() {
			return nil, &OpError{"document", t.Name, c.Name, errByEdits}
		}
		b, err := Encode(c, v)
		if err != nil {
			return nil, &OpError{"type", t.Name, c.Name, err}
		}
		cells = append(cells, merge.Cell{Column: c.Number, Value: b})
	}
	slices.SortFunc(cells, func(a, b merge.Cell) int { return cmp.Compare(a.Column, b.Column) })
	for i := 1; i < len(cells); i++ {
		if cells[i].Column == cells[i-1].Column {
			return nil, &OpError{Rule: "column", Table: t.Name, Column: fmt.Sprintf("#%d", cells[i].Column), Err: fmt.Errorf("%w: named twice", ErrValue)}
		}
	}
	return cells, nil
}

func (t *Table) noColumn() error {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return fmt.Errorf("no such column (there are %s)", strings.Join(names, ", "))
}

func convert(c *Column, v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return parseText(c.Type, v)
	case json.RawMessage:
		return convertRaw(c, v)
	}
	switch c.Type {
	case Int:
		return toInt(v)
	case Real:
		return toReal(v)
	case Bool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case Bytes:
		if b, ok := v.([]byte); ok {
			return slices.Clone(b), nil
		}
	case Time:
		return toTime(v)
	case JSON:
		return treeJSON(v)
	case ID, Ref, Member:
		return to16(c.Type, v)
	}
	return nil, mismatch(c.Type, v)
}

func mismatch(t Type, v any) error { return fmt.Errorf("%w: %s is no %s", ErrValue, kindOf(v), t) }

// kindOf names what a value is, in words where JSON has them.
func kindOf(v any) string {
	switch v := v.(type) {
	case json.Number:
		return "number " + cut(v.String())
	case map[string]any:
		return "a JSON object"
	case []any:
		return "a JSON list"
	}
	return fmt.Sprintf("%T", v)
}

// convertRaw takes a JSON value as it stands in a document: for a json column
// it is the value itself.
func convertRaw(c *Column, raw json.RawMessage) (any, error) {
	text := strings.TrimSpace(string(raw))
	switch {
	case text == "null":
		return nil, nil
	case c.Type == JSON:
		return canonicalJSON(text)
	}
	v, err := decodeScalar(text)
	if err != nil {
		return nil, err
	}
	return convert(c, v)
}

// decodeScalar decodes a JSON value without losing digits or characters.
func decodeScalar(text string) (any, error) {
	if !utf8.ValidString(text) || loneSurrogate(text) {
		return nil, fmt.Errorf("%w: JSON is not Unicode text", ErrValue)
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	if err != nil || dec.InputOffset() != int64(len(text)) {
		return nil, fmt.Errorf("%w: not JSON", ErrValue)
	}
	return v, nil
}

func toInt(v any) (any, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case int:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case int16:
		return int64(v), nil
	case int8:
		return int64(v), nil
	case uint8:
		return int64(v), nil
	case uint16:
		return int64(v), nil
	case uint32:
		return int64(v), nil
	case uint:
		return unsigned(uint64(v))
	case uint64:
		return unsigned(v)
	case float32:
		return integral(float64(v))
	case float64:
		return integral(v)
	case json.Number:
		return parseInt(v.String())
	}
	return nil, mismatch(Int, v)
}

func unsigned(v uint64) (any, error) {
	if v > math.MaxInt64 {
		return nil, fmt.Errorf("%w: integer beyond 64 bits", ErrValue)
	}
	return int64(v), nil
}

func integral(f float64) (any, error) {
	if f != math.Trunc(f) || math.Abs(f) > wire.MaxInt {
		return nil, fmt.Errorf("%w: %v is no integer", ErrValue, f)
	}
	return int64(f), nil
}

func parseInt(s string) (any, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && plainNumber(s) && strings.ContainsAny(s, ".eE") {
		return integral(f)
	}
	return nil, fmt.Errorf("%w: %s is no integer of 64 bits", ErrValue, strconv.QuoteToASCII(cut(s)))
}

// plainNumber refuses Go's own forms: hexadecimal, underscores, names.
func plainNumber(s string) bool { return strings.Trim(s, "0123456789+-.eE") == "" }

func toReal(v any) (any, error) {
	switch v := v.(type) {
	case float64:
		return finite(v)
	case float32:
		return finite(float64(v))
	case json.Number:
		return parseReal(v.String())
	}
	n, ok := asInt(toInt(v))
	if !ok {
		return nil, mismatch(Real, v)
	}
	if n > wire.MaxInt || n < -wire.MaxInt {
		return nil, fmt.Errorf("%w: integer %d loses digits as a real", ErrValue, n)
	}
	return float64(n), nil
}

func asInt(v any, err error) (int64, bool) {
	n, ok := v.(int64)
	return n, ok && err == nil
}

// finite also gives both zeros one form.
func finite(f float64) (any, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("%w: %v is no finite number", ErrValue, f)
	}
	return f + 0, nil
}

func parseReal(s string) (any, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !plainNumber(s) {
		return nil, fmt.Errorf("%w: %s is no number", ErrValue, strconv.QuoteToASCII(cut(s)))
	}
	return finite(f)
}

func toTime(v any) (any, error) {
	var micros int64
	switch v := v.(type) {
	case time.Time:
		if y := v.UTC().Year(); y < 1 || y > 9999 {
			return nil, checkMicros(math.MaxInt64)
		}
		micros = v.UnixMicro()
	case int64:
		micros = v
	default:
		return nil, mismatch(Time, v)
	}
	return micros, checkMicros(micros)
}

func to16(t Type, v any) (any, error) {
	switch v := v.(type) {
	case [16]byte:
		return v[:], nil
	case wire.MemberID:
		if t == Member {
			return v[:], nil
		}
	case []byte:
		if len(v) == 16 {
			return slices.Clone(v), nil
		}
	}
	return nil, mismatch(t, v)
}

func parseText(t Type, s string) (any, error) {
	switch t {
	case Text:
		if !utf8.ValidString(s) || strings.Contains(s, "\x00") {
			return nil, fmt.Errorf("%w: text is UTF-8 without NUL", ErrValue)
		}
		return s, nil
	case Int:
		return parseInt(s)
	case Real:
		return parseReal(s)
	case Bool:
		switch s {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, fmt.Errorf("%w: %s is neither true nor false", ErrValue, strconv.QuoteToASCII(cut(s)))
	case Bytes:
		b, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil {
			return nil, fmt.Errorf("%w: not base64", ErrValue)
		}
		return b, nil
	case Time:
		return parseTime(s)
	case JSON:
		return canonicalJSON(s)
	case Member:
		m, err := wire.ParseMemberID(s)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrValue, err)
		}
		return m[:], nil
	case ID, Ref:
		id, err := ParseID(s)
		return id[:], err
	}
	return nil, fmt.Errorf("%w: a %s is a document, which has no single value", ErrValue, t)
}

// parseTime takes RFC 3339, or a day, which begins at midnight UTC.
func parseTime(s string) (any, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if v, err := time.Parse(layout, s); err == nil {
			return toTime(v)
		}
	}
	return nil, fmt.Errorf("%w: %s is no time (2006-01-02T15:04:05Z or 2006-01-02)", ErrValue, strconv.QuoteToASCII(cut(s)))
}
