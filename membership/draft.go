package membership

import (
	"crypto"
	"encoding/json"
	"fmt"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// Draft is an entry to be made. The author is the device of Signer.
type Draft struct {
	Body    Body
	Time    time.Time
	Items   map[string]wire.Hash // Items.Hashes of what is in Private
	Private []byte               // sealed; empty exactly if Items is
	Terms   *Terms               // makes it a proposal
	Tries   []wire.Hash          // own earlier tries for a place, which lost a race
	Signer  crypto.Signer        // pure Ed25519
}

// NewGenesis signs the first entry of a new space. Body is a *GenesisBody with
// the signer's key in it.
func NewGenesis(d Draft) ([]byte, error) {
	if _, ok := d.Body.(*GenesisBody); !ok {
		return nil, fmt.Errorf("making a ledger entry: body of genesis is a %T", d.Body)
	}
	env, err := d.sign(payload{})
	if err != nil {
		return nil, err
	}
	_, _, err = Genesis(env)
	return env, err
}

// Propose signs the next entry. What Apply would refuse is refused here, with
// the same error, and nothing signed gets out.
func (r *Roster) Propose(d Draft) ([]byte, error) {
	env, err := d.sign(payload{Space: &r.space, Number: r.head.Number + 1, Predecessor: r.head.Hash})
	if err != nil {
		return nil, err
	}
	if _, _, err := r.Apply(env); err != nil {
		return nil, err
	}
	return env, nil
}

func (d Draft) sign(p payload) ([]byte, error) {
	key, err := signerKey(d.Signer)
	if err != nil {
		return nil, err
	}
	body, err := wire.MarshalJSON(d.Body)
	if err != nil {
		return nil, fmt.Errorf("making a ledger entry: %w", err)
	}
	p.Author, p.Kind, p.Body = wire.DeviceIDOf(key), d.Body.Kind(), json.RawMessage(body)
	p.Time, p.Items, p.Private, p.Tries = d.Time.UnixMilli(), d.Items, d.Private, d.Tries
	p.Proposal = d.Terms
	b, err := wire.MarshalJSON(p)
	if err != nil {
		return nil, fmt.Errorf("making a ledger entry: %w", err)
	}
	return signEnvelope(b, d.Signer)
}
