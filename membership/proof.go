package membership

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// JoinMessage is what a newcomer signs twice: with the invite's key and with its
// new device's key. It names the ledger that the newcomer saw but not the place
// of the entry that carries it, so any member may carry it (DESIGN 6).
type JoinMessage struct {
	Space   wire.Hash
	Invite  wire.Position
	Seen    wire.Position
	Device  NewDevice
	Private wire.Hash            // SHA-256 of the private part
	Items   map[string]wire.Hash // salted hashes of what is in it
}

// Bytes is the message to sign: wire.JoinLabel, then fields of fixed length.
//
//	space 32 | invite: number 8, hash 32 | seen: number 8, hash 32 |
//	signing key 32 | SHA-256(recipient) 32 | SHA-256(private part) 32 | SHA-256(items) 32
//
// Items are hashed as: for each by name, length of name 8, name, hash 32.
func (m JoinMessage) Bytes() []byte {
	recipient, items := recipientHash(m.Device.Recipient), itemsHash(m.Items)
	return slices.Concat([]byte(wire.JoinLabel), m.Space[:],
		wire.U64(m.Invite.Number), m.Invite.Hash[:], wire.U64(m.Seen.Number), m.Seen.Hash[:],
		m.Device.Key, recipient[:], m.Private[:], items[:])
}

func itemsHash(items map[string]wire.Hash) wire.Hash {
	var parts [][]byte
	for _, name := range slices.Sorted(maps.Keys(items)) {
		h := items[name]
		parts = append(parts, wire.U64(uint64(len(name))), []byte(name), h[:])
	}
	return wire.Sum(parts...)
}

// Proof is the two signatures of a join over JoinMessage.Bytes.
type Proof struct {
	Device []byte `json:"device"` // Ed25519, by the new device
	Invite []byte `json:"invite"` // Ed25519, by the key in the invite
}

// SignJoin makes the proof. Both signers are pure Ed25519.
func SignJoin(m JoinMessage, invite ed25519.PrivateKey, device crypto.Signer) (Proof, error) {
	key, err := signerKey(device)
	if err != nil {
		return Proof{}, err
	}
	if !key.Equal(m.Device.Key) {
		return Proof{}, fmt.Errorf("signing a join: the device has another key than the message names")
	}
	msg := m.Bytes()
	sig, err := device.Sign(nil, msg, crypto.Hash(0))
	if err != nil {
		return Proof{}, fmt.Errorf("signing a join: %w", err)
	}
	return Proof{Device: sig, Invite: ed25519.Sign(invite, msg)}, nil
}

func (p Proof) check() error {
	if len(p.Device) != ed25519.SignatureSize || len(p.Invite) != ed25519.SignatureSize {
		return malformed("proof", "a proof is two signatures of %d bytes", ed25519.SignatureSize)
	}
	return nil
}

func (p Proof) verify(m JoinMessage, invite ed25519.PublicKey, good signatures) error {
	if !good.verify(invite, m.Bytes(), p.Invite) {
		return broken(ErrSignature, "proof-invite", "the invite's key did not sign this join")
	}
	return p.verifyDevice(m, good)
}

func (p Proof) verifyDevice(m JoinMessage, good signatures) error {
	if !good.verify(m.Device.Key, m.Bytes(), p.Device) {
		return broken(ErrSignature, "proof-device", "the new device did not sign this join")
	}
	return nil
}
