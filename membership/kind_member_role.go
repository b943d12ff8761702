package membership

import "github.com/espace-git/espace-git/internal/wire"

// MemberRoleBody gives a member another role. A greater one comes at once; a
// smaller one takes rights away and so seals, and closes the member's invites
// above it (DESIGN 4).
type MemberRoleBody struct {
	Member wire.MemberID `json:"member"`
	Role   Role          `json:"role"`
	Seal   *SealPart     `json:"seal,omitempty"`
}

func (*MemberRoleBody) Kind() string              { return KindMemberRole }
func (*MemberRoleBody) least(*Roster) Role        { return Admin }
func (b *MemberRoleBody) wellFormed(*Entry) error { return b.Seal.check() } // without a role it has no form
func (b *MemberRoleBody) apply(f *fold) error     { return f.narrow(b) }
func (b *MemberRoleBody) seal() *SealPart         { return b.Seal }

func (b *MemberRoleBody) withSeal(p *SealPart) Body {
	c := *b
	c.Seal = p
	return &c
}

func (b *MemberRoleBody) form(f *fold) form {
	if m, ok := f.was.members.get(b.Member); ok && b.Role < m.Role {
		return sealing
	}
	return plain
}

func (b *MemberRoleBody) judge(f *fold) error {
	m, err := f.activeMember(b.Member)
	if err != nil {
		return err
	}
	switch {
	case m.Role == Owner && f.member.Role < Owner:
		return f.touchesOwner()
	case b.Role > f.member.Role:
		return denied("grants-more", "a %s makes nobody %s", f.member.Role, b.Role)
	case b.Role == m.Role:
		return denied("role-unchanged", "member %s is %s", m.ID, m.Role)
	}
	return nil
}

// suspend: it keeps its lane until the cut, but has no say any more.
func (b *MemberRoleBody) suspend(f *fold) {
	if m, err := f.next.presentMember(b.Member); err == nil {
		m.Muted = true
		f.updateMember(m)
	}
}

func (b *MemberRoleBody) target(*fold) (wire.MemberID, wire.DeviceID) {
	return b.Member, wire.DeviceID{}
}

func (b *MemberRoleBody) carry(f *fold, by wire.Position) {
	m, err := f.next.presentMember(b.Member)
	if err != nil {
		return
	}
	if b.Role < m.Role {
		f.close(f.next.lowers(m, b.Role))
	} else if by != f.entry.Position() {
		return // a request lowers; another one has lowered it further
	}
	m.Role, m.Muted = b.Role, false
	f.updateMember(m)
}

// activeMember finds a member that takes part.
func (f *fold) activeMember(id wire.MemberID) (Member, error) {
	m, err := f.was.presentMember(id)
	if err != nil {
		return Member{}, err
	}
	if m.Status != StatusActive {
		return Member{}, denied("member-not-active", "member %s is %s", id, m.Status)
	}
	return m, nil
}
