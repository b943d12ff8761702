package space

import (
	"context"

	"github.com/espace-git/espace-git/membership"
)

// ChangeRole gives a member another role. A lower one takes rights away, and so
// comes with a seal; it closes the member's invites above it.
func (s *Space) ChangeRole(ctx context.Context, name, role string, o SealOptions) (*Outcome, error) {
	to, err := membership.ParseRole(role)
	if err != nil {
		return nil, join(ErrUsage, err)
	}
	return s.change(ctx, o, func(r *round) (membership.Body, map[string][]byte, error) {
		m, err := findMember(r.v, r.roster(), name)
		return &membership.MemberRoleBody{Member: m.ID, Role: to}, nil, err
	})
}

// SetRole is ChangeRole for who does not ask how it came about.
func (s *Space) SetRole(ctx context.Context, name, role string) error {
	_, err := s.ChangeRole(ctx, name, role, SealOptions{})
	return err
}
