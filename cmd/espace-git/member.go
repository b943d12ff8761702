package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

var roles = []string{"owner", "admin", "editor", "viewer"}

func (a *app) memberVerb() *cobra.Command {
	c := a.command("member")
	c.AddCommand(
		a.memberListVerb(),
		a.memberAction("member show NAME", 1, a.memberShow),
		a.memberRole(),
		a.memberRemove(),
		a.memberAction("member words NAME", 1, a.memberWords),
		a.memberAction("member approve NAME|ENTRY", 1, a.memberApprove),
		a.memberAction("member admit FILE|-", 1, a.memberAdmit),
		a.memberAction("member history NAME all|EPOCH", 2, a.memberHistory),
	)
	return c
}

func (a *app) memberAction(line string, args int, f func(*space.Space, []string) error) *cobra.Command {
	return a.verb(line, cobra.ExactArgs(args), func(args []string) error {
		return a.inSpace(func(s *space.Space) error { return f(s, args) })
	})
}

func (a *app) memberListVerb() *cobra.Command {
	var every bool
	c := a.verb("member list", cobra.NoArgs, func([]string) error {
		return a.inSpace(func(s *space.Space) error {
			if every {
				return a.memberList(s.EveryMember(a.ctx))
			}
			return a.memberList(s.Members(a.ctx))
		})
	})
	c.Flags().BoolVar(&every, "all", false, flagEvery)
	return c
}

// members are all who ever belonged.
func (a *app) members(s *space.Space) ([]space.Member, error) {
	all, err := s.EveryMember(a.ctx)
	for i := range all {
		all[i].Devices, all[i].Claims = list(all[i].Devices), list(all[i].Claims)
	}
	return list(all), err
}

func (a *app) memberList(all []space.Member, err error) error {
	if err != nil {
		return err
	}
	for i := range all {
		all[i].Devices, all[i].Claims = list(all[i].Devices), list(all[i].Claims)
	}
	return a.print(list(all), func(w io.Writer) {
		table(w, []string{"NAME", "ROLE", "STATE", "DEVICES", "MEMBER"}, mapped(all, func(m space.Member) []string {
			return []string{m.Name, m.Role, m.State, strings.Join(mapped(m.Devices, deviceLabel), ", "), m.Member}
		}))
	})
}

func deviceLabel(d space.DeviceInfo) string {
	if d.Status == "active" {
		return orElse(d.Name, d.Device)
	}
	return orElse(d.Name, d.Device) + " (" + d.Status + ")"
}

func (a *app) memberShow(s *space.Space, args []string) error {
	all, err := a.members(s)
	if err != nil {
		return err
	}
	found := -1 // who belongs is meant before who was removed
	for i, m := range all {
		if (m.Name == args[0] || m.Member == args[0]) && (found < 0 || all[found].State == space.StateRemoved) {
			found = i
		}
	}
	if found >= 0 {
		return a.print(all[found], func(w io.Writer) { showMember(w, all[found]) })
	}
	return hinted(fmt.Errorf(noMember, args[0], space.ErrNotFound), hintMembers)
}

func showMember(w io.Writer, m space.Member) {
	fmt.Fprintf(w, "name:    %s\nmember:  %s\nrole:    %s\n", clean(m.Name), m.Member, m.Role)
	if m.State != "" {
		fmt.Fprintf(w, "state:   %s\n", clean(m.State))
	}
	if m.Vouched != "" {
		fmt.Fprintf(w, "vouched: %s\n", clean(m.Vouched))
	}
	for _, d := range m.Devices {
		fmt.Fprintf(w, "device:  %s %s %s\n", d.Device, clean(d.Name), d.Status)
	}
}

func (a *app) memberRole() *cobra.Command {
	var o space.SealOptions
	c := a.memberAction("member role NAME ROLE", 2, func(s *space.Space, args []string) error { return a.changeRole(s, args[0], args[1], o) })
	c.Flags().BoolVar(&o.Now, "now", false, flagNow)
	return c
}

func (a *app) changeRole(s *space.Space, name, to string, o space.SealOptions) error {
	role := slices.Index(roles, to)
	if role < 0 {
		return usagef(hintRoles, badRole, to)
	}
	now, err := a.roleOf(s, name)
	switch {
	case err != nil:
		return err
	case now == to:
		a.say(fmt.Sprintf(roleSame, clean(name), now))
		return nil
	case role == 0:
		err = a.confirm(fmt.Sprintf(questionOwner, clean(name)), needsYes)
	}
	if err != nil {
		return err
	}
	done, err := s.ChangeRole(a.ctx, name, to, o)
	if err != nil {
		return memberHint(err)
	}
	return a.came(done, fmt.Sprintf(roleChanged, clean(name), clean(to)))
}

// roleOf is the role of the one member of that name; empty if the SDK is to say why there is none.
func (a *app) roleOf(s *space.Space, name string) (role string, err error) {
	all, err := a.members(s)
	for _, m := range all {
		if m.Name != name && m.Member != name || m.State == space.StateRemoved {
			continue
		}
		if role != "" {
			return "", err
		}
		role = m.Role
	}
	return role, err
}

// memberHint tells whom there is.
func memberHint(err error) error {
	return usageHint(hintFor(err, space.ErrNotFound, hintMembers), hintMembers)
}

// words is the JSON of words to compare.
type words struct {
	Member string   `json:"member"`
	Words  []string `json:"words"`
}

func (a *app) memberWords(s *space.Space, args []string) error {
	got, err := s.Words(a.ctx, args[0])
	if err != nil {
		return memberHint(err)
	}
	return a.print(words{args[0], list(got)}, func(w io.Writer) {
		fmt.Fprintln(w, sheet(got))
		a.say(wordsMeaning)
	})
}

// memberApprove takes a newcomer's name, or the number of a proposal's entry.
func (a *app) memberApprove(s *space.Space, args []string) error {
	if entry, err := strconv.ParseUint(args[0], 10, 53); err == nil {
		o, err := s.Approve(a.ctx, entry)
		if err != nil {
			return hintFor(err, space.ErrNotFound, hintProposals)
		}
		if o.State == space.OutcomeProposed && !a.json {
			a.say(fmt.Sprintf(approvedNotYet, entry, o.Needs))
			return nil
		}
		return a.came(o, fmt.Sprintf(approvedEntry, entry))
	}
	if err := s.ApproveMember(a.ctx, args[0]); err != nil {
		return memberHint(err)
	}
	a.say(fmt.Sprintf(approved, clean(args[0])))
	return nil
}

// memberAdmit carries somebody's join to the host: the armoured text that `join --offline` printed, or its bytes.
func (a *app) memberAdmit(s *space.Space, args []string) error {
	b, err := a.readFile(args[0])
	if err != nil {
		return err
	}
	if block, _ := pem.Decode(b); block != nil {
		if block.Type != requestType {
			return usagef(hintRequest, notARequest)
		}
		b = block.Bytes
	}
	if err := s.Admit(a.ctx, b); err != nil {
		return err
	}
	a.say(admitted)
	return nil
}

func (a *app) memberHistory(s *space.Space, args []string) error {
	o, err := s.SetHistory(a.ctx, args[0], args[1])
	if err != nil {
		return usageHint(hintFor(err, space.ErrNotFound, hintMembers), "give all, or the number of an epoch")
	}
	return a.came(o, fmt.Sprintf(historyGiven, clean(args[0]), clean(args[1])))
}
