package membership

import (
	"cmp"
	"crypto/ed25519"
	"slices"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// Roster is the state of a space after an entry of its ledger. It never changes;
// Apply gives a new one. All methods are safe for several goroutines.
type Roster struct {
	space    wire.Hash
	head     wire.Position
	format   int
	requires []string
	policy   Policy
	kept     uint64 // the oldest epoch that anybody may hold (DESIGN 6)
	opening  *openings
	keptAt   uint64 // number of the entry that raised it last
	schema   uint64 // number of the entry with the schema in force
	remote   uint64 // number of the entry with the remotes in force; 0 without
	requests []Request
	dropped  []Dropped // branches that resolves on this one named

	members table[wire.MemberID, *Member]
	devices table[wire.DeviceID, *Device]
	invites table[wire.DeviceID, *Invite]       // by the first 16 bytes of the entry's hash
	used    table[wire.DeviceID, struct{}]      // keys and recipients, once in the life of a space
	tries   table[wire.DeviceID, wire.DeviceID] // entries declared lost, by their author

	proposals table[wire.DeviceID, *Proposal] // by the first 16 bytes of the entry's hash

	// The states before. jump skips ahead so that At takes O(log n) steps
	// (Myers, "An applicative random-access stack", 1983).
	prev, jump *Roster
}

// Status says whether a member or device takes part.
type Status string

// What a member or device is at.
const (
	StatusPending Status = "pending" // waits for approval: no lane, no wrap, no say
	StatusActive  Status = "active"
	StatusLeaving Status = "leaving" // a request names it: no wrap and no say; the next seal removes it
	StatusRemoved Status = "removed" // known for ever: its old signatures are still to be verified

	StatusRecovering Status = "recovering" // came by a recovery key; the next seal lets it in
)

// Member is a person, as the ledger knows one. Names are private items.
type Member struct {
	ID        wire.MemberID
	Role      Role
	Devices   []wire.DeviceID // in the order in which they came
	Since     uint64          // the oldest epoch that it may read
	InvitedBy wire.DeviceID   // zero for the founder
	Invite    string          // ID of the invite it came by; empty for the founder
	JoinedAt  wire.Position
	Status    Status
	Recovery  *Recovery // nil without
	NoHistory bool      // came without: Since is the epoch that the next seal opened or opens
	Muted     bool      // a request lowers it: what it signs for the ledger does not count
}

// Device is one of a member's devices.
type Device struct {
	ID        wire.DeviceID
	Member    wire.MemberID
	Key       ed25519.PublicKey
	Recipient string

	RecipientAt uint64 // number of the entry that brought the recipient
	Needs       bool   // it has no older secrets: a wrap holds all that it may read

	AddedBy   wire.DeviceID // the device that invited it; zero for the founder's first and for a recovered one
	AddedAt   uint64        // number of the entry
	AddedHash wire.Hash     // and its hash
	Status    Status
	Active    bool            // Status == StatusActive
	Approvals []wire.DeviceID // who approved it, in order
	Invited   *wire.Position  // entry of the invite it came by; nil for the founder's first
	Recovered bool            // it came by the recovery key
	Voucher   wire.DeviceID   // the admin's device that re-invited its member, who could impersonate it; zero if none
}

// Recovery is a member's recovery key: on paper, public halves here.
type Recovery struct {
	Key       ed25519.PublicKey
	Recipient string
	By        wire.DeviceID // the device that made it
	At        uint64        // number of the entry that brought it
}

// Invite is an invitation, or with Member set a link for an own further device.
type Invite struct {
	ID        string // 26 characters
	Number    uint64
	Hash      wire.Hash
	Author    wire.DeviceID
	PublicKey ed25519.PublicKey // who holds its private half may join
	Mailbox   string            // recipient for the private part of the join
	Role      Role
	Uses      int // how many may join
	Used      int // how many have
	Expires   time.Time
	Approve   bool
	Since     History
	Member    wire.MemberID // of a device link: whose; else zero
	Voucher   bool          // a device link that an admin made for a member without devices
	Closed    bool          // revoked, or closed with a removal
	Kept      bool          // by name, when the device that made it was removed
}

// Position is the place of the invite's entry; a link pins it.
func (i Invite) Position() wire.Position { return wire.Position{Number: i.Number, Hash: i.Hash} }

// Open reports whether the ledger lets one more join by it. Expiry is not the
// ledger's: it depends on the own clock.
func (i Invite) Open() bool { return !i.Closed && i.Used < i.Uses }

// Opening is an entry that opened an epoch.
type Opening struct {
	wire.Epoch
	Kind       string        // of the entry
	P          wire.Hash     // SHA-256 of the entry's predecessor, zero for genesis
	Commitment wire.Hash     // to the epoch's secret
	At         uint64        // number of the entry
	Author     wire.DeviceID // who drew the secret
	Time       time.Time     // as its author claims; merge.OpeningTime says what counts
	Cut        *Cut          // where the epoch before ended; nil for genesis
}

// openings is the list of openings, newest first.
type openings struct {
	Opening
	prev *openings
}

// Space is the space's ID: the SHA-256 of the genesis entry's payload.
func (r *Roster) Space() wire.Hash { return r.space }

// Head is the place of the last entry.
func (r *Roster) Head() wire.Position { return r.head }

// Format is the version of fold, rules and pages that the space is at.
func (r *Roster) Format() int { return r.format }

// Requires lists features that a writer must have.
func (r *Roster) Requires() []string { return slices.Clone(r.requires) }

// Policy is the policy in force.
func (r *Roster) Policy() Policy { return r.policy.clone() }

// Kept is the oldest epoch that anybody may hold.
func (r *Roster) Kept() uint64 { return r.kept }

// KeptAt is the number of the entry that raised Kept last; 0 if none did. A device
// has its part done when its RecipientAt is greater.
func (r *Roster) KeptAt() uint64 { return r.keptAt }

// RemoteAt is the number of the entry whose private part names the remotes; 0 if
// none does.
func (r *Roster) RemoteAt() uint64 { return r.remote }

// SchemaAt is the number of the entry whose private part has the schema in force.
func (r *Roster) SchemaAt() uint64 { return r.schema }

// Epoch is the open epoch.
func (r *Roster) Epoch() Opening { return r.opening.Opening }

// OpeningOf is the opening of the epoch of that number in this ledger.
func (r *Roster) OpeningOf(epoch uint64) (Opening, bool) {
	for o := r.opening; o != nil && o.Number >= epoch; o = o.prev {
		if o.Number == epoch {
			return o.Opening, true
		}
	}
	return Opening{}, false
}

// Openings lists all epochs, oldest first.
func (r *Roster) Openings() []Opening {
	var out []Opening
	for o := r.opening; o != nil; o = o.prev {
		out = append(out, o.Opening)
	}
	slices.Reverse(out)
	return out
}

// Member looks a member up.
func (r *Roster) Member(id wire.MemberID) (Member, bool) {
	v, ok := r.members.get(id)
	if !ok {
		return Member{}, false
	}
	return v.clone(), true
}

// Device looks a device up, active or not.
func (r *Roster) Device(id wire.DeviceID) (Device, bool) {
	v, ok := r.devices.get(id)
	if !ok {
		return Device{}, false
	}
	return v.clone(), true
}

// Members lists the members in the order in which they came.
func (r *Roster) Members() []Member {
	return list(r.members, Member.clone, func(a, b Member) int { return cmp.Compare(a.JoinedAt.Number, b.JoinedAt.Number) })
}

// Devices lists the devices in the order in which they came.
func (r *Roster) Devices() []Device {
	return list(r.devices, Device.clone, func(a, b Device) int { return cmp.Compare(a.AddedAt, b.AddedAt) })
}

// Invites lists all invites ever made, in the order of the ledger.
func (r *Roster) Invites() []Invite {
	return list(r.invites, Invite.clone, func(a, b Invite) int { return cmp.Compare(a.Number, b.Number) })
}

// Invite looks an invite up by its ID.
func (r *Roster) Invite(id string) (Invite, bool) {
	key, err := wire.ParseShort(id)
	if err != nil {
		return Invite{}, false
	}
	v, ok := r.invites.get(key)
	if !ok {
		return Invite{}, false
	}
	return v.clone(), true
}

// InviteID is the ID of the invite that the entry with this hash made.
func InviteID(entry wire.Hash) string { return wire.Short(short(entry)) }

func short(h wire.Hash) wire.DeviceID { return wire.DeviceID(h[:16]) }

// list gives callers copies of their own, so that a roster stays a value.
func list[K, V any](t table[K, *V], clone func(V) V, order func(a, b V) int) []V {
	out := make([]V, 0, t.len())
	for _, v := range t.all() {
		out = append(out, clone(*v))
	}
	slices.SortStableFunc(out, order)
	return out
}

func (m Member) clone() Member {
	m.Devices = slices.Clone(m.Devices)
	if m.Recovery != nil {
		m.Recovery = &Recovery{slices.Clone(m.Recovery.Key), m.Recovery.Recipient, m.Recovery.By, m.Recovery.At}
	}
	return m
}

func (d Device) clone() Device {
	d.Key, d.Approvals = slices.Clone(d.Key), slices.Clone(d.Approvals)
	if d.Invited != nil {
		p := *d.Invited
		d.Invited = &p
	}
	return d
}

func (i Invite) clone() Invite {
	i.PublicKey = slices.Clone(i.PublicKey)
	return i
}
