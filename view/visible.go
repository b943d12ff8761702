package view

import (
	"slices"

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
	_, err := tx.c.first(k.table.rank, []any{k.id},
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
	if !slices.Contains(tx.fold.effects.Tables, t.number) {
		tx.fold.effects.Tables = append(tx.fold.effects.Tables, t.number)
	}
	tx.touch(t.number)
}

func (tx *Tx) setShown(k rowKey, s int64) error {
	if h := tx.held[k]; h != nil {
		h.s = s
	}
	return tx.c.exec("UPDATE "+k.table.store+" SET s = ?2 WHERE id = ?1", k.id, s)
}
