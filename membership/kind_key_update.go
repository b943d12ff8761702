package membership

import (
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// KeyUpdateBody replaces keys of its author: the recipient of its device, the
// recovery key of its member, or both. After a shred every device makes a new
// encryption key, and only then deletes the old one (DESIGN 6).
//
// The item device.name gives the author's device another name, or with Device a
// further device of its member. Alone it is enough.
type KeyUpdateBody struct {
	Device    *wire.DeviceID `json:"device,omitempty"` // which own device the name is for, if not the author
	Needs     bool           `json:"needs,omitempty"`  // the device has no older secrets: its wrap holds the whole list
	Recipient string         `json:"recipient,omitempty"`
	Recovery  *RecoveryKeys  `json:"recovery,omitempty"`
}

func (*KeyUpdateBody) Kind() string       { return KindKeyUpdate }
func (*KeyUpdateBody) least(*Roster) Role { return Viewer }

func (b *KeyUpdateBody) wellFormed(e *Entry) error {
	_, named := e.Items[ItemDeviceName]
	if b.Recipient == "" && (b.Recovery == nil && !named || b.Needs) {
		return malformed("key-update", "a key.update brings a recipient, a recovery key or a device's name")
	}
	if b.Device != nil && !named {
		return malformed("key-update", "a key.update names a device that it gives a name")
	}
	if err := b.Recovery.check(); err != nil || b.Recipient == "" {
		return err
	}
	return checkRecipient(b.Recipient)
}

func (b *KeyUpdateBody) apply(f *fold) error {
	if b.Device != nil {
		if d, err := f.was.presentDevice(*b.Device); err != nil || d.Member != f.member.ID || d.ID == f.author.ID {
			return denied("rename-own", "device %s is no further one of member %s", b.Device, f.member.ID)
		}
	}
	if b.Recipient != "" {
		if err := f.use(recipientHash(b.Recipient)); err != nil {
			return err
		}
		d := *f.author
		d.Recipient, d.RecipientAt, d.Needs = b.Recipient, f.entry.Number, b.Needs
		f.updateDevice(d)
	}
	if b.Recovery == nil {
		return nil
	}
	m := *f.member
	m.Recovery = b.Recovery.by(f.author.ID, f.entry.Number)
	f.updateMember(m)
	return f.useRecovery(b.Recovery)
}

func (k *RecoveryKeys) by(dev wire.DeviceID, number uint64) *Recovery {
	return &Recovery{Key: slices.Clone(k.Key), Recipient: k.Recipient, By: dev, At: number}
}

func (f *fold) useRecovery(k *RecoveryKeys) error {
	return f.use(wire.Sum(k.Key), recipientHash(k.Recipient))
}
