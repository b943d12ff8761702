package space

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// Query chooses rows of one table.
type Query struct {
	Table string
	// Where is a condition such as `done == false && title like 'Buy%'`. Each ?
	// stands for the next of Args.
	Where   string
	Args    []any
	Order   []string // columns; one that begins with - descends
	Limit   int      // 0: no limit
	Offset  int
	Columns []string // besides id; nil: all
}

func (q Query) view() view.Query {
	return view.Query{Table: q.Table, Where: q.Where, Args: q.Args, Order: q.Order, Limit: q.Limit, Offset: q.Offset, Columns: q.Columns, Member: memberNamed}
}

// checkTable keeps built-in tables to this package: what is in them has handles of
// its own.
func checkTable(name string) error {
	if strings.HasPrefix(name, "$") {
		return notFound("there is no table %q", name)
	}
	return nil
}

// Select returns the rows that a query chooses. It reads the local store only.
func (s *Space) Select(ctx context.Context, q Query) ([]Row, error) {
	if err := checkTable(q.Table); err != nil {
		return nil, err
	}
	rows, err := s.db.Select(ctx, q.view())
	out := make([]Row, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.Map())
	}
	return out, queryError(err)
}

// Each goes through the rows that a query chooses, in one state of the store.
func (s *Space) Each(ctx context.Context, q Query) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if err := checkTable(q.Table); err != nil {
			yield(nil, err)
			return
		}
		for r, err := range s.db.Rows(ctx, q.view()) {
			if !yield(r.Map(), queryError(err)) {
				return
			}
		}
	}
}

// Get reads one row. ErrNotFound: there is none, or it was deleted.
func (s *Space) Get(ctx context.Context, table, id string) (Row, error) {
	var out Row
	if err := checkTable(table); err != nil {
		return nil, err
	}
	if _, err := parseID(id); err != nil {
		return nil, err
	}
	err := s.db.View(ctx, func(v *view.Tx) error {
		row, ok, err := v.Row(table, id)
		if err == nil && !ok {
			err = notFound("there is no row %s in table %q", id, table)
		}
		out = row.Map()
		return err
	})
	return out, queryError(err)
}

// Result is what SQL returns.
type Result struct {
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"`
}

// SQL runs one read-only query over the tables, which have the schema's names.
func (s *Space) SQL(ctx context.Context, query string) (*Result, error) {
	res, err := s.db.SQL(ctx, query)
	if err != nil {
		return nil, queryError(err)
	}
	return &Result{Columns: res.Columns, Rows: res.Rows}, nil
}

// queryError sorts what is wrong with the query from what is wrong with the store.
func queryError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, view.ErrSchema):
		return join(ErrNotFound, err)
	case errors.Is(err, view.ErrQuery):
		return join(ErrUsage, err)
	}
	return classify(err)
}

// TableInfo describes a table.
type TableInfo struct {
	Name    string       `json:"name"`
	Columns []ColumnInfo `json:"columns"`
}

// ColumnInfo describes a column.
type ColumnInfo struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required"`
}

// Tables lists the tables of the schema in force.
func (s *Space) Tables(ctx context.Context) ([]TableInfo, error) {
	out := []TableInfo{}
	err := s.withSchema(ctx, func(sc *schema.Schema) error {
		for _, t := range sc.Tables {
			info := TableInfo{Name: t.Name, Columns: []ColumnInfo{}}
			for _, c := range t.Columns {
				info.Columns = append(info.Columns, ColumnInfo{c.Name, c.Type.String(), c.Required})
			}
			out = append(out, info)
		}
		return nil
	})
	return out, err
}

// Schema is the schema in force, as YAML.
func (s *Space) Schema(ctx context.Context) (yaml []byte, err error) {
	err = s.withSchema(ctx, func(sc *schema.Schema) error {
		yaml = []byte(sc.YAML())
		return nil
	})
	return yaml, err
}

func (s *Space) withSchema(ctx context.Context, fn func(*schema.Schema) error) error {
	return classify(s.db.View(ctx, func(v *view.Tx) error {
		sc, _ := v.Schema()
		if sc == nil {
			return join(ErrWaiting, fmt.Errorf("no schema yet: %w", ErrWaiting))
		}
		return fn(sc)
	}))
}

// CheckSchema reads a schema file and says what it would change.
func (s *Space) CheckSchema(ctx context.Context, yaml []byte) (changes []string, err error) {
	err = s.withSchema(ctx, func(before *schema.Schema) error {
		after, err := parseSchema(before, yaml)
		if err != nil {
			return err
		}
		changes = changeWords(schema.Diff(before, after))
		return nil
	})
	return changes, err
}

func changeWords(d schema.Difference) []string {
	out := []string{}
	for _, c := range d.Changes {
		words := c.Words
		if c.Narrows {
			words += " (narrows: seals the epoch)"
		}
		out = append(out, words)
	}
	return out
}

// ApplySchema puts a new schema into the ledger. One that changes nothing is left
// alone; one that takes something away seals the epoch, so that it is in force exactly
// from the cut on.
func (s *Space) ApplySchema(ctx context.Context, yaml []byte) (changes []string, err error) {
	changes, _, err = s.ChangeSchema(ctx, yaml)
	return changes, err
}

// ChangeSchema is ApplySchema, and tells how far it has come: where policy asks for
// approvals, the schema is proposed. The outcome is nil if nothing changes.
func (s *Space) ChangeSchema(ctx context.Context, yaml []byte) (changes []string, outcome *Outcome, err error) {
	var before *schema.Schema
	var after *schema.Schema
	err = s.withSchema(ctx, func(now *schema.Schema) (err error) {
		before = now
		after, err = parseSchema(before, yaml)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	d := schema.Diff(before, after)
	if changes = changeWords(d); len(changes) == 0 {
		return changes, nil, nil
	}
	entry := func(r *round) (membership.Body, map[string][]byte, error) {
		before, _ := r.v.Schema()
		after, err := parseSchema(before, yaml)
		if err != nil {
			return nil, nil, err
		}
		encoded, err := after.Encode()
		return &membership.SchemaBody{Widens: !schema.Diff(before, after).Narrows()}, map[string][]byte{membership.ItemSchema: encoded}, err
	}
	outcome, err = s.change(ctx, SealOptions{}, entry)
	return changes, outcome, err
}
