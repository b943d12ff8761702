package schema

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/espace-git/espace-git/merge"
)

// Built-in tables: what a space keeps for itself, as rows like any others. They
// need no schema entry, so any editor may use documents at once, and no schema can
// change them. Their numbers lie above all that a schema gives out, their names
// begin with $, as no name in a schema does. Lists of tables do not show them.
// spec/schema.md §7
//
// Evolution: numbers of tables and columns are permanent; what is added needs a
// new `format`, since CheckOp decides by them.
const (
	FirstBuiltin uint32 = 1 << 31

	DocumentsTable = FirstBuiltin     // documents by name: a row has one of each type
	FilesTable     = FirstBuiltin + 1 // the content of files, one a row
	FoldersTable   = FirstBuiltin + 2 // the folders and the names of files: one row
	PathKeysTable  = FirstBuiltin + 3 // keys of encrypted paths
)

var builtin = []*Table{
	{Number: DocumentsTable, Name: "$documents", Next: 9, Columns: []*Column{
		{Number: 1, Name: "name", Type: Text},
		{Number: 2, Name: "textarea", Type: Textarea},
		{Number: 3, Name: "list", Type: List},
		{Number: 4, Name: "set", Type: Set},
		{Number: 5, Name: "counter", Type: Counter},
		{Number: 6, Name: "flag", Type: Flag},
		{Number: 7, Name: "log", Type: Log},
		{Number: 8, Name: "tree", Type: Tree},
	}},
	{Number: FilesTable, Name: "$files", UpdateWins: true, Next: 2, Columns: []*Column{
		{Number: 1, Name: "content", Type: File},
	}},
	{Number: FoldersTable, Name: "$folders", Next: 2, Columns: []*Column{
		{Number: 1, Name: "tree", Type: Tree},
	}},
	{Number: PathKeysTable, Name: "$path_keys", Next: 3, Columns: []*Column{
		{Number: 1, Name: "key", Type: Bytes, Required: true},
		{Number: 2, Name: "after", Type: Text, Required: true},
	}},
}

// Builtin are the tables that every space has, ascending by number. They are in no
// Schema.Tables; TableByNumber finds them in every schema. Read-only.
func Builtin() []*Table { return builtin }

// BuiltinTable finds one of them by its name, as it is written in Builtin.
func BuiltinTable(name string) (*Table, bool) {
	for _, t := range builtin {
		if t.Name == name {
			return t, true
		}
	}
	return nil, false
}

// Hidden says that a table is one of Builtin.
func (t *Table) Hidden() bool { return t.Number >= FirstBuiltin }

// MaxDocumentName bounds a document's name, in bytes.
const MaxDocumentName = 200

// CheckDocumentName says why a name can't be one: it is typed in commands, shown on
// terminals, and stands in paths. Case of letters tells names apart.
func CheckDocumentName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: a document's name is empty", ErrValue)
	case len(name) > MaxDocumentName:
		return fmt.Errorf("%w: a document's name has %d bytes, limit %d", ErrValue, len(name), MaxDocumentName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: a document's name is not UTF-8", ErrValue)
	case name[0] == ' ' || name[len(name)-1] == ' ':
		return fmt.Errorf("%w: a document's name begins or ends with a space", ErrValue)
	}
	for _, r := range name {
		if r != ' ' && !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) || r != ' ' && unicode.IsSpace(r) {
			return fmt.Errorf("%w: a document's name %s has the character %U", ErrValue, strconv.QuoteToASCII(cut(name)), r)
		}
	}
	return nil
}

// documentLabel keeps these hashes apart from all others.
const documentLabel = "espace/v1/document\x00"

// DocumentRow is the row of DocumentsTable for a name: the first 16 bytes of
// SHA-256("espace/v1/document" ‖ 0 ‖ name), so that whoever is first to use the
// name, and both of two, make the same row.
func DocumentRow(name string) merge.RowID {
	sum := sha256.Sum256([]byte(documentLabel + name))
	return merge.RowID(sum[:16])
}
