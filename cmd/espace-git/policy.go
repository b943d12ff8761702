package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) policyVerb() *cobra.Command {
	c := a.command("policy")
	c.AddCommand(
		a.verb("policy show", cobra.NoArgs, func([]string) error { return a.inSpace(a.policyShow) }),
		a.policySet(),
	)
	return c
}

func (a *app) policyShow(s *space.Space) error {
	p, err := s.Policy(a.ctx)
	if err != nil {
		return err
	}
	return a.print(p, func(w io.Writer) {
		fmt.Fprintf(w, "invite:       %s\n", p.Invite)
		fmt.Fprintf(w, "approvals:    %s\n", orElse(approvalsText(p.Approvals), noneAsked))
		fmt.Fprintf(w, "endorsements: %d\n", p.Endorsements)
		fmt.Fprintf(w, "seal after:   %d days, %d transactions, %d MiB\n", p.Days, p.Transactions, p.MiB)
	})
}

func approvalsText(asked map[string]int) string {
	var out []string
	for _, kind := range slices.Sorted(maps.Keys(asked)) {
		out = append(out, fmt.Sprintf("%s=%d", kind, asked[kind]))
	}
	return strings.Join(out, " ")
}

func (a *app) policySet() *cobra.Command {
	var p space.Policy
	var asked []string
	var c *cobra.Command
	c = a.verb("policy set", cobra.NoArgs, func([]string) error {
		given := c.Flags().Changed
		return a.inSpace(func(s *space.Space) error {
			o, err := s.ChangePolicy(a.ctx, func(now *space.Policy) error {
				for name, set := range map[string]func(){
					"invite":            func() { now.Invite = p.Invite },
					"endorsements":      func() { now.Endorsements = p.Endorsements },
					"seal-days":         func() { now.Days = p.Days },
					"seal-transactions": func() { now.Transactions = p.Transactions },
					"seal-mib":          func() { now.MiB = p.MiB },
				} {
					if given(name) {
						set()
					}
				}
				return setApprovals(now.Approvals, asked)
			})
			if err != nil {
				return usageHint(err, hintPolicy)
			}
			return a.came(o, policySet)
		})
	})
	flags := c.Flags()
	flags.StringVar(&p.Invite, "invite", "", flagPolicyInvite)
	flags.StringSliceVar(&asked, "approvals", nil, flagApprovals)
	flags.IntVar(&p.Endorsements, "endorsements", 0, flagEndorsements)
	flags.IntVar(&p.Days, "seal-days", 0, flagSealDays)
	flags.IntVar(&p.Transactions, "seal-transactions", 0, flagSealTransactions)
	flags.IntVar(&p.MiB, "seal-mib", 0, flagSealMiB)
	return c
}

// setApprovals reads member.remove=2; 0 asks for none.
func setApprovals(now map[string]int, asked []string) error {
	for _, text := range asked {
		kind, number, ok := strings.Cut(text, "=")
		n, err := strconv.ParseUint(number, 10, 16)
		if !ok || err != nil {
			return usagef(hintPolicy, badApprovals, text)
		}
		now[kind] = int(n)
	}
	return nil
}

func (a *app) proposalsVerb() *cobra.Command {
	return a.verb("proposals", cobra.NoArgs, func([]string) error {
		return a.inSpace(func(s *space.Space) error {
			all, err := s.Proposals(a.ctx)
			if err != nil {
				return err
			}
			for i := range all {
				all[i].Approved = list(all[i].Approved)
			}
			return a.print(list(all), func(w io.Writer) {
				table(w, []string{"ENTRY", "KIND", "ABOUT", "BY", "APPROVED", "UNTIL"}, mapped(all, func(p space.Proposal) []string {
					return []string{fmt.Sprint(p.Entry), p.Kind, p.About, p.By, fmt.Sprintf("%d/%d %s", len(p.Approved), p.Needs, strings.Join(p.Approved, ", ")), fmt.Sprint(p.Until)}
				}))
			})
		})
	})
}
