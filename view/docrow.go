package view

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/merge"
)

// Documents (docs/spec/local.md §4). The truth about one is its base, which is what
// the epoch began with, and the edits of this epoch in the order in which they came:
//
//	doc$   base  ◀── edit$ 1, 2, 3, … ──▶  state  ──▶  its cell in t$<n>
//	       snap (edits up to upto)             └──▶  cache in memory
//
// The rest is derived: the snapshot spares the fold from the base, the cache spares
// it altogether, the cell is what readers of rows see. All three are thrown away
// and made anew without loss.
//
// version is drawn at random whenever something else happens to a document than that
// an edit comes behind the others. So (version, number of the last edit) names one
// state for ever: what a process keeps in memory is right if the store shows the same
// version and at least this last edit.

// docKey names a document within a space.
type docKey struct {
	table uint32
	row   string
	col   uint32
}

// openDoc is a document that a transaction looks at or edits.
type openDoc struct {
	docKey
	t      *table
	column *column

	id      int64 // in doc$; 0: not there
	version int64
	last    uint64 // number of its last edit
	upto    uint64 // edits that the snapshot has

	doc     merge.Document // nil: not in memory
	folded  uint64         // edits that doc has
	size    int            // about the bytes of doc
	snapped int            // bytes of the snapshot, or the base

	stale bool   // its cell is not written
	mine  bool   // this transaction changed it: not for the cache if it is taken back
	used  uint64 // when it was given to the cache
}

const docHead = `SELECT id, version, upto, coalesce((SELECT max(seq) FROM edit$ WHERE doc = doc$.id), 0)
	FROM doc$ WHERE tbl = ?1 AND row = ?2 AND col = ?3`

// open finds a document; one that is not in the store has the ID 0.
func (tx *Tx) open(k rowKey, c *column) (*openDoc, error) {
	key := docKey{k.table.number, k.id, c.number}
	if o := tx.docs[key]; o != nil {
		return o, nil
	}
	if err := tx.makeRoom(); err != nil {
		return nil, err
	}
	o := &openDoc{docKey: key, t: k.table, column: c}
	_, err := tx.c.first(docHead, []any{key.table, key.row, key.col}, func(s *sqlite3.Stmt) {
		o.id, o.version = s.ColumnInt64(0), s.ColumnInt64(1)
		o.upto, o.last = uint64(s.ColumnInt64(2)), uint64(s.ColumnInt64(3))
	})
	if err != nil {
		return nil, err
	}
	if tx.docs == nil {
		tx.docs = map[docKey]*openDoc{}
	}
	tx.docs[key] = o
	if o.id != 0 {
		tx.db.docs.take(o)
	}
	return o, nil
}

// create gives a document its place in the store.
func (tx *Tx) create(o *openDoc) error {
	if o.id != 0 {
		return nil
	}
	o.version = newVersion()
	err := tx.c.exec("INSERT INTO doc$ (tbl, row, col, type, version, upto) VALUES (?1, ?2, ?3, ?4, ?5, 0)",
		o.table, o.row, o.col, int64(o.column.document), o.version)
	o.id, o.mine = tx.c.LastInsertRowID(), true
	return err
}

func newVersion() int64 {
	var b [8]byte
	rand.Read(b[:])
	return int64(binary.BigEndian.Uint64(b[:]) >> 1)
}

// current is the document with all of its edits.
func (tx *Tx) current(o *openDoc) (merge.Document, error) {
	if o.doc == nil {
		if err := tx.loadDoc(o); err != nil {
			return nil, err
		}
		tx.docSize += o.size
	}
	if o.folded < o.last {
		return o.doc, tx.foldEdits(o)
	}
	return o.doc, nil
}

// loadDoc reads the snapshot, or the base where there is none that can be read.
func (tx *Tx) loadDoc(o *openDoc) error {
	if o.upto == 0 {
		return tx.loadBase(o)
	}
	var snap []byte
	_, err := tx.c.first("SELECT snap FROM doc$ WHERE id = ?1", []any{o.id}, func(s *sqlite3.Stmt) { snap = s.ColumnBlob(0, []byte{}) })
	if err != nil {
		return err
	}
	doc, err := merge.DecodeDocument(o.column.document, snap)
	if err != nil {
		return tx.loadBase(o)
	}
	o.doc, o.folded, o.size, o.snapped = doc, o.upto, len(snap), len(snap)
	return nil
}

// loadBase reads the base, which a document without lacks.
func (tx *Tx) loadBase(o *openDoc) error {
	var base []byte
	based, err := tx.c.first("SELECT base FROM doc$ WHERE id = ?1 AND base IS NOT NULL", []any{o.id},
		func(s *sqlite3.Stmt) { base = s.ColumnBlob(0, []byte{}) })
	if err != nil {
		return err
	}
	o.folded, o.upto, o.size, o.snapped = 0, 0, len(base), len(base)
	if !based {
		o.doc, err = merge.NewDocument(o.column.document)
		return err
	}
	if o.doc, err = merge.DecodeDocument(o.column.document, base); err != nil {
		err = fmt.Errorf("document %d of row %s: %w: %w", o.col, o.row, ErrCorrupt, err)
	}
	return err
}

// foldEdits brings a document up to its last edit. One that has no effect has none on
// every device.
func (tx *Tx) foldEdits(o *openDoc) error {
	s, err := tx.c.stmt("SELECT seq, device, number, time, before, change FROM edit$ WHERE doc = ?1 AND seq > ?2 ORDER BY seq")
	if err != nil {
		return err
	}
	if err := bind(s, []any{o.id, o.folded}); err != nil {
		return err
	}
	for s.Step() {
		tx.foldEdit(o, uint64(s.ColumnInt64(0)), editStamp(s, 1), s.ColumnBlob(5, []byte{}))
	}
	return reset(s)
}

func (tx *Tx) foldEdit(o *openDoc, seq uint64, stamp merge.Stamp, change []byte) {
	_ = o.doc.Apply(stamp, change)
	o.folded = seq
	o.size += len(change) + editSize
	tx.docSize += len(change) + editSize
}

// editSize is about what an edit takes in memory besides its change.
const editSize = 64

// editStamp reads device, number, time and time before from column i on.
func editStamp(s *sqlite3.Stmt, i int) (stamp merge.Stamp) {
	copy(stamp.Device[:], s.ColumnRawBlob(i))
	stamp.Number = uint64(s.ColumnInt64(i + 1))
	stamp.Time, stamp.Before = uint64(s.ColumnInt64(i+2)), uint64(s.ColumnInt64(i+3))
	return stamp
}
