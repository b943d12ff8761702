package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// plan is a query as SQL and as the way to read its rows.
type plan struct {
	table   *table
	names   []string
	columns []*column // nil: one of the values that come from the row's state
	stamps  bool
	sql     string
	args    []any
}

func (p *plan) add(name string, c *column) {
	p.names, p.columns = append(p.names, name), append(p.columns, c)
	p.stamps = p.stamps || c == nil
}

// head selects id, the columns, and at the end the state if it is needed.
func (p *plan) head() string {
	list := []string{"id"}
	for _, c := range p.columns {
		if c != nil {
			list = append(list, c.shown)
		}
	}
	if p.stamps {
		list = append(list, "meta")
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + p.table.store + " WHERE s = 2"
}

func (p *plan) row(tx *Tx, s *sqlite3.Stmt) (Row, error) {
	row := Row{ID: s.ColumnText(0), Columns: p.names, Values: make([]any, len(p.columns))}
	at := 1
	for i, c := range p.columns {
		if c != nil {
			row.Values[i] = c.kind.load(s, at)
			at++
		}
	}
	if !p.stamps {
		return row, nil
	}
	state, err := merge.DecodeRowState(s.ColumnRawBlob(at))
	if err != nil {
		return row, fmt.Errorf("row %s: %w: %w", row.ID, ErrCorrupt, err)
	}
	for i, c := range p.columns {
		if c == nil {
			row.Values[i], err = tx.provenance(p.names[i], &state)
		}
		if err != nil {
			return row, err
		}
	}
	return row, nil
}

// provenances are the columns that every row has on request.
var provenances = []string{"created_at", "created_by", "updated_at", "updated_by"}

// provenance says when and by whom a row was made or last written. Times are
// what the authors' devices claimed: those before seals lowered them.
func (tx *Tx) provenance(name string, state *merge.RowState) (any, error) {
	stamp := state.Inserted
	if strings.HasPrefix(name, "updated") {
		stamp = state.Last()
	}
	if strings.HasSuffix(name, "_at") {
		return time.UnixMilli(merge.Millis(max(stamp.Time, stamp.Before))).UTC(), nil
	}
	return tx.memberOf(stamp.Device)
}

func (tx *Tx) memberOf(device wire.DeviceID) (any, error) {
	var member any
	_, err := tx.c.first("SELECT member FROM device$ WHERE device = ?1", []any{device[:]},
		func(s *sqlite3.Stmt) { member = s.ColumnText(0) })
	return member, err
}

// plan compiles a query.
func (tx *Tx) plan(q Query) (*plan, error) {
	if err := tx.may(false); err != nil {
		return nil, err
	}
	if err := tx.flush(); err != nil {
		return nil, err
	}
	t, err := tx.layout.table(q.Table)
	if err != nil {
		return nil, err
	}
	p := &plan{table: t}
	if err := p.choose(q.Columns); err != nil {
		return nil, err
	}
	where, args, err := compileWhere(t, q.Where, q.Args, tx.memberNamed(q))
	if err != nil {
		return nil, err
	}
	order, err := compileOrder(t, q.Order)
	if err != nil {
		return nil, err
	}
	p.sql, p.args = p.head()+where+order, args
	return p, p.bound(q)
}

func (p *plan) choose(names []string) error {
	if names == nil {
		for _, c := range p.table.columns {
			p.add(c.name, c)
		}
		return nil
	}
	for _, name := range names {
		if lower := strings.ToLower(name); lower == "id" {
			continue
		} else if slices.Contains(provenances, lower) {
			p.add(lower, nil)
			continue
		}
		c, err := p.table.column(name)
		if err != nil {
			return err
		}
		p.add(c.name, c)
	}
	return nil
}

func (p *plan) bound(q Query) error {
	if q.Limit < 0 || q.Offset < 0 {
		return classed(ErrQuery, "limit and offset can't be negative")
	}
	if q.Limit == 0 && q.Offset == 0 {
		return nil
	}
	limit := int64(q.Limit)
	if limit == 0 {
		limit = -1 // SQLite's word for none
	}
	n := len(p.args)
	p.sql += fmt.Sprintf(" LIMIT ?%d OFFSET ?%d", n+1, n+2)
	p.args = append(p.args, limit, int64(q.Offset))
	return nil
}

// memberNamed is the query's way to find a member by name; nil if it has none.
func (tx *Tx) memberNamed(q Query) func(string) (string, bool) {
	if q.Member == nil {
		return nil
	}
	return func(name string) (string, bool) { return q.Member(tx, name) }
}
