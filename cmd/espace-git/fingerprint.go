package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) fingerprintVerb() *cobra.Command {
	var at string
	c := a.verb("fingerprint", cobra.NoArgs, func([]string) error {
		number, err := place(at)
		if err != nil {
			return err
		}
		return a.inSpace(func(s *space.Space) error { return a.fingerprint(s, number) })
	})
	c.Flags().StringVar(&at, "at", "", flagAt)
	return c
}

// place is a number in the ledger, or nil for its end.
func place(at string) (*uint64, error) {
	if at == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(at, 10, 64)
	if err != nil {
		return nil, usagef(hintAt, badAt, at)
	}
	return &n, nil
}

func (a *app) fingerprint(s *space.Space, at *uint64) error {
	f, err := s.Fingerprint(a.ctx, at)
	if err != nil {
		return hintFor(err, space.ErrNotFound, "espace-git fingerprint")
	}
	f.Words = list(f.Words)
	return a.print(f, func(w io.Writer) {
		fmt.Fprintln(w, sheet(f.Words))
		a.say(fmt.Sprintf(fingerprintMeaning, f.Seq))
	})
}
