package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) syncVerb() *cobra.Command {
	var watch bool
	c := a.verb("sync", cobra.NoArgs, func([]string) error {
		return a.inSpace(func(s *space.Space) error {
			if watch {
				return a.syncForever(s)
			}
			return a.syncOnce(s)
		})
	})
	c.Flags().BoolVar(&watch, "watch", false, flagSyncWatch)
	return c
}

// syncOnce prints what was done even when a violation was found: the good lanes were synced.
func (a *app) syncOnce(s *space.Space) error {
	r, err := s.Sync(a.ctx)
	if r == nil {
		return err
	}
	if printed := a.printSync(r); err == nil {
		err = printed
	}
	return a.shown(err, r.Warnings)
}

// shown is a violation without the findings that stand above it as warnings.
func (a *app) shown(err error, warnings []string) error {
	if a.json || !errors.Is(err, space.ErrViolation) {
		return err
	}
	findings := strings.Split(err.Error(), "; ")
	for _, f := range findings {
		if !slices.Contains(warnings, f) {
			return err
		}
	}
	code, hint := classify(err)
	return &fault{fmt.Errorf(found, len(findings)), code, hint}
}

func (a *app) printSync(r *space.SyncResult) error {
	r.Warnings, r.LetIn = list(r.Warnings), list(r.LetIn)
	if !a.json {
		a.warnings(r.Warnings)
	}
	return a.print(r, func(w io.Writer) {
		fmt.Fprintf(w, syncSummary, r.Fetched, r.Pushed, r.Refused)
		if r.Sealed {
			fmt.Fprintln(w, syncSealed)
		}
		for _, name := range r.LetIn {
			fmt.Fprintf(w, syncLetIn, clean(name))
		}
	})
}

// Polls adapt: at once after news, then ever more slowly (DESIGN 10).
const (
	pollFirst = 2 * time.Second
	pollLast  = 60 * time.Second
)

// syncForever syncs until it is interrupted or finds a violation. A host that is away is reported once.
func (a *app) syncForever(s *space.Space) error {
	pause, away := pollFirst, false
	for {
		r, err := s.Sync(a.ctx)
		switch {
		case a.ctx.Err() != nil:
			return a.ctx.Err()
		case err != nil && !temporary(err):
			return err
		case err != nil && !away:
			a.warn(cleanLines(err.Error()))
		}
		if news := err == nil && r.Fetched+r.Pushed+r.Refused+len(r.LetIn)+len(r.Warnings) > 0; news {
			pause = pollFirst
			if err := a.printSync(r); err != nil {
				return err
			}
		}
		away = err != nil
		if !a.sleep(pause) {
			return a.ctx.Err()
		}
		pause = min(pause*3/2, pollLast)
	}
}
