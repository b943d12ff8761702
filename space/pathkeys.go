package space

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/pathcrypt"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// The keys of encrypted paths (DESIGN 6 "path key", 9) are rows of a built-in table:
// every member reads them, newcomers too, seals carry them along, and shredding leaves
// them. Each row says which removal it was made after, by the hash of the entry that
// opened the epoch after it: nobody who was removed could know that hash before, so no
// key that such a one made in advance is ever the newest.

// oldPathTable held the keys before there were built-in tables: an ordinary table of
// the schema. Where a space has it, its keys still open what they encrypted.
const oldPathTable = "path_keys"

// PathKeys are the keys of a space's encrypted paths.
type PathKeys struct {
	Space wire.Hash
	*pathcrypt.Ring
	Fresh bool // there is a key made since the last removal: else Newest is none
}

// EnablePathKeys draws the first key, which any editor may do. Nothing changes if one
// made since the last removal is there.
func (s *Space) EnablePathKeys(ctx context.Context) error {
	keys, err := s.PathKeys(ctx)
	if errors.Is(err, ErrNotFound) || err == nil && !keys.Fresh {
		_, err = s.NewPathKey(ctx)
	}
	return err
}

// PathKeys reads the path keys that this device knows. ErrNotFound: the space has no
// encrypted paths.
func (s *Space) PathKeys(ctx context.Context) (*PathKeys, error) {
	after, err := s.lastRemoval(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.pathKeyRows(ctx)
	if err != nil {
		return nil, err
	}
	keys := &PathKeys{Space: s.id}
	var newest pathcrypt.Key
	var others []pathcrypt.Key
	for _, row := range rows {
		b, _ := row.Get("key").([]byte)
		k, err := pathcrypt.KeyFrom(b)
		if err != nil {
			continue // some member wrote junk: it opens nothing
		}
		if others = append(others, k); row.Get("after") == after && !keys.Fresh {
			newest, keys.Fresh = k, true
		}
	}
	keys.Ring = pathcrypt.NewRing(newest, others...)
	return keys, nil
}

// pathKeyRows are the rows of both tables, in the order of their IDs.
func (s *Space) pathKeyRows(ctx context.Context) (rows []view.Row, err error) {
	err = s.db.View(ctx, func(v *view.Tx) error {
		sc, _ := v.Schema()
		if sc == nil {
			return join(ErrWaiting, fmt.Errorf("no schema yet: %w", ErrWaiting))
		}
		hidden, _ := sc.TableByNumber(schema.PathKeysTable)
		if rows, err = v.Select(view.Query{Table: hidden.Name}); err != nil {
			return err
		}
		old, ok := sc.Table(oldPathTable)
		if !ok {
			return nil
		}
		more, err := v.Select(view.Query{Table: old.Name})
		rows = append(rows, more...)
		return err
	})
	slices.SortFunc(rows, func(a, b view.Row) int { return strings.Compare(a.ID, b.ID) })
	if err == nil && len(rows) == 0 {
		err = notFound("the space has no encrypted paths")
	}
	return rows, classify(err)
}

// NewPathKey draws a key for what is encrypted from now on, unless another member's is
// there after a sync, and pushes it. A host that is down delays that.
func (s *Space) NewPathKey(ctx context.Context) (*PathKeys, error) {
	if err := s.syncForKeys(ctx); err != nil {
		return nil, err
	}
	keys, err := s.PathKeys(ctx)
	if err == nil && keys.Fresh || err != nil && !errors.Is(err, ErrNotFound) {
		return keys, err
	}
	after, err := s.lastRemoval(ctx)
	if err != nil {
		return nil, err
	}
	k, err := pathcrypt.NewKey(s.opts.Rand)
	if err != nil {
		return nil, err
	}
	if _, err := s.Write(ctx, func(tx *Tx) error { return tx.insertPathKey(k, after) }); err != nil {
		return nil, fmt.Errorf("storing a new path key: %w", err)
	}
	if err := s.syncForKeys(ctx); err != nil {
		return nil, err
	}
	return s.PathKeys(ctx)
}

func (tx *Tx) insertPathKey(k pathcrypt.Key, after string) error {
	t, _ := tx.schema.TableByNumber(schema.PathKeysTable)
	cells, err := t.Cells(map[string]any{"key": k.Bytes(), "after": after})
	if err != nil {
		return err
	}
	id, err := tx.s.newRowID()
	if err != nil {
		return err
	}
	return tx.apply(merge.Op{Kind: merge.Insert, Table: t.Number, Row: id, Cells: cells})
}

// syncForKeys syncs as far as the host can be reached. That somebody was caught stops
// it: the ledger may hide a removal.
func (s *Space) syncForKeys(ctx context.Context) error {
	if s.Remote() == "" {
		return nil
	}
	if _, err := s.Sync(ctx); errors.Is(err, ErrViolation) || ctx.Err() != nil {
		return err
	}
	return nil
}

// narrowing are the kinds of entries that may end with somebody outside. One that asked
// or proposed takes effect at a later seal, which an approval or any seal can be.
var narrowing = []string{
	membership.KindMemberRemove, membership.KindDeviceRemove, membership.KindLeave, membership.KindRecover,
	membership.KindForkResolve, membership.KindApprove,
}

// lastRemoval is the identity of the epoch that the last seal with a removal opened;
// that of the space if nobody was removed. A seal too many counts, never one too few: a
// new key costs nothing.
func (s *Space) lastRemoval(ctx context.Context) (after string, err error) {
	err = s.look(ctx, func(r *round) error {
		var from uint64
		for _, o := range r.roster().Openings() {
			if o.Number == 0 || r.narrows(from, o.At) {
				after = hex.EncodeToString(o.O[:])
			}
			from = o.At + 1
		}
		return nil
	})
	return after, err
}

// narrows reports whether one of the entries from..to may take somebody out.
func (r *round) narrows(from, to uint64) bool {
	for n := from; n <= to && n < uint64(r.ledger.len()); n++ {
		if slices.Contains(narrowing, r.ledger.entries[n].Kind) {
			return true
		}
	}
	return false
}
