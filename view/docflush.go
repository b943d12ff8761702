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

// heldRow is what an edit made of a row's stamps. It is written together with the
// cells of the documents, since a row with large ones is written as a whole.
type heldRow struct {
	s    int64
	meta []byte
}

// hold keeps a row's stamps in memory until the next flush; load looks there first.
func (tx *Tx) hold(k rowKey, s int64, meta []byte) {
	if tx.held == nil {
		tx.held = map[rowKey]*heldRow{}
	}
	tx.held[k] = &heldRow{s, meta}
}

// flush writes the cells of the documents that changed, so that rows show them.
func (tx *Tx) flush() error {
	if tx.stale == 0 && len(tx.held) == 0 {
		return nil
	}
	var cells []cell
	all := slices.SortedFunc(maps.Values(tx.docs), (*openDoc).compare)
	for i, o := range all {
		if !o.stale {
			continue
		}
		doc, err := tx.current(o)
		if err != nil {
			return failed("folding", err)
		}
		cells = append(cells, cell{o.column, cellValue(doc)})
		if i+1 < len(all) && all[i+1].stale && all[i+1].table == o.table && all[i+1].row == o.row {
			continue
		}
		if err := tx.flushRow(rowKey{o.t, o.row}, cells); err != nil {
			return failed("folding", err)
		}
		cells = cells[:0]
	}
	for k := range tx.held {
		if err := tx.flushRow(k, nil); err != nil {
			return failed("folding", err)
		}
	}
	return failed("folding", tx.flushed(all))
}

func (k *openDoc) compare(o *openDoc) int {
	return cmp.Or(cmp.Compare(k.table, o.table), strings.Compare(k.row, o.row), cmp.Compare(k.col, o.col))
}

// flushRow writes what is not written of a row.
func (tx *Tx) flushRow(k rowKey, cells []cell) error {
	var set []string
	args := []any{k.id}
	add := func(name string, value any) {
		args = append(args, value)
		set = append(set, fmt.Sprintf("%s = ?%d", name, len(args)))
	}
	if h := tx.held[k]; h != nil {
		add("meta", h.meta)
		delete(tx.held, k)
	}
	for _, c := range cells {
		add(c.column.raw, c.value)
	}
	err := tx.c.exec("UPDATE "+k.table.store+" SET "+strings.Join(set, ", ")+" WHERE id = ?1", args...)
	if err == nil && tx.c.Changes() != 1 {
		err = fmt.Errorf("documents of row %s, which is not there: %w", k.id, ErrCorrupt)
	}
	return err
}

// flushed notes that all cells are written, and writes the snapshots that are due.
func (tx *Tx) flushed(all []*openDoc) error {
	tx.stale = 0
	for _, o := range all {
		if !o.stale {
			continue
		}
		o.stale = false
		if since := o.folded - o.upto; since < snapEdits || since*snapBytes < uint64(o.snapped) {
			continue
		}
		if err := tx.snapshot(o); err != nil {
			return err
		}
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
