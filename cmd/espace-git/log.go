package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) logVerb() *cobra.Command {
	var q space.LogQuery
	c := a.verb("log", cobra.NoArgs, func([]string) error {
		if q.Limit < 0 {
			return usagef("espace-git log --limit 20", negativeLimit)
		}
		return a.inSpace(func(s *space.Space) error {
			entries, err := s.Log(a.ctx, q)
			if err != nil {
				return logHint(err)
			}
			return a.printLog(entries)
		})
	})
	flags := c.Flags()
	flags.StringVar(&q.Table, "table", "", flagLogTable)
	flags.StringVar(&q.Member, "member", "", flagLogMember)
	flags.BoolVar(&q.Refused, "refused", false, flagLogRefused)
	flags.BoolVar(&q.Writes, "writes", false, "only writes, no entries of the ledger")
	flags.IntVar(&q.Limit, "limit", 0, flagLogLimit)
	return c
}

func logHint(err error) error {
	if strings.Contains(err.Error(), "no table") {
		return hintFor(err, space.ErrNotFound, hintTables)
	}
	return memberHint(err)
}

func (a *app) printLog(entries []space.LogEntry) error {
	return a.print(list(entries), func(w io.Writer) {
		table(w, []string{"TIME", "MEMBER", "STATE", "KIND", "WHAT"}, mapped(entries, func(e space.LogEntry) []string {
			return []string{moment(e.Time), orElse(e.Name, e.Device), e.State, e.Kind, e.Summary}
		}))
	})
}
