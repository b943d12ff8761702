package membership

import (
	"crypto"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Consent is an owner's approval of a fork.resolve, made before it. A proposal
// would not do: what is approved on one branch says nothing on the other, while
// this signature can be checked on both.
type Consent struct {
	Device    wire.DeviceID `json:"device"`
	Keep      Place         `json:"keep"` // the head when it was signed, or an earlier one
	Signature []byte        `json:"signature"`
}

// consentJSON is what is signed, as a DSSE payload of the ledger's type. It is no
// entry of any ledger: it lacks all that an entry must have.
type consentJSON struct {
	Drop  []Dropped `json:"drop"`
	Keep  Place     `json:"keep"`
	Kind  string    `json:"kind"` // "fork.consent"
	Space wire.Hash `json:"space"`
}

// ConsentTo signs that these branches be dropped in favour of the one on which r
// stands.
func (r *Roster) ConsentTo(drop []Dropped, signer crypto.Signer) (Consent, error) {
	key, err := signerKey(signer)
	if err != nil {
		return Consent{}, err
	}
	c := Consent{Device: wire.DeviceIDOf(key), Keep: PlaceOf(r.head)}
	msg, err := c.message(r.space, drop)
	if err != nil {
		return Consent{}, err
	}
	env, err := signEnvelope(msg, signer)
	if err != nil {
		return Consent{}, err
	}
	e, err := parseEnvelope(env)
	c.Signature = e.signature
	return c, err
}

func (c Consent) message(space wire.Hash, drop []Dropped) ([]byte, error) {
	return wire.MarshalJSON(consentJSON{Drop: drop, Keep: c.Keep, Kind: "fork.consent", Space: space})
}

func checkConsents(list []Consent) error {
	var devices []wire.DeviceID
	for _, c := range list {
		devices = append(devices, c.Device)
		if len(c.Signature) != 64 {
			return malformed("consent", "a consent has a signature of 64 bytes")
		}
	}
	if len(list) > wire.MaxDevices || !ascending(devices) {
		return malformed("consent", "consents are by device, ascending")
	}
	return nil
}

// consented reports whether enough other owners of r agree: on the branch that is
// kept each consent must be one, on a dropped one only those of its owners count.
func (b *ForkResolveBody) consented(r *Roster, author *Device, each bool) error {
	var agree []wire.MemberID
	for _, c := range b.Consents {
		d, ok := r.devices.get(c.Device)
		good := ok && r.counts(d) && r.RoleOf(d.ID) == Owner && d.Member != author.Member && !slices.Contains(agree, d.Member)
		if good && each {
			good = r.Holds(c.Keep.Position()) && b.signed(r, c, d)
		}
		if good {
			agree = append(agree, d.Member)
		} else if each {
			return denied("consent", "device %s does not consent, or has no say", c.Device)
		}
	}
	if k := r.atMost(r.policy.Approvals[KindForkResolve], Owner, author.Member); len(agree) < k {
		return denied("consents-missing", "%d of %d other owners agree", len(agree), k)
	}
	return nil
}

func (b *ForkResolveBody) signed(r *Roster, c Consent, d *Device) bool {
	msg, err := c.message(r.space, b.Drop)
	return err == nil && verifyEnvelope(envelope{msg, c.Signature}.print(), d.Key, msg) == nil
}
