package view

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// References take effect in the fold (DESIGN 8), and the fold must not depend
// on the order in which operations arrive. So on_delete deletes and overwrites
// nothing. What shows is defined from the folded rows alone:
//
//   - A row is alive or not by its own operations (merge.RowState.Live).
//   - A row is hidden if it is alive and some chain of its cascade references
//     leads to a row that is not alive, or not there. Rows that refer to each
//     other in a circle are hidden only if a chain leads out of it to such a row.
//   - A null reference shows null if its target does not show. Its value stays
//     in the fold, and comes back if the target does.
//   - A reference that keeps shows its value, whatever it points to.
//
// A target that is not there counts as one that is gone: that keeps the meaning
// when a seal forgets what was deleted, and a late reference to it arrives.
//
// The definition is a greatest fixed point and has one solution. It is stored,
// as column s and the columns e<N>, and kept up when rows change, so that
// reading costs nothing; regradeAll computes it from nothing and is the oracle
// of the tests and of Check. Rejected: deleting the children when the parent
// goes (a concurrent update that wins would bring back the parent alone), and
// joining all parents on every read (a filter would use no index).

// rank is what a live row counts as, by the rows that it refers to.
func (tx *Tx) rank(k rowKey, cells []cell) (int64, error) {
	for _, c := range k.table.cascades {
		for _, v := range cells {
			id, ok := v.value.(string)
			if v.column != c || !ok {
				continue
			}
			if up, err := tx.isShown(rowKey{c.target, id}); err != nil || !up {
				return hidden, err
			}
		}
	}
	return shown, nil
}

func (tx *Tx) isShown(k rowKey) (bool, error) {
	s := dead
	_, err := tx.c.first("SELECT s FROM "+k.table.store+" WHERE id = ?1", []any{k.id},
		func(stmt *sqlite3.Stmt) { s = stmt.ColumnInt64(0) })
	return s == shown, err
}

// regrade gives a row its new s after an operation on it.
func (tx *Tx) regrade(k rowKey, was int64, live bool, cells []cell) error {
	s, err := tx.grade(k, was, live, cells)
	if err != nil {
		return err
	}
	if s != was {
		if err := tx.setShown(k, s); err != nil {
			return err
		}
	}
	return tx.moved(k, was, s)
}

func (tx *Tx) grade(k rowKey, was int64, live bool, cells []cell) (int64, error) {
	if !live {
		return dead, nil
	}
	if was != dead && !refers(k.table, cells) {
		return was, nil
	}
	up, err := tx.parents(k, nil)
	if err != nil || !up {
		return hidden, err
	}
	return shown, nil
}

// refers says whether a cascade reference is among the cells.
func refers(t *table, cells []cell) bool {
	for _, c := range t.cascades {
		for _, v := range cells {
			if v.column == c {
				return true
			}
		}
	}
	return false
}

// parents says whether every row that k needs shows, or is among assumed.
func (tx *Tx) parents(k rowKey, assumed map[rowKey]bool) (bool, error) {
	for _, c := range k.table.cascades {
		id := ""
		_, err := tx.c.first("SELECT "+c.raw+" FROM "+k.table.store+" WHERE id = ?1", []any{k.id},
			func(s *sqlite3.Stmt) { id = s.ColumnText(0) })
		if err != nil {
			return false, err
		}
		parent := rowKey{c.target, id}
		if id == "" || assumed[parent] {
			continue
		}
		if up, err := tx.isShown(parent); err != nil || !up {
			return false, err
		}
	}
	return true, nil
}

// moved lets the rows follow that refer to k, and counts.
func (tx *Tx) moved(k rowKey, was, s int64) error {
	tx.count(k.table, was, s)
	switch {
	case was == shown && s != shown:
		return tx.hide(k)
	case was != shown && s == shown:
		return tx.reveal(k)
	case s == hidden && len(k.table.children) > 0: // it may need rows that need it
		return tx.settle([]rowKey{k})
	}
	return nil
}

func (tx *Tx) count(t *table, was, s int64) {
	switch {
	case was != shown && s == shown:
		tx.fold.effects.Appeared++
	case was == shown && s == shown:
		tx.fold.effects.Changed++
	case was == shown:
		tx.fold.effects.Gone++
	default:
		return
	}
	tx.noteTable(t)
}

func (tx *Tx) noteTable(t *table) {
	if tx.fold.tables != nil {
		tx.fold.tables[t.number] = true
	}
	tx.touch(t.number)
}

func (tx *Tx) setShown(k rowKey, s int64) error {
	return tx.c.exec("UPDATE "+k.table.store+" SET s = ?2 WHERE id = ?1", k.id, s)
}

// hide hides all that needs k, which no longer shows.
func (tx *Tx) hide(k rowKey) error {
	for work := []rowKey{k}; len(work) > 0; {
		k, work = work[len(work)-1], work[:len(work)-1]
		if err := tx.nullify(k, false); err != nil {
			return err
		}
		needing, err := tx.needing(k, shown)
		if err != nil {
			return err
		}
		for _, n := range needing {
			if err := tx.setShown(n, hidden); err != nil {
				return err
			}
			tx.count(n.table, shown, hidden)
		}
		work = append(work, needing...)
	}
	return nil
}

