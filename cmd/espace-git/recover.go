package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

type recoverFlags struct {
	space.RecoverOptions
	sheet       string
	unprotected bool
}

func (a *app) recoverVerb() *cobra.Command {
	var f recoverFlags
	c := a.verb("recover DIR", cobra.ExactArgs(1), func(args []string) error { return a.recover(args[0], f) })
	flags := c.Flags()
	flags.StringVar(&f.sheet, "sheet", "", flagSheet)
	flags.StringVar(&f.Remote, "remote", "", flagRecoverRemote)
	flags.StringSliceVar(&f.Lost, "lost", nil, flagLost)
	flags.StringVar(&f.DeviceName, "device", hostname(), flagDevice)
	flags.StringVar(&f.LedgerRef, "ledger-ref", "", flagLedgerRef)
	flags.StringVar(&f.Prefix, "prefix", "", flagPrefix)
	flags.BoolVar(&f.unprotected, "no-passphrase", false, flagNoPassphrase)
	return c
}

func (a *app) recover(dir string, f recoverFlags) (err error) {
	if f.RecoverOptions.Sheet, err = a.readSheet(f); err != nil {
		return usageHint(err, hintSheet)
	}
	if f.Remote == "" && f.Sheet.Remote == "" {
		if f.Remote, err = a.required("", questionRemote, "--remote URL"); err != nil {
			return err
		}
	}
	o, err := a.newOptions(f.unprotected)
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(a.path(dir)); err != nil {
		return err
	}
	a.say(fmt.Sprintf(joining, f.Sheet.Space, clean(orElse(f.Remote, f.Sheet.Remote))))
	s, got, err := space.Recover(a.ctx, dir, f.RecoverOptions, o)
	if err != nil {
		if _, there := space.Find(dir); there == nil {
			err = usageHint(err, fmt.Sprintf(hintRecoverHere, dir))
		}
		return hintFor(err, space.ErrUnreachable, hintRecoverAgain)
	}
	defer s.Close()
	got.Others = list(got.Others)
	return a.print(got, func(w io.Writer) { a.tellRecovered(w, got) })
}

// readSheet takes the sheet from a file or stdin, or asks for what it says.
func (a *app) readSheet(f recoverFlags) (*space.Sheet, error) {
	if f.sheet != "" {
		b, err := a.readFile(f.sheet)
		if err != nil {
			return nil, err
		}
		return space.ParseSheet(string(b))
	}
	id, err := a.ask(questionSheetSpace, "--sheet FILE, or --sheet -")
	if err != nil {
		return nil, err
	}
	text := "space " + id + "\n"
	day, err := a.ask(questionSheetLedger, "--sheet FILE")
	if err != nil {
		return nil, err
	}
	if day != "" {
		text += "ledger " + day + "\n"
	}
	words, err := a.ask(questionSheetWords, "--sheet FILE")
	if err != nil {
		return nil, err
	}
	return space.ParseSheet(text + words)
}

func (a *app) tellRecovered(w io.Writer, got *space.Recovered) {
	fmt.Fprintf(w, joinedSpace, got.Space, clean(got.Dir), got.State)
	fmt.Fprintf(w, recoverySheet, got.Sheet.Text())
	a.say(oldSheet)
	if got.State == space.StateWaiting {
		a.say(recoveredWaiting)
	}
	for _, d := range got.Others {
		a.say(fmt.Sprintf(otherDevice, clean(orElse(d.Name, d.Device)), d.Device))
	}
}
