package space

import (
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// tellOwnNews shows once what other devices did in the name of this device's member: a new
// device, invite or recovery key that nobody of them remembers was made by a thief
// (DESIGN 4). first is the number of the first entry that is new here.
func (r *round) tellOwnNews(first int) {
	me, ok := r.roster().Member(r.me.Member)
	if !ok || r.me.Role == "" || first == 0 {
		return // a device that has just come knows nothing that could be news
	}
	if joined, ok := r.roster().Device(r.me.Device); ok {
		first = max(first, int(joined.AddedAt)+1)
	}
	for _, e := range r.ledger.entries[min(first, r.ledger.len()):] {
		d, known := r.roster().Device(e.Author)
		own := known && d.Member == me.ID && e.Author != r.me.Device
		if what := ownNews(e, me.ID); own && what != "" {
			r.warn("your device %s %s (ledger entry %d); if you don't know of it: `espace-git device remove %s`", deviceLabel(r, e.Author), what, e.Number, e.Author)
		}
	}
}

// ownNews says what an entry brings that could be a thief's door; empty if nothing.
func ownNews(e *membership.Entry, own wire.MemberID) string {
	switch b := e.Body.(type) {
	case *membership.InviteBody:
		if b.Member != nil && *b.Member == own {
			return "made a link for a further device"
		}
		return fmt.Sprintf("made an invite, %s", membership.InviteID(e.Hash))
	case *membership.DeviceAddBody:
		return fmt.Sprintf("came as a new device, %s", b.Device.ID())
	case *membership.RecoverBody:
		return "was made by the words on paper, which are used up now"
	case *membership.KeyUpdateBody:
		if b.Recovery != nil {
			return "made a new recovery sheet"
		}
	}
	return ""
}

// deviceLabel is a device's name and the beginning of its ID.
func deviceLabel(r *round, d wire.DeviceID) string {
	name := text(r.v, nameDevice, d[:])
	if name == "" {
		return d.String()
	}
	return fmt.Sprintf("%q (%s)", name, d.String()[:8])
}
