package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

// layout is a schema as this package uses it. It never changes; a transaction
// uses the one of the generation that it reads.
type layout struct {
	generation int64 // user_version of the database
	schema     *schema.Schema
	number     uint64 // of the ledger entry that the schema came with
	tables     map[uint32]*table
	names      map[string]*table
	order      []*table // by number
}

// table is a space's table as SQLite's table t$<number>:
//
//	id    the row's ID
//	s     dead, hidden or shown: see visible.go
//	meta  merge.RowState
//	c<N>  the value of column N
//	e<N>  only for references that become null: the value that shows
type table struct {
	number  uint32
	name    string
	store   string // t$<number>
	hidden  bool   // built in: SQL does not see it
	options merge.TableOptions
	columns []*column
	byNum   map[uint32]*column
	byName  map[string]*column
	indexes [][]string // of c<N> and e<N>

	cascades []*column // references of this table that hide its rows
	nulls    []*column // references of this table that become null
	children []*child  // references of other tables to this one, and of its own

	documents []*column // columns of documents

	insert string // SQL, see row.go
	state  string
	rank   string
}

// child is a reference as seen from the table that it refers to.
type child struct {
	table  *table
	column *column

	needing, nullify, restore string // SQL, see visible.go
}

type column struct {
	number   uint32
	index    int // in table.columns
	name     string
	kind     kind
	raw      string // c<N>
	shown    string // what readers see: raw, or e<N>
	source   *schema.Column
	target   *table // of a reference
	onDelete onDelete

	document merge.DocumentType // 0: of none
	empty    any                // the value of a document that nobody changed
}

type onDelete uint8

const (
	keep onDelete = iota
	cascade
	setNull
)

// newLayout compiles a schema, nil for none, and the tables that every space has.
func newLayout(s *schema.Schema, generation int64, number uint64) (*layout, error) {
	l := &layout{generation: generation, schema: s, number: number, tables: map[uint32]*table{}, names: map[string]*table{}}
	all := schema.Builtin()
	if s != nil {
		all = slices.Concat(s.Tables, all)
	}
	if err := l.addTables(all); err != nil {
		return nil, err
	}
	for _, t := range l.order {
		l.link(t)
		t.compile()
	}
	return l, nil
}

// link joins the references of t with their targets.
func (l *layout) link(t *table) {
	for _, c := range t.columns {
		if c.target == nil {
			continue
		}
		switch c.onDelete {
		case cascade:
			t.cascades = append(t.cascades, c)
		case setNull:
			t.nulls = append(t.nulls, c)
		case keep:
			continue
		}
		c.target.children = append(c.target.children, newChild(t, c))
		t.index(c.raw)
	}
}

// index asks for an index, once.
func (t *table) index(columns ...string) {
	name := strings.Join(columns, ",")
	for _, have := range t.indexes {
		if strings.Join(have, ",") == name {
			return
		}
	}
	t.indexes = append(t.indexes, columns)
}

// table finds a table by the user's name, in any case of letters; a built-in one
// too.
func (l *layout) table(name string) (*table, error) {
	t := l.names[strings.ToLower(name)]
	switch {
	case t != nil:
		return t, nil
	case l.schema == nil:
		return nil, classed(ErrSchema, "the space has no schema yet")
	}
	return nil, classed(ErrSchema, "no table %q", name)
}

// column finds a column by the user's name, in any case of letters; id is not one.
func (t *table) column(name string) (*column, error) {
	c := t.byName[strings.ToLower(name)]
	if c == nil {
		return nil, classed(ErrQuery, "no column %q in table %s", name, t.name)
	}
	return c, nil
}

// kinds maps the types of a schema that are no documents.
var kinds = map[schema.Type]kind{
	schema.Text: kindText, schema.Int: kindInt, schema.Real: kindReal, schema.Bool: kindBool, schema.Bytes: kindBytes,
	schema.Time: kindTime, schema.JSON: kindJSON, schema.ID: kindID, schema.Ref: kindID, schema.Member: kindMember,
}

var deletions = map[schema.OnDelete]onDelete{schema.Keep: keep, schema.Null: setNull, schema.Cascade: cascade}

func (l *layout) addTables(all []*schema.Table) error {
	for _, st := range all {
		t := &table{
			number: st.Number, name: st.Name, store: fmt.Sprintf("t$%d", st.Number),
			options: merge.TableOptions{UpdateWins: st.UpdateWins}, hidden: st.Hidden(),
			byNum: map[uint32]*column{}, byName: map[string]*column{},
		}
		if st.Number == 0 || l.tables[st.Number] != nil {
			return classed(ErrSchema, "table %s has no number of its own", st.Name)
		}
		l.tables[t.number], l.names[strings.ToLower(t.name)] = t, t
		l.order = append(l.order, t)
	}
	for _, st := range all {
		if err := l.addColumns(l.tables[st.Number], st); err != nil {
			return err
		}
	}
	return nil
}

func (l *layout) addColumns(t *table, st *schema.Table) error {
	for _, sc := range st.Columns {
		c := &column{
			number: sc.Number, index: len(t.columns), name: sc.Name, kind: kinds[sc.Type],
			raw: fmt.Sprintf("c%d", sc.Number), onDelete: deletions[sc.OnDelete], source: sc,
		}
		c.shown = c.raw
		if sc.Type.Document() {
			c.setDocument(sc.Type)
			t.documents = append(t.documents, c)
		}
		if c.kind == 0 || sc.Number == 0 || t.byNum[sc.Number] != nil {
			return classed(ErrSchema, "column %s of table %s: %s has no place in the store", sc.Name, st.Name, sc.Type)
		}
		if sc.Type == schema.Ref {
			if c.target = l.names[strings.ToLower(sc.Table)]; c.target == nil {
				return classed(ErrSchema, "column %s of table %s refers to no table", sc.Name, st.Name)
			}
			if c.onDelete == setNull {
				c.shown = fmt.Sprintf("e%d", c.number)
			}
		}
		t.columns = append(t.columns, c)
		t.byNum[c.number], t.byName[strings.ToLower(c.name)] = c, c
	}
	return t.addIndexes(st)
}

// addIndexes takes the indexes over that the schema asks for, and those that
// its columns ask for.
func (t *table) addIndexes(st *schema.Table) error {
	for _, sc := range st.Columns {
		if sc.Index || sc.Unique {
			t.index(t.byNum[sc.Number].shown)
		}
	}
	for _, names := range slices.Concat(st.Indexes, st.Uniques) {
		var columns []string
		for _, name := range names {
			if strings.EqualFold(name, "id") {
				columns = append(columns, "id")
				continue
			}
			c, err := t.column(name)
			if err != nil {
				return err
			}
			columns = append(columns, c.shown)
		}
		t.index(columns...)
	}
	return nil
}
