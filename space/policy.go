package space

import (
	"context"
	"maps"
	"slices"

	"github.com/espace-git/espace-git/membership"
)

// Policy is what owners set for a space. It is public: the host's hook goes by it.
type Policy struct {
	Invite       string         `json:"invite"`       // the least role that may invite: editor, admin or owner
	Approvals    map[string]int `json:"approvals"`    // by kind of entry: how many others must approve; never null
	Endorsements int            `json:"endorsements"` // of a checkpoint, by distinct members
	Days         int            `json:"days"`         // after which an epoch is sealed, like the next two
	Transactions int            `json:"transactions"`
	MiB          int            `json:"mib"`
}

// Policy is the policy in force.
func (s *Space) Policy(ctx context.Context) (*Policy, error) {
	var out *Policy
	err := s.look(ctx, func(r *round) error {
		if r.roster() == nil {
			return ErrWaiting
		}
		out = policyOf(r.roster().Policy())
		return nil
	})
	return out, err
}

func policyOf(p membership.Policy) *Policy {
	after := p.SealsAfter()
	out := &Policy{
		Invite: membership.Admin.String(), Approvals: map[string]int{}, Endorsements: p.Endorsers(),
		Days: after.Days, Transactions: after.Transactions, MiB: after.MiB,
	}
	maps.Copy(out.Approvals, p.Approvals)
	if p.Invite != membership.NoRole {
		out.Invite = p.Invite.String()
	}
	return out
}

// ChangePolicy changes the policy in force. One that tightens comes with a seal.
func (s *Space) ChangePolicy(ctx context.Context, edit func(*Policy) error) (*Outcome, error) {
	return s.change(ctx, SealOptions{}, func(r *round) (membership.Body, map[string][]byte, error) {
		p := policyOf(r.roster().Policy())
		if err := edit(p); err != nil {
			return nil, nil, err
		}
		next, err := p.ledger()
		return &membership.PolicyBody{Policy: next}, nil, err
	})
}

// ledger is the policy in the one form that the ledger has: defaults are absent.
func (p *Policy) ledger() (membership.Policy, error) {
	least, err := membership.ParseRole(p.Invite)
	if err != nil {
		return membership.Policy{}, join(ErrUsage, err)
	}
	if least == membership.Viewer {
		return membership.Policy{}, usage("viewers invite nobody: give editor, admin or owner")
	}
	if least == membership.Admin {
		least = membership.NoRole
	}
	usual := membership.Policy{}.SealsAfter()
	given := func(v, usual int) int {
		if v == usual {
			return 0
		}
		return v
	}
	out := membership.Policy{Invite: least, Endorsements: given(p.Endorsements, 1), Seal: membership.SealAfter{
		Days: given(p.Days, usual.Days), MiB: given(p.MiB, usual.MiB), Transactions: given(p.Transactions, usual.Transactions),
	}}
	for kind, k := range p.Approvals {
		if k == 0 {
			continue
		}
		if !slices.Contains(membership.Approvable(), kind) {
			return out, usage("no approvals can be asked for %q; for these they can: %v", kind, membership.Approvable())
		}
		if out.Approvals == nil {
			out.Approvals = map[string]int{}
		}
		out.Approvals[kind] = k
	}
	if min(p.Endorsements, p.Days, p.MiB, p.Transactions) < 1 {
		return out, usage("endorsements, days, mib and transactions are at least 1")
	}
	return out, nil
}
