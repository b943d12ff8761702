package membership

import "github.com/espace-git/espace-git/internal/wire"

// RetentionBody says from which epoch on anybody may hold secrets; all before is
// shredded. It only rises: what was promised to be gone does not come back.
type RetentionBody struct {
	Kept uint64    `json:"kept"` // at most the epoch that the seal opens
	Seal *SealPart `json:"seal,omitempty"`
}

func (*RetentionBody) Kind() string              { return KindRetention }
func (*RetentionBody) least(*Roster) Role        { return Owner }
func (b *RetentionBody) wellFormed(*Entry) error { return b.Seal.check() }
func (b *RetentionBody) apply(f *fold) error     { return f.narrow(b) }
func (b *RetentionBody) seal() *SealPart         { return b.Seal }
func (b *RetentionBody) withSeal(p *SealPart) Body {
	return &RetentionBody{Kept: b.Kept, Seal: p}
}
func (*RetentionBody) form(*fold) form { return sealing }
func (*RetentionBody) suspend(*fold)   {}

func (b *RetentionBody) judge(f *fold) error {
	if b.Kept <= f.was.kept {
		return denied("retention-not-later", "epochs from %d on are kept", f.was.kept)
	}
	if b.Kept > f.was.opening.Number+1 {
		return denied("history-ahead", "epoch %d is not open yet", b.Kept)
	}
	return nil
}

func (b *RetentionBody) carry(f *fold, by wire.Position) {
	if b.Kept > f.next.kept {
		f.next.kept, f.next.keptAt = b.Kept, f.entry.Number
	}
}
