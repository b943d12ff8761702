package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) doctorVerb() *cobra.Command {
	var rebuild bool
	c := a.verb("doctor", cobra.NoArgs, func([]string) error {
		did, err := a.rescue()
		if err != nil {
			return err
		}
		if len(did) > 0 {
			return a.tellDoctor(did)
		}
		return a.inSpace(func(s *space.Space) error {
			did, err := s.Doctor(a.ctx, rebuild)
			if err != nil && len(did) == 0 {
				return err
			}
			return errors.Join(err, a.tellDoctor(did))
		})
	})
	c.Flags().BoolVar(&rebuild, "rebuild", false, flagRebuild)
	return c
}

// rescue makes a store anew that does not open.
func (a *app) rescue() ([]string, error) {
	o, err := a.options()
	if err != nil {
		return nil, err
	}
	return space.Rescue(a.ctx, a.path("."), o)
}

func (a *app) tellDoctor(did []string) error {
	return a.print(map[string][]string{"did": list(did)}, func(w io.Writer) {
		for _, d := range did {
			fmt.Fprintln(w, clean(d))
		}
		if len(did) == 0 {
			fmt.Fprintln(w, healthy)
		}
	})
}
