package chain

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// ErrElsewhere is wrapped when a commit is well-formed and may well be signed,
// but is of another kind, space, epoch, device or ledger entry than was asked
// for. Whoever made it, it does not count here.
var ErrElsewhere = errors.New("of another place")

// EmptyTree is git's name for the tree without files, which a closing commit has.
var EmptyTree = wire.ObjectID{
	0x4b, 0x82, 0x5d, 0xc6, 0x42, 0xcb, 0x6e, 0xb9, 0xa0, 0x60,
	0xe5, 0x4b, 0xf8, 0xd6, 0x92, 0x88, 0xfb, 0xee, 0x49, 0x04,
}

// Closing is what a closing commit must say: what the ledger entry says that
// seals the epoch (DESIGN 5). Its parents it does not say: they carry objects,
// and what the cut covers its length and root decide (see ReadCut).
type Closing struct {
	Space  wire.Hash
	Epoch  wire.Hash         // O of the epoch that ends
	Device wire.DeviceID     // the entry's author
	Key    ed25519.PublicKey // of this device
	Entry  wire.Position     // number and hash of the sealing entry
}

// Commit is the closing commit to sign: of the empty tree, with the tips that it
// moves and, for lanes that it does not move, the commits where the cut ends.
func (c Closing) Commit(parents []wire.ObjectID, time int64) Commit {
	at := c.Entry
	return Commit{Tree: EmptyTree, Parents: parents, Time: time, Message: Message{
		Kind: Close, Space: c.Space, Epoch: c.Epoch, Device: c.Device, Ledger: &at,
	}}
}

// VerifyClose checks that raw is a closing commit of exactly this entry, signed
// by its author. An entry's author may sign several, on other parents: any of
// them will do whose ancestors have the cut.
func VerifyClose(raw []byte, c Closing) (Verified, error) {
	v, err := verifyAt(raw, Place{Close, c.Space, c.Epoch, c.Device}, c.Key)
	if err == nil && *v.Ledger != c.Entry {
		err = fmt.Errorf("%w: it closes for entry %d", ErrElsewhere, v.Ledger.Number)
	}
	if err == nil && v.Tree != EmptyTree {
		err = fmt.Errorf("%w: it has files", ErrMalformed)
	}
	if err != nil {
		return Verified{}, fmt.Errorf("closing commit: %w", err)
	}
	return v, nil
}

// Place is where a commit counts: on a ref of its kind, space, epoch and device.
type Place struct {
	Kind   Kind
	Space  wire.Hash
	Epoch  wire.Hash
	Device wire.DeviceID // zero where any device may sign
}

// Has reports whether a commit that says m belongs here.
func (p Place) Has(m Message) bool {
	return m.Kind == p.Kind && m.Space == p.Space && m.Epoch == p.Epoch && (p.Device.IsZero() || m.Device == p.Device)
}

func verifyAt(raw []byte, p Place, key ed25519.PublicKey) (Verified, error) {
	u, err := Parse(raw)
	if err != nil {
		return Verified{}, err
	}
	if !p.Has(u.Claims()) {
		return Verified{}, fmt.Errorf("%w: not a %s commit of this space, epoch and device", ErrElsewhere, p.Kind)
	}
	return u.Verify(key)
}

// ErrAdds is wrapped when the files that a commit adds are not the ones that
// were signed: somebody put another tree under it.
var ErrAdds = errors.New("adds other files than were signed")

// VerifyAdds checks a keys, state or files commit: that it belongs at p, that
// key signed it, and that what its tree adds to its parent's (the SHA-256 of
// each file, by path) is what was signed.
func VerifyAdds(raw []byte, p Place, key ed25519.PublicKey, added map[string]wire.Hash) (Verified, error) {
	v, err := verifyAt(raw, p, key)
	if err == nil && (v.Adds == nil || AddsHashOf(added) != *v.Adds) {
		err = ErrAdds
	}
	if err != nil {
		return Verified{}, fmt.Errorf("%s commit: %w", p.Kind, err)
	}
	return v, nil
}
