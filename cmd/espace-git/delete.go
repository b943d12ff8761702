package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) deleteVerb() *cobra.Command {
	return a.tableVerb("delete TABLE ID", cobra.ExactArgs(2), func(s *space.Space, args []string) error {
		if err := s.Delete(a.ctx, args[0], args[1]); err != nil {
			return tableHint(err, args[0])
		}
		a.say(fmt.Sprintf(rowDeleted, clean(args[1])))
		return nil
	})
}
