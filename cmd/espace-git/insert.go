package main

import (
	"errors"
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
		if id, _, _ := rowID(row); errors.Is(err, space.ErrConflict) && id != "" {
			err = hinted(err, fmt.Sprintf(hintRowThere, args[0], id))
		}
		if err != nil {
			return tableHint(err, args[0])
		}
		return a.print(inserted{id}, func(w io.Writer) { fmt.Fprintln(w, id) })
	})
	return c
}
