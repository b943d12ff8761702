package membership

import (
	"crypto/ed25519"

	"github.com/espace-git/espace-git/internal/wire"
)

// GenesisBody founds a space. Its author is its device. Private items: names,
// schema, page-cut key (DESIGN 3).
type GenesisBody struct {
	Commitment wire.Hash     `json:"commitment"` // to the secret of epoch 0
	Device     NewDevice     `json:"device"`
	Format     int           `json:"format"` // 1 or above
	Policy     Policy        `json:"policy"`
	Recovery   *RecoveryKeys `json:"recovery,omitempty"`
	Requires   []string      `json:"requires,omitempty"` // sorted
}

// RecoveryKeys are the public halves of keys that are on paper (DESIGN 6).
type RecoveryKeys struct {
	Key       ed25519.PublicKey `json:"key"`       // signs a recover entry
	Recipient string            `json:"recipient"` // reads while the space has one member
}

const (
	maxRequires = 64
	maxFormat   = 1 << 20
)

func (*GenesisBody) Kind() string           { return KindGenesis }
func (*GenesisBody) least(*Roster) Role     { return NoRole }
func (b *GenesisBody) newDevice() NewDevice { return b.Device }

func (b *GenesisBody) wellFormed(e *Entry) error {
	if b.Format < 1 || b.Format > maxFormat {
		return malformed("format", "format %d", b.Format)
	}
	if err := checkFeatures(b.Requires); err != nil {
		return err
	}
	if err := b.Policy.check(); err != nil {
		return err
	}
	if err := b.Recovery.check(); err != nil {
		return err
	}
	return b.Device.check()
}

// checkFeatures accepts a sorted list of names, each once.
func checkFeatures(names []string) error {
	if len(names) > maxRequires {
		return malformed("requires", "%d features, limit %d", len(names), maxRequires)
	}
	for i, n := range names {
		if !isName(n, maxItemName) || i > 0 && names[i-1] >= n {
			return malformed("requires", "features are names, sorted, each once")
		}
	}
	return nil
}

func (k *RecoveryKeys) check() error {
	if k == nil {
		return nil
	}
	if _, err := wire.CheckSigningKey(k.Key); err != nil {
		return malformed("recovery-key", "recovery: %w", err)
	}
	return checkRecipient(k.Recipient)
}

func (b *GenesisBody) apply(f *fold) error {
	r := f.next
	r.format, r.requires, r.policy = b.Format, b.Requires, b.Policy
	founder := Member{ID: wire.MemberIDOf(b.Device.ID()), Role: Owner, Status: StatusActive, JoinedAt: f.entry.Position()}
	if b.Recovery != nil {
		founder.Recovery = b.Recovery.by(b.Device.ID(), 0)
		if err := f.useRecovery(b.Recovery); err != nil {
			return err
		}
	}
	f.open(&SealPart{Commitment: b.Commitment})
	return f.addDevice(founder, b.Device, nil)
}
