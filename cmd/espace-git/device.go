package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

func (a *app) deviceVerb() *cobra.Command {
	c := a.command("device")
	c.AddCommand(
		a.deviceListVerb(),
		a.deviceAdd(),
		a.deviceRemove(),
		a.verb("device rename [DEVICE] NAME", cobra.RangeArgs(1, 2), func(args []string) error {
			return a.inSpace(func(s *space.Space) error { return a.deviceRename(s, args) })
		}),
	)
	return c
}

func (a *app) deviceListVerb() *cobra.Command {
	var every bool
	c := a.verb("device list", cobra.NoArgs, func([]string) error {
		return a.inSpace(func(s *space.Space) error {
			if every {
				return a.deviceList(s.EveryDevice(a.ctx))
			}
			return a.deviceList(s.Devices(a.ctx))
		})
	})
	c.Flags().BoolVar(&every, "all", false, flagEvery)
	return c
}

func (a *app) deviceRename(s *space.Space, args []string) error {
	device, name := "", args[len(args)-1]
	if len(args) == 2 {
		device = args[0]
	}
	if err := s.RenameDevice(a.ctx, device, name); err != nil {
		return hintFor(err, space.ErrNotFound, hintDevices)
	}
	a.say(fmt.Sprintf(deviceRenamed, clean(name)))
	return nil
}

func (a *app) deviceList(all []space.DeviceInfo, err error) error {
	if err != nil {
		return err
	}
	return a.print(list(all), func(w io.Writer) {
		table(w, []string{"DEVICE", "MEMBER", "NAME", "STATUS", "VIA"}, mapped(all, func(d space.DeviceInfo) []string {
			return []string{d.Device, d.Owner, d.Name, d.Status + thisDevice[d.This], d.Via}
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
				return hintFor(err, space.ErrNotFound, hintMembers)
			}
			return a.handOut(s, inv, f)
		})
	})
	c.Flags().StringVar(&f.expires, "expires", "1d", flagExpires)
	c.Flags().BoolVar(&f.noWait, "no-wait", false, flagNoWait)
	c.Flags().StringVar(&f.Member, "member", "", flagVouch)
	return c
}
