package membership

// DeviceAddBody adds a further device to the member that made a device link: the
// same proof as a join, by a link that only the member's own devices can make.
type DeviceAddBody struct {
	Device NewDevice `json:"device"`
	Invite Place     `json:"invite"`
	Proof  Proof     `json:"proof"`
	Seen   Place     `json:"seen"`
}

func (*DeviceAddBody) Kind() string           { return KindDeviceAdd }
func (*DeviceAddBody) least(*Roster) Role     { return Viewer }
func (b *DeviceAddBody) newDevice() NewDevice { return b.Device }
func (b *DeviceAddBody) join() *JoinBody      { return (*JoinBody)(b) }

func (b *DeviceAddBody) wellFormed(e *Entry) error { return checkBearer(b.Device, b.Proof, e) }

func (b *DeviceAddBody) apply(f *fold) error {
	inv, err := f.admit(b.join())
	if err != nil {
		return err
	}
	if inv.Member.IsZero() {
		return denied("invite-is-no-device-link", "invite %s is for a new member", inv.ID)
	}
	if !f.was.stands(&inv) {
		return denied("inviter-gone", "the device that made link %s is not active", inv.ID)
	}
	m, err := f.activeMember(inv.Member)
	if err != nil {
		return err
	}
	if inv.Voucher {
		if err := f.alone(&m); err != nil {
			return err
		}
	}
	return f.addDevice(m, b.Device, &inv)
}
