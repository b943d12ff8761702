package space

import (
	"context"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

// RemoveDocument deletes the row of a document by name, as another program could.
func RemoveDocument(ctx context.Context, s *Space, name string) error {
	_, err := s.Write(ctx, func(tx *Tx) error {
		return tx.apply(merge.Op{Kind: merge.Delete, Table: schema.DocumentsTable, Row: schema.DocumentRow(name)})
	})
	return err
}
