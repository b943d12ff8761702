package view

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// retype gives columns whose type the schema changed the declaration of their new
// one, since that decides how SQLite stores and compares, and keeps of their values
// those that are values of the new type: an int as a time, 16 bytes as an ID, text
// that is JSON. All others become null. So a store that was there at the change
// and one that was made after it hold the same.
func (tx *Tx) retype(t *table) error {
	declared, err := tx.declarations(t)
	if err != nil {
		return err
	}
	for _, c := range t.columns {
		was, ok := declared[c.raw]
		if !ok || was == c.decl() {
			continue
		}
		if err := tx.retypeColumn(t, c, kindOf(was)); err != nil {
			return fmt.Errorf("column %s of %s: %w", c.raw, t.store, err)
		}
	}
	return nil
}

func (tx *Tx) declarations(t *table) (map[string]string, error) {
	out := map[string]string{}
	err := tx.c.each("SELECT name, type FROM pragma_table_info(?1)", []any{t.store}, func(s *sqlite3.Stmt) error {
		out[s.ColumnText(0)] = s.ColumnText(1)
		return nil
	})
	return out, err
}

// retypeColumn fills a new column from the old one, and puts it in its place. What
// a null reference showed goes too: it is computed anew when references change.
func (tx *Tx) retypeColumn(t *table, c *column, was kind) error {
	temp := fmt.Sprintf("x%d", c.number)
	if err := tx.dropIndexes(t); err != nil {
		return err
	}
	if err := tx.c.Exec("ALTER TABLE " + t.store + " ADD COLUMN " + temp + " " + c.decl() + " DEFAULT " + c.literal()); err != nil {
		return err
	}
	for last := ""; c.document == 0; {
		some, err := tx.convertSome(t, c, was, last)
		if err != nil {
			return err
		}
		if len(some) == 0 {
			break
		}
		for _, v := range some {
			if err := tx.c.exec("UPDATE "+t.store+" SET "+temp+" = ?2 WHERE id = ?1", v.id, v.value); err != nil {
				return err
			}
		}
		last = some[len(some)-1].id
	}
	shown := fmt.Sprintf("e%d", c.number)
	if have, err := tx.declarations(t); err != nil {
		return err
	} else if _, ok := have[shown]; ok {
		if err := tx.c.Exec("ALTER TABLE " + t.store + " DROP COLUMN " + shown); err != nil {
			return err
		}
	}
	if err := tx.c.Exec("ALTER TABLE " + t.store + " DROP COLUMN " + c.raw); err != nil {
		return err
	}
	return tx.c.Exec("ALTER TABLE " + t.store + " RENAME COLUMN " + temp + " TO " + c.raw)
}

type converted struct {
	id    string
	value any
}

// convertSome reads some values from last on, as the new type has them.
func (tx *Tx) convertSome(t *table, c *column, was kind, last string) (out []converted, err error) {
	size := 0
	query := "SELECT id, " + c.raw + " FROM " + t.store + " WHERE id > ?1 AND " + c.raw + " IS NOT NULL ORDER BY id LIMIT 5000"
	err = tx.c.each(query, []any{last}, func(s *sqlite3.Stmt) error {
		raw, err := was.appendStored(nil, s, 1)
		if err != nil {
			return err
		}
		v, err := c.kind.store(raw)
		if err != nil {
			v = nil
		}
		out = append(out, converted{s.ColumnText(0), v})
		if size += len(raw); size > pageBytes {
			return errStop
		}
		return nil
	})
	if err == errStop {
		err = nil
	}
	return out, err
}

// dropIndexes drops the indexes of a table; setIndexes makes them again.
func (tx *Tx) dropIndexes(t *table) error {
	names, err := tx.strings("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL", t.store)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := tx.c.Exec("DROP INDEX " + name); err != nil {
			return err
		}
	}
	return nil
}
