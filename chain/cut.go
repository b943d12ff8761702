package chain

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// ErrNoCut is wrapped when a cut cannot be read: no signed commit says exactly
// its length and root, or entries before it are not at hand. More pieces may
// change that; until then nobody follows the seal (DESIGN 5).
var ErrNoCut = errors.New("the cut cannot be read")

// ReadCut gives the entries of a device's lane up to a cut: exactly those whose
// root is head's, whatever else the device signed and in whatever order pieces
// come. pieces are all signed commits at hand, of any chain, variants and junk
// among them. by is a commit that says head; of several, always the same one.
//
//	              ┌ 5:x ─ 6:y      a cut (7, root of 0…4 z w) names this variant
//	0 … 4 ─ junk ─┤                and no other. A LaneReader stops where it meets
//	              └ 5:z ─ 6:w      both; the cut says which one was sealed
//
// Work is bounded, so that a device which signs thousands of variants afterwards
// could keep its cut from being read: offer what lies below the closing commit
// first, which its author could read, and all else only where that lacks something.
//
// An empty cut needs no commit: by may be unset.
func ReadCut(space, epoch wire.Hash, key ed25519.PublicKey, head wire.LogHead, pieces []Piece) (entries [][]byte, by Verified, err error) {
	place := Place{Lane, space, epoch, wire.DeviceIDOf(key)}
	steps, by, err := readCut(place, head, pieces, func(v Verified) bool { return bytes.Equal(v.key, key) }, nil)
	if err != nil {
		return nil, Verified{}, fmt.Errorf("lane %s: %w", place.Device, err)
	}
	for _, s := range steps {
		entries = append(entries, s.entry)
	}
	return entries, by, nil
}

// ReadOrderCut is ReadCut for the order. device gives the keys of the devices
// that may write there; commits of others do not count. authored is as for an
// OrderReader; nil takes each signer at its word, as a host must, who has no key.
func ReadOrderCut(space, epoch wire.Hash, device func(wire.DeviceID) (ed25519.PublicKey, bool), head wire.LogHead, pieces []Piece, authored Authored) (entries []Ordered, by Verified, err error) {
	counts := func(v Verified) bool {
		key, ok := device(v.Device)
		return ok && bytes.Equal(v.key, key)
	}
	steps, by, err := readCut(Place{Order, space, epoch, wire.DeviceID{}}, head, pieces, counts, authored)
	if err != nil {
		return nil, Verified{}, fmt.Errorf("order: %w", err)
	}
	for i, s := range steps {
		entries = append(entries, Ordered{Author: s.author, Index: uint64(i), Entry: s.entry})
	}
	return entries, by, nil
}

func readCut(p Place, head wire.LogHead, pieces []Piece, counts func(Verified) bool, authored Authored) ([]*twig, Verified, error) {
	var here []*piece
	for _, o := range pieces {
		if o.Commit.raw != nil && p.Has(o.Commit.Message) && counts(o.Commit) {
			if np := newPiece(o); np.by(authored) {
				here = append(here, np)
			}
		}
	}
	t := newThicket(p.Kind, head, here)
	by, ok := t.commit()
	switch {
	case head.Len == 0 && head.Root == EmptyRoot:
		return nil, by, nil
	case !ok:
		return nil, by, fmt.Errorf("%w: no commit says %d entries with root %s", ErrNoCut, head.Len, head.Root)
	case !t.reach():
		return nil, by, fmt.Errorf("%w: entries of it are missing", ErrNoCut)
	}
	return t.path(), by, nil
}

// by reports whether all own entries of a piece are its signer's.
func (p *piece) by(authored Authored) bool {
	for i, e := range p.run.entries {
		if authored != nil && !authored(p.run.author, p.run.from+uint64(i), e) {
			return false
		}
	}
	return true
}
