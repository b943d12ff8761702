package membership

import (
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// ApproveBody agrees to an entry that needs it: a join by an invite with
// approval, or one that a client first saw after its invite's expiry, or a
// proposal (DESIGN 4).
type ApproveBody struct {
	Entry Place `json:"entry"`
}

func (*ApproveBody) Kind() string            { return KindApprove }
func (*ApproveBody) least(*Roster) Role      { return Admin }
func (*ApproveBody) wellFormed(*Entry) error { return nil }

func (b *ApproveBody) apply(f *fold) error {
	if p, ok := f.was.proposals.get(short(b.Entry.Hash)); ok && p.Hash == b.Entry.Hash && p.Number == b.Entry.Number {
		return f.approve(p)
	}
	d, err := f.was.deviceAt(b.Entry)
	if err != nil {
		return err
	}
	m, _ := f.was.members.get(d.Member)
	switch {
	case len(d.Approvals) > 0 && (d.Active || f.approved(d.Approvals)):
		return denied("approved-already", "entry %d was approved", b.Entry.Number)
	case m.Role > f.member.Role:
		return denied("grants-more", "a %s approves no %s", f.member.Role, m.Role)
	case !f.was.belonged(f.member.ID, b.Entry.Number, Viewer):
		// Nobody may bring in the one who approves the next (puppet-admin-approves).
		return denied("approver-came-later", "only who belonged before entry %d approves it", b.Entry.Number)
	}
	d.Approvals = append(slices.Clip(d.Approvals), f.entry.Author)
	if len(d.Approvals) < f.was.needsApprovals(m) {
		f.updateDevice(d)
		return nil
	}
	f.activate(*m, d)
	return nil
}

// approved reports whether the author's member is among those who approved.
func (f *fold) approved(by []wire.DeviceID) bool {
	return slices.ContainsFunc(by, func(id wire.DeviceID) bool {
		d, _ := f.was.devices.get(id)
		return d.Member == f.member.ID
	})
}

// needsApprovals is how many it takes to let a device of the member in: one, or
// for somebody who may approve then as many as the policy asks for anything.
func (r *Roster) needsApprovals(m *Member) int {
	if m.Role < Admin {
		return 1
	}
	return max(1, r.atMost(r.policy.most(), m.Role, m.ID))
}

// activate ends the waiting of a device and, if it is the first, of its member.
func (f *fold) activate(m Member, d Device) {
	d.Status, d.Active = StatusActive, true
	if m.Status == StatusPending {
		m.Status = StatusActive
		if m.NoHistory {
			m.Since = f.was.opening.Number + 1 // the first seal after the approval
		}
	}
	f.updateDevice(d)
	f.updateMember(m)
}

// deviceAt finds the device that the entry at p brought by an invite.
func (r *Roster) deviceAt(p Place) (Device, error) {
	if r.Holds(p.Position()) {
		for _, d := range r.devices.all() {
			if d.AddedAt == p.Number && d.Invited != nil && (d.Active || d.Status == StatusPending) {
				return *d, nil
			}
		}
	}
	return Device{}, denied("nothing-to-approve", "entry %d brought nobody in", p.Number)
}
