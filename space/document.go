package space

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// Documents are values that several people change at once: texts, lists, sets,
// counters, flags, logs and trees. One goes by a name of its own, or it is a column of a
// row: "table/row/column". A document by name is there from the beginning, and empty
// until somebody writes it; a column is there as long as its row.

// document is what all handles have in common.
type document struct {
	s       *Space
	address string
	typ     schema.Type
}

// Exists reports whether somebody has written the document, and its row is there.
func (d *document) Exists(ctx context.Context) (ok bool, err error) {
	err = d.read(ctx, func(v *view.Tx, at docAt, doc merge.Document) error {
		ok = !doc.Empty()
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return ok, err
}

// read shows fn the document as it is now. fn must not keep it.
func (d *document) read(ctx context.Context, fn func(v *view.Tx, at docAt, doc merge.Document) error) error {
	return queryError(d.s.db.View(ctx, func(v *view.Tx) error {
		return d.in(v, func(at docAt, doc merge.Document) error { return fn(v, at, doc) })
	}))
}

func (d *document) in(v *view.Tx, fn func(docAt, merge.Document) error) error {
	sc, _ := v.Schema()
	if sc == nil {
		return join(ErrWaiting, fmt.Errorf("no schema yet: %w", ErrWaiting))
	}
	at, err := docIn(sc, d.address, d.typ)
	if err != nil {
		return err
	}
	doc, err := at.load(v)
	if err != nil {
		return err
	}
	return fn(at, doc)
}

// docAt is where a document lies.
type docAt struct {
	table  *schema.Table
	column *schema.Column
	row    merge.RowID
	name   string // of a document by name
}

// docIn finds the place that an address means.
func docIn(sc *schema.Schema, address string, typ schema.Type) (docAt, error) {
	if parts := strings.Split(address, "/"); len(parts) == 3 {
		if at, ok, err := columnIn(sc, parts, typ); ok || err != nil {
			return at, err
		}
	}
	if err := schema.CheckDocumentName(address); err != nil {
		return docAt{}, join(ErrUsage, err)
	}
	t, _ := sc.TableByNumber(schema.DocumentsTable)
	for _, c := range t.Columns {
		if c.Type == typ {
			return docAt{t, c, schema.DocumentRow(address), address}, nil
		}
	}
	return docAt{}, usage("there are no documents of type %s by name", typ)
}

// columnIn: three parts of which the first two are a table and a row are no name.
func columnIn(sc *schema.Schema, parts []string, typ schema.Type) (docAt, bool, error) {
	t, ok := sc.Table(parts[0])
	if !ok {
		t, ok = schema.BuiltinTable(parts[0])
	}
	row, err := parseID(parts[1])
	switch {
	case !ok && err == nil:
		return docAt{}, false, notFound("there is no table %q", parts[0])
	case !ok:
		return docAt{}, false, nil
	case err != nil:
		return docAt{}, false, err
	}
	c, ok := t.Column(parts[2])
	if !ok {
		return docAt{}, false, notFound("table %q has no column %q", t.Name, parts[2])
	}
	if c.Type != typ {
		return docAt{}, false, usage("%s.%s is a %s, not a %s", t.Name, c.Name, c.Type, typ)
	}
	return docAt{table: t, column: c, row: merge.RowID(row)}, true, nil
}

// load is the document as it is now; one by name that nobody wrote is empty.
func (at docAt) load(v *view.Tx) (merge.Document, error) {
	_, live, err := v.Live(at.table.Number, at.row)
	switch {
	case err != nil:
		return nil, err
	case live:
		return v.Document(at.table.Number, at.row, at.column.Number)
	case at.name == "":
		return nil, notFound("there is no row %s in table %q", schema.FormatID(at.row), at.table.Name)
	}
	return merge.NewDocument(merge.DocumentType(at.column.Type))
}

func (at docAt) key() docKey { return docKey{at.table.Number, at.row, at.column.Number} }

// docKey names a document in a space.
type docKey struct {
	Table  uint32
	Row    merge.RowID
	Column uint32
}

// txDocument is what the handles of a transaction have in common.
type txDocument struct {
	tx      *Tx
	address string
	typ     schema.Type
}

// open is the document with what this transaction has written. It must not be changed.
func (d *txDocument) open() (docAt, merge.Document, error) {
	at, err := docIn(d.tx.schema, d.address, d.typ)
	if err != nil {
		return at, nil, err
	}
	doc, err := at.load(d.tx.v)
	return at, doc, err
}

// editChange is edit for what an encoder of changes gives.
func (tx *Tx) editChange(at docAt) func([]byte, error) error {
	return func(change []byte, err error) error {
		cell, err := merge.ChangeCell(change, err)
		if err != nil {
			return err
		}
		return tx.edit(at, cell)
	}
}

// edit writes a change of a document; a document by name gets its row with its first.
func (tx *Tx) edit(at docAt, change []byte) error {
	if at.name != "" {
		if err := errors.Join(tx.needRow(at), keepName(tx.v, at)); err != nil {
			return err
		}
	}
	return tx.apply(merge.Op{
		Kind: merge.Edit, Table: at.table.Number, Row: at.row,
		Cells: []merge.Cell{{Column: at.column.Number, Value: change}},
	})
}

func (tx *Tx) needRow(at docAt) error {
	_, live, err := tx.v.Live(at.table.Number, at.row)
	if err != nil || live {
		return err
	}
	name, err := merge.EncodeValue(at.name)
	if err != nil {
		return err
	}
	c, _ := at.table.Column("name")
	return tx.apply(merge.Op{
		Kind: merge.Insert, Table: at.table.Number, Row: at.row,
		Cells: []merge.Cell{{Column: c.Number, Value: name}},
	})
}

// index gives out n indexes that this transaction has not used in a document.
func (tx *Tx) index(at docAt, n int) uint32 {
	if tx.indexes == nil {
		tx.indexes = map[docKey]uint32{}
	}
	first := tx.indexes[at.key()]
	tx.indexes[at.key()] += uint32(n)
	return first
}

// dot names what this transaction makes with an index.
func (tx *Tx) dot(index uint32) merge.Dot {
	return merge.Dot{Device: tx.me.Device, Number: tx.stamp.Number, Index: index}
}

// parseItem reads the ID of an item or node.
func parseItem(id string) (merge.Dot, error) {
	d, err := merge.ParseDot(id)
	if err != nil {
		return d, join(ErrUsage, err)
	}
	return d, nil
}

// scalar is a value of a list, set, log or tree as it is stored.
func scalar(v any) ([]byte, error) {
	v, err := schema.Scalar(v)
	if err != nil {
		return nil, join(ErrUsage, err)
	}
	return merge.EncodeValue(v)
}

func scalars(values []any) ([][]byte, error) {
	out := make([][]byte, len(values))
	for i, v := range values {
		var err error
		if out[i], err = scalar(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}
