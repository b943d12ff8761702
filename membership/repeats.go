package membership

import (
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Resolving is the body of a resolve that keeps the branch on which r stands and
// drops the others. It still needs its seal, and consents where the policy asks
// for them.
func (r *Roster) Resolving(drop []Branch) *ForkResolveBody {
	b := &ForkResolveBody{Keep: PlaceOf(r.head)}
	after := r
	for _, d := range drop {
		first := d.Entries[0]
		b.Drop = append(b.Drop, Dropped{First: PlaceOf(first.Position()), Head: PlaceOf(d.Roster.head)})
		shared, _ := d.Roster.At(first.Number - 1)
		b.Repeats.add(d.Roster.taken(after, shared))
	}
	slices.SortFunc(b.Drop, compareDropped)
	return b
}

// taken is what was taken away between shared and r, and is there in other.
func (r *Roster) taken(other, shared *Roster) Repeats {
	var out Repeats
	for id, m := range r.members.all() {
		there, ok := other.members.get(id)
		if !ok || there.Status == StatusRemoved {
			continue
		}
		was, _ := shared.members.get(id)
		switch {
		case m.Status == StatusRemoved || m.Status == StatusLeaving:
			out.Members = append(out.Members, id)
			continue // and with it all it had
		case m.Role < r.peak(shared, id) && there.Role > m.Role:
			out.Demotions = append(out.Demotions, Demotion{id, m.Role})
		}
		if was != nil && was.Recovery != nil && !was.Recovery.same(m.Recovery) && was.Recovery.same(there.Recovery) {
			out.Recovery = append(out.Recovery, id)
		}
	}
	out.Devices = r.takenDevices(other, out.Members)
	for _, i := range r.Invites() {
		if there, err := other.inviteAt(i.Hash); err == nil && i.Closed && there.Open() && !other.closesWith(&there, out) {
			out.Invites = append(out.Invites, i.Hash)
		}
	}
	slices.SortFunc(out.Invites, func(a, b wire.Hash) int { return slices.Compare(a[:], b[:]) })
	return out
}

func (k *Recovery) same(other *Recovery) bool { return other != nil && k.Key.Equal(other.Key) }

// peak is the greatest role that the member had from shared on up to r.
func (r *Roster) peak(shared *Roster, id wire.MemberID) Role {
	top := NoRole
	for at := r; ; at = at.prev {
		if m, ok := at.members.get(id); ok {
			top = max(top, m.Role)
		}
		if at.prev == nil || at.head.Number <= shared.head.Number {
			return top
		}
	}
}

// takenDevices are the devices of other that r removed, and those that only other
// knows and such a device brought in: a stolen device gains nothing by a fork.
func (r *Roster) takenDevices(other *Roster, members []wire.MemberID) []wire.DeviceID {
	gone := map[wire.DeviceID]bool{}
	var out []wire.DeviceID
	for _, d := range other.Devices() {
		here, known := r.devices.get(d.ID)
		switch {
		case known:
			gone[d.ID] = here.Status == StatusRemoved || here.Status == StatusLeaving
		default:
			by, ok := other.devices.get(d.AddedBy)
			gone[d.ID] = ok && (by.Member == d.Member || !d.Voucher.IsZero()) && gone[d.AddedBy]
		}
		if gone[d.ID] && d.Status != StatusRemoved && !slices.Contains(members, d.Member) {
			out = append(out, d.ID)
		}
	}
	slices.SortFunc(out, compareBytes[wire.DeviceID])
	return out
}

// closesWith reports whether removing these closes the invite anyway.
func (r *Roster) closesWith(i *Invite, p Repeats) bool {
	maker, _ := r.devices.get(i.Author)
	return slices.Contains(p.Devices, i.Author) || slices.Contains(p.Members, maker.Member) || slices.Contains(p.Members, i.Member)
}

// add merges what another branch took away.
func (p *Repeats) add(q Repeats) {
	p.Devices = union(p.Devices, q.Devices, compareBytes[wire.DeviceID])
	p.Members = union(p.Members, q.Members, compareBytes[wire.MemberID])
	p.Recovery = union(p.Recovery, q.Recovery, compareBytes[wire.MemberID])
	p.Invites = union(p.Invites, q.Invites, func(a, b wire.Hash) int { return slices.Compare(a[:], b[:]) })
	for _, d := range q.Demotions {
		i, ok := slices.BinarySearchFunc(p.Demotions, d.Member, func(e Demotion, id wire.MemberID) int { return compareBytes(e.Member, id) })
		if ok {
			p.Demotions[i].Role = min(p.Demotions[i].Role, d.Role)
		} else {
			p.Demotions = slices.Insert(p.Demotions, i, d)
		}
	}
}

func union[T comparable](a, b []T, order func(T, T) int) []T {
	out := slices.Concat(a, b)
	slices.SortFunc(out, order)
	return slices.Compact(out)
}

// first names one thing, for an error; empty if there is none.
func (p Repeats) first() string {
	switch {
	case len(p.Members) > 0:
		return fmt.Sprintf("member %s", p.Members[0])
	case len(p.Devices) > 0:
		return fmt.Sprintf("device %s", p.Devices[0])
	case len(p.Demotions) > 0:
		return fmt.Sprintf("a role of member %s", p.Demotions[0].Member)
	case len(p.Invites) > 0:
		return fmt.Sprintf("the invite of entry %s", p.Invites[0])
	case len(p.Recovery) > 0:
		return fmt.Sprintf("the recovery key of member %s", p.Recovery[0])
	}
	return ""
}
