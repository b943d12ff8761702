package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) deviceVerb() *cobra.Command {
	c := a.command("device")
	c.AddCommand(
		a.verb("device list", cobra.NoArgs, func([]string) error { return a.inSpace(a.deviceList) }),
		a.deviceAdd(),
	)
	return c
}

func (a *app) deviceList(s *space.Space) error {
	all, err := s.Devices(a.ctx)
	if err != nil {
		return err
	}
	return a.print(list(all), func(w io.Writer) {
		table(w, []string{"DEVICE", "MEMBER", "NAME", "STATUS"}, mapped(all, func(d space.DeviceInfo) []string {
			return []string{d.Device, d.Owner, d.Name, d.Status + thisDevice[d.This]}
		}))
	})
}

// deviceAdd is an invite to oneself.
func (a *app) deviceAdd() *cobra.Command {
	f := inviteFlags{InviteOptions: space.InviteOptions{Uses: 1}, own: true}
	c := a.verb("device add", cobra.NoArgs, func([]string) error {
		if err := f.check(); err != nil {
			return err
		}
		return a.inSpace(func(s *space.Space) error {
			inv, err := s.AddDevice(a.ctx, f.InviteOptions)
			if err != nil && s.Remote() == "" {
				return usageHint(err, hintRemote)
			}
			if err != nil {
				return err
			}
			return a.handOut(s, inv, f)
		})
	})
	c.Flags().StringVar(&f.expires, "expires", "1d", flagExpires)
	c.Flags().BoolVar(&f.noWait, "no-wait", false, flagNoWait)
	return c
}
