package membership

import (
	"cmp"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Terms make an entry a proposal: it has no effect until enough others have
// approved it (DESIGN 4).
type Terms struct {
	ID    ProposalID `json:"id"`    // random, used once: who approves one approves no copy of it
	Until uint64     `json:"until"` // number of the last entry that may approve it
}

// ProposalID is 128 random bits, 26 characters of base32 in text.
type ProposalID [16]byte

// String is the ID as text.
func (p ProposalID) String() string { return wire.Short(p) }

// MarshalText is the form in JSON.
func (p ProposalID) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText accepts what MarshalText prints.
func (p *ProposalID) UnmarshalText(b []byte) error {
	v, err := wire.ParseShort(string(b))
	*p = v
	return err
}

// maxUntil bounds how long a proposal stands, in entries.
const maxUntil = 10_000

func (t *Terms) check(number uint64) error {
	if t == nil {
		return nil
	}
	if t.ID == (ProposalID{}) || t.Until <= number || t.Until > number+maxUntil {
		return malformed("proposal", "a proposal has an ID and ends 1 to %d entries later", maxUntil)
	}
	return nil
}

// Proposal is an entry that waits for approvals.
type Proposal struct {
	Number    uint64
	Hash      wire.Hash
	Kind      string
	Author    wire.DeviceID
	Body      Body
	Until     uint64          // number of the last entry that may approve it
	Needs     int             // approvals by distinct members, as things stand
	Approvals []wire.DeviceID // that count, in order

	entry *Entry
	done  bool
}

// Position is the place that an approve entry names.
func (p Proposal) Position() wire.Position { return wire.Position{Number: p.Number, Hash: p.Hash} }

// Proposals lists those that may still be approved, oldest first.
func (r *Roster) Proposals() []Proposal {
	var out []Proposal
	for _, p := range r.proposals.all() {
		f := r.scratch(p.Author)
		if p.done || r.head.Number >= p.Until || !r.counts(f.author) {
			continue
		}
		c := *p
		c.Needs, c.Approvals = f.needs(p.Body), r.approvers(p)
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Proposal) int { return cmp.Compare(a.Number, b.Number) })
	return out
}

// Approvals is how many approvals the body needs if that device authors it now.
// Above zero it has to be a proposal.
func (r *Roster) Approvals(b Body, author wire.DeviceID) int {
	f := r.scratch(author)
	if f.author == nil {
		return 0
	}
	return f.needs(b)
}

// needs is how many others must approve what the author at hand does: what the
// policy says, or all others who may if they are fewer.
func (f *fold) needs(b Body) int {
	k := f.was.policy.Approvals[b.Kind()]
	about, role := f.was.about(b)
	switch b := b.(type) {
	case *PolicyBody:
		k = max(k, f.was.policy.most())
	case *InviteBody:
		if about.ID == f.member.ID {
			return 0 // an own device
		}
	case *DeviceRemoveBody:
		if about.ID == f.member.ID {
			return 0
		}
		k = f.guarded(k, about, f.was.roleWithout(about, b))
	case *MemberRemoveBody:
		k = f.guarded(k, about, NoRole)
	case *MemberRoleBody:
		if role > about.Role && role >= Admin {
			k = max(k, f.was.policy.most()) // it makes or raises somebody who may approve
		}
		k = f.guarded(k, about, role)
	case *ForkResolveBody:
		return 0 // it brings consents, which count on both branches
	}
	return f.was.atMost(k, f.was.weight(b), f.member.ID, about.ID)
}

// guarded: who may approve is not taken away by one alone where that leaves fewer
// than the policy asks for, or one could remove the others and change the policy.
func (f *fold) guarded(k int, m Member, role Role) int {
	most := f.was.policy.most()
	if role >= m.Role || m.Role < Admin || m.ID == f.member.ID || f.was.atMost(most, m.Role, f.member.ID, m.ID) >= most {
		return k
	}
	return max(k, most)
}

// roleWithout is the member's role if it can act without the device and what goes with it, else none.
func (r *Roster) roleWithout(m Member, b *DeviceRemoveBody) Role {
	d, ok := r.devices.get(b.Device)
	if !ok {
		return m.Role
	}
	gone := r.removesDevice(*d, b.Keep).Devices
	if slices.ContainsFunc(m.Devices, func(id wire.DeviceID) bool {
		d, _ := r.devices.get(id)
		return d.Active && !slices.Contains(gone, id)
	}) {
		return m.Role
	}
	return NoRole
}

// atMost is k, or the number of members but those that have at least that role and
// can act.
func (r *Roster) atMost(k int, least Role, but ...wire.MemberID) int {
	if k == 0 {
		return 0
	}
	n := 0
	for _, m := range r.members.all() {
		if m.Role >= least && r.fit(m) && !slices.Contains(but, m.ID) {
			n++
		}
	}
	return min(k, n)
}

