package membership

import "github.com/espace-git/espace-git/internal/wire"

// MemberRoleBody gives a member a greater role. A smaller one takes rights away
// and so belongs in a sealing entry (DESIGN 4).
type MemberRoleBody struct {
	Member wire.MemberID `json:"member"`
	Role   Role          `json:"role"`
}

func (*MemberRoleBody) Kind() string            { return KindMemberRole }
func (*MemberRoleBody) least(*Roster) Role      { return Admin }
func (*MemberRoleBody) wellFormed(*Entry) error { return nil } // without a role it has no form

func (b *MemberRoleBody) apply(f *fold) error {
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
	case b.Role < m.Role:
		return denied("lowering-seals", "a lower role comes with a seal")
	}
	m.Role = b.Role
	f.updateMember(m)
	return nil
}

// activeMember finds a member that takes part.
func (f *fold) activeMember(id wire.MemberID) (Member, error) {
	m, ok := f.was.members.get(id)
	if !ok {
		return Member{}, denied("member-unknown", "no member %s", id)
	}
	if m.Status != StatusActive {
		return Member{}, denied("member-not-active", "member %s is %s", id, m.Status)
	}
	return *m, nil
}
