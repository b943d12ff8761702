package space

import (
	"context"
	"strconv"

	"github.com/espace-git/espace-git/membership"
)

// Proposal is an entry of the ledger that has no effect before others approve it.
type Proposal struct {
	Entry    uint64   `json:"entry"` // its number, by which it is approved
	Kind     string   `json:"kind"`
	By       string   `json:"by"`
	About    string   `json:"about"`    // whom or what it is about, for people
	Needs    int      `json:"needs"`    // approvals by distinct members, as things stand
	Approved []string `json:"approved"` // by whom; never null
	Until    uint64   `json:"until"`    // number of the last ledger entry that may approve it
	Mine     bool     `json:"mine"`     // this member made it, and so does not approve it
}

// Proposals lists those that wait for approvals, oldest first.
func (s *Space) Proposals(ctx context.Context) ([]Proposal, error) {
	out := []Proposal{}
	err := s.look(ctx, func(r *round) error {
		if r.roster() == nil {
			return nil
		}
		for _, p := range r.roster().Proposals() {
			out = append(out, r.proposal(p))
		}
		return nil
	})
	return out, err
}

func (r *round) proposal(p membership.Proposal) Proposal {
	author, _ := r.roster().Device(p.Author)
	info := Proposal{
		Entry: p.Number, Kind: p.Kind, By: r.deviceName(p.Author), About: r.about(p.Body), Needs: p.Needs,
		Approved: []string{}, Until: p.Until, Mine: author.Member == r.me.Member,
	}
	for _, d := range p.Approvals {
		info.Approved = append(info.Approved, r.deviceName(d))
	}
	return info
}

// about says for people whom a body is about.
func (r *round) about(b membership.Body) string {
	switch b := b.(type) {
	case *membership.MemberRemoveBody:
		return memberName(r.v, b.Member)
	case *membership.MemberRoleBody:
		return memberName(r.v, b.Member) + " as " + b.Role.String()
	case *membership.KeyWrapBody:
		return memberName(r.v, b.Member)
	case *membership.DeviceRemoveBody:
		return "a device of " + r.deviceName(b.Device)
	case *membership.InviteBody:
		if b.Member != nil {
			return memberName(r.v, *b.Member)
		}
		return "somebody as " + b.Role.String()
	case *membership.RetentionBody:
		return "what is before epoch " + strconv.FormatUint(b.Kept, 10)
	}
	return ""
}

// Approve agrees to a proposal, by the number of its entry. With the last approval
// that it needs it takes effect; what takes something away is then sealed by this
// device, or the next admin's.
func (s *Space) Approve(ctx context.Context, entry uint64) (*Outcome, error) {
	c, err := s.change(ctx, SealOptions{}, func(r *round) (membership.Body, map[string][]byte, error) {
		for _, p := range r.roster().Proposals() {
			if p.Number == entry {
				return &membership.ApproveBody{Entry: membership.PlaceOf(p.Position())}, nil, nil
			}
		}
		return nil, nil, notFound("no entry %d waits for approval (`proposals`)", entry)
	})
	if err != nil {
		return nil, err
	}
	err = s.look(ctx, func(r *round) error {
		c.State = r.cameTo(entry)
		for _, p := range r.roster().Proposals() {
			if p.Number == entry {
				c.Needs = p.Needs - len(p.Approvals)
			}
		}
		return nil
	})
	return c, err
}
