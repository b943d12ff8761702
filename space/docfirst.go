package space

import (
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

// firstDocuments gives the documents of a new row what it begins with, in the same
// transaction.
func (tx *Tx) firstDocuments(t *schema.Table, row merge.RowID, first []schema.First) error {
	for _, f := range first {
		address := t.Name + "/" + schema.FormatID(row) + "/" + f.Column.Name
		if err := tx.firstDocument(address, f.Column, f.Value); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) firstDocument(address string, c *schema.Column, value any) error {
	switch v := value.(type) {
	case string:
		return tx.Text(address).Append(v)
	case int64:
		return tx.Counter(address).Add(v)
	case bool:
		return tx.Flag(address).Set(v)
	case []any:
		if c.Type == schema.Set {
			return tx.Set(address).Add(v...)
		}
		_, err := tx.List(address).Append(v...)
		return err
	}
	return nil
}
