package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// primaryName is what the first remote is called.
const primaryName = "origin"

func (a *app) remoteVerb() *cobra.Command {
	c := a.command("remote")
	c.AddCommand(
		a.remoteAddVerb(),
		a.verb("remote list", cobra.NoArgs, func([]string) error { return a.inSpace(a.remoteList) }),
		a.remoteRemoveVerb(),
		a.remotePromoteVerb(),
	)
	return c
}

func (a *app) remoteAddVerb() *cobra.Command {
	var share bool
	c := a.verb("remote add NAME URL", cobra.ExactArgs(2), func(args []string) error {
		if err := checkURL(args[1]); err != nil {
			return err
		}
		return a.inSpace(func(s *space.Space) error { return a.remoteAdd(s, args[0], args[1], share) })
	})
	c.Flags().BoolVar(&share, "share", false, flagShare)
	return c
}

// remoteAdd: the first remote is the host, all others are mirrors of it.
func (a *app) remoteAdd(s *space.Space, name, url string, share bool) error {
	if s.Remote() == "" {
		if name != primaryName {
			return usagef("espace-git remote add "+primaryName+" URL", remoteFirst, name)
		}
		return s.SetRemote(a.ctx, url)
	}
	if err := a.told(s.AddMirror(a.ctx, name, url, share)); err != nil {
		return usageHint(err, hintRemotes)
	}
	if share {
		a.say(fmt.Sprintf(mirrorShared, clean(name)))
	} else {
		a.say(fmt.Sprintf(mirrorAdded, clean(name), clean(url)))
	}
	return nil
}

// told shows what a command about remotes met on its way.
func (a *app) told(r *space.SyncResult, err error) error {
	if r == nil {
		return err
	}
	a.warnings(r.Warnings)
	return a.shown(err, r.Warnings)
}

func (a *app) remoteRemoveVerb() *cobra.Command {
	var share bool
	c := a.verb("remote remove NAME", cobra.ExactArgs(1), func(args []string) error {
		return a.inSpace(func(s *space.Space) error {
			err := a.told(s.RemoveMirror(a.ctx, args[0], share))
			return hintFor(usageHint(err, hintRemotes), space.ErrNotFound, hintRemotes)
		})
	})
	c.Flags().BoolVar(&share, "share", false, flagShareRemoval)
	return c
}

func (a *app) remotePromoteVerb() *cobra.Command {
	var gone bool
	c := a.verb("remote promote NAME", cobra.ExactArgs(1), func(args []string) error {
		return a.inSpace(func(s *space.Space) error {
			err := a.told(s.Promote(a.ctx, args[0], gone))
			err = hintFor(err, space.ErrHostGone, fmt.Sprintf(hintGone, clean(args[0])))
			if err = hintFor(err, space.ErrNotFound, hintRemotes); err == nil || errors.Is(err, space.ErrViolation) {
				a.say(fmt.Sprintf(promoted, clean(args[0]), clean(s.Remote())))
			}
			return err
		})
	})
	c.Flags().BoolVar(&gone, "gone", false, flagGone)
	return c
}

func (a *app) remoteList(s *space.Space) error {
	all, err := s.Remotes(a.ctx)
	if err != nil {
		return err
	}
	return a.print(list(all), func(w io.Writer) {
		table(w, []string{"NAME", "URL", "USE", "UP TO DATE", ""}, mapped(all, func(r space.RemoteInfo) []string {
			return []string{r.Name, r.URL, remoteUse(r), moment(r.Synced), r.Problem}
		}))
	})
}

func remoteUse(r space.RemoteInfo) string {
	switch {
	case r.Primary:
		return "primary"
	case r.Shared:
		return "mirror"
	}
	return "mirror (this device's)"
}

func (a *app) healVerb() *cobra.Command {
	return a.verb("heal", cobra.NoArgs, func([]string) error {
		return a.inSpace(func(s *space.Space) error {
			healed, r, err := s.Heal(a.ctx)
			if r != nil {
				a.warnings(r.Warnings)
			}
			if len(healed) == 0 {
				return err
			}
			printed := a.print(healed, func(w io.Writer) {
				table(w, []string{"NAME", "REFS", ""}, mapped(healed, func(h space.Healed) []string {
					return []string{h.Name, fmt.Sprint(len(h.Refs)), h.Problem}
				}))
			})
			return errors.Join(err, printed)
		})
	})
}
