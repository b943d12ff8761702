package membership

import (
	"cmp"
	"crypto/ed25519"

	"github.com/espace-git/espace-git/internal/wire"
)

// fold is one entry on its way into a roster.
type fold struct {
	was    *Roster // before the entry; nil for genesis
	next   *Roster // after it, being made
	entry  *Entry
	author *Device // nil when a newcomer brings its own entry
	member *Member // the author's
	good   signatures
}

// Genesis starts a ledger: a roster that holds the founder alone.
func Genesis(env []byte) (*Roster, *Entry, error) {
	u, err := Parse(env)
	if err != nil {
		return nil, nil, err
	}
	return judgeGenesis(u, nil)
}

func judgeGenesis(u *Unverified, good signatures) (*Roster, *Entry, error) {
	if u.Number != 0 {
		err := broken(ErrConflict, "genesis-first", "a ledger begins with number 0")
		return nil, nil, ruleError(err, u, wire.DeviceID{})
	}
	next := &Roster{
		space:   u.Hash,
		members: newTable[wire.MemberID, *Member](compareBytes[wire.MemberID]),
		devices: newTable[wire.DeviceID, *Device](compareBytes[wire.DeviceID]),
		invites: newTable[wire.DeviceID, *Invite](compareBytes[wire.DeviceID]),
		used:    newTable[wire.DeviceID, struct{}](compareBytes[wire.DeviceID]),
		tries:   newTable[wire.DeviceID, wire.DeviceID](compareBytes[wire.DeviceID]),

		proposals: newTable[wire.DeviceID, *Proposal](compareBytes[wire.DeviceID]),
	}
	return judge(nil, next, u, good)
}

// Apply takes the next entry: well-formed, signed by whom, applicable. On an
// error (a *RuleError) nothing has changed.
func (r *Roster) Apply(env []byte) (*Roster, *Entry, error) {
	u, err := Parse(env)
	if err != nil {
		return nil, nil, err
	}
	return r.Judge(u)
}

// Judge is Apply for an entry that Parse accepted.
func (r *Roster) Judge(u *Unverified) (*Roster, *Entry, error) { return r.judge(u, nil) }

func (r *Roster) judge(u *Unverified, good signatures) (*Roster, *Entry, error) {
	if err := r.place(u); err != nil {
		return nil, nil, ruleError(err, u, wire.DeviceID{})
	}
	next := *r
	next.follow(r)
	return judge(r, &next, u, good)
}

// place checks that u is the next entry of this space.
func (r *Roster) place(u *Unverified) error {
	switch {
	case u.Space != r.space:
		return broken(ErrForeign, "space", "it belongs to space %s", u.Space)
	case u.Number > r.head.Number+1:
		return broken(ErrConflict, "number", "the next number is %d", r.head.Number+1)
	case u.Number <= r.head.Number:
		return broken(ErrConflict, "number", "number %d is taken, the next is %d", u.Number, r.head.Number+1)
	case u.Predecessor != r.head.Hash:
		return broken(ErrConflict, "predecessor", "entry %d has another hash than it names", r.head.Number)
	}
	return nil
}

func judge(was, next *Roster, u *Unverified, good signatures) (*Roster, *Entry, error) {
	body, bodyErr := u.decoded()
	if body == nil {
		body, bodyErr = unknownBody{}, errUnknownKind(u.Kind)
	}
	f := &fold{was: was, next: next, entry: u.entry(body), good: good}
	// Even a body that nobody can read is judged by who signed it: only then is
	// it evidence, and not junk that the host made up.
	signer, err := f.verify(u)
	if err = cmp.Or(err, bodyErr); err == nil {
		err = f.applicable()
	}
	if err != nil {
		return nil, nil, ruleError(err, u, signer)
	}
	next.head = f.entry.Position()
	return next, f.entry, nil
}

// unknownBody stands for a body of a kind that this program does not know.
type unknownBody struct{ Body }

func errUnknownKind(kind string) error {
	return broken(ErrUnknownKind, "unknown-kind", "kind %.40q", kind)
}

// decoded is body, done once.
func (u *Unverified) decoded() (Body, error) {
	u.once.Do(func() { u.decodedBody, u.decodedErr = u.body() })
	return u.decodedBody, u.decodedErr
}

