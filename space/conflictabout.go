package space

import (
	"errors"
	"fmt"
	"maps"
	"path"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// A write that has no effect is shown as its author knew it, also where the column of a
// document has left the schema, or the row of a document or file by name is gone.

// bucketAbout: transaction, or key of bucketAside ‖ table ‖ row ‖ column → type ‖ name of
// a document that a write edits which waits, is in the conflicts or set aside.
const bucketAbout = "about"

// aboutDoc is what was known of a document.
type aboutDoc struct {
	Type merge.DocumentType
	Name string // of a document by name; of a file in the folders, its path
}

type aboutDocuments map[docKey]aboutDoc

// keepAbout keeps what is known of the documents that a transaction edits: docs and
// names are as its author had them, the rest is as the view shows it.
func keepAbout(v *view.Tx, id []byte, tx *merge.Transaction, docs oldDocuments, names rowNames) error {
	kept, err := loadAbout(v, id)
	if err != nil {
		return err
	}
	now := namer{v: v}
	for key := range editedBy(tx) {
		a := kept[key]
		if d := docs[key]; d != nil {
			a.Type = d.Type()
		} else if typ, ok := documentType(v, key.Table, key.Column); ok {
			a.Type = typ
		}
		for _, name := range []string{names[rowAt{key.Table, key.Row}], now.name(key.Table, key.Row), insertedName(tx, key.Row)} {
			if a.Name == "" {
				a.Name = name
			}
		}
		if a.Type == 0 {
			continue
		}
		if err := v.Put(bucketAbout, append(append([]byte{}, id...), key.bytes()...), append([]byte{byte(a.Type)}, a.Name...)); err != nil {
			return err
		}
	}
	return now.err
}

// editedBy are the documents that a transaction edits.
func editedBy(tx *merge.Transaction) map[docKey]bool {
	out := map[docKey]bool{}
	for i := range tx.Ops {
		for _, c := range tx.Ops[i].Cells {
			if tx.Ops[i].Kind == merge.Edit {
				out[docKey{tx.Ops[i].Table, tx.Ops[i].Row, c.Column}] = true
			}
		}
	}
	return out
}

func loadAbout(v *view.Tx, id []byte) (aboutDocuments, error) {
	out := aboutDocuments{}
	for pair, err := range v.Each(bucketAbout, id) {
		if err != nil {
			return nil, err
		}
		key, ok := parseDocKey(pair.Key[len(id):])
		if !ok || len(pair.Value) == 0 {
			return nil, fmt.Errorf("local store: documents of conflicts: %w", wire.ErrMalformed)
		}
		out[key] = aboutDoc{merge.DocumentType(pair.Value[0]), string(pair.Value[1:])}
	}
	return out, nil
}

// forgetKept deletes a conflict, or what is set aside, and what was known of it.
func forgetKept(v *view.Tx, bucket string, key []byte) error {
	return errors.Join(v.Delete(bucket, key), clearBucket(v, bucketAbout, key))
}

// forgetAbout: what was parked goes on, and what is known of it is needed only where a
// part of it is in the conflicts.
func (r *round) forgetAbout(id [16]byte) error {
	_, kept, err := r.v.Get(bucketConflict, id[:])
	if err != nil || kept {
		return err
	}
	return clearBucket(r.v, bucketAbout, id[:])
}

// forgetAllKept is forgetKept for all of them.
func forgetAllKept(v *view.Tx, bucket string) error {
	for pair, err := range v.Each(bucket, nil) {
		if err == nil {
			err = forgetKept(v, bucket, pair.Key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rowAt names a row, rowNames what people call some.
type (
	rowAt struct {
		Table uint32
		Row   merge.RowID
	}
	rowNames map[rowAt]string
)

// namer finds what people call the rows of built-in tables.
type namer struct {
	v     *view.Tx
	known rowNames
	paths map[merge.RowID]string
	err   error
}

// add remembers the names of what a transaction edits.
func (n *namer) add(tx *merge.Transaction) error {
	for key := range editedBy(tx) {
		n.name(key.Table, key.Row)
	}
	return n.err
}

// name is the name of a document, or the path of a file; "" of all other rows.
func (n *namer) name(table uint32, row merge.RowID) string {
	at := rowAt{table, row}
	name, ok := n.known[at]
	if ok {
		return name
	}
	switch table {
	case schema.DocumentsTable:
		name = n.document(row)
	case schema.FilesTable:
		name = n.path(row)
	}
	if n.known == nil {
		n.known = rowNames{}
	}
	n.known[at] = name
	return name
}

func (n *namer) document(row merge.RowID) string {
	t, _ := schema.BuiltinTable("$documents")
	_, live, err := n.v.Live(t.Number, row)
	if err != nil || !live {
		name, _, err2 := n.v.Get(bucketNamed, row[:])
		n.err = errors.Join(n.err, err, err2)
		return nameOfRow(string(name), row)
	}
	shown, _, err := n.v.Row(t.Name, schema.FormatID(row))
	n.err = errors.Join(n.err, err)
	if err != nil {
		return ""
	}
	name, _ := shown.Get("name").(string)
	return nameOfRow(name, row)
}

// bucketNamed: row → name of each document by name that this device has edited: another
// program may delete the row before its edits come to the host.
const bucketNamed = "named"

func keepName(v *view.Tx, at docAt) error {
	_, kept, err := v.Get(bucketNamed, at.row[:])
	if err != nil || kept {
		return err
	}
	return v.Put(bucketNamed, at.row[:], []byte(at.name))
}

// nameOfRow is a name if it is that of the row: any editor can write another into it.
func nameOfRow(name string, row merge.RowID) string {
	if schema.CheckDocumentName(name) != nil || schema.DocumentRow(name) != row {
		return ""
	}
	return name
}

func (n *namer) path(row merge.RowID) string {
	if n.paths == nil {
		n.paths = map[merge.RowID]string{}
		sc, _ := n.v.Schema()
		if sc == nil {
			return ""
		}
		at := foldersAt(sc)
		d, err := n.v.Document(at.table.Number, at.row, at.column.Number)
		if err != nil {
			n.err = errors.Join(n.err, err)
			return ""
		}
		n.walk(d.(*merge.TreeDoc))
	}
	return n.paths[row]
}

func (n *namer) walk(tree *merge.TreeDoc) {
	at := map[merge.Dot]string{}
	for c := range tree.All() {
		p := path.Join(at[c.Parent], c.Shown)
		at[c.ID] = p
		if file := nodeFrom(&c); !file.dir {
			n.paths[file.row] = p
		}
	}
}

// insertedName is the name that a transaction gives to a document which it begins.
func insertedName(tx *merge.Transaction, row merge.RowID) string {
	for i := range tx.Ops {
		op := &tx.Ops[i]
		if op.Kind != merge.Insert || op.Table != schema.DocumentsTable || op.Row != row || len(op.Cells) == 0 {
			continue
		}
		v, _ := merge.DecodeValue(op.Cells[0].Value)
		name, _ := v.(string)
		return nameOfRow(name, row)
	}
	return ""
}

// keptWrite makes values for people of one write.
type keptWrite struct {
	schema *schema.Schema
	author wire.DeviceID
	tx     *merge.Transaction
	about  aboutDocuments
	now    *namer
}

func newKeptWrite(v *view.Tx, id []byte, author wire.DeviceID, tx *merge.Transaction, now *namer) (*keptWrite, error) {
	sc, _ := v.Schema()
	about, err := loadAbout(v, id)
	return &keptWrite{sc, author, tx, about, now}, err
}

// document is the type of a document's column, as the schema has it or had it; 0 of
// every other column.
func (s *keptWrite) document(key docKey) merge.DocumentType {
	if typ := documentIn(s.schema, key.Table, key.Column); typ != 0 {
		return typ
	}
	return s.about[key].Type
}

// name is that of the row now, or else as it was last known.
func (s *keptWrite) name(table uint32, row merge.RowID) string {
	if name := s.now.name(table, row); name != "" {
		return name
	}
	for key := range maps.Keys(s.about) {
		if key.Table == table && key.Row == row {
			return s.about[key].Name
		}
	}
	return insertedName(s.tx, row)
}
