package space

import (
	"context"

	"github.com/espace-git/espace-git/membership"
)

// RenameDevice gives this device, or with device a further one of the own, another
// name, seen by members only.
func (s *Space) RenameDevice(ctx context.Context, device, name string) error {
	if err := checkNames(name); err != nil {
		return err
	}
	_, err := s.change(ctx, SealOptions{}, func(r *round) (membership.Body, map[string][]byte, error) {
		b := &membership.KeyUpdateBody{}
		values := map[string][]byte{membership.ItemDeviceName: []byte(name)}
		if device == "" {
			return b, values, nil
		}
		d, err := r.findDevice(device)
		if err == nil && d.ID != r.me.Device {
			b.Device = &d.ID
		}
		return b, values, err
	})
	return err
}
