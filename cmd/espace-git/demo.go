package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/cmd/espace-git/demo"
)

func (a *app) demoVerb() *cobra.Command {
	return a.verb("demo", cobra.NoArgs, func([]string) error { return a.demo() })
}

// demo tells the story on stdout; with --json only what came of it.
func (a *app) demo() error {
	o := demo.Options{Out: a.out, Git: a.transport}
	_, shown := terminal(a.out)
	o.Colour = shown && a.env["NO_COLOR"] == ""
	if a.json {
		o.Out = io.Discard
	}
	r, err := demo.Run(a.ctx, o)
	if r != nil && a.json {
		if printed := a.printJSON(r); err == nil {
			err = printed
		}
	}
	return err
}
