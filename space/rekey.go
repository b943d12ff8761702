package space

import (
	"context"
	"fmt"

	"github.com/espace-git/espace-git/membership"
)

// RotateKey gives this device a new encryption key. Whoever took a copy of the old
// one reads nothing that is wrapped from now on; what the device signs with stays.
// The old key is destroyed once the ledger on the host names the new one.
func (s *Space) RotateKey(ctx context.Context) (*Outcome, error) {
	recipient, err := s.keys.NextReading(s.opts.Rand)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, SealOptions{}, func(r *round) (membership.Body, map[string][]byte, error) {
		// With the secrets of all epochs up to this entry at hand nothing that was wrapped
		// for the old key is needed any more.
		if r.me.Gone == "" && (!r.started() || r.behind() || r.secret.IsZero()) {
			return nil, nil, join(ErrConflict, fmt.Errorf("this device has not followed the last seal yet: sync first"))
		}
		return &membership.KeyUpdateBody{Recipient: recipient}, nil, nil
	})
}

// adoptKey takes up the encryption key that the ledger names for this device, and
// destroys the one before.
func (r *round) adoptKey() error {
	d, ok := r.roster().Device(r.me.Device)
	if !ok || d.Recipient == r.s.keys.Device().Recipient() {
		return nil
	}
	_, err := r.s.keys.AdoptReading(d.Recipient)
	return err
}

// NewRecovery makes new recovery words for this member; those before, if there were
// any, are worth nothing from then on. Only their public halves leave this function.
func (s *Space) NewRecovery(ctx context.Context) (*Sheet, error) {
	keys, words, err := newRecovery(s.opts.Rand)
	if err != nil {
		return nil, err
	}
	c, err := s.change(ctx, SealOptions{}, func(*round) (membership.Body, map[string][]byte, error) {
		return &membership.KeyUpdateBody{Recovery: keys}, nil, nil
	})
	if err != nil {
		return nil, err
	}
	return s.sheet(ctx, words, c.Entry)
}
