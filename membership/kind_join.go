package membership

import "github.com/espace-git/espace-git/internal/wire"

// JoinBody brings a newcomer in by an invite. It proves itself: whoever carries
// it into the ledger (the newcomer, or any member) adds nothing but the place.
// Private part: an age file to the invite's mailbox (DESIGN 6).
type JoinBody struct {
	Device NewDevice `json:"device"`
	Invite Place     `json:"invite"` // entry of the invite, as the link pins it
	Proof  Proof     `json:"proof"`
	Seen   Place     `json:"seen"` // the head that the newcomer saw
}

// joiner is a body with the shape and the proof of a join.
type joiner interface {
	bearer
	join() *JoinBody
}

func (*JoinBody) Kind() string           { return KindJoin }
func (*JoinBody) least(*Roster) Role     { return Viewer }
func (b *JoinBody) newDevice() NewDevice { return b.Device }
func (b *JoinBody) join() *JoinBody      { return b }

// message is what the proof is about.
func (b *JoinBody) message(space wire.Hash, items map[string]wire.Hash, private []byte) JoinMessage {
	return JoinMessage{
		Space: space, Invite: b.Invite.Position(), Seen: b.Seen.Position(), Device: b.Device,
		Private: wire.Sum(private), Items: items,
	}
}

func (b *JoinBody) wellFormed(e *Entry) error { return checkBearer(b.Device, b.Proof, e) }

func (b *JoinBody) apply(f *fold) error {
	inv, err := f.admit(b)
	if err != nil {
		return err
	}
	if !inv.Member.IsZero() {
		return denied("invite-is-device-link", "invite %s is for a device of its maker", inv.ID)
	}
	if !f.was.stands(&inv) {
		return denied("inviter-gone", "who made invite %s is not active", inv.ID)
	}
	m := Member{
		ID: wire.MemberIDOf(b.Device.ID()), Role: inv.Role, Status: StatusActive,
		InvitedBy: inv.Author, Invite: inv.ID, JoinedAt: f.entry.Position(), NoHistory: inv.Since.None,
	}
	if inv.Approve {
		m.Status = StatusPending
	}
	m.Since = f.since(inv.Since)
	return f.addDevice(m, b.Device, &inv)
}

// since is the first epoch of a member that comes now: without history it is the
// one that the next seal opens.
func (f *fold) since(h History) uint64 {
	if h.None {
		return f.was.opening.Number + 1
	}
	return max(h.From, f.was.kept)
}

// admit is what joins and device links share: it uses the invite once.
func (f *fold) admit(b *JoinBody) (Invite, error) {
	at, seen := b.Invite, b.Seen
	inv, err := f.was.inviteAt(at.Hash)
	if err != nil {
		return Invite{}, err
	}
	switch {
	case inv.Number != at.Number:
		return Invite{}, denied("invite-unknown", "no invite was made by entry %d", at.Number)
	case inv.Closed:
		return Invite{}, denied("invite-closed", "invite %s was revoked", inv.ID)
	case !inv.Open():
		return Invite{}, denied("invite-used-up", "invite %s was for %d", inv.ID, inv.Uses)
	case seen.Number < at.Number || !f.was.Holds(seen.Position()):
		return Invite{}, denied("seen-elsewhere", "the newcomer saw another ledger than this one") // join-moved-to-other-branch
	}
	msg := b.message(f.was.space, f.entry.Items, f.entry.Private)
	if err := b.Proof.verify(msg, inv.PublicKey, f.good); err != nil {
		return Invite{}, err
	}
	inv.Used++
	f.updateInvite(inv)
	return inv, nil
}

// stands reports whether who made the invite still stands behind it: its device
// acts, or at least its member where the invite was kept by name.
func (r *Roster) stands(inv *Invite) bool {
	d, ok := r.devices.get(inv.Author)
	if !ok {
		return false
	}
	m, _ := r.members.get(d.Member)
	return r.counts(d) || inv.Kept && r.fit(m)
}

// present counts the member's devices that have not been removed.
func (r *Roster) present(m *Member) int {
	n := 0
	for _, id := range m.Devices {
		if d, _ := r.devices.get(id); d.Status != StatusRemoved {
			n++
		}
	}
	return n
}

// maxJoinPrivate bounds what a stranger with a link can make members download.
const maxJoinPrivate = 64 << 10

func checkBearer(d NewDevice, p Proof, e *Entry) error {
	if len(e.Private) > maxJoinPrivate {
		return malformed("private-size", "private part of %d bytes, limit %d", len(e.Private), maxJoinPrivate)
	}
	if err := p.check(); err != nil {
		return err
	}
	return d.check()
}

// addDevice gives member m one more device; inv is nil for the founder's first.
func (f *fold) addDevice(m Member, n NewDevice, inv *Invite) error {
	if f.next.devices.len() >= wire.MaxDevices {
		return denied("too-many-devices", "a space knows at most %d devices", wire.MaxDevices)
	}
	if f.next.present(&m) >= wire.MaxDevicesPerMember {
		return denied("too-many-devices", "a member has at most %d devices", wire.MaxDevicesPerMember)
	}
	if err := f.use(wire.DeviceKeyHash(n.Key), recipientHash(n.Recipient)); err != nil {
		return err
	}
	d := Device{
		ID: n.ID(), Member: m.ID, Key: n.Key, Recipient: n.Recipient,
		RecipientAt: f.entry.Number, AddedAt: f.entry.Number, AddedHash: f.entry.Hash, Status: StatusActive, Active: true,
	}
	if inv != nil && inv.Approve {
		d.Status, d.Active = StatusPending, false
	}
	if inv != nil {
		p := inv.Position()
		d.AddedBy, d.Invited = inv.Author, &p
		if inv.Voucher {
			d.Voucher = inv.Author
		}
	}
	m.Devices = append(m.Devices[:len(m.Devices):len(m.Devices)], d.ID)
	f.updateDevice(d)
	f.updateMember(m)
	return nil
}
