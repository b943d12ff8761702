package view

import (
	"encoding/binary"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// A document's records come behind those of all rows: see record.go. Its state is cut
// into parts of documentPart bytes, of which only the last may be shorter.
const documentPart = inlineCells

// documents exports the sealed documents, by table, row and column.
func (e *exporter) documents() error {
	edited, err := e.tx.c.first("SELECT 1 FROM edit$ LIMIT 1", nil, func(*sqlite3.Stmt) {})
	if err != nil {
		return err
	}
	if edited {
		return ErrNotSealed
	}
	return e.tx.c.each("SELECT tbl, row, col, base FROM doc$ ORDER BY tbl, row, col", nil, func(s *sqlite3.Stmt) error {
		key := scanKey(s)
		if _, c := e.tx.layout.document(key); c == nil {
			return nil
		}
		id, err := parseID([]byte(key.row))
		if err != nil {
			return err
		}
		e.key = appendDocumentKey(e.key[:0], key.table, id, key.col)
		return e.document(s.ColumnRawBlob(3))
	})
}

func (e *exporter) document(state []byte) error {
	for n := uint32(0); ; n++ {
		part := state[:min(len(state), documentPart)]
		if n > 0 {
			e.key = be32(e.key[:documentKeySize], n)
		}
		if err := e.fn(e.key, part); err != nil {
			return err
		}
		if state = state[len(part):]; len(state) == 0 {
			return nil
		}
	}
}

// documentParts are what came of a document whose other parts may follow.
type documentParts struct {
	key   []byte // of its first part; nil: none
	state []byte
	full  bool // the last part may have a next one
	next  uint32
}

// importDocument adds a part. That it ends with the one before was seen by
// importedDocument.
func (tx *Tx) importDocument(key, value []byte) error {
	p := &tx.parts
	switch {
	case len(value) == 0 || len(value) > documentPart:
		return fmt.Errorf("%w: a part of a document has %d bytes", wire.ErrMalformed, len(value))
	case p.key == nil && len(key) != documentKeySize:
		return fmt.Errorf("%w: a document's first part is missing", wire.ErrMalformed)
	case p.key == nil:
		p.key, p.next = append([]byte{}, key...), 0
	}
	p.state = append(p.state, value...)
	p.full, p.next = len(value) == documentPart, p.next+1
	return nil
}

// continues says that a key is that of the next part.
func (p *documentParts) continues(key []byte) bool {
	return p.full && len(key) == documentPartKeySize && string(key[:documentKeySize]) == string(p.key) &&
		binary.BigEndian.Uint32(key[documentKeySize:]) == p.next
}

// importedDocument stores the document whose parts came, if the next key is not one
// of them.
func (tx *Tx) importedDocument(next []byte) error {
	p := tx.parts
	if p.key == nil || p.continues(next) {
		return nil
	}
	tx.parts = documentParts{}
	key := docKey{binary.BigEndian.Uint32(p.key[1:]), idText([16]byte(p.key[5:])), binary.BigEndian.Uint32(p.key[rowKeySize:])}
	k, c := tx.layout.document(key)
	if c == nil {
		return classed(ErrSchema, "no column %d of documents in table %d", key.col, key.table)
	}
	doc, err := merge.DecodeSealed(c.document, p.state)
	if err == nil && doc.Empty() {
		err = fmt.Errorf("%w: an empty document is left out", wire.ErrMalformed)
	}
	if err != nil {
		return err
	}
	return tx.insertDocument(k, c, doc, p.state)
}

func (tx *Tx) insertDocument(k rowKey, c *column, doc merge.Document, state []byte) error {
	err := tx.c.exec("INSERT INTO doc$ (tbl, row, col, type, version, upto, base) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6) ON CONFLICT DO NOTHING",
		k.table.number, k.id, c.number, int64(c.document), newVersion(), state)
	if err != nil {
		return err
	}
	if tx.c.Changes() != 1 {
		return fmt.Errorf("%w: the document is there already", wire.ErrMalformed)
	}
	err = tx.c.exec("UPDATE "+k.table.store+" SET "+c.raw+" = ?2 WHERE id = ?1", k.id, cellValue(doc))
	if err == nil && tx.c.Changes() != 1 {
		err = fmt.Errorf("%w: a document of row %s, which is not there", wire.ErrMalformed, k.id)
	}
	return err
}
