package view

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/merge"
)

// SealRows turns the folded rows into the state with which the epoch that opens at
// this time starts (DESIGN 5 "The state holds what is live"), in place:
//
//   - what does not show is gone: deleted rows, rows without the row that they need,
//     tables and columns that the schema no longer has;
//   - a reference that shows null is null, and its value gone;
//   - stamps are lowered to the opening, and what deletes left behind is gone;
//   - documents are as merge.Document.Seal leaves them, and their edits gone.
//
// Nothing that shows changes. The result depends on the set of transactions that
// were applied and on the schema in force, not on the order of either. Doing it
// twice changes nothing more.
func (tx *Tx) SealRows(opening uint64) error {
	if err := tx.may(true); err != nil {
		return err
	}
	if opening == 0 || opening > merge.MaxTime {
		return fmt.Errorf("sealing the view: opening %d is no time", opening)
	}
	if err := tx.forgetDocuments(); err != nil {
		return err
	}
	if err := tx.regradeAll(); err != nil { // by definition, not by what was kept up
		return failed("sealing the view", err)
	}
	if err := tx.dropUnknown(); err != nil {
		return failed("sealing the view", err)
	}
	for _, t := range tx.layout.order {
		if err := tx.sealTable(t, opening); err != nil {
			return failed("sealing "+t.name, err)
		}
		if err := tx.sealDocuments(t, opening); err != nil {
			return failed("sealing documents of "+t.name, err)
		}
	}
	return nil
}

func (tx *Tx) sealTable(t *table, opening uint64) error {
	if err := tx.c.exec("DELETE FROM " + t.store + " WHERE s <> 2"); err != nil {
		return err
	}
	for _, c := range t.nulls {
		if err := tx.c.exec(fmt.Sprintf("UPDATE %s SET %[2]s = NULL WHERE %[2]s IS NOT NULL AND %[3]s IS NULL", t.store, c.raw, c.shown)); err != nil {
			return err
		}
	}
	for last := ""; ; {
		changed, next, err := tx.lowerSome(t, opening, last)
		if err != nil {
			return err
		}
		for _, r := range changed {
			if err := tx.c.exec("UPDATE "+t.store+" SET meta = ?2 WHERE id = ?1", r.id, r.meta); err != nil {
				return err
			}
		}
		if last = next; last == "" {
			return nil
		}
	}
}

type newMeta struct {
	id   string
	meta []byte
}

// lowerSome computes the sealed states of some rows from last on, and returns those
// that differ. next is where to go on, empty at the end.
func (tx *Tx) lowerSome(t *table, opening uint64, last string) (changed []newMeta, next string, err error) {
	const some = 5000
	n := 0
	var buf []byte
	err = tx.c.each("SELECT id, meta FROM "+t.store+" WHERE id > ?1 ORDER BY id LIMIT "+strconv.Itoa(some), []any{last},
		func(s *sqlite3.Stmt) error {
			n++
			next = s.ColumnText(0)
			old := s.ColumnRawBlob(1)
			if buf, err = t.sealMeta(buf[:0], old, opening); err != nil {
				return fmt.Errorf("row %s: %w: %w", next, ErrCorrupt, err)
			}
			if !bytes.Equal(buf, old) {
				changed = append(changed, newMeta{next, slices.Clone(buf)})
			}
			return nil
		})
	if n < some {
		next = ""
	}
	return changed, next, err
}

// sealMeta appends the sealed form of a row's state.
func (t *table) sealMeta(b, meta []byte, opening uint64) ([]byte, error) {
	state, err := merge.DecodeRowState(meta)
	if err != nil {
		return b, err
	}
	sealed, ok := state.Seal(opening)
	if !ok {
		return b, fmt.Errorf("it shows and is not alive")
	}
	sealed.Cells = slices.DeleteFunc(sealed.Cells, func(c merge.CellStamp) bool { return t.byNum[c.Column] == nil })
	return merge.AppendRowState(b, &sealed), nil
}

// dropUnknown removes the tables, columns and documents that the schema has no more.
func (tx *Tx) dropUnknown() error {
	if err := tx.dropUnknownDocuments(); err != nil {
		return err
	}
	stores, err := tx.strings("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 't$[0-9]*'")
	if err != nil {
		return err
	}
	for _, store := range stores {
		n, err := strconv.ParseUint(strings.TrimPrefix(store, "t$"), 10, 32)
		if err != nil {
			continue
		}
		if t := tx.layout.tables[uint32(n)]; t != nil {
			err = tx.dropColumns(t)
		} else {
			err = tx.c.Exec("DROP TABLE " + store)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) dropColumns(t *table) error {
	have, err := tx.strings("SELECT name FROM pragma_table_info(?1)", t.store)
	if err != nil {
		return err
	}
	known := []string{"id", "s", "meta"}
	for _, c := range t.columns {
		known = append(known, c.raw, c.shown)
	}
	for _, name := range have {
		if slices.Contains(known, name) {
			continue
		}
		if err := tx.c.Exec("ALTER TABLE " + t.store + " DROP COLUMN " + name); err != nil {
			return err
		}
	}
	return nil
}
