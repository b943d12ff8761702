package view

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

// Documents as columns: a row has in each the value of its document, which is that of
// an empty one where there is none, so that rows of any age read alike.
//
//	type              kind   SQLite     Row
//	textarea          text   TEXT       string
//	counter, log      int    INTEGER    int64
//	flag              bool   0, 1       bool
//	list, set, tree,  json   TEXT       json.RawMessage
//	file
//
// In conditions a document counts as what its value is.
var documentKinds = map[merge.DocumentType]kind{
	merge.TextDocument: kindText, merge.CounterDocument: kindInt, merge.LogDocument: kindInt, merge.FlagDocument: kindBool,
	merge.ListDocument: kindJSON, merge.SetDocument: kindJSON, merge.TreeDocument: kindJSON, merge.FileDocument: kindJSON,
}

// documentScalars are the column types that constants are converted to.
var documentScalars = map[kind]schema.Type{kindText: schema.Text, kindInt: schema.Int, kindBool: schema.Bool, kindJSON: schema.JSON}

// setDocument makes c a column of documents.
func (c *column) setDocument(t schema.Type) {
	c.document = merge.DocumentType(t)
	c.kind = documentKinds[c.document]
	c.source = &schema.Column{Number: c.number, Name: c.name, Type: documentScalars[c.kind]}
	if d, err := merge.NewDocument(c.document); err == nil {
		c.empty = cellValue(d)
	}
}

// decl is the declared type of a column: see decls.
func (c *column) decl() string {
	if c.document != 0 {
		return documentDecl(c.document)
	}
	return decls[c.kind]
}

// documentDecl begins as that of the kind, which sets the affinity.
func documentDecl(t merge.DocumentType) string {
	return fmt.Sprintf("%s DOCUMENT%d", decls[documentKinds[t]], t)
}

// literal is a document's empty value in SQL.
func (c *column) literal() string {
	switch v := c.empty.(type) {
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case int64:
		return fmt.Sprint(v)
	case bool:
		return "FALSE"
	}
	return "NULL"
}

// maxCell bounds what a column holds of a document, in bytes. A greater value reads
// as null: only the document itself shows it.
const maxCell = maxSQLValue

// cellValue is what the column holds of a document.
func cellValue(d merge.Document) any {
	text, v := "", d.Value()
	switch v := v.(type) {
	case json.RawMessage:
		text = string(v)
	case string:
		text = v
	default:
		return v
	}
	if len(text) > maxCell {
		return nil
	}
	return text
}

func (tx *Tx) setCell(o *openDoc, d merge.Document) error {
	err := tx.c.exec("UPDATE "+o.t.store+" SET "+o.column.raw+" = ?2 WHERE id = ?1", o.row, cellValue(d))
	if err == nil && tx.c.Changes() != 1 {
		err = fmt.Errorf("a document of row %s, which is not there: %w", o.row, ErrCorrupt)
	}
	return err
}
