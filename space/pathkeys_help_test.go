package space

import (
	"context"

	"github.com/espace-git/espace-git/pathcrypt"
)

// PlantPathKey writes any key for any removal, as a member of bad will can.
func (s *Space) PlantPathKey(ctx context.Context, k pathcrypt.Key, after string) error {
	_, err := s.Write(ctx, func(tx *Tx) error { return tx.insertPathKey(k, after) })
	return err
}

// RemovalForKeys is what the newest path key names.
func (s *Space) RemovalForKeys(ctx context.Context) (string, error) { return s.lastRemoval(ctx) }
