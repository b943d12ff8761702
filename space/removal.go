package space

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// Removal is what a removal closes: every way back (DESIGN 4). Lists are never null.
type Removal struct {
	Name     string       `json:"name"`     // of the member, or of the device
	Member   string       `json:"member"`   // ID of the member, or of the device's
	Devices  []DeviceInfo `json:"devices"`  // that go; others' among them, for which it vouched
	Invites  []InviteInfo `json:"invites"`  // that are closed, device links included
	Recovery bool         `json:"recovery"` // a recovery key dies
	Hosts    []string     `json:"hosts"`    // where somebody with rights there has to take the access away
}

// RemoveOptions say how to remove.
type RemoveOptions struct {
	// Now does not wait for lanes of which others have seen more than the host shows.
	Now bool
	// Keep names what would be closed and shall not: devices and invites by ID, name or
	// the beginning of an ID, and "recovery". Of a member's removal, only devices of
	// other members for which it vouched can stay.
	Keep []string
}

// PreviewRemoveMember says what RemoveMember would close.
func (s *Space) PreviewRemoveMember(ctx context.Context, name string, keep []string) (*Removal, error) {
	return s.preview(ctx, removesMember(name, keep))
}

// RemoveMember removes a member and closes every way back. It counts from the seal
// on: what the member could read it has read; nothing that it writes later has effect,
// and nothing that others write later can it read. Its access to the host is not
// ended by this: that takes somebody with rights there.
func (s *Space) RemoveMember(ctx context.Context, name string, o RemoveOptions) (*Outcome, error) {
	return s.change(ctx, SealOptions{Now: o.Now}, removesMember(name, o.Keep))
}

// PreviewRemoveDevice says what RemoveDevice would close.
func (s *Space) PreviewRemoveDevice(ctx context.Context, device string, keep []string) (*Removal, error) {
	return s.preview(ctx, removesDevice(device, keep))
}

// RemoveDevice removes one device, with the devices, invites and recovery key that it
// made. Below admin, and for the very device that asks, it is a request.
func (s *Space) RemoveDevice(ctx context.Context, device string, o RemoveOptions) (*Outcome, error) {
	return s.change(ctx, SealOptions{Now: o.Now}, removesDevice(device, o.Keep))
}

func removesMember(name string, keep []string) draftBody {
	return func(r *round) (membership.Body, map[string][]byte, error) {
		m, err := findMember(r.v, r.roster(), name)
		if err != nil {
			return nil, nil, err
		}
		if m.Status == membership.StatusRemoved {
			return nil, nil, notFound("%s was removed already", name)
		}
		b := &membership.MemberRemoveBody{Member: m.ID}
		b.Keep, err = r.keep(b, keep)
		return b, nil, err
	}
}

func removesDevice(device string, keep []string) draftBody {
	return func(r *round) (membership.Body, map[string][]byte, error) {
		d, err := r.findDevice(device)
		if err != nil {
			return nil, nil, err
		}
		if d.Status == membership.StatusRemoved {
			return nil, nil, notFound("device %s was removed already", device)
		}
		b := &membership.DeviceRemoveBody{Device: d.ID}
		b.Keep, err = r.keep(b, keep)
		return b, nil, err
	}
}

// keep turns names of what is to stay into what the ledger calls it. Each must be of
// something that would go.
func (r *round) keep(body membership.Body, names []string) (*membership.Keep, error) {
	if len(names) == 0 {
		return nil, nil
	}
	all, err := r.roster().Removes(body)
	if err != nil {
		return nil, err
	}
	k := &membership.Keep{}
	for _, name := range names {
		if err := r.keepOne(k, all, name); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(k.Devices, func(a, b wire.DeviceID) int { return bytes.Compare(a[:], b[:]) })
	slices.SortFunc(k.Invites, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	k.Devices, k.Invites = slices.Compact(k.Devices), slices.Compact(k.Invites)
	return k, nil
}

func (r *round) keepOne(k *membership.Keep, all membership.Removal, name string) error {
	if name == "recovery" {
		k.Recovery = true
		return nil
	}
	found := 0
	for _, id := range all.Devices {
		if called(name, id.String(), text(r.v, nameDevice, id[:])) {
			k.Devices, found = append(k.Devices, id), found+1
		}
	}
	for _, i := range all.Invites {
		if called(name, i.ID, "") {
			k.Invites, found = append(k.Invites, i.Hash), found+1
		}
	}
	switch found {
	case 0:
		return usage("--keep: nothing that goes is called %q", name)
	case 1:
		return nil
	}
	return usage("--keep: %d things that go are called %q: give the ID", found, name)
}

// called: a name, an ID, or the beginning of one.
func called(as, id, name string) bool {
	return as == id || name != "" && as == name || len(as) >= 4 && strings.HasPrefix(id, as)
}

// findDevice resolves a device's ID, the beginning of one, or its name. Own devices
// come first, so that somebody else's of the same name is never meant by it.
func (r *round) findDevice(name string) (membership.Device, error) {
	var own, others []membership.Device
	for _, d := range r.roster().Devices() {
		switch {
		case !called(name, d.ID.String(), text(r.v, nameDevice, d.ID[:])):
		case d.Status == membership.StatusRemoved && name != d.ID.String():
		case d.Member == r.me.Member:
			own = append(own, d)
		default:
			others = append(others, d)
		}
	}
	found := own
	if len(own) == 0 {
		found = others
	}
	switch len(found) {
	case 0:
		return membership.Device{}, notFound("there is no device %q", name)
	case 1:
		return found[0], nil
	}
	return membership.Device{}, usage("%d devices are called %q: give the ID (`device list`)", len(found), name)
}

// preview says what a body would close.
func (s *Space) preview(ctx context.Context, body draftBody) (*Removal, error) {
	var out *Removal
	err := s.look(ctx, func(r *round) error {
		b, _, err := body(r)
		if err != nil {
			return err
		}
		all, err := r.roster().Removes(b)
		if err != nil {
			return err
		}
		out, err = r.removal(b, all)
		return err
	})
	return out, err
}

func (r *round) removal(b membership.Body, all membership.Removal) (*Removal, error) {
	out := &Removal{Devices: []DeviceInfo{}, Invites: []InviteInfo{}, Recovery: all.Recovery, Hosts: []string{}}
	switch b := b.(type) {
	case *membership.MemberRemoveBody:
		out.Name, out.Member = memberName(r.v, b.Member), b.Member.String()
	case *membership.DeviceRemoveBody:
		d, _ := r.roster().Device(b.Device)
		out.Name, out.Member = text(r.v, nameDevice, b.Device[:]), d.Member.String()
	}
	for _, id := range all.Devices {
		info, err := r.deviceInfo(id)
		if err != nil {
			return nil, err
		}
		out.Devices = append(out.Devices, info)
	}
	for _, i := range all.Invites {
		out.Invites = append(out.Invites, r.inviteInfo(i))
	}
	if url := r.s.Remote(); url != "" {
		out.Hosts = append(out.Hosts, url)
	}
	mirrors, err := r.mirrors()
	for _, m := range mirrors {
		out.Hosts = append(out.Hosts, m.URL)
	}
	return out, err
}
