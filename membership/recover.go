package membership

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// RecoverMessage is what a recovery key signs: which device takes the place of
// what was lost, and the recovery key that follows it. It does not name the place
// of the entry, so that a lost race needs no second use of the words.
type RecoverMessage struct {
	Space    wire.Hash
	Seen     wire.Position
	Member   wire.MemberID
	Device   NewDevice
	Recovery RecoveryKeys    // the new one
	Lost     []wire.DeviceID // ascending
}

// Bytes is the message to sign: wire.RecoverLabel, then fields of fixed length.
//
//	space 32 | seen: number 8, hash 32 | member 16 | signing key 32 | SHA-256(recipient) 32 |
//	new recovery key 32 | SHA-256(its recipient) 32 | SHA-256(lost devices, 16 bytes each) 32
func (m RecoverMessage) Bytes() []byte {
	recipient, reading := recipientHash(m.Device.Recipient), recipientHash(m.Recovery.Recipient)
	var lost []byte
	for _, d := range m.Lost {
		lost = append(lost, d[:]...)
	}
	sum := wire.Sum(lost)
	return slices.Concat([]byte(wire.RecoverLabel), m.Space[:], wire.U64(m.Seen.Number), m.Seen.Hash[:], m.Member[:],
		m.Device.Key, recipient[:], m.Recovery.Key, reading[:], sum[:])
}

// RecoverParams is what whoever has the words brings.
type RecoverParams struct {
	Words     ed25519.PrivateKey // RecoverySigningKey of the old words
	Signer    crypto.Signer      // the new device: the author of the entry
	Recipient string             // its age recipient
	Recovery  RecoveryKeys       // of the new words
	Lost      []wire.DeviceID    // own devices to remove, in any order
}

// NewRecover makes the body of a recover entry for the member whose recovery key
// the words stand for. Whether it seals, Seals says.
func (r *Roster) NewRecover(p RecoverParams) (*RecoverBody, error) {
	m, ok := r.RecoveryOf(p.Words.Public().(ed25519.PublicKey))
	if !ok {
		return nil, denied("recovery-unknown", "no member has this recovery key (any more)")
	}
	key, err := signerKey(p.Signer)
	if err != nil {
		return nil, err
	}
	lost := slices.Clone(p.Lost)
	slices.SortFunc(lost, compareBytes[wire.DeviceID])
	b := &RecoverBody{
		Device: NewDevice{Key: key, Recipient: p.Recipient}, Lost: lost, Member: m.ID, Recovery: p.Recovery, Seen: PlaceOf(r.head),
	}
	b.Proof = ed25519.Sign(p.Words, b.message(r.space).Bytes())
	return b, nil
}

// RecoveryOf is the member that has this recovery key.
func (r *Roster) RecoveryOf(key ed25519.PublicKey) (Member, bool) {
	for _, m := range r.members.all() {
		if m.Recovery != nil && m.Recovery.Key.Equal(key) {
			return m.clone(), true
		}
	}
	return Member{}, false
}

// Sheet is what a recovery sheet says besides the words: the ledger must still
// have the entry of its day.
func (r *Roster) Sheet(space wire.Hash, day wire.Position) error {
	if space != r.space || !r.Holds(day) {
		return fmt.Errorf("recovering: %w: this ledger is not the one of the sheet", ErrForeign)
	}
	return nil
}
