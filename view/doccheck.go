package view

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// allDocuments lists all documents by table, row and column.
func (tx *Tx) allDocuments() (out []docKey, err error) {
	err = tx.c.each("SELECT tbl, row, col FROM doc$ ORDER BY tbl, row, col", nil, func(s *sqlite3.Stmt) error {
		out = append(out, scanKey(s))
		return nil
	})
	return out, err
}

// checkDocuments folds all documents anew from their bases, and puts the cells right
// that show something else. Snapshots of those go.
func (tx *Tx) checkDocuments() (problems []string, err error) {
	if err := tx.forgetDocuments(); err != nil {
		return nil, err
	}
	all, err := tx.allDocuments()
	if err != nil {
		return nil, err
	}
	for _, key := range all {
		k, c := tx.layout.document(key)
		if c == nil {
			continue
		}
		problem, err := tx.checkDocument(k, c)
		if err != nil {
			return nil, err
		}
		if problem != "" && len(problems) < 20 {
			problems = append(problems, fmt.Sprintf("document %s of row %s of %s: %s", c.name, k.id, k.table.name, problem))
		}
	}
	return problems, nil
}

func (tx *Tx) checkDocument(k rowKey, c *column) (problem string, err error) {
	if err := tx.makeRoom(); err != nil {
		return "", err
	}
	o, err := tx.open(k, c)
	if err != nil {
		return "", err
	}
	if err := tx.loadBase(o); err != nil {
		return err.Error(), nil
	}
	if _, err := tx.current(o); err != nil {
		return "", err
	}
	return tx.checkCell(o)
}

func (tx *Tx) checkCell(o *openDoc) (problem string, err error) {
	found, same := false, false
	found, err = tx.c.first("SELECT "+o.column.raw+" IS ?2 FROM "+o.t.store+" WHERE id = ?1", []any{o.row, cellValue(o.doc)},
		func(s *sqlite3.Stmt) { same = s.ColumnBool(0) })
	switch {
	case err != nil || same:
		return "", err
	case !found:
		return "its row is not there", nil
	}
	if err := tx.unfold(o, 0); err != nil {
		return "", err
	}
	return "it showed something else: put right", nil
}

// documents adds the documents to a digest: of each its base, and its edits by device,
// number and place in their transactions.
//
//	per document   'D' table, id, column, base or 'N'
//	per edit       'E' number, place, time, time before, device, change
func (d *digester) documents(tx *Tx) error {
	return tx.c.each("SELECT tbl, row, col, id, base FROM doc$ ORDER BY tbl, row, col", nil, func(s *sqlite3.Stmt) error {
		key, id := scanKey(s), s.ColumnInt64(3)
		_, c := tx.layout.document(key)
		if c == nil {
			return nil
		}
		head := func() {
			d.tagged('D', uint64(key.table))
			d.bytes('S', []byte(key.row))
			d.tagged('I', uint64(key.col))
			d.value(s, 4)
		}
		based := s.ColumnType(4) != sqlite3.NULL
		if based {
			head()
		}
		return d.edits(tx, id, func() {
			if !based {
				head()
			}
			based = true
		})
	})
}

func (d *digester) edits(tx *Tx, doc int64, first func()) error {
	query := "SELECT device, number, time, before, place, change FROM edit$ WHERE doc = ?1 ORDER BY device, number, place"
	return tx.c.each(query, []any{doc}, func(s *sqlite3.Stmt) error {
		first()
		stamp := editStamp(s, 0)
		d.tagged('E', stamp.Number)
		d.tagged('I', uint64(s.ColumnInt64(4)))
		d.tagged('I', stamp.Time)
		d.tagged('I', stamp.Before)
		d.bytes('B', stamp.Device[:])
		d.bytes('B', s.ColumnRawBlob(5))
		return nil
	})
}
