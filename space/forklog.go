package space

import (
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// The changelog after a move to another branch of the ledger: what it said of the one
// that was left is taken back.

// logLines visits all lines, newest first.
func (r *round) logLines(visit func(view.LogRow) error) error {
	for before := uint64(0); ; {
		rows, err := r.v.QueryLog(view.LogFilter{Before: before, Limit: 1000})
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			if err := visit(row); err != nil {
				return err
			}
		}
		before = rows[len(rows)-1].Seq
	}
}

// unlogLedger drops the lines of entries after from; those of the other branch follow.
func (r *round) unlogLedger(from uint64) error {
	var next uint64
	if ok, err := getValue(r.v, bucketMeta, []byte("logged"), &next); err != nil || !ok || next <= from+1 {
		return err
	}
	if err := putValue(r.v, bucketMeta, []byte("logged"), from+1); err != nil {
		return err
	}
	return r.logLines(func(row view.LogRow) error {
		var number uint64
		if row.Number > 0 || row.TxID != [16]byte{} {
			return nil
		}
		if _, err := fmt.Sscan(row.Summary, &number); err != nil || number <= from {
			return nil
		}
		return r.v.DropLog(row.Seq)
	})
}

// relog: with another state than the one so far, other transactions are sealed. What
// is not was on a branch that was left; its author issues it again.
func (r *round) relog() error {
	sealed := map[wire.DeviceID]merge.Ranges{}
	return r.logLines(func(row view.LogRow) error {
		if row.Number == 0 || row.State == view.Refused || row.State == view.Lost {
			return nil
		}
		numbers, ok := sealed[row.Device]
		if !ok {
			var err error
			if numbers, err = loadSealed(r.v, row.Device); err != nil {
				return err
			}
			sealed[row.Device] = numbers
		}
		state, reason := view.Sealed, ""
		switch {
		case numbers.Has(row.Number):
		case row.Device == r.me.Device:
			state = view.Local
		default:
			state, reason = view.Lost, "on a branch of the ledger that was left: its author issues it again"
		}
		if state == row.State {
			return nil
		}
		return r.v.ResetLog(row.Seq, state, reason)
	})
}
