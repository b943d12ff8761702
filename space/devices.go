package space

import (
	"context"

	"github.com/espace-git/espace-git/internal/wire"
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

// tellInMyName shows, once, what was done in this member's name elsewhere since the ledger
// had so many entries: if it was not the member, a device or the words are in other
// hands (DESIGN 4).
func (r *round) tellInMyName(before int) {
	if before == 0 {
		return
	}
	if then, ok := r.roster().At(uint64(before) - 1); !ok || !knows(then, r.me.Device) {
		return // before this device belonged
	}
	for _, e := range r.ledger.entries[before:] {
		if what := r.doneAsMe(e); what != "" && e.Author != r.me.Device {
			r.warn("in your name: %s (ledger entry %d, by your device %s). If it was not you, remove that device",
				what, e.Number, orElse(text(r.v, nameDevice, e.Author[:]), e.Author.String()))
		}
	}
}

func knows(roster *membership.Roster, d wire.DeviceID) bool {
	_, ok := roster.Device(d)
	return ok
}

// doneAsMe says what an entry does that opens a door in this member's name; empty if
// it does nothing of the kind.
func (r *round) doneAsMe(e *membership.Entry) string {
	author, _ := r.roster().Device(e.Author)
	mine := author.Member == r.me.Member
	switch b := e.Body.(type) {
	case *membership.InviteBody:
		switch {
		case b.Member != nil && *b.Member == r.me.Member:
			return "a link for a further device of yours was made"
		case mine && b.Member == nil:
			return "somebody was invited as " + b.Role.String()
		}
	case *membership.DeviceAddBody:
		if d, ok := r.roster().Device(b.Device.ID()); ok && d.Member == r.me.Member {
			return "a further device of yours came in"
		}
	case *membership.RecoverBody:
		if b.Member == r.me.Member {
			return "your recovery words were used for a new device"
		}
	case *membership.KeyUpdateBody:
		if mine && b.Recovery != nil {
			return "new recovery words were made"
		}
	}
	return ""
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
