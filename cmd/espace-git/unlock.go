package main

import (
	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) unlockVerb() *cobra.Command {
	return a.verb("unlock", cobra.NoArgs, func([]string) error {
		o, err := a.options()
		if err != nil {
			return err
		}
		if err := space.Unlock(a.ctx, o); err != nil {
			return err
		}
		a.say(unlocked)
		return nil
	})
}
