package membership

import (
	"crypto/ed25519"

	"github.com/espace-git/espace-git/internal/wire"
)

// The kinds of entries. Each has a file of its own.
const (
	KindGenesis      = "genesis"
	KindInvite       = "invite"
	KindInviteRevoke = "invite.revoke"
	KindJoin         = "join"
	KindDeviceAdd    = "device.add"
	KindMemberRole   = "member.role"
	KindKeyWrap      = "key.wrap"
	KindSchema       = "schema"
	KindApprove      = "approve"
	KindMemberRemove = "member.remove"
	KindDeviceRemove = "device.remove"
	KindLeave        = "leave"
	KindRotate       = "rotate"
	KindKeyUpdate    = "key.update"
	KindRetention    = "retention"
	KindUpgrade      = "upgrade"
	KindRemote       = "remote"
	KindPolicy       = "policy"
	KindRecover      = "recover"
	KindForkResolve  = "fork.resolve"
)

// Body is the part of an entry that its kind defines: one type per kind, which
// is at once the JSON form and the validator. Fields are in the order of their
// JSON names; optional ones are absent when empty.
type Body interface {
	// Kind is the name in the entry.
	Kind() string
	// wellFormed checks what the entry's bytes alone decide.
	wellFormed(e *Entry) error
	// least is the role from which on a member may author it, in roster r. It
	// must work on the zero body too: then it is the least of any such entry.
	least(r *Roster) Role
	// apply checks the body against f.was and writes the outcome to f.next. An
	// error leaves no trace: next is thrown away.
	apply(f *fold) error
}

// bearer is a body that brings the key of a device that the roster does not know
// yet: its author may be that device itself.
type bearer interface {
	Body
	newDevice() NewDevice
}

// bodyOf is an empty body of the kind. Unknown kinds are refused by name.
func bodyOf(kind string) (Body, bool) {
	switch kind {
	case KindGenesis:
		return new(GenesisBody), true
	case KindInvite:
		return new(InviteBody), true
	case KindInviteRevoke:
		return new(InviteRevokeBody), true
	case KindJoin:
		return new(JoinBody), true
	case KindDeviceAdd:
		return new(DeviceAddBody), true
	case KindMemberRole:
		return new(MemberRoleBody), true
	case KindKeyWrap:
		return new(KeyWrapBody), true
	case KindSchema:
		return new(SchemaBody), true
	case KindApprove:
		return new(ApproveBody), true
	case KindMemberRemove:
		return new(MemberRemoveBody), true
	case KindDeviceRemove:
		return new(DeviceRemoveBody), true
	case KindLeave:
		return new(LeaveBody), true
	case KindRotate:
		return new(RotateBody), true
	case KindKeyUpdate:
		return new(KeyUpdateBody), true
	case KindRetention:
		return new(RetentionBody), true
	case KindUpgrade:
		return new(UpgradeBody), true
	case KindRemote:
		return new(RemoteBody), true
	case KindPolicy:
		return new(PolicyBody), true
	case KindRecover:
		return new(RecoverBody), true
	case KindForkResolve:
		return new(ForkResolveBody), true
	}
	return nil, false
}

// Kinds lists the kinds that this program knows.
func Kinds() []string {
	return []string{KindGenesis, KindInvite, KindInviteRevoke, KindJoin, KindDeviceAdd,
		KindMemberRole, KindKeyWrap, KindSchema, KindApprove, KindMemberRemove, KindDeviceRemove, KindLeave, KindRotate,
		KindKeyUpdate, KindRetention, KindUpgrade, KindRemote, KindPolicy, KindRecover, KindForkResolve}
}

// NewDevice is the public half of a device that comes into the space.
type NewDevice struct {
	Key       ed25519.PublicKey `json:"key"`       // signing key, base64
	Recipient string            `json:"recipient"` // age hybrid recipient, "age1pq1…"
}

// ID is the device's ID. Only for a device that is well-formed.
func (d NewDevice) ID() wire.DeviceID { return wire.DeviceIDOf(d.Key) }

func (d NewDevice) check() error {
	if _, err := wire.CheckSigningKey(d.Key); err != nil {
		return malformed("device-key", "device: %w", err)
	}
	return checkRecipient(d.Recipient)
}
