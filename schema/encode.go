package schema

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// The stored form: deterministic CBOR, arrays of fixed length.
//
//	schema   [version, next table, [table, …]]          tables ascending by number
//	table    [number, name, flags, next column, [column, …], [[column, …], …]]
//	column   [number, name, type, flags, table, on delete, default kind, default]
//
// Indexes and references stand as numbers; an index of values that differ has 0 in
// front. Evolution: another version number, which an old reader refuses; flags and
// kinds that it does not know, too.
const version = 1

const ( // of a table
	flagUpdateWins = 1 << iota
	flagOrdered
)

const ( // of a column
	flagIndex = 1 << iota
	flagRequired
	flagUnique
)

type wireSchema struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Next    uint32
	Tables  []wireTable
}

type wireTable struct {
	_       struct{} `cbor:",toarray"`
	Number  uint32
	Name    string
	Flags   uint32
	Next    uint32
	Columns []wireColumn
	Indexes [][]uint32
}

type wireColumn struct {
	_        struct{} `cbor:",toarray"`
	Number   uint32
	Name     string
	Type     uint32
	Flags    uint32
	Table    uint32
	OnDelete uint32
	Kind     uint32
	Default  wire.RawCBOR
}

// Encode is the one encoding of a numbered schema.
func (s *Schema) Encode() ([]byte, error) {
	b, err := s.encode()
	if err != nil {
		return nil, fmt.Errorf("encoding schema: %w", err)
	}
	if len(b) > MaxEncoded {
		return nil, fmt.Errorf("encoding schema: %w", invalid("%d bytes, limit %d", len(b), MaxEncoded))
	}
	return b, nil
}

// checkSize says early that a schema can't be stored.
func (s *Schema) checkSize() error {
	_, err := s.Encode()
	return err
}

func (s *Schema) encode() ([]byte, error) {
	w := wireSchema{Version: version, Next: s.Next, Tables: []wireTable{}}
	for _, t := range s.Tables {
		wt, err := s.encodeTable(t)
		if err != nil {
			return nil, err
		}
		w.Tables = append(w.Tables, wt)
	}
	if err := s.checkNumbers(); err != nil {
		return nil, err
	}
	return wire.MarshalCBOR(w)
}

func (s *Schema) encodeTable(t *Table) (wireTable, error) {
	w := wireTable{Number: t.Number, Name: t.Name, Next: t.Next, Columns: []wireColumn{}, Indexes: [][]uint32{}}
	w.Flags = flagIf(t.UpdateWins, flagUpdateWins) | flagIf(t.Ordered, flagOrdered)
	for _, c := range t.Columns {
		value, err := merge.EncodeValue(c.Default.Value)
		if err != nil {
			return w, err
		}
		wc := wireColumn{Number: c.Number, Name: c.Name, Type: uint32(c.Type), Table: target(s, c),
			OnDelete: uint32(c.OnDelete), Kind: uint32(c.Default.Kind), Default: value}
		wc.Flags = flagIf(c.Index, flagIndex) | flagIf(c.Required, flagRequired) | flagIf(c.Unique, flagUnique)
		w.Columns = append(w.Columns, wc)
	}
	err := t.encodeIndexes(&w)
	return w, err
}

func (t *Table) encodeIndexes(w *wireTable) error {
	for i, index := range slices.Concat(t.Indexes, t.Uniques) {
		var numbers []uint32
		if i >= len(t.Indexes) {
			numbers = append(numbers, 0)
		}
		for _, name := range index {
			c, ok := t.Column(name)
			if !ok {
				return invalid("index of column %s, which is not there", name)
			}
			numbers = append(numbers, c.Number)
		}
		w.Indexes = append(w.Indexes, numbers)
	}
	return nil
}

func flagIf(set bool, value uint32) uint32 {
	if set {
		return value
	}
	return 0
}

