package membership

import (
	"crypto"
	"crypto/ed25519"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// JoinRequest is a join on its way to the ledger: what a newcomer without push
// rights hands to any member (`join --offline`, `member admit`). It needs no
// protection: it is bound to its space, invite and keys.
type JoinRequest struct {
	Body    JoinBody             `json:"body"`
	Items   map[string]wire.Hash `json:"items,omitempty"`
	Private []byte               `json:"private,omitempty"`
	Space   wire.Hash            `json:"space"`
}

// JoinParams is what a newcomer needs to make a request.
type JoinParams struct {
	Invite    ed25519.PrivateKey   // from the link
	Signer    crypto.Signer        // the new device
	Recipient string               // its age recipient
	Items     map[string]wire.Hash // of what Private holds
	Private   []byte               // age file to the invite's mailbox
}

// NewJoin makes a request by the invite at pinned, which r must have: a ledger
// without exactly this entry is not the one that the link is for.
func (r *Roster) NewJoin(pinned wire.Position, p JoinParams) (*JoinRequest, error) {
	if !r.Holds(pinned) {
		return nil, fmt.Errorf("joining: %w: this ledger has not the invite that the link names", ErrForeign)
	}
	key, err := signerKey(p.Signer)
	if err != nil {
		return nil, err
	}
	m := JoinMessage{
		Space: r.space, Invite: pinned, Seen: r.head, Device: NewDevice{Key: key, Recipient: p.Recipient},
		Private: wire.Sum(p.Private), Items: p.Items,
	}
	proof, err := SignJoin(m, p.Invite, p.Signer)
	if err != nil {
		return nil, err
	}
	body := JoinBody{Device: m.Device, Invite: PlaceOf(pinned), Proof: proof, Seen: PlaceOf(r.head)}
	return &JoinRequest{Body: body, Items: p.Items, Private: p.Private, Space: r.space}, nil
}

// Draft is the entry that carries the request in r: a join, or by a device link
// a device.add. Time and Signer are the carrier's to fill in.
func (q *JoinRequest) Draft(r *Roster) Draft {
	d := Draft{Body: &q.Body, Items: q.Items, Private: q.Private}
	if inv, err := r.inviteAt(q.Body.Invite.Hash); err == nil && !inv.Member.IsZero() {
		b := DeviceAddBody(q.Body)
		d.Body = &b
	}
	return d
}

// Encode is the request as a file.
func (q *JoinRequest) Encode() ([]byte, error) { return wire.MarshalJSON(q) }

// DecodeJoinRequest reads what Encode printed. It checks the form and, by the
// device's signature, that nothing was changed on the way; the rest is for Apply.
func DecodeJoinRequest(b []byte) (*JoinRequest, error) {
	q := new(JoinRequest)
	if len(b) > wire.MaxEnvelope {
		return nil, fmt.Errorf("join request: %w: %d bytes, limit %d", ErrMalformed, len(b), wire.MaxEnvelope)
	}
	if err := wire.UnmarshalJSON(b, q); err != nil {
		return nil, fmt.Errorf("join request: %w", err)
	}
	if err := q.check(); err != nil {
		return nil, fmt.Errorf("join request: %w", err)
	}
	return q, nil
}

func (q *JoinRequest) check() error {
	if err := checkItems(q.Items, len(q.Private) > 0); err != nil {
		return err
	}
	if err := checkBearer(q.Body.Device, q.Body.Proof, &Entry{Private: q.Private}); err != nil {
		return err
	}
	return q.Body.Proof.verifyDevice(q.Body.message(q.Space, q.Items, q.Private), nil)
}
