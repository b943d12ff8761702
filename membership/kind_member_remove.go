package membership

import "github.com/espace-git/espace-git/internal/wire"

// MemberRemoveBody removes a member and closes every way back (DESIGN 4). It seals.
type MemberRemoveBody struct {
	Keep   *Keep         `json:"keep,omitempty"` // devices of others, for whom it vouched
	Member wire.MemberID `json:"member"`
	Seal   *SealPart     `json:"seal,omitempty"`
}

func (*MemberRemoveBody) Kind() string          { return KindMemberRemove }
func (*MemberRemoveBody) least(*Roster) Role    { return Admin }
func (b *MemberRemoveBody) apply(f *fold) error { return f.narrow(b) }
func (b *MemberRemoveBody) seal() *SealPart     { return b.Seal }
func (*MemberRemoveBody) form(*fold) form       { return sealing }

func (b *MemberRemoveBody) wellFormed(*Entry) error {
	if err := b.Keep.check(); err != nil {
		return err
	}
	return b.Seal.check()
}

func (b *MemberRemoveBody) withSeal(p *SealPart) Body {
	c := *b
	c.Seal = p
	return &c
}

func (b *MemberRemoveBody) judge(f *fold) error {
	if m, ok := f.was.members.get(b.Member); ok && m.Role == Owner && f.member.Role < Owner {
		return f.touchesOwner()
	}
	if b.Member == f.member.ID {
		return denied("removes-itself", "who goes asks for it: leave")
	}
	_, err := b.removal(f.was)
	return err
}

func (b *MemberRemoveBody) removal(r *Roster) (Removal, error) {
	m, err := r.presentMember(b.Member)
	if err != nil {
		return Removal{}, err
	}
	ofOthers := func(id wire.DeviceID) bool {
		d, _ := r.devices.get(id)
		return d.Member != m.ID
	}
	if k := b.Keep; k != nil && (len(k.Invites) > 0 || k.Recovery) {
		return Removal{}, denied("keep-unknown", "with a member go all its invites and its recovery key")
	}
	return r.removesMember(m, b.Keep), b.Keep.within(r.removesMember(m, nil), ofOthers)
}

func (b *MemberRemoveBody) suspend(f *fold) { f.suspendMember(b.Member) }

func (b *MemberRemoveBody) target(*fold) (wire.MemberID, wire.DeviceID) {
	return b.Member, wire.DeviceID{}
}

func (b *MemberRemoveBody) carry(f *fold, _ wire.Position) {
	if m, err := f.next.presentMember(b.Member); err == nil {
		f.close(f.next.removesMember(m, b.Keep))
	}
}

// suspendMember ends what a member and its devices may do until a seal removes it.
func (f *fold) suspendMember(id wire.MemberID) {
	m, err := f.next.presentMember(id)
	if err != nil {
		return
	}
	m.Status = StatusLeaving
	f.updateMember(m)
	for _, d := range m.Devices {
		f.suspendDevice(d)
	}
}
