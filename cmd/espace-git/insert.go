package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// inserted is the JSON of an insert.
type inserted struct {
	ID string `json:"id"`
}

func (a *app) insertVerb() *cobra.Command {
	c := a.tableVerb("insert TABLE [COL=VALUE...|-]", cobra.MinimumNArgs(1), func(s *space.Space, args []string) error {
		row, err := a.values(args[1:], nil)
		if err != nil {
			return err
		}
		id, err := s.Insert(a.ctx, args[0], row)
		if err != nil {
			return err
		}
		return a.print(inserted{id}, func(w io.Writer) { fmt.Fprintln(w, id) })
	})
	return c
}
