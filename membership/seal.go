package membership

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// SealPart is what every sealing entry carries: it ends the open epoch at a cut
// and opens the next under a new secret (DESIGN 5).
type SealPart struct {
	Commitment wire.Hash `json:"commitment"` // to the new epoch's secret
	Cut        Cut       `json:"cut"`
}

// Cut is where each lane and the order of the epoch end. What lies beyond does
// not exist. A lane that is not named ends empty.
type Cut struct {
	Lanes []LaneCut    // of at least one entry each, devices ascending
	Order wire.LogHead // Root of an empty order: SHA-256 of nothing
}

// LaneCut is the end of one lane.
type LaneCut struct {
	Device wire.DeviceID
	wire.LogHead
}

// Lane is the end of the device's lane; false if the cut leaves it empty.
func (c Cut) Lane(dev wire.DeviceID) (wire.LogHead, bool) {
	i, ok := slices.BinarySearchFunc(c.Lanes, dev, func(l LaneCut, d wire.DeviceID) int { return compareBytes(l.Device, d) })
	if !ok {
		return wire.LogHead{}, false
	}
	return c.Lanes[i].LogHead, true
}

// cutJSON is the form of a cut: arrays, since 1,000 lanes have to fit into an
// envelope.
//
//	{"lanes":[["<device>",<length>,"<root>"],…],"order":[<length>,"<root>"]}
type cutJSON struct {
	Lanes []json.RawMessage `json:"lanes"`
	Order json.RawMessage   `json:"order"`
}

// MarshalJSON prints the form of cutJSON.
func (c Cut) MarshalJSON() ([]byte, error) {
	out := cutJSON{Lanes: make([]json.RawMessage, len(c.Lanes))}
	for i, l := range c.Lanes {
		out.Lanes[i] = fmt.Appendf(nil, `["%s",%d,"%s"]`, l.Device, l.Len, l.Root)
	}
	out.Order = fmt.Appendf(nil, `[%d,"%s"]`, c.Order.Len, c.Order.Root)
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON prints.
func (c *Cut) UnmarshalJSON(b []byte) error {
	var in cutJSON
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return err
	}
	if len(in.Lanes) > wire.MaxDevices {
		return fmt.Errorf("cut of %d lanes, limit %d", len(in.Lanes), wire.MaxDevices)
	}
	*c = Cut{}
	for _, raw := range in.Lanes {
		var l LaneCut
		if err := decodeArray(raw, &l.Device, &l.Len, &l.Root); err != nil {
			return err
		}
		c.Lanes = append(c.Lanes, l)
	}
	return decodeArray(in.Order, &c.Order.Len, &c.Order.Root)
}

func decodeArray(b []byte, into ...any) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if len(parts) != len(into) {
		return fmt.Errorf("array of %d, want %d", len(parts), len(into))
	}
	for i, p := range parts {
		if err := json.Unmarshal(p, into[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *SealPart) check() error {
	if p == nil {
		return nil
	}
	if len(p.Cut.Lanes) > wire.MaxDevices {
		return malformed("cut", "cut of %d lanes, limit %d", len(p.Cut.Lanes), wire.MaxDevices)
	}
	for i, l := range p.Cut.Lanes {
		if l.Len == 0 || l.Len > wire.MaxInt || i > 0 && compareBytes(p.Cut.Lanes[i-1].Device, l.Device) >= 0 {
			return malformed("cut", "lanes are of at least one entry, devices ascending")
		}
	}
	if p.Cut.Order.Len > wire.MaxInt || (p.Cut.Order.Len == 0) != (p.Cut.Order.Root == wire.Sum()) {
		return malformed("cut", "an order without entries, and no other, has the empty root")
	}
	return nil
}

// seal ends the epoch with the entry at hand: all standing requests are carried
// out, then what the entry itself takes away (DESIGN 4).
func (f *fold) seal(b narrowing) error {
	part := b.seal()
	if part == nil {
		return denied("seal-missing", "a %s that narrows comes with a seal", b.Kind())
	}
	for _, l := range part.Cut.Lanes {
		if !f.was.HasLane(l.Device) {
			return denied("cut-lane-unknown", "device %s has no lane in this epoch", l.Device)
		}
	}
	f.carryRequests()
	b.carry(f, f.entry.Position())
	f.open(part)
	return f.sealerStays()
}

// sealerStays: the author of a seal draws the next secret, so it must be one who
// keeps it (leaver-knows-next-secret, self-demoting-admin-seals).
func (f *fold) sealerStays() error {
	d, _ := f.next.devices.get(f.entry.Author)
	m, _ := f.next.members.get(d.Member)
	if m.Role < Admin {
		if f.member != nil && f.member.Role >= Admin {
			return denied("sealer-role", "who seals stays an admin or owner: another owner has to make the author %s", m.Role)
		}
		return denied("sealer-role", "only admins and owners seal, the author is %s", m.Role)
	}
	if !f.next.counts(d) || f.member != nil && m.Role != f.member.Role {
		return denied("sealer-must-stay", "who seals keeps device and role")
	}
	return nil
}

// WithSeal is a copy of the body with that seal in it; false for a body of a kind
// that never seals.
func WithSeal(b Body, part SealPart) (Body, bool) {
	n, ok := b.(narrowing)
	if !ok {
		return nil, false
	}
	return n.withSeal(&part), true
}

// Seals reports whether the body, authored by that device now, has to come with a
// seal. A body that brings its own author (recover) needs no device of the roster.
func (r *Roster) Seals(b Body, author wire.DeviceID) bool {
	n, ok := b.(narrowing)
	f := r.scratch(author)
	if _, newcomer := b.(bearer); !ok || f.author == nil && !newcomer {
		return false
	}
	return n.form(f) == sealing && (f.author == nil || f.needs(b) == 0)
}

// scratch is a fold of nothing, by that author, to try things out.
func (r *Roster) scratch(author wire.DeviceID) *fold {
	next := *r
	f := &fold{was: r, next: &next, entry: &Entry{Number: r.head.Number + 1, Predecessor: r.head.Hash, Author: author}}
	if d, ok := r.devices.get(author); ok {
		f.author = d
		f.member, _ = r.members.get(d.Member)
	}
	return f
}

// MaySeal reports whether the device may author a sealing entry now: of an owner
// or admin, and it stays so when the standing requests are carried out.
func (r *Roster) MaySeal(dev wire.DeviceID) bool {
	return r.maySeal(r.carried(), dev)
}

func (r *Roster) maySeal(after *Roster, dev wire.DeviceID) bool {
	d, ok := r.devices.get(dev)
	if !ok || !r.counts(d) {
		return false
	}
	m, _ := r.members.get(d.Member)
	d, _ = after.devices.get(dev)
	then, _ := after.members.get(d.Member)
	return m.Role >= Admin && then.Role == m.Role && after.counts(d)
}

// carried is the roster as the next seal will find it.
func (r *Roster) carried() *Roster {
	if len(r.requests) == 0 {
		return r
	}
	next := *r
	f := &fold{was: r, next: &next, entry: &Entry{Number: r.head.Number + 1}}
	f.carryRequests()
	return &next
}

// Sealers lists the devices that may author a rotate now, best rank first: owners
// before admins, then who came first. An automatic seal is one's at a time.
func (r *Roster) Sealers() []wire.DeviceID {
	after := r.carried()
	var out []wire.DeviceID
	for _, role := range []Role{Owner, Admin} {
		for _, d := range r.Devices() {
			if m, _ := r.members.get(d.Member); m.Role == role && r.maySeal(after, d.ID) {
				out = append(out, d.ID)
			}
		}
	}
	return out
}
