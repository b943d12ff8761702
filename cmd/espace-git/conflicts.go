package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// conflictsVerb is about own writes that could not be issued again after a seal.
func (a *app) conflictsVerb() *cobra.Command {
	c := a.verb("conflicts", cobra.NoArgs, func([]string) error { return a.inSpace(a.listConflicts) })
	c.AddCommand(
		a.verb("conflicts show ID", cobra.ExactArgs(1), func(args []string) error {
			return a.inSpace(func(s *space.Space) error { return a.showConflict(s, args[0]) })
		}),
		a.verb("conflicts retry ID", cobra.ExactArgs(1), func(args []string) error {
			return a.inSpace(func(s *space.Space) error {
				r, err := s.Retry(a.ctx, args[0])
				err = usageHint(err, fmt.Sprintf(hintRetryByHand, clean(args[0])))
				err = hintFor(err, space.ErrConflict, fmt.Sprintf(hintRetryGone, clean(args[0])))
				return a.printReceipt(r, conflictRetried, hintFor(err, space.ErrNotFound, hintConflicts))
			})
		}),
		a.verb("conflicts dismiss ID", cobra.ExactArgs(1), func(args []string) error {
			return a.inSpace(func(s *space.Space) error {
				return a.dismissed(args[0], hintFor(s.Dismiss(a.ctx, args[0]), space.ErrNotFound, hintConflicts))
			})
		}),
	)
	return c
}

func (a *app) listConflicts(s *space.Space) error {
	found, err := s.Conflicts(a.ctx)
	if err != nil {
		return err
	}
	return a.print(list(found), func(w io.Writer) {
		table(w, []string{"ID", "TIME", "EPOCH", "WHAT", "WHY"}, mapped(found, func(c space.Conflict) []string {
			return []string{c.ID, moment(c.Time), fmt.Sprint(c.Epoch), valuesLine(c.Values), c.Reason}
		}))
	})
}

func (a *app) showConflict(s *space.Space, id string) error {
	found, err := s.Conflicts(a.ctx)
	if err != nil {
		return err
	}
	for _, c := range found {
		if c.ID == id {
			return a.print(c, func(w io.Writer) { printValues(w, c.Reason, c.Values) })
		}
	}
	return hintFor(fmt.Errorf(noConflict, id, space.ErrNotFound), space.ErrNotFound, hintConflicts)
}

// printReceipt prints what became of a write that was made anew.
func (a *app) printReceipt(r space.Receipt, told string, err error) error {
	if err != nil {
		return err
	}
	return a.print(r, func(io.Writer) {
		if r.ID == "" { // it was so already
			a.say(textSame)
			return
		}
		a.say(fmt.Sprintf(told, r.ID))
	})
}

func (a *app) dismissed(id string, err error) error {
	if err == nil {
		a.say(fmt.Sprintf(dismissedTold, clean(id)))
	}
	return err
}

// valuesLine is what a transaction would write, on one line.
func valuesLine(values []space.ConflictValue) string {
	var out []string
	for _, v := range values {
		if v.Column == "" {
			out = append(out, v.Op+" "+v.Table+" "+orElse(v.Name, v.Row))
			continue
		}
		of := ""
		if v.Name != "" {
			of = fmt.Sprintf(" %q", v.Name)
		}
		out = append(out, v.Table+"."+v.Column+of+"="+text(v.Value))
	}
	return strings.Join(out, " ")
}

func printValues(w io.Writer, reason string, values []space.ConflictValue) {
	fmt.Fprintln(w, cleanLines(reason))
	table(w, []string{"OP", "TABLE", "ROW", "COLUMN", "VALUE"}, mapped(values, func(v space.ConflictValue) []string {
		return []string{v.Op, v.Table, orElse(v.Name, v.Row), v.Column, text(v.Value)}
	}))
}

// setAsideVerb is about others' writes that do not count.
func (a *app) setAsideVerb() *cobra.Command {
	c := a.verb("set-aside", cobra.NoArgs, func([]string) error { return a.inSpace(a.listAside) })
	c.AddCommand(
		a.verb("set-aside show ID", cobra.ExactArgs(1), func(args []string) error {
			return a.inSpace(func(s *space.Space) error { return a.showAside(s, args[0]) })
		}),
		a.verb("set-aside adopt ID", cobra.ExactArgs(1), func(args []string) error {
			return a.inSpace(func(s *space.Space) error {
				r, err := s.Adopt(a.ctx, args[0])
				return a.printReceipt(r, adoptedTold, hintFor(err, space.ErrNotFound, hintAside))
			})
		}),
		a.verb("set-aside dismiss ID", cobra.ExactArgs(1), func(args []string) error {
			return a.inSpace(func(s *space.Space) error {
				return a.dismissed(args[0], hintFor(s.DismissSetAside(a.ctx, args[0]), space.ErrNotFound, hintAside))
			})
		}),
	)
	return c
}

func (a *app) listAside(s *space.Space) error {
	found, err := s.SetAside(a.ctx)
	if err != nil {
		return err
	}
	return a.print(list(found), func(w io.Writer) {
		table(w, []string{"ID", "MEMBER", "EPOCH", "WHAT", "WHY"}, mapped(found, func(s space.SetAside) []string {
			return []string{s.ID, orElse(s.Name, s.Device), fmt.Sprint(s.Epoch), valuesLine(s.Values), s.Reason}
		}))
	})
}

func (a *app) showAside(s *space.Space, id string) error {
	found, err := s.SetAside(a.ctx)
	if err != nil {
		return err
	}
	for _, one := range found {
		if one.ID == id {
			return a.print(one, func(w io.Writer) { printValues(w, one.Reason, one.Values) })
		}
	}
	return hintFor(fmt.Errorf(noAside, id, space.ErrNotFound), space.ErrNotFound, hintAside)
}

// receiptVerb asks how far a write has come: the last one, if none is named.
func (a *app) receiptVerb() *cobra.Command {
	return a.verb("receipt [ID]", cobra.MaximumNArgs(1), func(args []string) error {
		return a.inSpace(func(s *space.Space) error {
			ask := s.LastReceipt
			if len(args) > 0 {
				ask = func(ctx context.Context) (space.Receipt, error) { return s.Receipt(ctx, args[0]) }
			}
			r, err := ask(a.ctx)
			if errors.Is(err, space.ErrUsage) || errors.Is(err, space.ErrNotFound) {
				return hintFor(hintFor(err, space.ErrUsage, hintReceipts), space.ErrNotFound, hintReceipts)
			}
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) { fmt.Fprintln(w, strings.TrimSuffix(clean(r.State+": "+r.Reason), ": ")) })
		})
	})
}
