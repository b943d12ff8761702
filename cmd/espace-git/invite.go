package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mdp/qrterminal/v3"
	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

type inviteFlags struct {
	space.InviteOptions
	expires   string
	deployKey bool
	own       bool // for another device of the own
	noWait    bool
}

func (a *app) inviteVerb() *cobra.Command {
	var f inviteFlags
	c := a.verb("invite", cobra.NoArgs, func([]string) error { return a.invite(f) })
	flags := c.Flags()
	flags.StringVar(&f.Role, "role", "editor", flagRole)
	flags.StringVar(&f.expires, "expires", "7d", flagExpires)
	flags.IntVar(&f.Uses, "uses", 1, flagUses)
	flags.StringVar(&f.History, "history", "all", flagHistory)
	flags.BoolVar(&f.Approve, "approve", false, flagApprove)
	flags.StringVar(&f.For, "for", "", flagFor)
	flags.BoolVar(&f.deployKey, "deploy-key", false, flagDeployKey)
	flags.BoolVar(&f.noWait, "no-wait", false, flagNoWait)
	c.RegisterFlagCompletionFunc("role", cobra.FixedCompletions(roles, cobra.ShellCompDirectiveNoFileComp))
	c.AddCommand(
		a.verb("invite list", cobra.NoArgs, func([]string) error { return a.inSpace(a.inviteList) }),
		a.verb("invite revoke ID", cobra.ExactArgs(1), func(args []string) error {
			return a.inSpace(func(s *space.Space) error { return a.inviteRevoke(s, args[0]) })
		}),
	)
	return c
}

// invited is the JSON of an invitation.
type invited struct {
	Link    string `json:"link"`
	ID      string `json:"id"`
	Expires string `json:"expires"`
}

func (a *app) invite(f inviteFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	return a.inSpace(func(s *space.Space) error {
		inv, err := s.Invite(a.ctx, f.InviteOptions)
		if err != nil {
			return usageHint(err, inviteHint(s, f))
		}
		return a.handOut(s, inv, f)
	})
}

func inviteHint(s *space.Space, f inviteFlags) string {
	if s.Remote() == "" {
		return hintRemote
	}
	if slices.Contains(roles, f.Role) {
		return hintHistory
	}
	return hintRoles
}

// check turns the flags' texts into values.
func (f *inviteFlags) check() (err error) {
	if f.Expires, err = duration(f.expires); err != nil || f.Expires <= 0 {
		return usagef(hintDuration, badDuration, "--expires", f.expires)
	}
	if f.Uses < 1 {
		return usagef("give --uses 1", badUses, f.Uses)
	}
	return nil
}

// handOut prints the link, the only result; all around it goes to stderr. On a terminal it stays and lets the newcomer in.
func (a *app) handOut(s *space.Space, inv *space.Invitation, f inviteFlags) error {
	err := a.print(invited{inv.Link, inv.ID, stamp(inv.Expires)}, func(w io.Writer) { fmt.Fprintln(w, inv.Link) })
	if err != nil {
		return err
	}
	_, seen := terminal(a.out)
	_, told := terminal(a.err)
	if told && seen && !a.json {
		qrterminal.GenerateHalfBlock(inv.Link, qrterminal.L, a.err)
	}
	if f.Member != "" {
		a.say(fmt.Sprintf(deviceVouched, inv.ID, moment(inv.Expires), clean(f.Member)))
	} else if f.own {
		a.say(fmt.Sprintf(deviceTold, inv.ID, moment(inv.Expires)))
	} else {
		a.say(fmt.Sprintf(inviteTold, inv.ID, moment(inv.Expires)))
		a.say(fmt.Sprintf(hostAdvice(inv.Host, f.deployKey), clean(inv.Host)))
	}
	if inv.Needs > 0 {
		a.say(fmt.Sprintf(outcomeProposed, inv.Entry, inv.Needs))
	}
	if f.noWait || a.json || !seen || !a.interactive() {
		a.say(f.later())
		return nil
	}
	return a.letIn(s, inv.ID, f)
}

// hostAdvice is what the host needs: accounts, where it has them.
func hostAdvice(url string, deployKey bool) string {
	if deployKey || strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "ssh://") || strings.Contains(url, "@") {
		return inviteHost[deployKey]
	}
	return inviteHere
}

// later says what happens once the link was used.
func (f *inviteFlags) later() string {
	switch {
	case f.own:
		return deviceLater
	case f.needsApproval():
		return inviteApprove
	}
	return inviteLater
}

// needsApproval: whoever is to rule is approved always (DESIGN 6).
func (f *inviteFlags) needsApproval() bool {
	return f.Approve || !f.own && (f.Role == "admin" || f.Role == "owner")
}

// letIn syncs until the invite is used, so that the newcomer need not wait for the next sync of a member.
func (a *app) letIn(s *space.Space, id string, f inviteFlags) error {
	stays, done := inviteStays, inviteDone
	if f.own {
		stays, done = deviceStays, deviceDone
	}
	if f.needsApproval() {
		stays, done = inviteApprove, ""
	}
	a.say(stays)
	for {
		r, err := s.Sync(a.ctx)
		switch {
		case a.ctx.Err() != nil:
			return nil // Ctrl-C is safe: the next sync lets the newcomer in
		case err != nil && !temporary(err):
			return err
		case err == nil:
			a.warnings(r.Warnings)
		}
		used, err := inviteUsed(a, s, id)
		if used && done != "" {
			a.say(a.paint(green, done))
		}
		if used || err != nil {
			return err
		}
		if !a.sleep(2 * time.Second) {
			return nil
		}
	}
}

func inviteUsed(a *app, s *space.Space, id string) (bool, error) {
	all, err := s.Invites(a.ctx)
	if err != nil {
		return false, err
	}
	for _, inv := range all {
		if inv.ID == id && inv.Used == 0 && inv.State == "open" {
			return false, nil
		}
	}
	return true, nil
}

func (a *app) inviteList(s *space.Space) error {
	all, err := s.Invites(a.ctx)
	if err != nil {
		return err
	}
	return a.print(list(all), func(w io.Writer) {
		table(w, []string{"ID", "ROLE", "BY", "FOR", "USED", "EXPIRES", "STATE"}, mapped(all, func(i space.InviteInfo) []string {
			return []string{i.ID, i.Role, i.By, i.For, fmt.Sprintf("%d/%d", i.Used, i.Uses), moment(i.Expires), i.State}
		}))
	})
}

func (a *app) inviteRevoke(s *space.Space, id string) error {
	all, err := s.Invites(a.ctx)
	if err != nil {
		return err
	}
	for _, inv := range all {
		if inv.ID == id && (inv.State == "revoked" || inv.State == "used") {
			a.say(fmt.Sprintf(revokedBefore, clean(id)))
			return nil
		}
	}
	if err := s.RevokeInvite(a.ctx, id); err != nil {
		return hintFor(err, space.ErrNotFound, hintInvites)
	}
	a.say(fmt.Sprintf(inviteRevoked, clean(id)))
	return nil
}

// duration reads what time.ParseDuration reads, and days and weeks, as people give for invites: 7d, 2w.
func duration(s string) (time.Duration, error) {
	for unit, hours := range map[string]int{"d": 24, "w": 7 * 24} {
		if number, ok := strings.CutSuffix(s, unit); ok {
			n, err := strconv.ParseUint(number, 10, 16)
			return time.Duration(n) * time.Duration(hours) * time.Hour, err
		}
	}
	return time.ParseDuration(s)
}
