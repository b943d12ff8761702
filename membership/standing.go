package membership

import (
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// form is how a body that may take something away comes about.
type form int

const (
	plain   form = iota // it takes nothing away: effect at once, no seal
	asking              // a request: suspends at once, the next seal carries it out
	sealing             // with a seal in the same entry
)

// narrowing is a body that may take something away (DESIGN 4).
type narrowing interface {
	Body
	seal() *SealPart
	withSeal(*SealPart) Body
	// form says how the author at hand may bring it about.
	form(f *fold) form
	// judge checks it against f.was.
	judge(f *fold) error
	// suspend is the effect of a request until a seal carries it out.
	suspend(f *fold)
	// carry is the effect, on f.next; by is the entry that asked for it. It can't
	// fail: what has become moot since it was asked for is passed over.
	carry(f *fold, by wire.Position)
}

// Request is something that the next sealing entry carries out, of whatever kind.
// Until then the one named is suspended: nobody wraps for it, and nothing that it
// signs for the ledger counts.
type Request struct {
	Number uint64
	Hash   wire.Hash
	Kind   string        // of the entry that asks
	Author wire.DeviceID // who asked
	Member wire.MemberID // whom it names, if anybody
	Device wire.DeviceID // which device, if one
	body   narrowing
}

// target is a body that names somebody.
type target interface {
	target(f *fold) (wire.MemberID, wire.DeviceID)
}

// narrow brings a body about in the form that it needs.
func (f *fold) narrow(b narrowing) error {
	if err := b.judge(f); err != nil {
		return err
	}
	how := b.form(f)
	if how != sealing && b.seal() != nil {
		return denied("seal-unneeded", "this %s comes without a seal", b.Kind())
	}
	switch how {
	case plain:
		b.carry(f, f.entry.Position())
	case asking:
		f.ask(b)
	case sealing:
		if err := f.seal(b); err != nil {
			return err
		}
	}
	return f.keepsOwner()
}

// ask files a request.
func (f *fold) ask(b narrowing) {
	q := Request{Number: f.entry.Number, Hash: f.entry.Hash, Kind: b.Kind(), Author: f.entry.Author, body: b}
	if t, ok := b.(target); ok {
		q.Member, q.Device = t.target(f)
	}
	f.next.requests = append(slices.Clip(f.next.requests), q)
	b.suspend(f)
}

func (f *fold) carryRequests() {
	for _, q := range f.next.requests {
		q.body.carry(f, wire.Position{Number: q.Number, Hash: q.Hash})
	}
	f.next.requests = nil
}

// keepsOwner: there is always an owner that acts, with a device that acts.
func (f *fold) keepsOwner() error {
	for _, m := range f.next.members.all() {
		if m.Role == Owner && f.next.fit(m) {
			return nil
		}
	}
	return denied("last-owner", "a space keeps an owner with a device")
}

// fit reports whether the member can act: it takes part and has a device that does.
func (r *Roster) fit(m *Member) bool {
	return m.Status == StatusActive && !m.Muted && slices.ContainsFunc(m.Devices, func(id wire.DeviceID) bool {
		d, _ := r.devices.get(id)
		return d.Active
	})
}

// counts reports whether what the device signs for the ledger counts.
func (r *Roster) counts(d *Device) bool {
	m, ok := r.members.get(d.Member)
	return ok && d.Active && !m.Muted
}

// Requests lists what the next sealing entry carries out, oldest first.
func (r *Roster) Requests() []Request { return slices.Clone(r.requests) }

// WantsSeal says why a seal is due from the ledger alone: a reason for each
// standing request and for each newcomer without history. Empty: none is.
func (r *Roster) WantsSeal() []string {
	var out []string
	for _, q := range r.requests {
		out = append(out, fmt.Sprintf("entry %d asks for it: %s", q.Number, q.Kind))
	}
	for _, m := range r.Members() {
		if r.WaitsForSeal(m.ID) && r.fit(&m) {
			out = append(out, fmt.Sprintf("member %s came without history", m.ID))
		}
	}
	return out
}

// suspendDevice ends what a device may do until a seal removes it.
func (f *fold) suspendDevice(id wire.DeviceID) {
	d, ok := f.next.devices.get(id)
	if !ok || d.Status == StatusRemoved {
		return
	}
	c := *d
	c.Status, c.Active = StatusLeaving, false
	f.updateDevice(c)
}
