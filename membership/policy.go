package membership

// Policy is what owners may set for a space. It is public, so that a hook can
// check it. The zero Policy is the default of DESIGN 4.
type Policy struct {
	Invite Role `json:"invite,omitempty"` // the least role that may invite; absent: admin
}

// inviter is the least role that may invite.
func (p Policy) inviter() Role {
	if p.Invite == NoRole {
		return Admin
	}
	return p.Invite
}

func (p Policy) check() error {
	if p.Invite == Viewer || p.Invite == Admin {
		// A viewer signs statements only; admin is the default and so absent.
		return malformed("policy", "policy: invite is editor, owner or absent (admin)")
	}
	return nil
}
