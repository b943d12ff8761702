package membership

import (
	"maps"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Policy is what owners may set for a space. It is public, so that a hook can
// check it. The zero Policy is the default of DESIGN 4; every field has one form,
// so a default is absent.
type Policy struct {
	Approvals    map[string]int `json:"approvals,omitempty"`    // by kind: how many others must approve (DESIGN 4)
	Endorsements int            `json:"endorsements,omitempty"` // of a checkpoint, by distinct members; absent: 1
	Invite       Role           `json:"invite,omitempty"`       // the least role that may invite; absent: admin
	Seal         SealAfter      `json:"seal,omitzero"`          // when a seal is due
}

// SealAfter says when an epoch is old enough to be sealed: the first that is
// reached counts. Zero fields stand for the defaults.
type SealAfter struct {
	Days         int `json:"days,omitempty"`
	MiB          int `json:"mib,omitempty"` // of entries as stored
	Transactions int `json:"transactions,omitempty"`
}

// The defaults of DESIGN 5, and the greatest values.
const (
	defaultSealDays, maxSealDays                 = 7, 3650
	defaultSealMiB, maxSealMiB                   = 64, 1 << 20
	defaultSealTransactions, maxSealTransactions = 100_000, 1 << 30
)

// approvable are the kinds that a policy may ask approvals for. The others only
// concern their author (leave, key.update), close something in haste
// (invite.revoke), carry another's proof (join), or are the approval.
var approvable = []string{KindDeviceRemove, KindForkResolve, KindInvite, KindKeyWrap, KindMemberRemove, KindMemberRole,
	KindPolicy, KindRemote, KindRetention, KindSchema, KindUpgrade}

// Approvable lists the kinds that a policy may ask approvals for.
func Approvable() []string { return slices.Clone(approvable) }

// inviter is the least role that may invite.
func (p Policy) inviter() Role {
	if p.Invite == NoRole {
		return Admin
	}
	return p.Invite
}

// Endorsers is how many distinct members must endorse a checkpoint.
func (p Policy) Endorsers() int { return max(1, p.Endorsements) }

// SealsAfter is p.Seal with the defaults filled in.
func (p Policy) SealsAfter() SealAfter {
	s := p.Seal
	for _, f := range []struct {
		v    *int
		none int
	}{{&s.Days, defaultSealDays}, {&s.MiB, defaultSealMiB}, {&s.Transactions, defaultSealTransactions}} {
		if *f.v == 0 {
			*f.v = f.none
		}
	}
	return s
}

// most is the greatest number of approvals that the policy asks for anything.
func (p Policy) most() int {
	n := 0
	for _, k := range p.Approvals {
		n = max(n, k)
	}
	return n
}

func (p Policy) check() error {
	if p.Invite == Viewer || p.Invite == Admin {
		// A viewer signs statements only; admin is the default and so absent.
		return malformed("policy", "policy: invite is editor, owner or absent (admin)")
	}
	if p.Endorsements < 0 || p.Endorsements == 1 || p.Endorsements > wire.MaxDevices {
		return malformed("policy", "policy: %d endorsements; 1 is the default and so absent", p.Endorsements)
	}
	s := p.Seal
	if min(s.Days, s.MiB, s.Transactions) < 0 || s.Days > maxSealDays || s.MiB > maxSealMiB || s.Transactions > maxSealTransactions {
		return malformed("policy", "policy: seal after %d days, %d MiB, %d transactions", s.Days, s.MiB, s.Transactions)
	}
	for kind, k := range p.Approvals {
		if !slices.Contains(approvable, kind) || k < 1 || k > wire.MaxDevices {
			return malformed("policy", "policy: %d approvals for %.40q", k, kind)
		}
	}
	return nil
}

// tightens reports whether p forbids or makes harder what old let one do. When a
// seal is due is no right of anybody.
func (p Policy) tightens(old Policy) bool {
	for kind, k := range p.Approvals {
		if k > old.Approvals[kind] {
			return true
		}
	}
	return p.inviter() > old.inviter() || p.Endorsers() > old.Endorsers()
}

func (p Policy) equal(q Policy) bool {
	return maps.Equal(p.Approvals, q.Approvals) && p.Endorsements == q.Endorsements && p.Invite == q.Invite && p.Seal == q.Seal
}

func (p Policy) clone() Policy {
	p.Approvals = maps.Clone(p.Approvals)
	return p
}
