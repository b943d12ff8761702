package view

import (
	"iter"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// docOf finds a document by its numbers.
func (tx *Tx) docOf(table uint32, row merge.RowID, column uint32) (*openDoc, error) {
	if err := tx.may(false); err != nil {
		return nil, err
	}
	k, c := tx.layout.document(docKey{table, idText(row), column})
	if c == nil {
		return nil, classed(ErrSchema, "no column %d of documents in table %d", column, table)
	}
	o, err := tx.open(k, c)
	return o, failed("reading a document", err)
}

// Document is a document with all edits that were applied, also if its row does not
// show; an empty one if there is none. It belongs to the store, for reading only, and
// is valid until the next Apply, Document or Withdraw, or the end of the transaction:
// see merge.CloneDocument. ErrSchema if that column does not hold documents.
func (tx *Tx) Document(table uint32, row merge.RowID, column uint32) (merge.Document, error) {
	o, err := tx.docOf(table, row, column)
	if err != nil {
		return nil, err
	}
	doc, err := tx.current(o)
	return doc, failed("reading a document", err)
}

// DocumentVersion names the state of a document: last counts its edits. As long as
// version is the same, edits were only added, behind those that were there: what
// Edits gives after last is all that changed. Else they may be others (a seal, a
// withdrawal). Both are 0 for a document that nobody has changed.
func (tx *Tx) DocumentVersion(table uint32, row merge.RowID, column uint32) (version, last uint64, err error) {
	o, err := tx.docOf(table, row, column)
	if err != nil {
		return 0, 0, err
	}
	return uint64(o.version), o.last, nil
}

// DocumentEdit is one change of a document, by a transaction of this epoch.
type DocumentEdit struct {
	Seq    uint64 // place in the order of arrival, ascending from 1
	Stamp  merge.Stamp
	Change []byte // as in a cell of merge.Op
	Member wire.MemberID
}

const editQuery = `SELECT e.seq, e.device, e.number, e.time, e.before, e.change, d.member
	FROM edit$ AS e LEFT JOIN device$ AS d ON d.device = e.device WHERE e.doc = ?1 AND e.seq > ?2 ORDER BY e.seq LIMIT 256`

// Edits goes through the edits of a document in this epoch, from the one after that
// number on, in the order in which they came. Some may have no effect. The loop may
// apply others; it sees them too.
func (tx *Tx) Edits(table uint32, row merge.RowID, column uint32, after uint64) iter.Seq2[DocumentEdit, error] {
	return func(yield func(DocumentEdit, error) bool) {
		for {
			some, err := tx.editPage(table, row, column, after)
			if err != nil {
				yield(DocumentEdit{}, err)
				return
			}
			for _, e := range some {
				if !yield(e, nil) {
					return
				}
			}
			if len(some) == 0 {
				return
			}
			after = some[len(some)-1].Seq
		}
	}
}

func (tx *Tx) editPage(table uint32, row merge.RowID, column uint32, after uint64) (out []DocumentEdit, err error) {
	o, err := tx.docOf(table, row, column)
	if err != nil {
		return nil, err
	}
	size := 0
	err = tx.c.each(editQuery, []any{o.id, after}, func(s *sqlite3.Stmt) error {
		e := DocumentEdit{Seq: uint64(s.ColumnInt64(0)), Stamp: editStamp(s, 1), Change: s.ColumnBlob(5, []byte{})}
		if member, err := wire.ParseShort(s.ColumnText(6)); err == nil {
			e.Member = member
		}
		out = append(out, e)
		if size += len(e.Change); size > pageBytes {
			return errStop
		}
		return nil
	})
	if err == errStop {
		err = nil
	}
	return out, failed("reading a document", err)
}

// DocumentState is a document as it is now, for merge.DecodeDocument.
type DocumentState struct {
	Table  uint32
	Row    merge.RowID
	Column uint32
	Type   merge.DocumentType
	State  []byte
}

// DocumentsOf gives the documents that a transaction edits, each once, as they are
// now: what merge.ReissueChange calls old, asked before a seal.
func (tx *Tx) DocumentsOf(ops []merge.Op) (out []DocumentState, err error) {
	seen := map[docKey]bool{}
	for i := range ops {
		op := &ops[i]
		if op.Kind != merge.Edit {
			continue
		}
		for _, c := range op.Cells {
			key := docKey{op.Table, idText(op.Row), c.Column}
			if seen[key] {
				continue
			}
			seen[key] = true
			doc, err := tx.Document(op.Table, op.Row, c.Column)
			if err != nil {
				return nil, err
			}
			state, err := doc.Encode()
			if err != nil {
				return nil, failed("reading a document", err)
			}
			out = append(out, DocumentState{op.Table, op.Row, c.Column, doc.Type(), state})
		}
	}
	return out, nil
}
