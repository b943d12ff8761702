package membership

import (
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Witnesses are the devices whose signature over a ledger position at or after a
// newcomer's join shows that the newcomer stands on the same ledger as others
// (DESIGN 6). All of them belonged already at the invite's entry, which the link
// pins: nobody that a host and a removed admin made up later is among them.
type Witnesses struct {
	Join    wire.Position   // what they must have signed, or a later place
	Inviter []wire.DeviceID // of the member that invited: one is enough
	Owners  []wire.DeviceID // of owners at the invite's entry: one is enough
	Others  []wire.DeviceID // of the other members: two members are needed

	member map[wire.DeviceID]wire.MemberID
}

// Witnesses says who can witness the newcomer. False for the founder's first
// device, which needs none, and for devices that are not in the roster.
func (r *Roster) Witnesses(newcomer wire.DeviceID) (Witnesses, bool) {
	d, ok := r.devices.get(newcomer)
	if !ok || d.Invited == nil {
		return Witnesses{}, false
	}
	then, _ := r.At(d.Invited.Number)
	inviter, _ := then.devices.get(d.AddedBy)
	w := Witnesses{Join: wire.Position{Number: d.AddedAt, Hash: d.AddedHash}, member: map[wire.DeviceID]wire.MemberID{}}
	for id, c := range r.devices.all() {
		if id == newcomer || !c.Active || !r.belongedAt(then, c) {
			continue
		}
		w.member[id] = c.Member
		m, _ := then.members.get(c.Member)
		switch {
		case c.Member == inviter.Member:
			w.Inviter = append(w.Inviter, id)
		case m.Role == Owner:
			w.Owners = append(w.Owners, id)
		default:
			w.Others = append(w.Others, id)
		}
	}
	return w, true
}

// belongedAt reports whether the device was active then, or was linked by a
// device that was: a chain of own device links leads back to then.
func (r *Roster) belongedAt(then *Roster, d *Device) bool {
	for range wire.MaxDevicesPerMember + 1 {
		if old, ok := then.devices.get(d.ID); ok {
			return old.Active
		}
		if d.Recovered {
			return r.recoveredFrom(then, d)
		}
		by, ok := r.devices.get(d.AddedBy)
		if !ok || by.Member != d.Member {
			return false
		}
		d = by
	}
	return false
}

// recoveredFrom reports whether a device came by a recovery key that its member had
// then: who holds that paper could have signed at the time.
func (r *Roster) recoveredFrom(then *Roster, d *Device) bool {
	before, ok := r.At(d.AddedAt - 1)
	if !ok {
		return false
	}
	had, _ := then.members.get(d.Member)
	used, _ := before.members.get(d.Member)
	return had != nil && used != nil && had.Recovery != nil && used.Recovery != nil && had.Status == StatusActive &&
		had.Recovery.Key.Equal(used.Recovery.Key)
}

// Enough reports whether these devices, which signed w.Join or a later place,
// let the newcomer's writes leave its device.
func (w Witnesses) Enough(signed []wire.DeviceID) bool {
	others := map[wire.MemberID]bool{}
	for _, id := range signed {
		if slices.Contains(w.Inviter, id) || slices.Contains(w.Owners, id) {
			return true
		}
		if m, ok := w.member[id]; ok {
			others[m] = true
		}
	}
	return len(others) >= 2
}
