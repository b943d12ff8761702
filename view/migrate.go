package view

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/schema"
)

// ownBucket keeps what this package needs to know about the store.
const ownBucket = "view"

const (
	schemaKey       = "schema"
	schemaNumberKey = "schema-number"
)

func (tx *Tx) getNumber(key string) (uint64, error) {
	b, ok, err := tx.Get(ownBucket, []byte(key))
	if err != nil || !ok || len(b) != 8 {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

func (tx *Tx) putNumber(key string, n uint64) error {
	return tx.Put(ownBucket, []byte(key), binary.BigEndian.AppendUint64(nil, n))
}

// SetSchema makes s, which came with the ledger entry of this number, the schema
// in force. Tables and columns are added in place; what the schema no longer has
// stays in the file, unseen, until the state is sealed into a new one. All of it
// is part of the transaction.
func (tx *Tx) SetSchema(s *schema.Schema, ledgerNumber uint64) error {
	if err := tx.may(true); err != nil {
		return err
	}
	if err := tx.forgetDocuments(); err != nil {
		return err
	}
	encoded, err := s.Encode()
	if err != nil {
		return fmt.Errorf("setting the schema: %w", err)
	}
	old := tx.layout
	next, err := newLayout(s, old.generation+1, ledgerNumber)
	if err != nil {
		return fmt.Errorf("setting the schema: %w", err)
	}
	if err := tx.Put(ownBucket, []byte(schemaKey), encoded); err != nil {
		return err
	}
	if err := tx.putNumber(schemaNumberKey, ledgerNumber); err != nil {
		return err
	}
	if err := tx.migrate(old, next); err != nil {
		return failed("setting the schema", err)
	}
	tx.layout = next
	for _, t := range next.order {
		tx.touch(t.number)
	}
	if !sameReferences(old, next) {
		return failed("setting the schema", tx.regradeAll())
	}
	return nil
}

// Schema is the schema in force and the number of its ledger entry; nil if there
// is none yet.
func (tx *Tx) Schema() (*schema.Schema, uint64) { return tx.layout.schema, tx.layout.number }

// refresh makes the transaction use the schema that the store has now, which
// another process may have set.
func (tx *Tx) refresh() error {
	generation, err := tx.pragma("user_version")
	if err != nil {
		return err
	}
	tx.db.mu.Lock()
	tx.layout = tx.db.layout
	tx.db.mu.Unlock()
	if tx.layout != nil && tx.layout.generation == generation {
		return nil
	}
	if tx.layout, err = tx.readLayout(generation); err != nil {
		return err
	}
	tx.db.mu.Lock()
	tx.db.layout = tx.layout
	tx.db.mu.Unlock()
	return nil
}

func (tx *Tx) readLayout(generation int64) (*layout, error) {
	if generation == 0 {
		return newLayout(nil, 0, 0)
	}
	b, _, err := tx.Get(ownBucket, []byte(schemaKey))
	if err != nil {
		return nil, err
	}
	s, err := schema.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("reading the stored schema: %w: %w", ErrCorrupt, err)
	}
	number, err := tx.getNumber(schemaNumberKey)
	if err != nil {
		return nil, err
	}
	return newLayout(s, generation, number)
}

// migrate brings SQLite's tables, indexes and views to a new layout.
func (tx *Tx) migrate(old, next *layout) error {
	for _, t := range old.order {
		if t.hidden {
			continue
		}
		if err := tx.c.Exec("DROP VIEW IF EXISTS " + quote(t.name)); err != nil {
			return err
		}
	}
	for _, t := range next.order {
		if err := tx.migrateTable(t); err != nil {
			return err
		}
	}
	return tx.c.Exec(fmt.Sprintf("PRAGMA user_version = %d", next.generation))
}

func (tx *Tx) migrateTable(t *table) error {
	if err := tx.createTable(t); err != nil {
		return err
	}
	if err := tx.retype(t); err != nil {
		return err
	}
	if err := tx.addColumns(t); err != nil {
		return err
	}
	if err := tx.setIndexes(t); err != nil {
		return err
	}
	if t.hidden {
		return nil
	}
	return tx.c.Exec(t.viewSQL())
}

// createTable makes the table of rows, without columns.
//
// Without documents it is one WITHOUT ROWID: one page to write for a new row, not two,
// and rows lie in the order of their IDs, which is about that of their making. But
// there SQLite reads all of a large row only to compare its ID, so with documents it
// is an ordinary one. A table that gets its first documents becomes such a one.
func (tx *Tx) createTable(t *table) error {
	const columns = " (id TEXT NOT NULL PRIMARY KEY, s INTEGER NOT NULL, meta BLOB NOT NULL)"
	create := "CREATE TABLE IF NOT EXISTS " + t.store + columns
	if len(t.documents) == 0 {
		return tx.c.Exec(create + " WITHOUT ROWID")
	}
	packed, err := tx.strings("SELECT name FROM pragma_table_list(?1) WHERE wr", t.store)
	if err != nil {
		return err
	}
	if len(packed) == 0 {
		return tx.c.Exec(create)
	}
	return tx.unpack(t, create)
}

// unpack copies a table WITHOUT ROWID into one of the other kind.
func (tx *Tx) unpack(t *table, create string) error {
	declared, err := tx.strings("SELECT name || ' ' || type FROM pragma_table_info(?1) WHERE cid > 2", t.store)
	if err != nil {
		return err
	}
	if err := tx.c.Exec("ALTER TABLE " + t.store + " RENAME TO old$; " + create); err != nil {
		return err
	}
	for _, column := range declared {
		if err := tx.c.Exec("ALTER TABLE " + t.store + " ADD COLUMN " + column); err != nil {
			return err
		}
	}
	return tx.c.Exec("INSERT INTO " + t.store + " SELECT * FROM old$; DROP TABLE old$")
}

// addHidden makes the tables that every space has.
func (tx *Tx) addHidden() error {
	for _, t := range tx.layout.order {
		if !t.hidden {
			continue
		}
		if err := tx.migrateTable(t); err != nil {
			return failed("creating the store", err)
		}
	}
	return nil
}

func (tx *Tx) addColumns(t *table) error {
	have, err := tx.strings("SELECT name FROM pragma_table_info(?1)", t.store)
	if err != nil {
		return err
	}
	add := func(name string, c *column) error {
		if slices.Contains(have, name) {
			return nil
		}
		have = append(have, name)
		return tx.c.Exec("ALTER TABLE " + t.store + " ADD COLUMN " + name + " " + c.decl() + " DEFAULT " + c.literal())
	}
	for _, c := range t.columns {
		if err := add(c.raw, c); err != nil {
			return err
		}
		if err := add(c.shown, c); err != nil {
			return err
		}
	}
	return nil
}

// setIndexes makes the indexes that the layout wants and drops the others.
func (tx *Tx) setIndexes(t *table) error {
	have, err := tx.strings("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL", t.store)
	if err != nil {
		return err
	}
	var want []string
	for _, columns := range t.indexes {
		name := fmt.Sprintf("i$%d$%s", t.number, strings.Join(columns, "$"))
		want = append(want, name)
		if slices.Contains(have, name) {
			continue
		}
		if err := tx.c.Exec("CREATE INDEX " + name + " ON " + t.store + " (" + strings.Join(columns, ", ") + ")"); err != nil {
			return err
		}
	}
	for _, name := range have {
		if slices.Contains(want, name) {
			continue
		}
		if err := tx.c.Exec("DROP INDEX " + name); err != nil {
			return err
		}
	}
	return nil
}

// viewSQL is the table under the user's name, for SQL.
func (t *table) viewSQL() string {
	list := []string{"id"}
	for _, c := range t.columns {
		list = append(list, c.shown+" AS "+quote(c.name))
	}
	return fmt.Sprintf("CREATE VIEW %s AS SELECT %s FROM %s WHERE s = 2", quote(t.name), strings.Join(list, ", "), t.store)
}

func (tx *Tx) strings(query string, args ...any) (out []string, err error) {
	err = tx.c.each(query, args, func(s *sqlite3.Stmt) error {
		out = append(out, s.ColumnText(0))
		return nil
	})
	return out, err
}

// quote makes a name one token of SQL.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// sameReferences says whether the rows that show stay the same: then nothing
// needs to be computed anew.
func sameReferences(old, next *layout) bool {
	for _, t := range next.order {
		was := old.tables[t.number]
		for _, c := range t.columns {
			if c.target == nil {
				continue
			}
			if was == nil || !sameReference(was.byNum[c.number], c) {
				return false
			}
		}
	}
	for _, t := range old.order {
		now := next.tables[t.number]
		for _, c := range t.columns {
			if c.onDelete == cascade && (now == nil || !sameReference(c, now.byNum[c.number])) {
				return false
			}
		}
	}
	return true
}

func sameReference(a, b *column) bool {
	return a != nil && b != nil && a.onDelete == b.onDelete && a.target != nil && b.target != nil && a.target.number == b.target.number
}
