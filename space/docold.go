package space

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// A change of a document means something in the document that its author had: "behind
// this word". When it has to be issued again in another one, the old one says where that
// is (docs/spec/documents.md). So the documents that own transactions edit are kept
// before the epoch is folded anew, and as long as a transaction is parked.

// oldDocuments are documents as this device had them, its own changes among them.
type oldDocuments map[docKey]merge.Document

// bucketOld: transaction ‖ table ‖ row ‖ column → type and encoding of a document that a
// transaction which waits edits, as it was; of transaction zero, those that the own
// transactions edit while this device changes its branch of the ledger.
const bucketOld = "old"

// add keeps the documents that a transaction edits, unless they are there.
func (docs oldDocuments) add(v *view.Tx, tx *merge.Transaction) error {
	for i := range tx.Ops {
		op := &tx.Ops[i]
		if op.Kind != merge.Edit {
			continue
		}
		for _, c := range op.Cells {
			key := docKey{op.Table, op.Row, c.Column}
			if docs[key] != nil {
				continue
			}
			d, ok, err := ownCopy(v, key)
			if err != nil {
				return err
			}
			if ok {
				docs[key] = d
			}
		}
	}
	return nil
}

// ownCopy is a document of the view as it is now, for the caller to change; false if the
// column holds none.
func ownCopy(v *view.Tx, key docKey) (merge.Document, bool, error) {
	if _, ok := documentType(v, key.Table, key.Column); !ok {
		return nil, false, nil
	}
	d, err := v.Document(key.Table, key.Row, key.Column)
	if err == nil {
		d, err = merge.CloneDocument(d)
	}
	return d, err == nil, err
}

// sealedDocuments are the documents that own transactions edit as the seal makes them of
// the view: they know where what they hold was before, as the stored ones don't.
func (r *round) sealedDocuments(own []*unsealedTx, opening uint64) (oldDocuments, error) {
	sealed := oldDocuments{}
	for _, u := range own {
		for key := range u.docs {
			_, live, err := r.v.Live(key.Table, key.Row)
			_, known := documentType(r.v, key.Table, key.Column)
			if err != nil || !live || !known || sealed[key] != nil {
				if err != nil {
					return nil, err
				}
				continue
			}
			d, err := r.v.Document(key.Table, key.Row, key.Column)
			if err != nil {
				return nil, err
			}
			sealed[key] = d.Seal(opening)
		}
	}
	return sealed, nil
}

// documentType is the type of a document's column; false for every other column.
func documentType(v *view.Tx, table, column uint32) (merge.DocumentType, bool) {
	sc, _ := v.Schema()
	typ := documentIn(sc, table, column)
	return typ, typ != 0
}

// documentIn is the type of a document's column in a schema; 0 for every other column.
func documentIn(sc *schema.Schema, table, column uint32) merge.DocumentType {
	if sc == nil {
		return 0
	}
	t, ok := sc.TableByNumber(table)
	if !ok {
		return 0
	}
	c, ok := t.ColumnByNumber(column)
	if !ok || !c.Type.Document() {
		return 0
	}
	return merge.DocumentType(c.Type)
}

// edits reports whether a transaction changes documents.
func edits(tx *merge.Transaction) bool {
	for i := range tx.Ops {
		if tx.Ops[i].Kind == merge.Edit {
			return true
		}
	}
	return false
}

// save keeps the documents that a transaction edits with its ID.
func (docs oldDocuments) save(v *view.Tx, id [16]byte, tx *merge.Transaction) error {
	for i := range tx.Ops {
		op := &tx.Ops[i]
		for _, c := range op.Cells {
			key := docKey{op.Table, op.Row, c.Column}
			d := docs[key]
			if op.Kind != merge.Edit || d == nil {
				continue
			}
			b, err := d.Encode()
			if err != nil {
				return err
			}
			if err := v.Put(bucketOld, append(id[:], key.bytes()...), append([]byte{byte(d.Type())}, b...)); err != nil {
				return err
			}
		}
	}
	return nil
}

// savedDocuments are those that were kept with a transaction.
func savedDocuments(v *view.Tx, id [16]byte) (oldDocuments, error) {
	docs := oldDocuments{}
	for pair, err := range v.Each(bucketOld, id[:]) {
		if err != nil {
			return nil, err
		}
		key, ok := parseDocKey(pair.Key[len(id):])
		if !ok || len(pair.Value) == 0 {
			return nil, fmt.Errorf("local store: old documents: %w", wire.ErrMalformed)
		}
		if docs[key], err = merge.DecodeDocument(merge.DocumentType(pair.Value[0]), pair.Value[1:]); err != nil {
			return nil, fmt.Errorf("local store: old documents: %w", err)
		}
	}
	return docs, nil
}

func forgetDocuments(v *view.Tx, id [16]byte) error { return clearBucket(v, bucketOld, id[:]) }

func (k docKey) bytes() []byte {
	b := binary.BigEndian.AppendUint32(nil, k.Table)
	b = append(b, k.Row[:]...)
	return binary.BigEndian.AppendUint32(b, k.Column)
}

func parseDocKey(b []byte) (k docKey, ok bool) {
	if len(b) != 4+len(k.Row)+4 {
		return k, false
	}
	k.Table = binary.BigEndian.Uint32(b)
	copy(k.Row[:], b[4:])
	k.Column = binary.BigEndian.Uint32(b[4+len(k.Row):])
	return k, true
}

// shownRows are the rows of the view as merge looks at them, and the documents that
// what is issued again comes from and goes to.
type shownRows struct {
	v    *view.Tx
	old  oldDocuments
	onto oldDocuments // what was issued again goes into them, too
	err  error
}

func (s *shownRows) Row(table uint32, row merge.RowID) (merge.RowState, bool) {
	st, ok, err := s.v.Live(table, row)
	s.err = errors.Join(s.err, err)
	return st, ok
}

func (s *shownRows) Refers(table, column uint32) (uint32, bool) { return s.v.Cascades(table, column) }

func (s *shownRows) Document(table, column uint32) (merge.DocumentType, bool) {
	return documentType(s.v, table, column)
}

func (s *shownRows) Documents(table uint32, row merge.RowID, column uint32) (old, onto merge.Document, ok bool) {
	typ, ok := s.Document(table, column)
	if !ok {
		return nil, nil, false
	}
	key := docKey{table, row, column}
	if s.onto[key] == nil {
		d, ok, err := ownCopy(s.v, key)
		if s.err = errors.Join(s.err, err); !ok || err != nil {
			return nil, nil, false
		}
		s.onto[key] = d
	}
	if old = s.old[key]; old == nil || old.Type() != typ {
		old, s.err = newDocument(typ, s.err)
	}
	return old, s.onto[key], old != nil
}

func newDocument(typ merge.DocumentType, before error) (merge.Document, error) {
	d, err := merge.NewDocument(typ)
	if err != nil {
		return nil, errors.Join(before, err)
	}
	return d, before
}