// Decode takes what Encode prints and nothing else.
func Decode(b []byte) (*Schema, error) {
	if len(b) > MaxEncoded {
		return nil, fmt.Errorf("decoding schema: %w: %d bytes, limit %d", wire.ErrMalformed, len(b), MaxEncoded)
	}
	var w wireSchema
	if err := wire.UnmarshalCBOR(b, &w); err != nil {
		return nil, fmt.Errorf("decoding schema: %w", err)
	}
	if w.Version != version {
		return nil, fmt.Errorf("decoding schema: %w: version %d", ErrLater, w.Version)
	}
	s, err := w.schema()
	if err != nil {
		return nil, fmt.Errorf("decoding schema: %w", err)
	}
	if again, err := s.encode(); err != nil || !bytes.Equal(again, b) {
		return nil, fmt.Errorf("decoding schema: %w: not the canonical encoding", wire.ErrMalformed)
	}
	return s, nil
}

func (w *wireSchema) schema() (*Schema, error) {
	s := &Schema{Next: w.Next}
	names := map[uint32]string{}
	for i := range w.Tables {
		names[w.Tables[i].Number] = w.Tables[i].Name
	}
	for i := range w.Tables {
		t, err := w.Tables[i].table(names)
		if err != nil {
			return nil, err
		}
		s.Tables = append(s.Tables, t)
	}
	if err := s.checkNumbers(); err != nil {
		return nil, err
	}
	return s, s.validate()
}

func (w *wireTable) table(names map[uint32]string) (*Table, error) {
	if w.Flags&^(flagUpdateWins|flagOrdered) != 0 {
		return nil, fmt.Errorf("%w: flags %#x of a table", ErrLater, w.Flags)
	}
	t := &Table{Number: w.Number, Name: w.Name, UpdateWins: w.Flags&flagUpdateWins != 0, Ordered: w.Flags&flagOrdered != 0, Next: w.Next}
	columns := map[uint32]string{}
	for i := range w.Columns {
		c, err := w.Columns[i].column(names)
		if err != nil {
			return nil, err
		}
		columns[c.Number] = c.Name
		t.Columns = append(t.Columns, c)
	}
	for _, index := range w.Indexes {
		to := &t.Indexes
		if len(index) > 0 && index[0] == 0 {
			to, index = &t.Uniques, index[1:]
		}
		var list []string
		for _, n := range index {
			list = append(list, columns[n])
		}
		*to = append(*to, list)
	}
	return t, nil
}

func (w *wireColumn) column(names map[uint32]string) (*Column, error) {
	if w.Flags&^(flagIndex|flagRequired|flagUnique) != 0 || w.OnDelete > uint32(Cascade) || w.Kind > uint32(DefaultMember) {
		return nil, fmt.Errorf("%w: flags or kinds of a column", ErrLater)
	}
	if w.Type > 255 || !Type(w.Type).known() {
		return nil, fmt.Errorf("%w: column type %d", ErrLater, w.Type)
	}
	c := &Column{Number: w.Number, Name: w.Name, Type: Type(w.Type), Table: names[w.Table], OnDelete: OnDelete(w.OnDelete),
		Index: w.Flags&flagIndex != 0, Required: w.Flags&flagRequired != 0, Unique: w.Flags&flagUnique != 0}
	value, err := merge.DecodeValue(w.Default)
	if err != nil {
		return nil, err
	}
	c.Default = Default{DefaultKind(w.Kind), value}
	if (c.Default.Kind == DefaultValue) != (value != nil) {
		return nil, invalid("default of column %s", c.Name)
	}
	if c.Type.Document() { // has no default: see validateDocument
		return c, nil
	}
	return c, checkValue(c, w.Default)
}

// checkNumbers: ascending, from 1, below the next one and those of built-in tables.
func (s *Schema) checkNumbers() error {
	tables := make([]uint32, len(s.Tables))
	for i, t := range s.Tables {
		tables[i] = t.Number
		columns := make([]uint32, len(t.Columns))
		for j, c := range t.Columns {
			columns[j] = c.Number
		}
		if !ascending(columns, t.Next) {
			return invalid("numbers of the columns of table %s", t.Name)
		}
	}
	if !ascending(tables, s.Next) || s.Next > FirstBuiltin {
		return invalid("numbers of the tables")
	}
	return nil
}

func ascending(numbers []uint32, next uint32) bool {
	all := append(slices.Clone(numbers), next)
	for i, n := range all {
		if n == 0 || i > 0 && n <= all[i-1] {
			return false
		}
	}
	return true
}
