package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	// ErrInvalid says that a schema file is not right; the text says where.
	ErrInvalid = errors.New("invalid schema")
	// ErrLater says that a schema uses what this version does not know.
	ErrLater = errors.New("needs a later version")
	// ErrValue says that a value does not fit its column.
	ErrValue = errors.New("value does not fit")
)

// Limits of a schema; what is beyond is refused by name.
const (
	MaxSource  = 256 << 10 // bytes of a schema file
	MaxEncoded = 96 << 10  // bytes of an encoded schema: it has to fit a ledger entry
	MaxTables  = 256
	MaxColumns = 256 // of a table
	MaxIndexes = 32  // of a table
	MaxIndexed = 8   // columns of an index
	MaxName    = 63  // bytes of a name
)

// Schema is the tables of a space. It is numbered (see Number) or, fresh from
// Parse, not yet: then all numbers are 0. Treat it as read-only.
type Schema struct {
	Tables []*Table // numbered: ascending by number; else in the file's order
	Next   uint32   // the number for the next new table
}

// Table is one table.
type Table struct {
	Number     uint32
	Name       string
	Was        string // from `was:`; empty once numbered
	UpdateWins bool   // a concurrent update keeps a deleted row
	Ordered    bool   // written by ordered transactions, and by them only
	Columns    []*Column
	Indexes    [][]string // each a list of column names
	Uniques    [][]string // the same, of columns that no two rows have alike; each is an index too
	Next       uint32     // the number for the next new column
}

// Column is one column. The `id` that every row has is not listed.
type Column struct {
	Number   uint32
	Name     string
	Was      string // from `was:`; empty once numbered
	Type     Type
	Table    string // of a ref: the table's name
	OnDelete OnDelete
	Index    bool // an index of its own
	Unique   bool // no two rows have the same value; null is no value. An index of its own, too
	Required bool
	Default  Default
}

// Default is the value for an insert that names none.
type Default struct {
	Kind  DefaultKind
	Value any // of DefaultValue: a Go value as package merge lists them
}

// Table finds a table by name, in any case of letters. Built-in ones have no names
// for people.
func (s *Schema) Table(name string) (*Table, bool) {
	for _, t := range s.Tables {
		if strings.EqualFold(t.Name, name) {
			return t, true
		}
	}
	return nil, false
}

// TableByNumber finds a table by its permanent number, a built-in one too.
func (s *Schema) TableByNumber(n uint32) (*Table, bool) {
	tables := s.Tables
	if n >= FirstBuiltin {
		tables = builtin
	}
	i, ok := slices.BinarySearchFunc(tables, n, func(t *Table, n uint32) int { return int(int64(t.Number) - int64(n)) })
	if !ok {
		return nil, false
	}
	return tables[i], true
}

// Column finds a column by name, in any case of letters.
func (t *Table) Column(name string) (*Column, bool) {
	for _, c := range t.Columns {
		if strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return nil, false
}

// ColumnByNumber finds a column by its permanent number.
func (t *Table) ColumnByNumber(n uint32) (*Column, bool) {
	i, ok := slices.BinarySearchFunc(t.Columns, n, func(c *Column, n uint32) int { return int(int64(c.Number) - int64(n)) })
	if !ok {
		return nil, false
	}
	return t.Columns[i], true
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
