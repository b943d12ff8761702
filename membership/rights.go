package membership

import (
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// MayWriteLane reports whether the device may have a lane in the open epoch: it is
// active and may hold the epoch's secret. What it may write there is for the
// schema's rules; a viewer's lane holds statements only.
func (r *Roster) MayWriteLane(dev wire.DeviceID) bool {
	d, ok := r.devices.get(dev)
	return ok && r.wrapsFor(d)
}

// HasLane reports whether the device's lane belongs to the open epoch: it was
// active at some time of it, even if a request has suspended it since. Readers go
// by this, writers by MayWriteLane: what was written before counts up to the cut.
func (r *Roster) HasLane(dev wire.DeviceID) bool {
	d, ok := r.devices.get(dev)
	if !ok || d.Status != StatusActive && d.Status != StatusLeaving {
		return false
	}
	m, _ := r.members.get(d.Member)
	return m.Since <= r.opening.Number
}

// MayRead reports whether the device may hold the secret of that epoch: its member
// reads from Since on, and nobody what is not kept.
func (r *Roster) MayRead(dev wire.DeviceID, epoch uint64) bool {
	d, ok := r.devices.get(dev)
	if !ok || !d.Active || epoch > r.opening.Number {
		return false
	}
	m, _ := r.members.get(d.Member)
	return epoch >= max(m.Since, r.kept)
}

// MayOrder reports whether the device may write to the order: an editor or above.
func (r *Roster) MayOrder(dev wire.DeviceID) bool {
	return r.MayWriteLane(dev) && r.RoleOf(dev) >= Editor
}

// RoleOf is the role of the device's member, NoRole if it is not active.
func (r *Roster) RoleOf(dev wire.DeviceID) Role {
	d, ok := r.devices.get(dev)
	if !ok || !d.Active {
		return NoRole
	}
	m, _ := r.members.get(d.Member)
	return m.Role
}

// MayLedger reports whether the device's role suffices for entries of the kind.
// The rules of the kind come on top.
func (r *Roster) MayLedger(dev wire.DeviceID, kind string) bool {
	b, ok := bodyOf(kind)
	d, known := r.devices.get(dev)
	return ok && known && kind != KindGenesis && r.counts(d) && r.RoleOf(dev) >= b.least(r)
}

// NeedsApproval reports whether the device waits for an admin's approve entry.
func (r *Roster) NeedsApproval(dev wire.DeviceID) bool {
	d, ok := r.devices.get(dev)
	return ok && d.Status == StatusPending
}

// Recipients lists the devices that may hold the open epoch's secret, each to
// get a wrap in <e>/keys, in the order in which they came. A wrap for a device
// holds the secrets from its member's Since on.
func (r *Roster) Recipients() []Device {
	var out []Device
	for _, d := range r.Devices() {
		if r.wrapsFor(&d) {
			out = append(out, d)
		}
	}
	return out
}

// Paper is the recipient of the recovery words, while the space has one member: then
// they read, too, since nobody else could hand on its secrets (DESIGN 6).
func (r *Roster) Paper() (recipient string, ok bool) {
	members := 0
	for _, m := range r.members.all() {
		if m.Status == StatusRemoved {
			continue
		}
		if members++; m.Recovery != nil {
			recipient = m.Recovery.Recipient
		}
	}
	return recipient, members == 1 && recipient != ""
}

func (r *Roster) wrapsFor(d *Device) bool {
	m, ok := r.members.get(d.Member)
	return ok && d.Active && m.Since <= r.opening.Number
}

// WaitsForSeal reports whether the member is let in by the next seal: it came
// without history.
func (r *Roster) WaitsForSeal(id wire.MemberID) bool {
	m, ok := r.members.get(id)
	return ok && m.Status == StatusActive && m.Since > r.opening.Number
}

// thisFormat is what this program writes. FeatureSeal is the one feature that a
// space can require of it by name so far: a writer that follows epochs.
const (
	thisFormat  = 1
	FeatureSeal = "seal"
)

// Features lists what this program has, of what a space may require.
func Features() []string { return []string{FeatureSeal} }

// Lacks lists what the space requires and this program does not have: then it
// writes no operations ("upgrade needed"), but still judges the ledger, may seal,
// and an owner may take the requirement back.
func (r *Roster) Lacks() []string {
	var out []string
	if r.format != thisFormat {
		out = append(out, "format")
	}
	for _, name := range r.requires {
		if !slices.Contains(Features(), name) {
			out = append(out, name)
		}
	}
	return out
}
