package view

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
)

// Query chooses rows of one table.
type Query struct {
	Table string
	// Where is a condition (see parse.go); empty chooses all rows. Each ? in
	// it stands for the next of Args, a value of any type that the column it is
	// compared with takes.
	Where string
	Args  []any
	// Order lists columns; one that begins with - descends. Null comes before
	// every value. Rows that are equal so far, and all without Order, come in
	// the order of their IDs, which is about that of their making.
	Order  []string
	Limit  int // 0: no limit
	Offset int
	// Columns to return besides id; nil: all of the schema. On request also
	// created_at, created_by, updated_at, updated_by.
	Columns []string
	// Member finds the ID of a member by name, for conditions that name one; nil:
	// only IDs are understood.
	Member func(tx *Tx, name string) (id string, ok bool)
}

// Row is a row as its readers see it. Values are string (text, ID, reference,
// member), int64, float64, bool, []byte, time.Time (UTC), json.RawMessage, or
// nil.
type Row struct {
	ID      string
	Columns []string // shared by all rows of a query
	Values  []any
}

// Get is the value of a column; nil also if there is no such column.
func (r Row) Get(column string) any {
	if i := slices.Index(r.Columns, column); i >= 0 {
		return r.Values[i]
	}
	return nil
}

// Map is the row with its id.
func (r Row) Map() map[string]any {
	m := make(map[string]any, len(r.Columns)+1)
	for i, c := range r.Columns {
		m[c] = r.Values[i]
	}
	m["id"] = r.ID
	return m
}

// Select returns the rows of a query, in a transaction of their own.
func (db *DB) Select(ctx context.Context, q Query) (rows []Row, err error) {
	err = db.View(ctx, func(tx *Tx) error {
		rows, err = tx.Select(q)
		return err
	})
	return rows, err
}

// Rows goes through the rows of a query. All are of one state of the store.
func (db *DB) Rows(ctx context.Context, q Query) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		err := db.View(ctx, func(tx *Tx) error {
			for row, err := range tx.Rows(q) {
				if err != nil {
					return err
				}
				if !yield(row, nil) {
					return errStop
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(Row{}, err)
		}
	}
}

// Select returns the rows of a query as the transaction sees them.
func (tx *Tx) Select(q Query) (rows []Row, err error) {
	for row, err := range tx.Rows(q) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Rows goes through the rows of a query as the transaction sees them. The loop
// must not write to the tables that it reads.
func (tx *Tx) Rows(q Query) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		plan, err := tx.plan(q)
		if err != nil {
			yield(Row{}, err)
			return
		}
		err = tx.c.each(plan.sql, plan.args, func(s *sqlite3.Stmt) error {
			row, err := plan.row(tx, s)
			if err == nil && !yield(row, nil) {
				err = errStop
			}
			return err
		})
		if err != nil && err != errStop {
			yield(Row{}, failed("reading "+q.Table, err))
		}
	}
}

// Row is one row by its ID; ok is false if none shows.
func (tx *Tx) Row(table, id string) (row Row, ok bool, err error) {
	if err := tx.may(false); err != nil {
		return Row{}, false, err
	}
	if err := tx.flush(); err != nil {
		return Row{}, false, err
	}
	t, err := tx.layout.table(table)
	if err != nil {
		return Row{}, false, err
	}
	key, err := schema.ParseID(id)
	if err != nil {
		return Row{}, false, classed(ErrQuery, "%w", err)
	}
	p := plan{table: t}
	for _, c := range t.columns {
		p.add(c.name, c)
	}
	ok, err = tx.c.first(p.head()+" AND id = ?1", []any{idText(key)}, func(s *sqlite3.Stmt) { row, err = p.row(tx, s) })
	return row, ok, failed("reading "+table, err)
}

// State is what the fold keeps of a row; zero if nobody named it. A delete in a
// table that says update_wins is made from it, see merge.RowState.Saw.
func (tx *Tx) State(table string, row [16]byte) (merge.RowState, error) {
	if err := tx.may(false); err != nil {
		return merge.RowState{}, err
	}
	t, err := tx.layout.table(table)
	if err != nil {
		return merge.RowState{}, err
	}
	r, err := tx.load(rowKey{t, idText(row)})
	return r.state, failed("reading "+table, err)
}
