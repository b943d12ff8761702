package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) updateVerb() *cobra.Command {
	var nulls []string
	c := a.tableVerb("update TABLE ID [COL=VALUE...|-]", cobra.MinimumNArgs(2), func(s *space.Space, args []string) error {
		row, err := a.values(args[2:], nulls)
		if err != nil {
			return err
		}
		if len(row) == 0 {
			return usagef(hintUpdate, nothingToUpdate)
		}
		if err := s.Update(a.ctx, args[0], args[1], row); err != nil {
			return tableHint(a.editHint(s, args[0], args[1], row, err), args[0])
		}
		a.say(fmt.Sprintf(rowUpdated, clean(args[1])))
		return nil
	})
	c.Flags().StringSliceVar(&nulls, "null", nil, flagNull)
	return c
}
