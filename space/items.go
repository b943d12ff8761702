package space

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/seal"
)

// Names in the local directory, by what they name (bucketName).
const (
	nameMember  = 'm'
	nameDevice  = 'd'
	nameInvite  = 'i' // whom the invite is for
	nameMailbox = 'b' // the private half
	nameSchema  = 's' // by entry number: the schema, canonical
	nameSpace   = 'n'
	nameTaken   = 't' // a name in lower case → who had it first
	nameCut     = 'c'
)

// shown are the items that people read. The same rule for everybody who reads
// them as for everybody who writes them.
var shown = map[byte]bool{nameMember: true, nameDevice: true, nameInvite: true, nameSpace: true}

func nameKey(what byte, id []byte) []byte { return append([]byte{what}, id...) }

// private seals items for the ledger entry that follows predecessor. Whoever
// does not belong sees a salted hash for each and one padded box.
func private(rnd io.Reader, secret seal.Secret, predecessor wire.Hash, items membership.Items) ([]byte, error) {
	plain, err := membership.EncodeItems(items)
	if err != nil {
		return nil, err
	}
	return secret.LedgerKey(predecessor).Seal(rnd, seal.LedgerAD(predecessor), plain, wire.MinPrivate)
}

// salted gives each value a salt of its own, so that the public hashes tell
// nothing, not even to who guesses the value.
func salted(rnd io.Reader, values map[string][]byte) (membership.Items, error) {
	items := make(membership.Items, len(values))
	for name, value := range values {
		item := membership.Item{Value: value}
		if _, err := io.ReadFull(rnd, item.Salt[:]); err != nil {
			return nil, err
		}
		items[name] = item
	}
	return items, nil
}

// openItems opens the private parts of the entries that were not opened yet, in
// order, as far as this device holds the secrets. What does not open or match its
// hash is void: the entry counts all the same (DESIGN 4).
func (r *round) openItems() error {
	var next uint64
	if _, err := getValue(r.v, bucketMeta, []byte("items"), &next); err != nil {
		return err
	}
	if r.secret.IsZero() || !r.started() && r.roster().Epoch().Number > 0 {
		return nil // what came before is in the directory of a checkpoint
	}
	start := next
	for ; next < uint64(r.ledger.len()); next++ {
		e := r.ledger.entries[next]
		opened, err := r.openEntryItems(e)
		if err != nil {
			return fmt.Errorf("ledger entry %d: %w", next, err)
		}
		if !opened {
			break // the secret of its epoch has not come yet
		}
	}
	if next == start {
		return nil
	}
	if err := r.proposedSchemas(start, next); err != nil {
		return err
	}
	return putValue(r.v, bucketMeta, []byte("items"), next)
}

