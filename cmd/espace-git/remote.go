package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// remoteInfo is a line of `remote list`. The first remote orders the ledger.
type remoteInfo struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	Primary bool   `json:"primary"`
}

// primaryName is what the one remote is called.
const primaryName = "origin"

func (a *app) remoteVerb() *cobra.Command {
	c := a.command("remote")
	c.AddCommand(
		a.verb("remote add NAME URL", cobra.ExactArgs(2), func(args []string) error {
			if args[0] != primaryName {
				return usagef("espace-git remote add "+primaryName+" URL", remoteOnlyOne, args[0])
			}
			if err := checkURL(args[1]); err != nil {
				return err
			}
			return a.inSpace(func(s *space.Space) error { return s.SetRemote(a.ctx, args[1]) })
		}),
		a.verb("remote list", cobra.NoArgs, func([]string) error { return a.inSpace(a.remoteList) }),
	)
	return c
}

func (a *app) remoteList(s *space.Space) error {
	all := []remoteInfo{}
	if url := s.Remote(); url != "" {
		all = append(all, remoteInfo{primaryName, url, true})
	}
	return a.print(all, func(w io.Writer) {
		table(w, []string{"NAME", "URL"}, mapped(all, func(r remoteInfo) []string { return []string{r.Name, r.URL} }))
	})
}
