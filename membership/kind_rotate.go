package membership

import "github.com/espace-git/espace-git/internal/wire"

// RotateBody seals and does nothing else: a fresh secret, and all that waits for a
// seal comes about (DESIGN 5).
type RotateBody struct {
	Seal *SealPart `json:"seal,omitempty"`
}

func (*RotateBody) Kind() string               { return KindRotate }
func (*RotateBody) least(*Roster) Role         { return Admin }
func (b *RotateBody) wellFormed(*Entry) error  { return b.Seal.check() }
func (b *RotateBody) apply(f *fold) error      { return f.narrow(b) }
func (b *RotateBody) seal() *SealPart          { return b.Seal }
func (*RotateBody) withSeal(p *SealPart) Body  { return &RotateBody{Seal: p} }
func (*RotateBody) form(*fold) form            { return sealing }
func (*RotateBody) judge(*fold) error          { return nil }
func (*RotateBody) suspend(*fold)              {}
func (*RotateBody) carry(*fold, wire.Position) {}