// proposedSchemas takes the schemas of proposals that the entries from first to before
// end have brought into force.
func (r *round) proposedSchemas(first, end uint64) error {
	for n := first; n < end; n++ {
		then, ok := r.roster().At(n)
		if !ok || then.SchemaAt() == n || n == 0 {
			continue
		}
		before, _ := r.roster().At(n - 1)
		if before.SchemaAt() == then.SchemaAt() {
			continue
		}
		e := r.ledger.entries[then.SchemaAt()]
		var it storedItem
		ok, err := getValue(r.v, bucketItem, itemKey(e.Number, membership.ItemSchema), &it)
		if err != nil {
			return err
		}
		if ok {
			if err := r.approvedSchema(e, membership.Items{membership.ItemSchema: {Salt: it.Salt, Value: it.Value}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// approvedSchema takes the schema of a proposal as of the entry that brought it into
// force; before that it is nobody's schema.
func (r *round) approvedSchema(e *membership.Entry, items membership.Items) error {
	for n := e.Number + 1; n < uint64(r.ledger.len()); n++ {
		if then, ok := r.roster().At(n); ok && then.SchemaAt() == e.Number {
			in := *e
			in.Number = n
			return r.newSchema(&in, items)
		}
	}
	return nil
}

func (r *round) openEntryItems(e *membership.Entry) (done bool, err error) {
	if len(e.Private) == 0 {
		return true, nil
	}
	epoch := openingAt(r.roster(), e.Number)
	secret, err := r.secretOf(epoch.O)
	if err != nil {
		return false, err
	}
	if secret.IsZero() && !fromJoin(e) {
		// Past an epoch that nobody could open, nobody waits for its secret.
		passed := r.started() && epoch.Number < r.me.Epoch.Number
		return passed || !r.roster().MayRead(r.me.Device, epoch.Number), nil
	}
	plain, err := r.openPrivate(e, secret)
	if err != nil {
		r.warn("ledger entry %d by %s: its private part does not open", e.Number, r.deviceName(e.Author))
		return true, nil
	}
	items, void := e.OpenItems(plain)
	for _, name := range void {
		r.warn("ledger entry %d by %s: item %q is void", e.Number, r.deviceName(e.Author), name)
	}
	for name, it := range items {
		if err := putValue(r.v, bucketItem, itemKey(e.Number, name), storedItem{Salt: it.Salt, Value: it.Value}); err != nil {
			return false, err
		}
	}
	return true, r.direct(e, items)
}

// fromJoin: the private part is mail to an invite's mailbox.
func fromJoin(e *membership.Entry) bool {
	return e.Kind == membership.KindJoin || e.Kind == membership.KindDeviceAdd
}

// openPrivate: a join's private part is mail to its invite's mailbox, all others
// are boxes under the epoch's ledger key.
func (r *round) openPrivate(e *membership.Entry, secret seal.Secret) ([]byte, error) {
	var invite membership.Place
	switch b := e.Body.(type) {
	case *membership.JoinBody:
		invite = b.Invite
	case *membership.DeviceAddBody:
		invite = b.Invite
	default:
		key := secret.LedgerKey(e.Predecessor)
		return key.Open(seal.LedgerAD(e.Predecessor), e.Private, wire.MaxPrivate)
	}
	mailbox, ok, err := r.v.Get(bucketName, nameKey(nameMailbox, []byte(membership.InviteID(invite.Hash))))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("the invite's mailbox is not known")
	}
	return seal.OpenMail(mailbox, e.Private, wire.MaxPrivate)
}

// direct writes what an entry's items say into the local directory.
func (r *round) direct(e *membership.Entry, items membership.Items) error {
	put := func(what byte, id []byte, item string) error {
		v, ok := items[item]
		if !ok {
			return nil
		}
		if shown[what] && checkNames(string(v.Value)) != nil {
			r.warn("ledger entry %d: item %q is void: it would hide or fake something when shown", e.Number, item)
			return nil
		}
		return r.v.Put(bucketName, nameKey(what, id), v.Value)
	}
	named := func(d wire.DeviceID) error {
		if err := put(nameDevice, d[:], membership.ItemDeviceName); err != nil {
			return err
		}
		if e.Kind == membership.KindDeviceAdd {
			return nil // a further device does not rename its member
		}
		if err := put(nameMember, d[:], membership.ItemMemberName); err != nil {
			return err
		}
		return r.ownName(d)
	}
	switch b := e.Body.(type) {
	case *membership.GenesisBody:
		if err := put(nameSpace, nil, membership.ItemSpaceName); err != nil {
			return err
		}
		if err := put(nameCut, nil, membership.ItemPageCut); err != nil {
			return err
		}
		if err := named(e.Author); err != nil {
			return err
		}
		return r.newSchema(e, items)
	case *membership.SchemaBody:
		if e.Proposal != nil {
			return r.approvedSchema(e, items)
		}
		return r.newSchema(e, items)
	case *membership.InviteBody:
		id := []byte(membership.InviteID(e.Hash))
		if err := put(nameMailbox, id, membership.ItemMailbox); err != nil {
			return err
		}
		return put(nameInvite, id, membership.ItemInviteFor)
	case *membership.RemoteBody:
		return put(nameRemote, wire.U64(e.Number), membership.ItemRemote)
	case *membership.KeyUpdateBody:
		d := e.Author
		if b.Device != nil {
			d = *b.Device
		}
		return put(nameDevice, d[:], membership.ItemDeviceName)
	case *membership.RecoverBody:
		d := b.Device.ID()
		return put(nameDevice, d[:], membership.ItemDeviceName)
	case *membership.JoinBody:
		return named(b.Device.ID())
	case *membership.DeviceAddBody:
		return named(b.Device.ID())
	}
	return nil
}

// ownName shows who came later under a name that a member has by that name and the
// beginning of its ID: what is said of the one must not be taken for the other.
func (r *round) ownName(member wire.DeviceID) error {
	name := text(r.v, nameMember, member[:])
	if name == "" {
		return nil
	}
	key := nameKey(nameTaken, []byte(strings.ToLower(name)))
	first, taken, err := r.v.Get(bucketName, key)
	switch {
	case err != nil || bytes.Equal(first, member[:]):
		return err
	case !taken:
		return r.v.Put(bucketName, key, member[:])
	}
	return r.v.Put(bucketName, nameKey(nameMember, member[:]), []byte(laterName(name, wire.MemberIDOf(member))))
}

// laterName is how a name is shown that somebody else had before.
func laterName(name string, member wire.MemberID) string {
	return name + " (" + member.String()[:8] + ")"
}
