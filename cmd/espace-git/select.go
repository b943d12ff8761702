package main

import (
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) selectVerb() *cobra.Command {
	var q space.Query
	var none bool // --limit 0; the SDK's 0 is no limit
	c := a.tableVerb("select TABLE", cobra.ExactArgs(1), func(s *space.Space, args []string) error {
		q.Table = args[0]
		return a.selectRows(s, q, none)
	})
	flags := c.Flags()
	c.PreRun = func(c *cobra.Command, _ []string) { none = flags.Changed("limit") && q.Limit == 0 }
	flags.StringVar(&q.Where, "where", "", flagWhere)
	flags.StringSliceVar(&q.Order, "order", nil, flagOrder)
	flags.IntVar(&q.Limit, "limit", 0, flagLimit)
	flags.IntVar(&q.Offset, "offset", 0, flagOffset)
	flags.StringSliceVar(&q.Columns, "columns", nil, flagColumns)
	return c
}

func (a *app) selectRows(s *space.Space, q space.Query, none bool) error {
	columns, err := a.columns(s, q.Table)
	if err != nil {
		return err
	}
	if q.Limit < 0 || q.Offset < 0 {
		return usagef("", negativeLimit)
	}
	for i, name := range q.Columns {
		if name == "" || slices.Contains(q.Columns[:i], name) {
			return usagef(hintTables, badColumns, name)
		}
	}
	if q.Columns != nil && len(q.Columns) == 0 {
		return usagef(hintTables, badColumns, "")
	}
	rows, err := s.Select(a.ctx, q)
	if none {
		rows = nil
	}
	if err != nil {
		return usageHint(err, hintWhere)
	}
	if len(q.Columns) > 0 {
		columns = append([]string{"id"}, without(q.Columns, "id")...)
	}
	return a.print(list(rows), func(w io.Writer) {
		table(w, columns, mapped(rows, func(r space.Row) []string {
			return mapped(columns, func(c string) string { return text(r[c]) })
		}))
	})
}
