package membership

// ApproveBody agrees to an entry that needs it: a join by an invite with
// approval, or one that a client first saw after its invite's expiry (DESIGN 4).
type ApproveBody struct {
	Entry Place `json:"entry"`
}

func (*ApproveBody) Kind() string            { return KindApprove }
func (*ApproveBody) least(*Roster) Role      { return Admin }
func (*ApproveBody) wellFormed(*Entry) error { return nil }

func (b *ApproveBody) apply(f *fold) error {
	d, err := f.was.deviceAt(b.Entry)
	if err != nil {
		return err
	}
	m, _ := f.was.members.get(d.Member)
	switch {
	case len(d.Approvals) > 0:
		return denied("approved-already", "entry %d was approved", b.Entry.Number)
	case m.Role > f.member.Role:
		return denied("grants-more", "a %s approves no %s", f.member.Role, m.Role)
	case f.member.JoinedAt.Number >= b.Entry.Number:
		// Nobody may bring in the one who approves the next (puppet-admin-approves).
		return denied("approver-came-later", "only who belonged before entry %d approves it", b.Entry.Number)
	}
	d.Approvals = append(d.Approvals[:len(d.Approvals):len(d.Approvals)], f.entry.Author)
	f.activate(*m, d)
	return nil
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
