package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) getVerb() *cobra.Command {
	return a.tableVerb("get TABLE ID", cobra.ExactArgs(2), func(s *space.Space, args []string) error {
		columns, err := a.columns(s, args[0])
		if err != nil {
			return err
		}
		row, err := s.Get(a.ctx, args[0], args[1])
		if err != nil {
			return tableHint(err, args[0])
		}
		return a.print(row, func(w io.Writer) { showRow(w, row, columns) })
	})
}
