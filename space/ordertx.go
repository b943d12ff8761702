package space

import (
	"context"
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// errMixed: the order depends on no lane, and a lane can't depend on a place in the
// order that is not there yet, so one transaction can't stand in both.
func errMixed(ordered, other string) error {
	return usage("one transaction writes either ordered tables or others: %s is ordered, %s is not", ordered, other)
}

// chooseWay notes whether the transaction writes ordered tables.
func (tx *Tx) chooseWay(op *merge.Op) error {
	t, _ := tx.schema.TableByNumber(op.Table)
	switch {
	case len(tx.ops) == 0:
		tx.ordered, tx.first = t.Ordered, t.Name
	case tx.ordered && !t.Ordered:
		return errMixed(tx.first, t.Name)
	case !tx.ordered && t.Ordered:
		return errMixed(t.Name, tx.first)
	}
	if !tx.ordered {
		return nil
	}
	if err := tx.v.CheckRow(op); err != nil {
		return brokenRule(err)
	}
	return keepBase(tx.v, []merge.Op{*op})
}

// checkOrdered judges the whole of an ordered transaction on what this device knows
// of the order. The order itself may know more when it is pushed.
func (tx *Tx) checkOrdered() error {
	if !tx.ordered {
		return nil
	}
	return brokenRule(tx.v.CheckRows(tx.schema, tx.ops))
}

// brokenRule classes a rule of the order: what is taken is a conflict, what is not
// there is not found.
func brokenRule(err error) error {
	var rule *view.RuleError
	switch {
	case !errors.As(err, &rule):
		return err
	case rule.Err.Rule == "unique" || rule.Err.Rule == "exists":
		return join(ErrConflict, err)
	}
	return join(ErrNotFound, err)
}

// Ordered reports whether a table's writes go into the order: they count once it has
// them, and may be refused until then.
func (s *Space) Ordered(ctx context.Context, table string) (ordered bool, err error) {
	err = s.db.View(ctx, func(v *view.Tx) error {
		sc, _ := v.Schema()
		var t *schema.Table
		ok := false
		if sc != nil {
			t, ok = sc.Table(table)
		}
		if !ok {
			return notFound("there is no table %q", table)
		}
		ordered = t.Ordered
		return nil
	})
	return ordered, err
}

// Receipt asks how far a write of this device has come, by the ID of the receipt that
// it gave. Reason says why it is parked, refused or lost.
func (s *Space) Receipt(ctx context.Context, id string) (Receipt, error) {
	raw, err := wire.ParseShort(id)
	if err != nil {
		return Receipt{}, usage("%q is no ID of a write", id)
	}
	return s.receipt(ctx, func(v *view.Tx) (view.JournalRow, error) { return v.Journal(raw) }, "this device has no write "+id)
}

// LastReceipt is Receipt for what this device wrote last.
func (s *Space) LastReceipt(ctx context.Context) (Receipt, error) {
	return s.receipt(ctx, (*view.Tx).LastJournal, "this device has not written yet")
}

func (s *Space) receipt(ctx context.Context, find func(*view.Tx) (view.JournalRow, error), none string) (out Receipt, err error) {
	err = s.db.View(ctx, func(v *view.Tx) error {
		row, err := find(v)
		if errors.Is(err, view.ErrNotFound) {
			return notFound("%s", none)
		}
		out = Receipt{ID: wire.Short(row.ID), State: row.State.String(), Reason: row.Reason}
		return err
	})
	if err != nil {
		return Receipt{}, classify(fmt.Errorf("receipt: %w", err))
	}
	return out, nil
}
