package schema

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// ErrRefused says that an operation does not fit the schema: it has no effect,
// and shows as refused with the rule's name.
var ErrRefused = errors.New("refused by the schema")

// OpError says which rule an operation breaks. It matches ErrRefused.
type OpError struct {
	Rule   string // "table", "column", "type", "required", "document"
	Table  string // name, or "#number" if there is none
	Column string // the same; empty if the rule is about the table
	Err    error  // more, or nil
}

func (e *OpError) Error() string {
	where := e.Table
	if e.Column != "" {
		where += "." + e.Column
	}
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", where, e.Rule, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v", where, e.Rule, ErrRefused)
}

// Unwrap gives ErrRefused, and what lies below.
func (e *OpError) Unwrap() []error { return []error{ErrRefused, e.Err} }

// CheckOp judges an operation by the schema in force at its ledger position. It
// looks at the operation alone, so its verdict never changes.
func CheckOp(s *Schema, op *merge.Op) error {
	t, ok := s.TableByNumber(op.Table)
	if !ok {
		return &OpError{Rule: "table", Table: fmt.Sprintf("#%d", op.Table)}
	}
	for i := range op.Cells {
		c, ok := t.ColumnByNumber(op.Cells[i].Column)
		if !ok {
			return &OpError{Rule: "column", Table: t.Name, Column: fmt.Sprintf("#%d", op.Cells[i].Column)}
		}
		value := op.Cells[i].Value
		if c.Type.Document() || op.Kind == merge.Edit {
			if err := checkDocumentCell(c, op, value); err != nil {
				return &OpError{"document", t.Name, c.Name, err}
			}
			continue
		}
		if err := checkValue(c, value); err != nil {
			return &OpError{"type", t.Name, c.Name, err}
		}
		if c.Required && isNull(value) {
			return &OpError{Rule: "required", Table: t.Name, Column: c.Name}
		}
	}
	if op.Kind == merge.Insert {
		return t.checkRequired(op.Cells)
	}
	return t.checkSaw(op.Saw)
}

// checkSaw bounds what a delete leaves in a row's state: columns that were never
// given out can't have been seen; 0 stands for the insert.
func (t *Table) checkSaw(saw []merge.Saw) error {
	for _, s := range saw {
		if s.Column >= t.Next {
			return &OpError{Rule: "column", Table: t.Name, Column: fmt.Sprintf("#%d", s.Column)}
		}
	}
	return nil
}

// checkRequired: an insert names every required column.
func (t *Table) checkRequired(cells []merge.Cell) error {
	for _, c := range t.Columns {
		if !c.Required {
			continue
		}
		for len(cells) > 0 && cells[0].Column < c.Number {
			cells = cells[1:]
		}
		if len(cells) == 0 || cells[0].Column != c.Number {
			return &OpError{Rule: "required", Table: t.Name, Column: c.Name}
		}
	}
	return nil
}

func isNull(value []byte) bool { return len(value) == 1 && value[0] == 0xf6 }

// CBOR's major types, which the first byte of a canonical scalar shows: the
// types of millions of cells are judged without decoding them.
var majors = [...][]byte{
	Text: {3}, Int: {0, 1}, Real: {7}, Bool: {7}, Bytes: {2}, Time: {0, 1}, JSON: {3}, ID: {2}, Ref: {2}, Member: {2},
}

// checkValue judges one canonical scalar (as merge.DecodeEntry lets it through)
// against a column's type.
func checkValue(c *Column, value []byte) error {
	if isNull(value) {
		return nil
	}
	if len(value) == 0 || !c.Type.scalar() || !bytes.ContainsRune(majors[c.Type], rune(value[0]>>5)) {
		return fmt.Errorf("%w: not a value of type %s", ErrValue, c.Type)
	}
	if len(value) > MaxCell {
		return fmt.Errorf("%w: more than %d bytes", ErrValue, MaxCell)
	}
	switch isBool := value[0] == 0xf4 || value[0] == 0xf5; c.Type {
	case Bool, Real:
		if isBool != (c.Type == Bool) {
			return fmt.Errorf("%w: not a value of type %s", ErrValue, c.Type)
		}
	case Text:
		if bytes.IndexByte(value[1:], 0) >= 0 && hasNUL(value) {
			return fmt.Errorf("%w: text with a NUL character", ErrValue)
		}
	case ID, Ref, Member:
		if len(value) != 17 {
			return fmt.Errorf("%w: not 16 bytes", ErrValue)
		}
	case Time, JSON:
		return checkDecoded(c, value)
	}
	return nil
}

// hasNUL looks behind the head, whose length bytes may be zero themselves.
func hasNUL(value []byte) bool {
	v, err := merge.DecodeValue(value)
	s, ok := v.(string)
	return err != nil || !ok || bytes.IndexByte([]byte(s), 0) >= 0
}

func checkDecoded(c *Column, value []byte) error {
	v, err := merge.DecodeValue(value)
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case int64:
		return checkMicros(v)
	case string:
		canonical, err := canonicalJSON(v)
		if err != nil {
			return err
		}
		if canonical != v {
			return fmt.Errorf("%w: JSON is not in canonical form", ErrValue)
		}
	}
	return nil
}

// Times that people can write: years 1 to 9999.
var (
	firstMicro = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	lastMicro  = time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC).UnixMicro()
)

func checkMicros(v int64) error {
	if v < firstMicro || v > lastMicro {
		return fmt.Errorf("%w: time outside the years 1 to 9999", ErrValue)
	}
	return nil
}

// Author is what defaults draw on.
type Author struct {
	Now    int64 // Unix microseconds, UTC
	Member wire.MemberID
}

// Complete adds the defaults for the columns that an insert does not name.
// Cells come and go with columns ascending.
func (t *Table) Complete(cells []merge.Cell, by Author) ([]merge.Cell, error) {
	out := make([]merge.Cell, 0, len(t.Columns))
	for _, c := range t.Columns {
		if len(cells) > 0 && cells[0].Column == c.Number {
			out, cells = append(out, cells[0]), cells[1:]
			continue
		}
		var v any
		switch c.Default.Kind {
		case NoDefault:
			continue
		case DefaultValue:
			v = c.Default.Value
		case DefaultNow:
			v = by.Now
		case DefaultMember:
			v = by.Member[:]
		}
		b, err := merge.EncodeValue(v)
		if err != nil {
			return nil, fmt.Errorf("default of %s.%s: %w", t.Name, c.Name, err)
		}
		out = append(out, merge.Cell{Column: c.Number, Value: b})
	}
	if len(cells) > 0 {
		return nil, &OpError{Rule: "column", Table: t.Name, Column: fmt.Sprintf("#%d", cells[0].Column)}
	}
	return out, nil
}
