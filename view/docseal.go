package view

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/merge"
)

// sealDocuments makes of the documents of a sealed table the bases of the next epoch:
// those of rows that are gone go, and so do those that are as if nobody had changed
// them.
func (tx *Tx) sealDocuments(t *table, opening uint64) error {
	if len(t.documents) == 0 {
		return nil
	}
	if err := tx.dropDocuments(fmt.Sprintf("tbl = %d AND NOT EXISTS (SELECT 1 FROM %s AS r WHERE r.id = doc$.row)", t.number, t.store)); err != nil {
		return err
	}
	for last := int64(0); ; {
		some, next, err := tx.someEdited(t, last)
		if err != nil {
			return err
		}
		for _, key := range some {
			if err := tx.sealDocument(key, opening); err != nil {
				return fmt.Errorf("row %s: %w", key.row, err)
			}
		}
		if last = next; last == 0 {
			break
		}
	}
	return tx.dropDocuments(fmt.Sprintf("tbl = %d AND base IS NULL", t.number))
}

// dropDocuments removes documents with their edits.
func (tx *Tx) dropDocuments(where string) error {
	if err := tx.c.Exec("DELETE FROM edit$ WHERE doc IN (SELECT id FROM doc$ WHERE " + where + ")"); err != nil {
		return err
	}
	return tx.c.Exec("DELETE FROM doc$ WHERE " + where)
}

// someEdited lists some documents of a table with edits, by their IDs from last on.
// The others are sealed: another seal would lower nothing more. next is where to go
// on, 0 at the end.
func (tx *Tx) someEdited(t *table, last int64) (out []docKey, next int64, err error) {
	const some = 1000
	err = tx.c.each(`SELECT tbl, row, col, id FROM doc$ WHERE tbl = ?1 AND id > ?2 AND EXISTS (SELECT 1 FROM edit$ WHERE doc = doc$.id)
		ORDER BY id LIMIT `+strconv.Itoa(some), []any{t.number, last}, func(s *sqlite3.Stmt) error {
		out, next = append(out, scanKey(s)), s.ColumnInt64(3)
		return nil
	})
	if len(out) < some {
		next = 0
	}
	return out, next, err
}

func (tx *Tx) sealDocument(key docKey, opening uint64) error {
	k, c := tx.layout.document(key)
	if c == nil {
		return fmt.Errorf("a document of a column that the schema does not have: %w", ErrCorrupt)
	}
	o, err := tx.open(k, c)
	if err != nil {
		return err
	}
	doc, err := tx.current(o)
	if err != nil {
		return err
	}
	sealed := doc.Seal(opening)
	var base []byte
	if !sealed.Empty() {
		b, err := sealed.Encode()
		if err != nil {
			return err
		}
		base = blob(b)
	}
	return tx.rebase(o, sealed, base)
}

// rebase gives a document another base and no edits; without a base it goes. What the
// driver keeps in memory besides, of use for those who go on from the old one, stays
// until the end of the transaction.
func (tx *Tx) rebase(o *openDoc, sealed merge.Document, base []byte) error {
	if err := tx.c.exec("DELETE FROM edit$ WHERE doc = ?1", o.id); err != nil {
		return err
	}
	o.doc, o.folded, o.last, o.upto, o.version = sealed, 0, 0, 0, newVersion()
	o.size, o.snapped, o.mine = len(base), len(base), true
	if o.stale {
		o.stale = false
		tx.stale--
	}
	var err error
	if base == nil {
		err = tx.c.exec("DELETE FROM doc$ WHERE id = ?1", o.id)
		o.id, o.version = 0, 0
	} else {
		err = tx.c.exec("UPDATE doc$ SET version = ?2, upto = 0, base = ?3, snap = NULL WHERE id = ?1", o.id, o.version, base)
	}
	if err != nil {
		return err
	}
	return tx.setCell(o, sealed)
}

// dropUnknownDocuments removes those of tables and columns that the schema has not.
func (tx *Tx) dropUnknownDocuments() error {
	known := []string{"0"}
	for _, t := range tx.layout.order {
		for _, c := range t.documents {
			known = append(known, fmt.Sprintf("tbl = %d AND col = %d AND type = %d", t.number, c.number, c.document))
		}
	}
	return tx.dropDocuments("NOT (" + strings.Join(known, " OR ") + ")")
}

// forgetDocuments writes the documents in memory and lets them go.
func (tx *Tx) forgetDocuments() error {
	err := tx.flush()
	tx.docs, tx.docSize = nil, 0
	return err
}

// clearDocuments removes all documents.
func (tx *Tx) clearDocuments() error {
	tx.docs, tx.docSize, tx.stale, tx.held, tx.parts = nil, 0, 0, nil, documentParts{}
	if err := tx.c.exec("DELETE FROM edit$"); err != nil {
		return err
	}
	return tx.c.exec("DELETE FROM doc$")
}
