package membership

import (
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// DeviceRemoveBody removes one device and what it made: further devices, invites,
// the recovery key, unless Keep names them (DESIGN 4). By an admin it seals; an
// own device below admin, and the device that signs, are removed by request.
type DeviceRemoveBody struct {
	Device wire.DeviceID `json:"device"`
	Keep   *Keep         `json:"keep,omitempty"`
	Seal   *SealPart     `json:"seal,omitempty"`
}

func (*DeviceRemoveBody) Kind() string          { return KindDeviceRemove }
func (*DeviceRemoveBody) least(*Roster) Role    { return Viewer }
func (b *DeviceRemoveBody) apply(f *fold) error { return f.narrow(b) }
func (b *DeviceRemoveBody) seal() *SealPart     { return b.Seal }

func (b *DeviceRemoveBody) wellFormed(*Entry) error {
	if err := b.Keep.check(); err != nil {
		return err
	}
	return b.Seal.check()
}

func (b *DeviceRemoveBody) withSeal(p *SealPart) Body {
	c := *b
	c.Seal = p
	return &c
}

func (b *DeviceRemoveBody) form(f *fold) form {
	if f.member.Role < Admin || b.Device == f.author.ID {
		return asking
	}
	return sealing
}

func (b *DeviceRemoveBody) judge(f *fold) error {
	if err := b.mayTouch(f); err != nil {
		return err
	}
	out, err := b.removal(f.was)
	switch {
	case err != nil:
		return err
	case b.Device != f.author.ID && slices.Contains(out.Devices, f.author.ID):
		return denied("removes-itself", "the device that signs was made by %s: keep it by name", b.Device)
	case b.form(f) == asking && b.leavesNone(f, out):
		return denied("last-device", "without a device a member is removed: leave")
	}
	return nil
}

// mayTouch: own devices; an admin others'; only owners those of owners.
func (b *DeviceRemoveBody) mayTouch(f *fold) error {
	d, err := f.was.presentDevice(b.Device)
	if err != nil {
		return err
	}
	if d.Member == f.member.ID {
		return nil
	}
	if f.member.Role < Admin {
		return denied("remove-own", "a %s removes own devices", f.member.Role)
	}
	if m, _ := f.was.members.get(d.Member); m.Role == Owner {
		return f.touchesOwner()
	}
	return nil
}

func (b *DeviceRemoveBody) leavesNone(f *fold, out Removal) bool {
	return !slices.ContainsFunc(f.member.Devices, func(id wire.DeviceID) bool {
		d, _ := f.was.devices.get(id)
		return d.Active && !slices.Contains(out.Devices, id)
	})
}

func (b *DeviceRemoveBody) removal(r *Roster) (Removal, error) {
	d, err := r.presentDevice(b.Device)
	if err != nil {
		return Removal{}, err
	}
	other := func(id wire.DeviceID) bool { return id != b.Device }
	return r.removesDevice(d, b.Keep), b.Keep.within(r.removesDevice(d, nil), other)
}

func (b *DeviceRemoveBody) suspend(f *fold) {
	if d, err := f.next.presentDevice(b.Device); err == nil {
		for _, id := range f.next.removesDevice(d, b.Keep).Devices {
			f.suspendDevice(id)
		}
	}
}

func (b *DeviceRemoveBody) target(f *fold) (wire.MemberID, wire.DeviceID) {
	d, _ := f.was.devices.get(b.Device)
	return d.Member, d.ID
}

func (b *DeviceRemoveBody) carry(f *fold, _ wire.Position) {
	if d, err := f.next.presentDevice(b.Device); err == nil {
		f.close(f.next.removesDevice(d, b.Keep))
	}
}
