package membership

import "github.com/espace-git/espace-git/internal/wire"

// InviteRevokeBody closes an invite or a device link. It needs no seal: the
// ledger orders it against joins (DESIGN 4).
type InviteRevokeBody struct {
	Invite wire.Hash `json:"invite"` // hash of the invite's entry
}

func (*InviteRevokeBody) Kind() string            { return KindInviteRevoke }
func (*InviteRevokeBody) least(*Roster) Role      { return Viewer }
func (*InviteRevokeBody) wellFormed(*Entry) error { return nil }

func (b *InviteRevokeBody) apply(f *fold) error {
	inv, err := f.was.inviteAt(b.Invite)
	if err != nil {
		return err
	}
	if !inv.Open() {
		return denied("invite-closed", "invite %s is closed or used up", inv.ID)
	}
	if err := f.mayRevoke(inv); err != nil {
		return err
	}
	inv.Closed = true
	f.updateInvite(inv)
	return nil
}

// mayRevoke: the member that made it; an admin, unless it concerns an owner.
func (f *fold) mayRevoke(inv Invite) error {
	maker, _ := f.was.devices.get(inv.Author)
	if maker.Member == f.member.ID {
		return nil
	}
	if f.member.Role < Admin {
		return denied("revoke-own", "only admins close invites that others made")
	}
	if of, ok := f.was.members.get(inv.Member); inv.Role == Owner || ok && of.Role == Owner {
		return f.touchesOwner()
	}
	return nil
}

func (f *fold) touchesOwner() error {
	if f.member.Role < Owner {
		return denied("only-owners-touch-owners", "the author is %s", f.member.Role)
	}
	return nil
}

// inviteAt finds the invite that the entry with this hash made.
func (r *Roster) inviteAt(entry wire.Hash) (Invite, error) {
	inv, ok := r.invites.get(short(entry))
	if !ok || inv.Hash != entry {
		return Invite{}, denied("invite-unknown", "no invite was made by entry %s", entry)
	}
	return *inv, nil
}
