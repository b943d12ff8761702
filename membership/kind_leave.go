package membership

import "github.com/espace-git/espace-git/internal/wire"

// LeaveBody asks for the removal of its author's member. Who leaves must not draw
// the next secret, so it never seals (leaver-knows-next-secret).
type LeaveBody struct{}

func (*LeaveBody) Kind() string            { return KindLeave }
func (*LeaveBody) least(*Roster) Role      { return Viewer }
func (*LeaveBody) wellFormed(*Entry) error { return nil }
func (b *LeaveBody) apply(f *fold) error   { return f.narrow(&leaving{b, f.member.ID}) }

// leaving is a leave entry with the member that it is about.
type leaving struct {
	*LeaveBody
	who wire.MemberID
}

func (*leaving) seal() *SealPart           { return nil }
func (l *leaving) withSeal(*SealPart) Body { return l.LeaveBody }
func (*leaving) form(*fold) form           { return asking }
func (*leaving) judge(*fold) error         { return nil }
func (l *leaving) suspend(f *fold)         { f.suspendMember(l.who) }

func (l *leaving) target(*fold) (wire.MemberID, wire.DeviceID) { return l.who, wire.DeviceID{} }

func (l *leaving) carry(f *fold, _ wire.Position) {
	if m, err := f.next.presentMember(l.who); err == nil {
		f.close(f.next.removesMember(m, nil))
	}
}
