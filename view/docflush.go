package view

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	// maxOpenDocs and maxOpenSize bound the documents, and about their bytes, that a
	// transaction holds in memory before it opens another: then all are written.
	maxOpenDocs = 4096
	maxOpenSize = 128 << 20

	// A snapshot is written when this many edits came since the last one, and so
	// many that it takes at most snapBytes for each.
	snapEdits = 256
	snapBytes = 256
)

// makeRoom lets the documents in memory go if they became too many.
func (tx *Tx) makeRoom() error {
	if len(tx.docs) < maxOpenDocs && tx.docSize < maxOpenSize {
		return nil
	}
	err := tx.flush()
	clear(tx.docs)
	tx.docSize = 0
	return err
}

// spoil notes that a document's cell is not what the document is.
func (tx *Tx) spoil(o *openDoc) {
	if o.mine = true; !o.stale {
		o.stale = true
		tx.stale++
	}
}

// flush writes the cells of the documents that changed, so that rows show them.
func (tx *Tx) flush() error {
	if tx.stale == 0 {
		return nil
	}
	for _, o := range slices.SortedFunc(maps.Values(tx.docs), (*openDoc).compare) {
		if !o.stale {
			continue
		}
		if err := tx.flushDoc(o); err != nil {
			return failed("folding", err)
		}
	}
	return nil
}

func (k *openDoc) compare(o *openDoc) int {
	return cmp.Or(cmp.Compare(k.table, o.table), strings.Compare(k.row, o.row), cmp.Compare(k.col, o.col))
}

func (tx *Tx) flushDoc(o *openDoc) error {
	doc, err := tx.current(o)
	if err != nil {
		return err
	}
	if err := tx.setCell(o, doc); err != nil {
		return err
	}
	o.stale = false
	tx.stale--
	if since := o.folded - o.upto; since >= snapEdits && since*snapBytes >= uint64(o.snapped) {
		return tx.snapshot(o)
	}
	return nil
}

// snapshot spares whoever has not the document in memory the edits so far.
func (tx *Tx) snapshot(o *openDoc) error {
	b, err := o.doc.Encode()
	if err != nil {
		return fmt.Errorf("a document of row %s: %w", o.row, err)
	}
	o.upto, o.snapped, o.size = o.folded, len(b), len(b)
	return tx.c.exec("UPDATE doc$ SET snap = ?2, upto = ?3 WHERE id = ?1", o.id, blob(b), o.upto)
}
