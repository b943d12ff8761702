package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/espace-git/espace-git/merge"
)

// Document columns: several people change one value at once, by operations of kind
// Edit. No insert or update names them. spec/schema.md §5

var (
	errByEdits   = errors.New("a document is changed by edits, not by values")
	errNoEdit    = errors.New("not a document: edits do not change it")
	errNotChange = errors.New("not a change of a document")
)

// Document says that columns of the type hold documents.
func (t Type) Document() bool { return t >= File && t <= Tree }

// known says that this version has what the type needs.
func (t Type) known() bool { return t >= Text && t <= Tree }

// ordinal says that values have an order that an index can serve.
func (t Type) ordinal() bool { return t != JSON && (!t.Document() || t == Counter || t == Flag) }

// validateDocument: what everybody changes at once has no single value to demand,
// to be given, or to differ from others; and the order knows no edits.
func (c *Column) validateDocument(t *Table) error {
	if !c.Type.Document() {
		return nil
	}
	name := t.Name + "." + c.Name
	switch {
	case t.Ordered:
		return invalid("column %s: an ordered table has no column of type %s: use another table", name, c.Type)
	case c.Required:
		return invalid("column %s: a %s begins empty and can't be required", name, c.Type)
	case c.Unique:
		return invalid("column %s: a %s can't be unique", name, c.Type)
	case c.Default.Kind != NoDefault:
		return invalid("column %s: a %s begins empty and has no default", name, c.Type)
	}
	return nil
}

// CheckSuccessor says why after can't follow before: a document does not become
// another kind of value, nor the other way round, since what is on its way to it
// would be a change of something else.
func CheckSuccessor(before, after *Schema) error {
	if before == nil {
		return nil
	}
	for _, t := range after.Tables {
		old, ok := before.TableByNumber(t.Number)
		if !ok {
			continue
		}
		for _, c := range t.Columns {
			was, ok := old.ColumnByNumber(c.Number)
			if ok && was.Type != c.Type && (was.Type.Document() || c.Type.Document()) {
				return invalid("column %s.%s: its type can't change from %s to %s: add a column of another name, and remove this one", t.Name, c.Name, was.Type, c.Type)
			}
		}
	}
	return nil
}

// checkDocumentCell judges one cell that names a document column, or one of an edit.
func checkDocumentCell(c *Column, op *merge.Op, value []byte) error {
	switch edit := op.Kind == merge.Edit; {
	case !edit:
		return errByEdits
	case !c.Type.Document():
		return errNoEdit
	case c.Type == Counter && len(value) > 0 && value[0]>>5 <= 1, c.Type != Counter && len(value) > 0 && value[0]>>5 == 2:
		if len(value) > MaxCell {
			return fmt.Errorf("%w: more than %d bytes", ErrValue, MaxCell)
		}
		return nil
	}
	return fmt.Errorf("%w: %w", ErrValue, errNotChange)
}

// First is what a document column of a new row begins with.
type First struct {
	Column *Column
	Value  any // see FirstValue
}

// Split takes the document columns out of the values of an insert. Null stands for
// nothing; First are ascending by column.
func (t *Table) Split(values map[string]any) (rest map[string]any, first []First, err error) {
	rest = make(map[string]any, len(values))
	for name, v := range values {
		c, ok := t.Column(name)
		if !ok || !c.Type.Document() {
			rest[name] = v
			continue
		}
		if slices.ContainsFunc(first, func(f First) bool { return f.Column == c }) {
			return nil, nil, &OpError{"column", t.Name, c.Name, fmt.Errorf("%w: named twice", ErrValue)}
		}
		if v, err = FirstValue(c, v); err != nil {
			return nil, nil, &OpError{"type", t.Name, c.Name, fmt.Errorf("%s: %w", c.Name, err)}
		}
		if v != nil {
			first = append(first, First{c, v})
		}
	}
	slices.SortFunc(first, func(a, b First) int { return int(int64(a.Column.Number) - int64(b.Column.Number)) })
	return rest, first, nil
}

// FirstValue brings what a new row gives a document column into one form. A string
// is in the form that Format prints.
//
//	textarea    string
//	list, set   []any: nil, bool, int64, float64, string, []byte; from a JSON list, []any or []string
//	counter     int64
//	flag        bool
//
// The others have operations, not values: only nil, and what an empty one shows, as an
// export has it: 0, [] or null.
func FirstValue(c *Column, v any) (any, error) {
	if raw, ok := v.(json.RawMessage); ok && strings.TrimSpace(string(raw)) == "null" {
		return nil, nil
	}
	if v == nil {
		return nil, nil
	}
	switch c.Type {
	case Textarea:
		return convert(&Column{Name: c.Name, Type: Text}, v)
	case Counter:
		return convert(&Column{Name: c.Name, Type: Int}, v)
	case Flag:
		return convert(&Column{Name: c.Name, Type: Bool}, v)
	case List, Set:
		return toScalars(c.Type, v)
	}
	if raw, ok := v.(json.RawMessage); ok {
		v = string(raw)
	}
	if s := strings.TrimSpace(fmt.Sprint(v)); c.Type == Log && s == "0" || c.Type != Log && (s == "[]" || s == "null") {
		return nil, nil
	}
	return nil, fmt.Errorf("%w: a new row can't give a %s a value", ErrValue, c.Type)
}

func toScalars(t Type, v any) (any, error) {
	switch list := v.(type) {
	case string:
		return scalarsOf(t, list)
	case json.RawMessage:
		return scalarsOf(t, string(list))
	case []string:
		out := make([]any, len(list))
		for i, s := range list {
			out[i] = s
		}
		return toScalars(t, out)
	case []any:
		out := make([]any, len(list))
		for i := range list {
			var err error
			if out[i], err = Scalar(list[i]); err != nil {
				return nil, fmt.Errorf("item %d: %w", i, err)
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("%w: a %s begins with a list of values, not with %s", ErrValue, t, kindOf(v))
}

func scalarsOf(t Type, text string) (any, error) {
	v, err := decodeScalar(strings.TrimSpace(text))
	list, ok := v.([]any)
	if err != nil || !ok {
		return nil, fmt.Errorf(`%w: a %s begins with a JSON list, such as ["a", "b"]`, ErrValue, t)
	}
	return toScalars(t, list)
}

// Scalar is a value of a list or set as package merge encodes it: nil, bool, int64,
// float64, string or []byte. A json.Number without fraction or exponent is an
// integer.
func Scalar(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool:
		return v, nil
	case string:
		if !utf8.ValidString(v) || strings.Contains(v, "\x00") {
			return nil, fmt.Errorf("%w: text is UTF-8 without NUL", ErrValue)
		}
		return v, nil
	case []byte:
		return slices.Clone(v), nil
	case float32, float64:
		return toReal(v)
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return parseReal(v.String())
		}
	case json.RawMessage:
		tree, err := decodeScalar(strings.TrimSpace(string(v)))
		if err != nil {
			return nil, err
		}
		return Scalar(tree)
	case map[string]any, []any:
		return nil, fmt.Errorf("%w: %s in a list or set, which hold texts, numbers, true, false and null", ErrValue, kindOf(v))
	}
	return toInt(v)
}
