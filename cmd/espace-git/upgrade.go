package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// upgradeVerb shows or changes what a program must have to write here.
func (a *app) upgradeVerb() *cobra.Command {
	var add, drop []string
	c := a.verb("upgrade", cobra.NoArgs, func([]string) error {
		return a.inSpace(func(s *space.Space) error {
			if len(add)+len(drop) == 0 {
				return a.requirements(s)
			}
			if _, err := s.Require(a.ctx, add, drop); err != nil {
				return err
			}
			return a.requirements(s)
		})
	})
	c.Flags().StringSliceVar(&add, "require", nil, flagRequire)
	c.Flags().StringSliceVar(&drop, "drop", nil, flagDrop)
	return c
}

func (a *app) requirements(s *space.Space) error {
	r, err := s.Requirements(a.ctx)
	if err != nil {
		return err
	}
	r.Features, r.Lacks = list(r.Features), list(r.Lacks)
	return a.print(r, func(w io.Writer) {
		fmt.Fprintf(w, "format:   %d\n", r.Format)
		fmt.Fprintf(w, "requires: %s\n", orElse(clean(strings.Join(r.Features, ", ")), noneAsked))
		if len(r.Lacks) > 0 {
			fmt.Fprintf(w, "lacking:  %s\n", clean(strings.Join(r.Lacks, ", ")))
		}
	})
}
