package view

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

// Ordered tables (docs/spec/schema.md §6). Their transactions come one after the
// other, each judged on the rows that those before it left: nothing is concurrent,
// so "another row has it already" has one meaning for everybody.

// RuleError says which rule an ordered transaction breaks on the rows that are
// there. It had no effect.
type RuleError struct {
	Op  int // place in the transaction, from 0
	Err *schema.OpError
}

func (e *RuleError) Error() string { return e.Err.Error() }
func (e *RuleError) Unwrap() error { return e.Err }

var (
	errExists    = errors.New("there is or was a row of this ID")
	errGone      = errors.New("there is no such row, or no longer")
	errReference = errors.New("it refers to a row that is not there")
)

// ApplyOrdered folds a transaction of the order into the view: all of it, or
// *InvalidError or *RuleError. s is the schema by which it is judged.
// Transactions are to be applied in their order, with ascending stamps.
func (tx *Tx) ApplyOrdered(author wire.DeviceID, member wire.MemberID, stamp merge.Stamp, ops []merge.Op, s *schema.Schema) (Effects, error) {
	if err := tx.may(true); err != nil {
		return Effects{}, err
	}
	if err := tx.flush(); err != nil {
		return Effects{}, err
	}
	if err := tx.c.exec("SAVEPOINT ordered$"); err != nil {
		return Effects{}, failed("folding", err)
	}
	effects, err := tx.applyOrdered(author, member, stamp, ops, s)
	if err != nil {
		tx.noted = wire.DeviceID{} // what it noted is taken back, too
		if back := tx.c.exec("ROLLBACK TO ordered$"); back != nil {
			return Effects{}, failed("folding", back)
		}
	}
	if end := tx.c.exec("RELEASE ordered$"); end != nil {
		return Effects{}, failed("folding", end)
	}
	return effects, err
}

func (tx *Tx) applyOrdered(author wire.DeviceID, member wire.MemberID, stamp merge.Stamp, ops []merge.Op, s *schema.Schema) (sum Effects, err error) {
	if _, err := tx.layout.check(author, ops); err != nil {
		return Effects{}, err
	}
	for i := range ops {
		if ops[i].Kind == merge.Edit {
			return Effects{}, &InvalidError{i, fmt.Errorf("%w: the order has no documents", wire.ErrMalformed)}
		}
		if err := tx.CheckRow(&ops[i]); err != nil {
			return Effects{}, at(i, err)
		}
		e, err := tx.Apply(author, member, stamp, ops[i:i+1])
		if err != nil {
			return Effects{}, err
		}
		sum.add(e)
	}
	return sum, tx.CheckRows(s, ops)
}

func (e *Effects) add(o Effects) {
	for _, t := range o.Tables {
		if i, ok := slices.BinarySearch(e.Tables, t); !ok {
			e.Tables = slices.Insert(e.Tables, i, t)
		}
	}
	e.Appeared, e.Changed, e.Gone, e.Late = e.Appeared+o.Appeared, e.Changed+o.Changed, e.Gone+o.Gone, e.Late+o.Late
}

// at gives a broken rule the place of its operation.
func at(i int, err error) error {
	var rule *RuleError
	if errors.As(err, &rule) {
		rule.Op = i
	}
	return err
}

func broken(t *table, rule string, why error, columns ...*column) error {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return &RuleError{Err: &schema.OpError{Rule: rule, Table: t.name, Column: strings.Join(names, ", "), Err: why}}
}

// CheckRow says whether the row of an ordered operation is there, or is not, as its
// kind wants: *RuleError. It is asked before the operation is applied.
func (tx *Tx) CheckRow(op *merge.Op) error {
	k, err := tx.rowOf(op.Table, op.Row)
	if err != nil {
		return err
	}
	if op.Kind == merge.Insert {
		old, err := tx.load(k)
		if err == nil && old.found {
			return broken(k.table, "exists", errExists)
		}
		return failed("folding", err)
	}
	up, err := tx.isShown(k)
	if err == nil && !up {
		return broken(k.table, "gone", errGone)
	}
	return failed("folding", err)
}

func (tx *Tx) rowOf(number uint32, row merge.RowID) (rowKey, error) {
	t := tx.layout.tables[number]
	if t == nil {
		return rowKey{}, classed(ErrSchema, "no table %d", number)
	}
	return rowKey{t, idText(row)}, nil
}

// CheckRows says whether the rows that an ordered transaction left are as they have
// to be: *RuleError. It is asked when all of its operations are applied, so that
// they may come in any order, and exchange what has to differ.
func (tx *Tx) CheckRows(s *schema.Schema, ops []merge.Op) error {
	for i := range ops {
		k, err := tx.rowOf(ops[i].Table, ops[i].Row)
		if err != nil {
			return err
		}
		if ops[i].Kind == merge.Delete {
			continue
		}
		if err := tx.checkReferences(k, ops[i].Cells); err != nil {
			return at(i, err)
		}
		if err := tx.checkUnique(k, s); err != nil {
			return at(i, err)
		}
	}
	return nil
}

// checkReferences looks at what the operation wrote; a later one of the same
// transaction may have written something else.
func (tx *Tx) checkReferences(k rowKey, cells []merge.Cell) error {
	for _, cell := range cells {
		c := k.table.byNum[cell.Column]
		if c == nil || c.target == nil || c.onDelete == keep {
			continue
		}
		id, live := "", false
		_, err := tx.c.first("SELECT "+c.raw+", s FROM "+k.table.store+" WHERE id = ?1", []any{k.id},
			func(s *sqlite3.Stmt) { id, live = s.ColumnText(0), s.ColumnInt64(1) != dead })
		if err != nil {
			return failed("folding", err)
		}
		if id == "" || !live {
			continue
		}
		if up, err := tx.isShown(rowKey{c.target, id}); err != nil || !up {
			return failedOr(err, broken(k.table, "reference", errReference, c))
		}
	}
	return nil
}

func failedOr(err, otherwise error) error {
	if err != nil {
		return failed("folding", err)
	}
	return otherwise
}

// checkUnique looks for another row that shows and has the same values. Null equals
// nothing.
func (tx *Tx) checkUnique(k rowKey, s *schema.Schema) error {
	t, ok := s.TableByNumber(k.table.number)
	if !ok {
		return nil
	}
	for _, set := range t.UniqueSets() {
		columns := k.table.columnsOf(set)
		if len(columns) < len(set) {
			continue
		}
		same := make([]string, len(columns))
		for i, c := range columns {
			same[i] = fmt.Sprintf("o.%[1]s = n.%[1]s", c.shown)
		}
		query := fmt.Sprintf("SELECT 1 FROM %[1]s AS n JOIN %[1]s AS o ON %[2]s WHERE n.id = ?1 AND n.s = 2 AND o.s = 2 AND o.id <> ?1 LIMIT 1",
			k.table.store, strings.Join(same, " AND "))
		if taken, err := tx.c.first(query, []any{k.id}, func(*sqlite3.Stmt) {}); err != nil || taken {
			return failedOr(err, broken(k.table, "unique", schema.ErrTaken, columns...))
		}
	}
	return nil
}

func (t *table) columnsOf(set []*schema.Column) (out []*column) {
	for _, c := range set {
		if own := t.byNum[c.Number]; own != nil {
			out = append(out, own)
		}
	}
	return out
}
