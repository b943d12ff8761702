package main

import (
	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) pendingVerb() *cobra.Command {
	return a.verb("pending", cobra.NoArgs, func([]string) error {
		return a.inSpace(func(s *space.Space) error {
			entries, err := s.Pending(a.ctx)
			if err != nil {
				return err
			}
			return a.printLog(entries)
		})
	})
}
