package membership

import (
	"cmp"
	"crypto/ed25519"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// InviteBody lets whoever holds the private half of Key join, Uses times. With
// Member set it is a link for a further device of that member: Role and History
// are absent, since the member has them already. It is the author's own member, or
// one that lost all its devices: then an admin makes it, who could impersonate the
// member and so is named as voucher for ever. Private item: the private half of
// Mailbox (DESIGN 4, 6).
type InviteBody struct {
	Approve bool              `json:"approve,omitempty"` // an admin has to approve who comes by it
	Expires int64             `json:"expires"`           // milliseconds since 1970; for clients, not for the fold
	History *History          `json:"history,omitempty"`
	Key     ed25519.PublicKey `json:"key"`
	Mailbox string            `json:"mailbox"` // recipient
	Member  *wire.MemberID    `json:"member,omitempty"`
	Role    Role              `json:"role,omitempty"`
	Uses    int               `json:"uses"` // 1 to 1,000
}

func (*InviteBody) Kind() string { return KindInvite }

// least: anybody may link an own device.
func (b *InviteBody) least(r *Roster) Role {
	if b.Member != nil {
		return Viewer
	}
	return r.policy.inviter()
}

func (b *InviteBody) wellFormed(*Entry) error {
	if b.Uses < 1 || b.Uses > wire.MaxDevices {
		return malformed("invite-uses", "%d uses", b.Uses)
	}
	if b.Expires < 0 || b.Expires > maxTime {
		return malformed("invite-expires", "expiry %d", b.Expires)
	}
	if device := b.Member != nil; device != (b.Role == NoRole) || device != (b.History == nil) || device && b.Uses != 1 {
		return malformed("invite-shape", "a device link has one use and a member, an invite has role and history")
	}
	if b.Role >= Admin && !b.Approve {
		return malformed("invite-needs-approval", "who joins as %s is approved", b.Role)
	}
	if _, err := wire.CheckSigningKey(b.Key); err != nil {
		return malformed("invite-key", "invite: %w", err)
	}
	return checkRecipient(b.Mailbox)
}

func (b *InviteBody) apply(f *fold) error {
	inv := Invite{
		ID: InviteID(f.entry.Hash), Number: f.entry.Number, Hash: f.entry.Hash, Author: f.entry.Author,
		PublicKey: b.Key, Mailbox: b.Mailbox, Role: b.Role, Uses: b.Uses,
		Expires: time.UnixMilli(b.Expires).UTC(), Approve: b.Approve,
	}
	if err := cmp.Or(b.grants(f), f.use(wire.Sum(b.Key), recipientHash(b.Mailbox))); err != nil {
		return err
	}
	if b.Member != nil {
		inv.Member, inv.Voucher = *b.Member, *b.Member != f.member.ID
	} else {
		inv.Since = *b.History
	}
	f.updateInvite(inv)
	return nil
}

// grants refuses to hand on what the author does not have.
func (b *InviteBody) grants(f *fold) error {
	if b.Member != nil {
		return b.links(f)
	}
	if b.Role > f.member.Role {
		return denied("grants-more", "a %s invites nobody as %s", f.member.Role, b.Role)
	}
	if h := *b.History; !h.None && h.From < f.member.Since {
		return denied("grants-history", "the author reads from epoch %d on, the invite grants %s", f.member.Since, h)
	}
	if h := *b.History; h.From > f.was.opening.Number {
		return denied("history-ahead", "epoch %d is not open yet", h.From)
	}
	return nil
}

// links: for an own device; or an admin vouches for a member without any.
func (b *InviteBody) links(f *fold) error {
	if *b.Member == f.member.ID {
		if b.Approve {
			return malformed("invite-shape", "a link for an own device needs no approval")
		}
		return nil
	}
	if f.member.Role < Admin {
		return denied("device-link-of-other", "a device link is for an own device")
	}
	m, err := f.activeMember(*b.Member)
	switch {
	case err != nil:
		return err
	case m.Role == Owner && f.member.Role < Owner:
		return f.touchesOwner()
	case m.Role >= Admin && !b.Approve:
		return denied("invite-needs-approval", "who comes back as %s is approved", m.Role)
	}
	return f.alone(&m)
}

// alone: nobody vouches for a member that can link its devices itself.
func (f *fold) alone(m *Member) error {
	if f.was.present(m) > 0 {
		return denied("member-has-devices", "member %s has devices: these link further ones, or are removed first", m.ID)
	}
	return nil
}
