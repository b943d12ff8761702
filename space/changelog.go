package space

import (
	"fmt"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/schema"
	"github.com/espace-git/espace-git/view"
)

// logRow is the changelog's line about a transaction.
func logRow(tx *merge.Transaction, d wire.DeviceID, m wire.MemberID, state view.State, reason string) view.LogRow {
	written := max(tx.Time, tx.Before) // also of one that is issued again with a lower time
	row := view.LogRow{Time: written, Device: d, Member: m, Number: tx.Number, TxID: tx.ID, Ops: len(tx.Ops), State: state, Reason: reason}
	for i := range tx.Ops {
		op := &tx.Ops[i]
		if kind := op.Kind.String(); row.Kind == "" {
			row.Kind = kind
		} else if row.Kind != kind {
			row.Kind = "several"
		}
		if !slices.Contains(row.Tables, op.Table) {
			row.Tables = append(row.Tables, op.Table)
		}
	}
	if tx.Action != "" {
		row.Kind = tx.Action
	}
	return row
}

// tableWords is a table's name as people read it; built-in ones have no name that
// they could write.
func tableWords(t *schema.Table) string {
	if t.Hidden() {
		return strings.ReplaceAll(strings.TrimPrefix(t.Name, "$"), "_", " ")
	}
	return t.Name
}

// summary names the tables as the schema calls them now.
func (r *round) summary(row view.LogRow) string {
	sc, _ := r.v.Schema()
	var tables []string
	for _, n := range row.Tables {
		name := fmt.Sprintf("table #%d", n)
		if sc != nil {
			if t, ok := sc.TableByNumber(n); ok {
				name = tableWords(t)
			}
		}
		tables = append(tables, name)
	}
	s := strings.Join(tables, ", ")
	if row.Ops > 1 {
		s = fmt.Sprintf("%s (%d operations)", s, row.Ops)
	}
	if row.Reason != "" {
		s += ": " + firstLine(row.Reason)
	}
	return s
}
