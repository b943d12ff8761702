package membership

import (
	"cmp"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// ForkResolveBody ends a fork of the ledger: it stands on the branch to keep and
// names the others (DESIGN 4). It seals. Whether somebody who stands on a dropped
// branch moves over is for Follow: only with the branch at hand can be checked
// that its author is an owner there too.
type ForkResolveBody struct {
	Consents []Consent `json:"consents,omitempty"` // of other owners, where the policy asks for approvals
	Drop     []Dropped `json:"drop"`               // ascending by number and hash of the first entry, then of the head
	Keep     Place     `json:"keep"`               // the head of the branch that stays: the predecessor
	Repeats  Repeats   `json:"repeats,omitzero"`
	Seal     *SealPart `json:"seal,omitempty"`
}

// Dropped is a branch to drop, as its author saw it. Who is beyond its head does
// not move.
type Dropped struct {
	First Place `json:"first"` // the entry that the branches no longer share
	Head  Place `json:"head"`
}

// Repeats is what dropped branches took away, so that a fork brings nobody back.
type Repeats struct {
	Demotions []Demotion      `json:"demotions,omitempty"` // by member, ascending
	Devices   []wire.DeviceID `json:"devices,omitempty"`   // ascending, as the others
	Invites   []wire.Hash     `json:"invites,omitempty"`   // hashes of their entries
	Members   []wire.MemberID `json:"members,omitempty"`
	Recovery  []wire.MemberID `json:"recovery,omitempty"` // whose recovery key was closed
}

// Demotion is a lower role.
type Demotion struct {
	Member wire.MemberID `json:"member"`
	Role   Role          `json:"role"`
}

const maxDropped = 64

func (*ForkResolveBody) Kind() string          { return KindForkResolve }
func (*ForkResolveBody) least(*Roster) Role    { return Owner }
func (b *ForkResolveBody) apply(f *fold) error { return f.narrow(b) }
func (b *ForkResolveBody) seal() *SealPart     { return b.Seal }
func (*ForkResolveBody) form(*fold) form       { return sealing }
func (*ForkResolveBody) suspend(*fold)         {}

func (b *ForkResolveBody) withSeal(p *SealPart) Body {
	c := *b
	c.Seal = p
	return &c
}

func (b *ForkResolveBody) wellFormed(*Entry) error {
	if len(b.Drop) == 0 || len(b.Drop) > maxDropped {
		return malformed("drop", "%d branches to drop, allowed are 1 to %d", len(b.Drop), maxDropped)
	}
	for i, d := range b.Drop {
		if d.First.Number == 0 || d.Head.Number < d.First.Number || d.Head.Number == d.First.Number && d.Head != d.First ||
			i > 0 && compareDropped(b.Drop[i-1], d) >= 0 {
			return malformed("drop", "branches have a first entry and a head, and ascend")
		}
	}
	if err := b.Repeats.check(); err != nil {
		return err
	}
	if err := checkConsents(b.Consents); err != nil {
		return err
	}
	return b.Seal.check()
}

func compareDropped(a, b Dropped) int {
	return cmp.Or(comparePlaces(a.First, b.First), comparePlaces(a.Head, b.Head))
}

func comparePlaces(a, b Place) int {
	return cmp.Or(cmp.Compare(a.Number, b.Number), slices.Compare(a.Hash[:], b.Hash[:]))
}

func (p Repeats) check() error {
	var demoted []wire.MemberID
	for _, d := range p.Demotions {
		demoted = append(demoted, d.Member)
	}
	if max(len(demoted), len(p.Devices), len(p.Members), len(p.Recovery)) > wire.MaxDevices || len(p.Invites) > maxKeep {
		return malformed("repeats", "more than %d to repeat", wire.MaxDevices)
	}
	if !ascending(demoted) || !ascending(p.Devices) || !ascending(p.Members) || !ascending(p.Recovery) || !ascendingHashes(p.Invites) {
		return malformed("repeats", "what is repeated is named once, ascending")
	}
	return nil
}

func (b *ForkResolveBody) judge(f *fold) error {
	if b.Keep.Position() != f.was.head {
		return denied("keep-not-head", "it keeps entry %d, the ledger is at %d", b.Keep.Number, f.was.head.Number)
	}
	for _, d := range b.Drop {
		if f.was.Holds(d.First.Position()) || f.was.Holds(d.Head.Position()) {
			return denied("drop-kept", "it drops entry %d of this very branch", d.First.Number)
		}
		if d.First.Number > f.was.head.Number+1 {
			return denied("drop-elsewhere", "the branch from entry %d on does not leave this ledger", d.First.Number)
		}
	}
	if err := b.Repeats.known(f.was); err != nil {
		return err
	}
	return b.consented(f.was, f.author, true)
}

// known: what this branch never had needs no repeating.
func (p Repeats) known(r *Roster) error {
	for _, id := range p.Devices {
		if !r.devices.has(id) {
			return denied("repeat-unknown", "no device %s", id)
		}
	}
	for _, d := range p.Demotions {
		if !r.members.has(d.Member) {
			return denied("repeat-unknown", "no member %s", d.Member)
		}
	}
	for _, id := range slices.Concat(p.Members, p.Recovery) {
		if !r.members.has(id) {
			return denied("repeat-unknown", "no member %s", id)
		}
	}
	for _, h := range p.Invites {
		if _, err := r.inviteAt(h); err != nil {
			return denied("repeat-unknown", "no invite of entry %s", h)
		}
	}
	return nil
}

func (b *ForkResolveBody) carry(f *fold, _ wire.Position) {
	f.next.dropped = append(slices.Clip(f.next.dropped), b.Drop...)
	for _, id := range b.Repeats.Members {
		if m, err := f.next.presentMember(id); err == nil {
			f.close(f.next.removesMember(m, nil))
		}
	}
	for _, d := range b.Repeats.Demotions {
		(&MemberRoleBody{Member: d.Member, Role: d.Role}).carry(f, wire.Position{})
	}
	var out Removal
	for _, id := range b.Repeats.Devices {
		if _, err := f.next.presentDevice(id); err == nil {
			out.Devices = append(out.Devices, id)
		}
	}
	for _, id := range b.Repeats.Recovery {
		if m, err := f.next.presentMember(id); err == nil && m.Recovery != nil {
			out.recovery = append(out.recovery, id)
		}
	}
	out.invites(f.next, func(i *Invite) bool { return slices.Contains(b.Repeats.Invites, i.Hash) }, nil)
	f.close(out)
}
