package membership

import (
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Keep names what a removal would close and shall not (DESIGN 4). Each must be
// something that it would close.
type Keep struct {
	Devices  []wire.DeviceID `json:"devices,omitempty"`  // ascending
	Invites  []wire.Hash     `json:"invites,omitempty"`  // hashes of their entries, ascending
	Recovery bool            `json:"recovery,omitempty"` // the recovery key that the device made
}

func (k *Keep) check() error {
	if k == nil {
		return nil
	}
	if len(k.Devices) > wire.MaxDevices || len(k.Invites) > maxKeep || len(k.Devices)+len(k.Invites) == 0 && !k.Recovery {
		return malformed("keep", "keep names %d devices and %d invites", len(k.Devices), len(k.Invites))
	}
	if !ascending(k.Devices) || !ascendingHashes(k.Invites) {
		return malformed("keep", "what is kept is named once, ascending")
	}
	return nil
}

// maxKeep bounds lists of hashes in bodies; the envelope bounds them further.
const maxKeep = 1000

func ascending[A ~[16]byte](list []A) bool {
	return slices.IsSortedFunc(list, compareBytes[A]) && len(slices.Compact(slices.Clone(list))) == len(list)
}

func ascendingHashes(list []wire.Hash) bool {
	for i := 1; i < len(list); i++ {
		if slices.Compare(list[i-1][:], list[i][:]) >= 0 {
			return false
		}
	}
	return true
}

// Removal is what a body closes: all ways back of whom it removes or lowers.
type Removal struct {
	Members  []wire.MemberID // removed
	Devices  []wire.DeviceID // removed, in the order in which they came
	Invites  []Invite        // closed, device links included
	Recovery bool            // a recovery key dies
	Vouched  []wire.DeviceID // of Devices: those of other members, whom the removed vouched for

	recovery []wire.MemberID // whose
	kept     []Invite        // by name: usable although their maker is gone
}

// Removes previews what the body will close, for a command to list it first. Zero
// for a body that closes nothing. Errors are those of the entry: no such member or
// device, or keep names what would stay anyway.
func (r *Roster) Removes(b Body) (Removal, error) {
	switch b := b.(type) {
	case *MemberRemoveBody:
		return b.removal(r)
	case *DeviceRemoveBody:
		return b.removal(r)
	case *MemberRoleBody:
		m, err := r.presentMember(b.Member)
		return r.lowers(m, b.Role), err
	}
	return Removal{}, nil
}

// removesMember closes every way back: devices, recovery key, device links, the
// invites that it made and the one that it came by. Only devices of others, whom
// it vouched for, may be kept.
func (r *Roster) removesMember(m Member, keep *Keep) Removal {
	out := Removal{Members: []wire.MemberID{m.ID}}
	out.collect(r, m.Devices, keep)
	out.invites(r, func(i *Invite) bool {
		maker, _ := r.devices.get(i.Author)
		return maker.Member == m.ID || i.Member == m.ID || i.ID == m.Invite
	}, nil)
	if m.Recovery != nil {
		out.recovery = append(out.recovery, m.ID)
	}
	out.finish(r, m.ID, nil)
	return out
}

// removesDevice closes what the device made: further devices and what these made,
// invites, the recovery key (stolen-device-doors).
func (r *Roster) removesDevice(d Device, keep *Keep) Removal {
	var out Removal
	out.collect(r, []wire.DeviceID{d.ID}, keep)
	out.invites(r, func(*Invite) bool { return false }, keep)
	out.finish(r, d.Member, keep)
	return out
}

// within refuses to keep what would not go anyway.
func (k *Keep) within(all Removal, allowed func(wire.DeviceID) bool) error {
	if k == nil {
		return nil
	}
	for _, id := range k.Devices {
		if !slices.Contains(all.Devices, id) || !allowed(id) {
			return denied("keep-unknown", "device %s is not one to keep", id)
		}
	}
	for _, h := range k.Invites {
		if !slices.ContainsFunc(all.Invites, func(i Invite) bool { return i.Hash == h }) {
			return denied("keep-unknown", "the invite of entry %s is not one to keep", h)
		}
	}
	if k.Recovery && !all.Recovery {
		return denied("keep-unknown", "there is no recovery key to keep")
	}
	return nil
}

// lowers closes the invites above the new role.
func (r *Roster) lowers(m Member, role Role) (out Removal) {
	out.invites(r, func(i *Invite) bool {
		maker, _ := r.devices.get(i.Author)
		return maker.Member == m.ID && i.Role > role
	}, nil)
	return out
}

// collect adds the devices and, through links and vouching, all that they made.
func (out *Removal) collect(r *Roster, devices []wire.DeviceID, keep *Keep) {
	made := map[wire.DeviceID][]wire.DeviceID{}
	for _, d := range r.Devices() {
		if by, ok := r.devices.get(d.AddedBy); ok && (by.Member == d.Member || !d.Voucher.IsZero()) {
			made[d.AddedBy] = append(made[d.AddedBy], d.ID)
		}
	}
	for todo := slices.Clone(devices); len(todo) > 0; {
		id := todo[0]
		todo = todo[1:]
		if d, ok := r.devices.get(id); !ok || slices.Contains(out.Devices, id) {
			continue
		} else if d.Status != StatusRemoved {
			out.Devices = append(out.Devices, id)
		}
		for _, next := range made[id] {
			if keep == nil || !slices.Contains(keep.Devices, next) {
				todo = append(todo, next)
			}
		}
	}
}

// invites adds the open invites that the devices made, and those that also says.
func (out *Removal) invites(r *Roster, also func(*Invite) bool, keep *Keep) {
	for _, i := range r.Invites() {
		if !i.Open() || !slices.Contains(out.Devices, i.Author) && !also(&i) {
			continue
		}
		if keep != nil && slices.Contains(keep.Invites, i.Hash) {
			out.kept = append(out.kept, i)
		} else {
			out.Invites = append(out.Invites, i)
		}
	}
}

// finish adds the recovery keys that the devices made.
func (out *Removal) finish(r *Roster, whose wire.MemberID, keep *Keep) {
	for _, m := range r.Members() {
		kept := keep != nil && keep.Recovery && m.ID == whose || slices.Contains(out.recovery, m.ID)
		if m.Recovery != nil && slices.Contains(out.Devices, m.Recovery.By) && !kept {
			out.recovery = append(out.recovery, m.ID)
		}
	}
	out.Recovery = len(out.recovery) > 0
	for _, id := range out.Devices {
		if d, _ := r.devices.get(id); d.Member != whose {
			out.Vouched = append(out.Vouched, id)
		}
	}
}

// close carries a removal out.
func (f *fold) close(out Removal) {
	for _, id := range out.Devices {
		d, _ := f.next.devices.get(id)
		c := *d
		c.Status, c.Active = StatusRemoved, false
		f.updateDevice(c)
	}
	for _, i := range out.Invites {
		i.Closed = true
		f.updateInvite(i)
	}
	for _, i := range out.kept {
		i.Kept = true
		f.updateInvite(i)
	}
	for _, id := range out.recovery {
		m, _ := f.next.members.get(id)
		c := *m
		c.Recovery = nil
		f.updateMember(c)
	}
	for _, id := range out.Members {
		m, _ := f.next.members.get(id)
		c := *m
		c.Status, c.Muted = StatusRemoved, false
		f.updateMember(c)
	}
}

// presentMember finds a member that has not been removed.
func (r *Roster) presentMember(id wire.MemberID) (Member, error) {
	m, ok := r.members.get(id)
	if !ok {
		return Member{}, denied("member-unknown", "no member %s", id)
	}
	if m.Status == StatusRemoved {
		return Member{}, denied("member-gone", "member %s was removed", id)
	}
	return *m, nil
}

// presentDevice finds a device that has not been removed.
func (r *Roster) presentDevice(id wire.DeviceID) (Device, error) {
	d, ok := r.devices.get(id)
	if !ok {
		return Device{}, denied("device-unknown", "no device %s", id)
	}
	if d.Status == StatusRemoved {
		return Device{}, denied("device-gone", "device %s was removed", id)
	}
	return *d, nil
}
