package main

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/hooks"
	"github.com/espace-git/espace-git/internal/wire"
)

func (a *app) hookVerb() *cobra.Command {
	refs := wire.DefaultRefs
	pre := a.verb("hook pre-receive", cobra.NoArgs, func([]string) error { return a.preReceive(refs) })
	pre.Flags().StringVar(&refs.Ledger, "ledger-ref", refs.Ledger, flagLedgerRef)
	pre.Flags().StringVar(&refs.Prefix, "prefix", refs.Prefix, flagPrefix)
	c := a.command("hook")
	c.AddCommand(pre)
	return c
}

// preReceive judges the push that git describes on stdin and in the environment. It needs no key of anybody.
func (a *app) preReceive(refs wire.Refs) (err error) {
	if err := wire.CheckRefs(refs); err != nil {
		return usage(err, "")
	}
	dir := a.env["GIT_DIR"]
	if dir == "" {
		return usagef(hintHook, notAHook)
	}
	updates, err := hooks.ParseUpdates(a.in)
	if err != nil {
		return err
	}
	push, done, err := hooks.OpenPush(a.path(dir), a.env["GIT_QUARANTINE_PATH"])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	err = hooks.Check(push, refs, updates, dirMemo(filepath.Join(a.path(dir), memoDir)))
	if refused := (*hooks.Refusal)(nil); errors.As(err, &refused) {
		return &fault{err, exitForbidden, hintRefusedPush}
	}
	return err
}
