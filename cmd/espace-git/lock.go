package main

import (
	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) lockVerb() *cobra.Command {
	return a.verb("lock", cobra.NoArgs, func([]string) error {
		home, err := a.home()
		if err != nil {
			return err
		}
		if err := space.Lock(home); err != nil {
			return err
		}
		a.say(locked)
		return nil
	})
}
