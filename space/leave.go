package space

import (
	"context"
	"fmt"

	"github.com/espace-git/espace-git/membership"
)

// Leave asks for this member to be removed. The leaver can't seal, since who seals
// knows the next secret: the next sync of any admin's device does. What was written
// and pushed before counts. The last owner can't leave.
func (s *Space) Leave(ctx context.Context) (*Outcome, error) {
	return s.change(ctx, SealOptions{}, func(*round) (membership.Body, map[string][]byte, error) {
		return &membership.LeaveBody{}, nil, nil
	})
}

// gone says, for who was removed, when and by whose seal.
func (r *round) gone() error {
	if r.me.Gone != StateRemoved {
		return nil
	}
	by := "an admin"
	for _, o := range r.roster().Openings() {
		then, _ := r.roster().At(o.At)
		if d, ok := then.Device(r.me.Device); ok && d.Status == membership.StatusRemoved {
			by = fmt.Sprintf("%s (ledger entry %d)", r.deviceName(o.Author), o.At)
			break
		}
	}
	return notPermitted("this device was removed from the space, by a seal of %s: what is here stays readable, and nothing is exchanged any more", by)
}

// tellGone ends the sync of a device that was removed.
func (s *Space) tellGone(ctx context.Context) error {
	return s.look(ctx, func(r *round) error { return r.gone() })
}
