package space

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// Own ordered transactions show at once, before the order has them. They lie on top
// of what the order holds:
//
//	row as the order has it  ──keep──▶  bucketOrderBase
//	        │
//	        ▼ own transactions that wait, in the journal's order
//	row as the view shows it
//
// When the order moves, the rows are put back (lift), its entries are folded, and
// what waits is judged anew on that (lay): what then breaks a rule is refused before
// it was ever pushed. Nothing of it needs the rows to be folded from the start.

// keepBase keeps the rows that operations are about to write, once.
func keepBase(v *view.Tx, ops []merge.Op) error {
	for i := range ops {
		key := baseKey(ops[i].Table, ops[i].Row)
		if _, kept, err := v.Get(bucketOrderBase, key); kept || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		img, err := v.RowImage(ops[i].Table, ops[i].Row)
		if err != nil {
			return err
		}
		if err := v.Put(bucketOrderBase, key, img); err != nil {
			return err
		}
	}
	return nil
}

func baseKey(table uint32, row merge.RowID) []byte { return append(wire.U64(uint64(table)), row[:]...) }

// liftOrdered takes what waits off the view: then ordered tables hold what the order
// holds. A seal needs that, too.
func (r *round) liftOrdered() error {
	for base, err := range r.v.Each(bucketOrderBase, nil) {
		if err != nil {
			return err
		}
		if len(base.Key) != 8+16 {
			return fmt.Errorf("local store: %w: a row's key", view.ErrCorrupt)
		}
		table, row := uint32(wire.ReadU64(base.Key[:8])), merge.RowID(base.Key[8:])
		if err := r.v.RestoreRow(table, row, base.Value); err != nil {
			return err
		}
		if err := r.v.Delete(bucketOrderBase, base.Key); err != nil {
			return err
		}
	}
	return nil
}

// layOrdered puts what waits on top again and judges it on what is there now.
func (r *round) layOrdered() error {
	rows, err := r.v.PendingOrdered(0)
	if err != nil {
		return err
	}
	for _, row := range rows {
		tx, err := merge.DecodeTransaction(row.Tx)
		if err != nil {
			return fmt.Errorf("local store: journal: %w", err)
		}
		reason, err := r.layOne(tx)
		if err != nil {
			return err
		}
		if reason == "" {
			continue
		}
		r.tellRefused(reason)
		if err := r.keepRefused(row, tx, reason); err != nil {
			return err
		}
		if err := r.ownState(tx, view.Refused, reason); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) layOne(tx *merge.Transaction) (reason string, err error) {
	if reason := r.schemas.checkOrdered(r.roster().Head().Number, tx.Ops); reason != "" {
		return reason, nil
	}
	if err := keepBase(r.v, tx.Ops); err != nil {
		return "", err
	}
	d, ok := r.roster().Device(r.me.Device)
	if !ok {
		return "this device does not belong to the space", nil
	}
	return r.foldOrdered(d, tx, r.roster().Head().Number)
}

// pending is what waits in the journal, of both kinds, in the order of writing.
func (r *round) pending() ([]view.JournalRow, error) {
	lane, err := r.v.PendingJournal(0)
	if err != nil {
		return nil, err
	}
	order, err := r.v.PendingOrdered(0)
	rows := append(lane, order...)
	slices.SortFunc(rows, func(a, b view.JournalRow) int { return cmp.Compare(a.Seq, b.Seq) })
	return rows, err
}
