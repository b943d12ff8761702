package membership

import (
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// UpgradeBody sets what a writer must have: the format, which never goes back,
// and the features, which may (DESIGN 3). Who lacks one may still author this.
type UpgradeBody struct {
	Format   int       `json:"format"`
	Requires []string  `json:"requires,omitempty"` // sorted; replaces the list
	Seal     *SealPart `json:"seal,omitempty"`
}

func (*UpgradeBody) Kind() string          { return KindUpgrade }
func (*UpgradeBody) least(*Roster) Role    { return Owner }
func (b *UpgradeBody) apply(f *fold) error { return f.narrow(b) }
func (b *UpgradeBody) seal() *SealPart     { return b.Seal }
func (*UpgradeBody) form(*fold) form       { return sealing }
func (*UpgradeBody) suspend(*fold)         {}

func (b *UpgradeBody) wellFormed(*Entry) error {
	if b.Format < 1 || b.Format > maxFormat {
		return malformed("format", "format %d", b.Format)
	}
	if err := checkFeatures(b.Requires); err != nil {
		return err
	}
	return b.Seal.check()
}

func (b *UpgradeBody) withSeal(p *SealPart) Body {
	return &UpgradeBody{Format: b.Format, Requires: b.Requires, Seal: p}
}

func (b *UpgradeBody) judge(f *fold) error {
	if b.Format < f.was.format {
		return denied("format-lowered", "the space is at format %d", f.was.format)
	}
	if b.Format == f.was.format && slices.Equal(b.Requires, f.was.requires) {
		return denied("upgrade-unchanged", "the space is at format %d with these features", f.was.format)
	}
	return nil
}

func (b *UpgradeBody) carry(f *fold, _ wire.Position) {
	f.next.format = max(f.next.format, b.Format)
	f.next.requires = b.Requires
}
