package membership

import "github.com/espace-git/espace-git/internal/wire"

// KeyWrapBody lets a member read from an earlier epoch on than it came with. The
// secrets follow in wraps (DESIGN 6).
type KeyWrapBody struct {
	Member wire.MemberID `json:"member"`
	Since  uint64        `json:"since"`
}

func (*KeyWrapBody) Kind() string            { return KindKeyWrap }
func (*KeyWrapBody) least(*Roster) Role      { return Admin }
func (*KeyWrapBody) wellFormed(*Entry) error { return nil }

func (b *KeyWrapBody) apply(f *fold) error {
	m, err := f.activeMember(b.Member)
	if err != nil {
		return err
	}
	switch {
	case b.Since >= m.Since:
		return denied("history-not-earlier", "member %s reads from epoch %d on", m.ID, m.Since)
	case b.Since < f.was.kept:
		return denied("history-shredded", "nothing before epoch %d is kept", f.was.kept)
	case b.Since < f.member.Since:
		return denied("grants-history", "the author reads from epoch %d on", f.member.Since)
	}
	m.Since = b.Since
	f.updateMember(m)
	return nil
}
