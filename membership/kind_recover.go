package membership

import (
	"crypto/ed25519"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// RecoverBody gives a member a new device and a new recovery key for the old one,
// and takes away the devices that it lost. Its author is the new device. By an
// admin it seals; below it is a request: the device acts from the next seal on.
// The old recovery key is closed at once in either case.
type RecoverBody struct {
	Device   NewDevice       `json:"device"`
	Lost     []wire.DeviceID `json:"lost,omitempty"` // ascending
	Member   wire.MemberID   `json:"member"`
	Proof    []byte          `json:"proof"` // Ed25519, by the old recovery key over RecoverMessage
	Recovery RecoveryKeys    `json:"recovery"`
	Seal     *SealPart       `json:"seal,omitempty"`
	Seen     Place           `json:"seen"`
}

func (*RecoverBody) Kind() string           { return KindRecover }
func (*RecoverBody) least(*Roster) Role     { return Viewer }
func (b *RecoverBody) newDevice() NewDevice { return b.Device }
func (b *RecoverBody) apply(f *fold) error  { return f.narrow(b) }
func (b *RecoverBody) seal() *SealPart      { return b.Seal }

func (b *RecoverBody) withSeal(p *SealPart) Body {
	c := *b
	c.Seal = p
	return &c
}

func (b *RecoverBody) message(space wire.Hash) RecoverMessage {
	return RecoverMessage{Space: space, Seen: b.Seen.Position(), Member: b.Member, Device: b.Device, Recovery: b.Recovery, Lost: b.Lost}
}

func (b *RecoverBody) wellFormed(e *Entry) error {
	if len(b.Proof) != ed25519.SignatureSize {
		return malformed("proof", "a proof is a signature of %d bytes", ed25519.SignatureSize)
	}
	if len(b.Lost) > wire.MaxDevices || !ascending(b.Lost) {
		return malformed("lost", "lost devices are named once, ascending")
	}
	if err := b.Device.check(); err != nil {
		return err
	}
	if err := b.Recovery.check(); err != nil {
		return err
	}
	return b.Seal.check()
}

func (b *RecoverBody) form(f *fold) form {
	if m, ok := f.was.members.get(b.Member); ok && m.Role < Admin {
		return asking
	}
	return sealing
}

func (b *RecoverBody) judge(f *fold) error {
	m, err := f.activeMember(b.Member)
	switch {
	case err != nil:
		return err
	case f.author != nil || f.entry.Author != b.Device.ID():
		return denied("recover-author", "a recover entry is signed by the device that it brings")
	case m.Recovery == nil:
		return denied("recovery-unknown", "member %s has no recovery key", m.ID)
	case !f.was.Holds(b.Seen.Position()):
		return denied("seen-elsewhere", "who recovers saw another ledger than this one")
	case !f.good.verify(m.Recovery.Key, b.message(f.was.space).Bytes(), b.Proof):
		return broken(ErrSignature, "proof-recovery", "the recovery key did not sign this")
	}
	for _, id := range b.Lost {
		if d, err := f.was.presentDevice(id); err != nil || d.Member != m.ID {
			return denied("lost-unknown", "device %s is none of member %s", id, m.ID)
		}
	}
	if f.was.devices.len() >= wire.MaxDevices || f.was.present(&m)-len(b.Lost) >= wire.MaxDevicesPerMember {
		return denied("too-many-devices", "a space knows at most %d devices, a member has %d", wire.MaxDevices, wire.MaxDevicesPerMember)
	}
	if err := f.use(wire.DeviceKeyHash(b.Device.Key), recipientHash(b.Device.Recipient)); err != nil {
		return err
	}
	return f.useRecovery(&b.Recovery)
}

// suspend: the words are used up, what was lost has no say, and the new device is
// known but waits.
func (b *RecoverBody) suspend(f *fold) {
	for _, id := range b.Lost {
		f.suspendDevice(id)
	}
	m, _ := f.next.presentMember(b.Member)
	m.Recovery = nil
	m.Devices = append(slices.Clip(m.Devices), b.Device.ID())
	f.updateMember(m)
	f.updateDevice(Device{
		ID: b.Device.ID(), Member: m.ID, Key: b.Device.Key, Recipient: b.Device.Recipient, RecipientAt: f.entry.Number,
		AddedAt: f.entry.Number, AddedHash: f.entry.Hash, Status: StatusRecovering, Recovered: true, Needs: true,
	})
}

func (b *RecoverBody) target(*fold) (wire.MemberID, wire.DeviceID) { return b.Member, b.Device.ID() }

func (b *RecoverBody) carry(f *fold, by wire.Position) {
	if by.Number == f.entry.Number {
		b.suspend(f) // with a seal of its own there is nothing to wait for
	}
	m, err := f.next.presentMember(b.Member)
	d, gone := f.next.presentDevice(b.Device.ID())
	if err != nil || gone != nil {
		return
	}
	var out Removal
	for _, id := range b.Lost {
		if _, err := f.next.presentDevice(id); err == nil {
			out.Devices = append(out.Devices, id)
		}
	}
	out.invites(f.next, func(*Invite) bool { return false }, nil)
	f.close(out)
	d.Status, d.Active = StatusActive, true
	f.updateDevice(d)
	m.Recovery = b.Recovery.by(d.ID, by.Number)
	f.updateMember(m)
}
