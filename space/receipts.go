package space

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// A write has a receipt that says how far it has come (DESIGN 10):
//
//	local ──▶ pushed ──▶ witnessed ──▶ sealed
//	  │  ▲        │           │
//	  │  └────────┴───────────┤  a seal cut before it: it is issued again
//	  ▼                       ▼
//	parked ─────────────▶ lost, in the conflicts        refused: it broke a rule
//
// In lanes a place says which transactions an entry of the own lane holds, so that
// what others have seen of it, and what a seal covers, is known by ID. Numbers don't
// say that: after a backup was restored, one may have been given twice.

// bucketOwn: O ‖ index → IDs of the own transactions in that entry of the own lane;
// O → how many of the entries another member's lane has seen.
const bucketOwn = "own"

// noteOwnEntry remembers what an entry of the own lane holds.
func (r *round) noteOwnEntry(l *lane, e *merge.LaneEntry) error {
	if l.device.ID != r.me.Device {
		return nil
	}
	ids := make([][16]byte, len(e.Transactions))
	for i := range e.Transactions {
		ids[i] = e.Transactions[i].ID
	}
	return putValue(r.v, bucketOwn, ownKey(r.epoch().O, l.log.Len()), ids)
}

func ownKey(o wire.Hash, index uint64) []byte { return slices.Concat(o[:], wire.U64(index)) }

// laneWitnessed raises own transactions among the first n entries of the own lane:
// another member has them, so that the host can't hide them any more without being
// caught.
func (r *round) laneWitnessed(n uint64) error {
	o := r.epoch().O
	var had uint64
	if _, err := getValue(r.v, bucketOwn, o[:], &had); err != nil || n <= had {
		return err
	}
	for own, err := range r.v.From(bucketOwn, o[:], ownKey(o, had)) {
		if err != nil {
			return err
		}
		if wire.ReadU64(own.Key[len(o):]) >= n {
			break
		}
		if err := r.raiseOwn(own.Value, view.Witnessed); err != nil {
			return err
		}
	}
	return putValue(r.v, bucketOwn, o[:], n)
}

// coveredOwn are the IDs of own transactions in the entries of the own lane that
// were applied, with effect or without.
func (r *round) coveredOwn() (map[[16]byte]bool, error) {
	out := map[[16]byte]bool{}
	own := r.lanes[r.me.Device]
	if own == nil {
		return out, nil
	}
	o := r.epoch().O
	for pair, err := range r.v.Each(bucketOwn, o[:]) {
		if err != nil {
			return nil, err
		}
		if len(pair.Key) == len(o) || wire.ReadU64(pair.Key[len(o):]) >= own.log.Len() {
			continue
		}
		var ids [][16]byte
		if err := wire.UnmarshalCBOR(pair.Value, &ids); err != nil {
			return nil, fmt.Errorf("local store: own lane: %w", err)
		}
		for _, id := range ids {
			out[id] = true
		}
	}
	return out, nil
}

// raiseOwn moves the transactions of an own entry up to a state; what had no effect
// stays what it is, and what was forgotten stays forgotten.
func (r *round) raiseOwn(ids []byte, state view.State) error {
	var list [][16]byte
	if err := wire.UnmarshalCBOR(ids, &list); err != nil {
		return fmt.Errorf("local store: own entries: %w", err)
	}
	for _, id := range list {
		row, err := r.v.Journal(id)
		if errors.Is(err, view.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if row.State != view.Pushed && row.State != view.Witnessed {
			continue
		}
		if err := r.v.SetJournalState(id, state, ""); err != nil {
			return err
		}
		if err := r.v.SetLogState(r.me.Device, row.Number, row.Number, state, ""); err != nil {
			return err
		}
	}
	return nil
}

// uncovered are those of the own transactions that the cut does not hold. Their ID
// says so: whatever else has its number, what is not in an entry never came about.
func (r *round) uncovered(own []*unsealedTx) (out []*unsealedTx, err error) {
	covered, err := r.coveredOwn()
	if err != nil {
		return nil, err
	}
	for _, u := range own {
		switch {
		case !covered[u.row.ID]:
			out = append(out, u)
		case u.row.State == view.Local: // a copy of this device, or of its store, pushed it
			err = r.setOwn(u, view.Pushed, "")
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// waiting is what of the journal is not on the host: what waits to be pushed, and
// what is parked.
func (r *round) waiting() ([]view.JournalRow, error) {
	rows, err := r.pending()
	if err != nil {
		return nil, err
	}
	for pair, err := range r.v.Each(bucketParked, nil) {
		if err != nil {
			return nil, err
		}
		row, err := r.v.Journal([16]byte(pair.Key))
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b view.JournalRow) int { return cmp.Compare(a.Seq, b.Seq) })
	return rows, nil
}