// body decodes and checks the body; nil when the kind is unknown.
func (u *Unverified) body() (Body, error) {
	b, ok := bodyOf(u.Kind)
	if !ok {
		return nil, nil
	}
	if err := wire.UnmarshalJSON(u.raw, b); err != nil {
		return b, malformed("body", "body: %w", err)
	}
	return b, b.wellFormed(u.entry(b))
}

// verify finds who signed: a device of the roster, or the one a join brings.
func (f *fold) verify(u *Unverified) (wire.DeviceID, error) {
	key, err := f.signerKey()
	if err != nil {
		return wire.DeviceID{}, err
	}
	if err := f.good.envelope(u, key); err != nil {
		return wire.DeviceID{}, broken(ErrSignature, "signature", "by device %s", u.Author)
	}
	if f.author == nil && u.Kind != KindGenesis {
		return wire.DeviceID{}, nil // a key that anybody can make: it accuses nobody
	}
	return u.Author, nil
}

func (f *fold) signerKey() (ed25519.PublicKey, error) {
	if f.was != nil {
		if d, ok := f.was.devices.get(f.entry.Author); ok {
			f.author = d
			f.member, _ = f.was.members.get(d.Member)
			return d.Key, nil
		}
	}
	if b, ok := f.entry.Body.(bearer); ok {
		if key, err := wire.CheckSigningKey(b.newDevice().Key); err == nil && wire.DeviceIDOf(key) == f.entry.Author {
			return key, nil
		}
	}
	if _, unknown := f.entry.Body.(unknownBody); unknown {
		return nil, errUnknownKind(f.entry.Kind)
	}
	return nil, broken(ErrSignature, "author-unknown", "device %s is not of this space", f.entry.Author)
}

// applicable is the third step.
func (f *fold) applicable() error {
	if f.author != nil {
		if !f.author.Active {
			return denied("author-not-active", "device %s is %s", f.author.ID, f.author.Status)
		}
		if f.member.Muted {
			return denied("author-not-active", "the next seal lowers the role of %s", f.member.ID)
		}
		if least := f.entry.Body.least(f.was); f.member.Role < least {
			return denied("role", "%s needs a role of %s or above, the author is %s", f.entry.Kind, least, f.member.Role)
		}
	}
	for _, h := range f.entry.Tries {
		f.next.tries = f.next.tries.set(short(h), f.entry.Author)
	}
	if f.entry.Proposal != nil {
		return f.propose()
	}
	if f.author != nil {
		if k := f.needs(f.entry.Body); k > 0 {
			return denied("approval-needed", "the policy asks for %d approvals of %s: propose it", k, f.entry.Kind)
		}
	}
	return f.entry.Body.apply(f)
}

// use takes keys and recipients, each once in the life of a space (DESIGN 3).
func (f *fold) use(keys ...wire.Hash) error {
	for _, k := range keys {
		if f.next.used.has(short(k)) {
			return denied("key-used-before", "a key or recipient was used before in this space")
		}
		f.next.used = f.next.used.set(short(k), struct{}{})
	}
	return nil
}

// open opens the next epoch with the entry at hand (DESIGN 5, 8).
func (f *fold) open(part *SealPart) {
	cut := part.Cut
	o := Opening{
		Epoch: wire.Epoch{O: f.entry.Hash}, Kind: f.entry.Kind, P: f.entry.Predecessor, Commitment: part.Commitment,
		At: f.entry.Number, Author: f.entry.Author, Time: f.entry.Time, Cut: &cut,
	}
	if last := f.next.opening; last != nil {
		o.Number = last.Number + 1
	} else {
		o.Cut = nil
	}
	f.next.opening = &openings{Opening: o, prev: f.next.opening}
}

// updateMember and updateDevice write a changed copy.
func (f *fold) updateMember(m Member) { f.next.members = f.next.members.set(m.ID, &m) }
func (f *fold) updateDevice(d Device) { f.next.devices = f.next.devices.set(d.ID, &d) }
func (f *fold) updateInvite(i Invite) { f.next.invites = f.next.invites.set(short(i.Hash), &i) }
