package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) forkVerb() *cobra.Command {
	c := a.command("fork")
	c.AddCommand(
		a.verb("fork show", cobra.NoArgs, func([]string) error { return a.inSpace(a.forkShow) }),
		a.verb("fork follow", cobra.NoArgs, func([]string) error { return a.inSpace(a.forkFollow) }),
		a.verb("fork choose HASH", cobra.ExactArgs(1), func(args []string) error {
			return a.inSpace(func(s *space.Space) error { return a.forkChoose(s, args[0]) })
		}),
		a.forkResolveVerb(),
		a.verb("fork consent [HASH]", cobra.MaximumNArgs(1), func(args []string) error {
			return a.inSpace(func(s *space.Space) error { return a.forkConsent(s, strings.Join(args, "")) })
		}),
	)
	return c
}

func (a *app) forks(s *space.Space) (*space.Fork, error) {
	f, err := s.Forks(a.ctx)
	if err != nil {
		return nil, err
	}
	f.Branches, f.Refused = list(f.Branches), list(f.Refused)
	return f, nil
}

func (a *app) forkShow(s *space.Space) error {
	f, err := a.forks(s)
	if err != nil {
		return err
	}
	return a.print(f, func(w io.Writer) {
		for _, b := range f.Branches {
			showBranch(w, b)
		}
		for _, why := range f.Refused {
			fmt.Fprintf(w, forkRefused, clean(why))
		}
		a.say(forkAdvice(f))
	})
}

func showBranch(w io.Writer, b space.ForkBranch) {
	fmt.Fprintf(w, forkBranch[b.Own], b.From, b.Head.Seq, b.Head.Hash)
	if b.Role == "" {
		fmt.Fprintln(w, forkNobody)
	} else {
		fmt.Fprintf(w, forkRole, b.Role)
	}
	fmt.Fprintf(w, "%s\n", sheet(b.Words))
	showEntries(w, b.Entries)
	fmt.Fprintln(w)
}

func showEntries(w io.Writer, entries []space.ForkEntry) {
	table(w, []string{"ENTRY", "KIND", "BY", "TIME"}, mapped(entries, func(e space.ForkEntry) []string {
		return []string{fmt.Sprint(e.Seq), e.Kind, e.By, moment(e.Time)}
	}))
}

// forkAdvice is what the user of this device can do.
func forkAdvice(f *space.Fork) string {
	switch {
	case len(f.Branches) == 0:
		return forkNone
	case f.Undecided:
		return fmt.Sprintf(forkUndecided, f.Branches[0].From)
	case f.Resolved != nil:
		return fmt.Sprintf(forkResolvedBy, clean(f.Resolved.By), f.Resolved.Head.Seq)
	case f.May && f.Consents > 0:
		return forkMay + "\n" + fmt.Sprintf(forkMayConsents, f.Consents)
	case f.May:
		return forkMay
	}
	return forkWait
}

func (a *app) forkFollow(s *space.Space) error {
	f, err := a.forks(s)
	if err != nil {
		return err
	}
	if f.Resolved == nil {
		return hinted(s.FollowFork(a.ctx), hintForks) // says why there is nothing to follow
	}
	a.showDropped(fmt.Sprintf(forkFollows, clean(f.Resolved.By), f.Resolved.Head.Seq), f.Resolved.Drops)
	if err := a.confirm(questionFork, forkNeedsYes); err != nil {
		return err
	}
	return a.forkMoved(s.FollowFork(a.ctx))
}

// showDropped shows, before the question, which entries go; what was written is issued again.
func (a *app) showDropped(what string, drops []space.ForkEntry) {
	var b strings.Builder
	showEntries(&b, drops)
	a.say(what)
	if len(drops) > 0 {
		a.say(strings.TrimRight(b.String(), "\n"))
	}
	a.say(forkReissued)
}

func (a *app) forkMoved(err error) error {
	if err == nil || errors.Is(err, space.ErrViolation) {
		a.say(forkDone)
	}
	return err
}

func (a *app) forkChoose(s *space.Space, hash string) error {
	f, err := a.forks(s)
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(slices.Clone(f.Branches), func(b space.ForkBranch) bool {
		return b.Own || len(hash) < 8 || !strings.HasPrefix(b.Head.Hash, strings.ToLower(hash))
	})
	if len(chosen) != 1 {
		return hintFor(s.ChooseFork(a.ctx, hash), space.ErrNotFound, hintForks)
	}
	var drops []space.ForkEntry
	for _, b := range f.Branches {
		if b.Own {
			drops = slices.DeleteFunc(b.Entries, func(e space.ForkEntry) bool { return e.Seq <= chosen[0].From })
		}
	}
	a.say(sheet(chosen[0].Words))
	if chosen[0].Role == "" {
		a.warn(forkNobody)
	}
	a.showDropped(fmt.Sprintf(forkChooses, chosen[0].Head.Seq), drops)
	if err := a.confirm(questionFork, forkNeedsYes); err != nil {
		return err
	}
	return a.forkMoved(s.ChooseFork(a.ctx, chosen[0].Head.Hash))
}

func (a *app) forkResolveVerb() *cobra.Command {
	var consents []string
	var before uint64
	c := a.verb("fork resolve", cobra.NoArgs, func([]string) error {
		return a.inSpace(func(s *space.Space) error { return a.forkResolve(s, consents, before) })
	})
	c.Flags().StringArrayVar(&consents, "consent", nil, flagConsent)
	c.Flags().Uint64Var(&before, "before", 0, flagBefore)
	return c
}

func (a *app) forkResolve(s *space.Space, consents []string, before uint64) error {
	resolve := func() (*space.Sealed, error) { return s.ResolveFork(a.ctx, consents) }
	if before > 0 {
		resolve = func() (*space.Sealed, error) { return s.ResolveBefore(a.ctx, before, consents) }
	}
	done, err := resolve()
	if err != nil {
		return hintFor(hintFor(err, space.ErrNotFound, hintForks), space.ErrNotPermitted, hintForks)
	}
	return a.print(done, func(w io.Writer) { fmt.Fprintf(w, forkResolved, done.Entry, done.Epoch) })
}

func (a *app) forkConsent(s *space.Space, keep string) error {
	text, err := s.ConsentToFork(a.ctx, keep)
	if err != nil {
		return hintFor(hintFor(err, space.ErrNotFound, hintForks), space.ErrNotPermitted, hintForks)
	}
	return a.print(consent{text}, func(w io.Writer) {
		fmt.Fprintln(w, text)
		a.say(forkConsented)
	})
}

// consent is the JSON of an owner's consent to a resolve.
type consent struct {
	Consent string `json:"consent"`
}
