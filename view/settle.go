package view

import "fmt"

// How what shows follows a row that appeared or went; visible.go defines it.

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

// newChild prepares the text of the statements for the rows that refer.
func newChild(t *table, c *column) *child {
	set := func(value, was string) string {
		return fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s = ?1 AND %s IS %s", t.store, c.shown, value, c.raw, c.shown, was)
	}
	return &child{
		table: t, column: c,
		needing: fmt.Sprintf("SELECT id FROM %s WHERE %s = ?1 AND s = ?2", t.store, c.raw),
		nullify: set("NULL", "NOT NULL"), restore: set(c.raw, "NULL"),
	}
}

// needing are the rows with this s that refer to k with a cascade.
func (tx *Tx) needing(k rowKey, s int64) (out []rowKey, err error) {
	for _, ref := range k.table.children {
		if ref.column.onDelete != cascade {
			continue
		}
		stmt, err := tx.c.stmt(ref.needing)
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
		query := ref.nullify
		if up {
			query = ref.restore
		}
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
		up := fmt.Sprintf("(SELECT p.id FROM %[3]s AS p WHERE p.id = %[1]s.%[2]s AND p.s = 2)", t.store, c.raw, c.target.store)
		query := fmt.Sprintf("UPDATE %[1]s SET %[2]s = %[3]s WHERE %[2]s IS NOT %[3]s", t.store, c.shown, up)
		if err := tx.c.exec(query); err != nil {
			return err
		}
	}
	return nil
}