// about is the member whom the body is about, zero if none, and the role that it
// gives, if any.
func (r *Roster) about(b Body) (Member, Role) {
	var id wire.MemberID
	role := NoRole
	switch b := b.(type) {
	case *InviteBody:
		role = b.Role
		if b.Member != nil {
			id = *b.Member
		}
	case *MemberRoleBody:
		id, role = b.Member, b.Role
	case *MemberRemoveBody:
		id = b.Member
	case *DeviceRemoveBody:
		if d, ok := r.devices.get(b.Device); ok {
			id = d.Member
		}
	}
	if m, ok := r.members.get(id); ok {
		return *m, role
	}
	return Member{}, role
}

// weight is the role from which on a member may approve the body: who could not
// author it, does not.
func (r *Roster) weight(b Body) Role {
	about, role := r.about(b)
	return max(Admin, b.least(r), role, about.Role)
}

// propose files a proposal that would be accepted as an entry now.
func (f *fold) propose() error {
	b, terms := f.entry.Body, f.entry.Proposal
	if f.author == nil || f.needs(b) == 0 {
		return denied("proposal-unneeded", "this %s needs nobody's approval", b.Kind())
	}
	if n, ok := b.(narrowing); ok && n.seal() != nil {
		return denied("seal-unneeded", "a proposal comes without a seal")
	}
	id := wire.DeviceID(terms.ID)
	if f.next.used.has(id) {
		return denied("proposal-used", "proposal %s was made before", terms.ID)
	}
	f.next.used = f.next.used.set(id, struct{}{})
	trial := *f.next
	g := *f
	g.next = &trial
	if err := g.effect(); err != nil {
		return err
	}
	f.next.proposals = f.next.proposals.set(short(f.entry.Hash), &Proposal{
		Number: f.entry.Number, Hash: f.entry.Hash, Kind: b.Kind(), Author: f.entry.Author, Body: b, Until: terms.Until, entry: f.entry,
	})
	return nil
}

// effect brings about what was proposed; what narrows becomes a request.
func (f *fold) effect() error {
	n, ok := f.entry.Body.(narrowing)
	if !ok {
		return f.entry.Body.apply(f)
	}
	if err := n.judge(f); err != nil {
		return err
	}
	if n.form(f) == plain {
		n.carry(f, f.entry.Position())
	} else {
		f.ask(n)
	}
	return f.keepsOwner()
}

// approve counts one approval of p; at the last one it takes effect.
func (f *fold) approve(p *Proposal) error {
	if err := f.mayApprove(p); err != nil {
		return err
	}
	c := *p
	c.Approvals = append(slices.Clip(c.Approvals), f.author.ID)
	author, _ := f.was.devices.get(p.Author)
	member, _ := f.was.members.get(author.Member)
	g := &fold{was: f.was, next: f.next, entry: p.entry, author: author, member: member, good: f.good}
	if !f.was.counts(author) || member.Role < p.Body.least(f.was) {
		return denied("proposer-gone", "device %s may not do any more what it proposed", p.Author)
	}
	c.done = len(f.was.approvers(&c)) >= g.needs(p.Body)
	f.next.proposals = f.next.proposals.set(short(p.Hash), &c)
	if !c.done {
		return nil
	}
	return g.effect()
}

func (f *fold) mayApprove(p *Proposal) error {
	proposer, _ := f.was.devices.get(p.Author)
	switch {
	case p.done:
		return denied("approved-already", "proposal %d has taken effect", p.Number)
	case f.entry.Number > p.Until:
		return denied("proposal-expired", "proposal %d was to be approved until entry %d", p.Number, p.Until)
	case proposer.Member == f.member.ID:
		return denied("approves-own", "the member that proposes does not approve")
	case f.member.Role < f.was.weight(p.Body):
		return denied("grants-more", "a %s does not approve this", f.member.Role)
	case !f.was.belonged(f.member.ID, p.Number, f.was.weight(p.Body)):
		return denied("approver-came-later", "only who had a say before entry %d approves it", p.Number)
	case slices.ContainsFunc(p.Approvals, func(id wire.DeviceID) bool { d, _ := f.was.devices.get(id); return d.Member == f.member.ID }):
		return denied("approved-already", "member %s has approved entry %d", f.member.ID, p.Number)
	}
	return nil
}

// belonged reports whether the member had that role before the entry of that
// number: nobody brings in the one who approves the next (puppet-admin-approves).
func (r *Roster) belonged(id wire.MemberID, number uint64, least Role) bool {
	then, ok := r.At(number - 1)
	if !ok {
		return false
	}
	m, ok := then.members.get(id)
	return ok && m.Status == StatusActive && m.Role >= least
}

// approvers are the approvals of p that still count: removal takes them away.
func (r *Roster) approvers(p *Proposal) []wire.DeviceID {
	var out []wire.DeviceID
	for _, id := range p.Approvals {
		d, _ := r.devices.get(id)
		m, _ := r.members.get(d.Member)
		if r.counts(d) && m.Role >= r.weight(p.Body) {
			out = append(out, id)
		}
	}
	return out
}
