package membership

import "github.com/espace-git/espace-git/internal/wire"

// PolicyBody puts a new policy in the place of the old. One that tightens seals,
// and closes the invites of those who may not invite any more.
type PolicyBody struct {
	Policy Policy    `json:"policy"`
	Seal   *SealPart `json:"seal,omitempty"`
}

func (*PolicyBody) Kind() string                { return KindPolicy }
func (*PolicyBody) least(*Roster) Role          { return Owner }
func (b *PolicyBody) apply(f *fold) error       { return f.narrow(b) }
func (b *PolicyBody) seal() *SealPart           { return b.Seal }
func (*PolicyBody) suspend(*fold)               {}
func (b *PolicyBody) withSeal(p *SealPart) Body { return &PolicyBody{Policy: b.Policy, Seal: p} }

func (b *PolicyBody) wellFormed(*Entry) error {
	if err := b.Policy.check(); err != nil {
		return err
	}
	return b.Seal.check()
}

func (b *PolicyBody) form(f *fold) form {
	if b.Policy.tightens(f.was.policy) {
		return sealing
	}
	return plain
}

func (b *PolicyBody) judge(f *fold) error {
	if b.Policy.equal(f.was.policy) {
		return denied("policy-unchanged", "this policy is in force")
	}
	return nil
}

func (b *PolicyBody) carry(f *fold, _ wire.Position) {
	f.next.policy = b.Policy.clone()
	var out Removal
	out.invites(f.next, func(i *Invite) bool {
		maker, _ := f.next.devices.get(i.Author)
		m, _ := f.next.members.get(maker.Member)
		return i.Member.IsZero() && m.Role < b.Policy.inviter()
	}, nil)
	f.close(out)
}