// reveal shows all that waited for k, which now shows.
func (tx *Tx) reveal(k rowKey) error {
	if err := tx.nullify(k, true); err != nil {
		return err
	}
	waiting, err := tx.needing(k, hidden)
	if err != nil || len(waiting) == 0 {
		return err
	}
	return tx.settle(waiting)
}

// settle decides about hidden rows that may now show. It takes them and all
// hidden rows that need them, assumes that all show, and takes back those that
// need another: what remains is the greatest set that holds itself up.
func (tx *Tx) settle(seeds []rowKey) error {
	set, err := tx.downstream(seeds)
	if err != nil {
		return err
	}
	if err := tx.eliminate(set); err != nil {
		return err
	}
	for k := range set {
		if err := tx.setShown(k, shown); err != nil {
			return err
		}
		tx.count(k.table, hidden, shown)
	}
	for k := range set {
		if err := tx.nullify(k, true); err != nil {
			return err
		}
	}
	return nil
}

// downstream is seeds and all hidden rows that need one of them.
func (tx *Tx) downstream(seeds []rowKey) (map[rowKey]bool, error) {
	set := map[rowKey]bool{}
	for work := seeds; len(work) > 0; {
		k := work[len(work)-1]
		work = work[:len(work)-1]
		if set[k] {
			continue
		}
		set[k] = true
		needing, err := tx.needing(k, hidden)
		if err != nil {
			return nil, err
		}
		work = append(work, needing...)
	}
	return set, nil
}

func (tx *Tx) eliminate(set map[rowKey]bool) error {
	work := make([]rowKey, 0, len(set))
	for k := range set {
		work = append(work, k)
	}
	for len(work) > 0 {
		k := work[len(work)-1]
		work = work[:len(work)-1]
		if !set[k] {
			continue
		}
		up, err := tx.parents(k, set)
		if err != nil {
			return err
		}
		if up {
			continue
		}
		delete(set, k)
		needing, err := tx.needing(k, hidden)
		if err != nil {
			return err
		}
		work = append(work, needing...)
	}
	return nil
}

// needing are the rows with this s that refer to k with a cascade.
func (tx *Tx) needing(k rowKey, s int64) (out []rowKey, err error) {
	for _, ref := range k.table.children {
		if ref.column.onDelete != cascade {
			continue
		}
		query := fmt.Sprintf("SELECT id FROM %s WHERE %s = ?1 AND s = ?2", ref.table.store, ref.column.raw)
		stmt, err := tx.c.stmt(query)
		if err != nil {
			return nil, err
		}
		if err := bind(stmt, []any{k.id, s}); err != nil {
			return nil, err
		}
		for stmt.Step() {
			out = append(out, rowKey{ref.table, stmt.ColumnText(0)})
		}
		if err := reset(stmt); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// nullify sets what the null references to k show: its ID, or null.
func (tx *Tx) nullify(k rowKey, up bool) error {
	for _, ref := range k.table.children {
		if ref.column.onDelete != setNull {
			continue
		}
		value, was := "NULL", "NOT NULL"
		if up {
			value, was = ref.column.raw, "NULL"
		}
		query := fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s = ?1 AND %s IS %s",
			ref.table.store, ref.column.shown, value, ref.column.raw, ref.column.shown, was)
		if err := tx.c.exec(query, k.id); err != nil {
			return err
		}
		if tx.c.Changes() > 0 {
			tx.noteTable(ref.table)
		}
	}
	return nil
}

// regradeAll computes s and e<N> of all rows from nothing but their operations.
func (tx *Tx) regradeAll() error {
	l := tx.layout
	for _, t := range l.order {
		if err := tx.c.exec("UPDATE " + t.store + " SET s = 2 WHERE s = 1"); err != nil {
			return err
		}
	}
	for changed := true; changed; {
		changed = false
		for _, t := range l.order {
			for _, c := range t.cascades {
				query := fmt.Sprintf(`UPDATE %[1]s SET s = 1 WHERE s = 2 AND %[2]s IS NOT NULL
					AND NOT EXISTS (SELECT 1 FROM %[3]s AS p WHERE p.id = %[1]s.%[2]s AND p.s = 2)`, t.store, c.raw, c.target.store)
				if err := tx.c.exec(query); err != nil {
					return err
				}
				changed = changed || tx.c.Changes() > 0
			}
		}
	}
	for _, t := range l.order {
		if err := tx.regradeNulls(t); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) regradeNulls(t *table) error {
	for _, c := range t.nulls {
		query := fmt.Sprintf(`UPDATE %[1]s SET %[4]s = (SELECT p.id FROM %[3]s AS p WHERE p.id = %[1]s.%[2]s AND p.s = 2)
			WHERE %[2]s IS NOT NULL OR %[4]s IS NOT NULL`, t.store, c.raw, c.target.store, c.shown)
		if err := tx.c.exec(query); err != nil {
			return err
		}
	}
	return nil
}
