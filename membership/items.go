package membership

import (
	"fmt"
	"maps"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Item is a private value of an entry: a name, a schema, a key. The entry's
// public part holds ItemHash of it, so that the value can be checked against the
// signed entry as long as anybody has the salt, in the directory even after the
// entry's own secret is gone (DESIGN 4).
type Item struct {
	_     struct{} `cbor:",toarray"`
	Salt  [32]byte // random, so that the public hash tells nothing of the value
	Value []byte
}

// Items are the private values of one entry by name.
type Items map[string]Item

// Names of private items that this format knows. Other names are allowed.
const (
	ItemSpaceName  = "space.name"  // genesis
	ItemMemberName = "member.name" // genesis, join
	ItemDeviceName = "device.name" // genesis, join, device.add, key.update
	ItemMailbox    = "mailbox"     // invite: private half
	ItemInviteFor  = "invite.for"  // invite: for whom
	ItemPageCut    = "page-cut"    // genesis: key that cuts pages
)

// ItemHash is the salted hash of a private value:
// SHA-256(wire.ItemLabel ‖ length of name 8 ‖ name ‖ salt 32 ‖ value).
func ItemHash(name string, salt [32]byte, value []byte) wire.Hash {
	return wire.Sum([]byte(wire.ItemLabel), wire.U64(uint64(len(name))), []byte(name), salt[:], value)
}

// Hashes are the salted hashes for the entry's public part.
func (i Items) Hashes() map[string]wire.Hash {
	out := make(map[string]wire.Hash, len(i))
	for name, it := range i {
		out[name] = ItemHash(name, it.Salt, it.Value)
	}
	return out
}

// itemsCBOR is the private part of an entry before it is sealed.
type itemsCBOR struct {
	_      struct{} `cbor:",toarray"`
	Device []byte   // of join and device.add: whose it is; else empty
	Items  Items
}

// EncodeItems is the plaintext of the private part of an entry.
func EncodeItems(items Items) ([]byte, error) {
	return wire.MarshalCBOR(itemsCBOR{Device: []byte{}, Items: items})
}

// EncodeJoinItems is the plaintext of the private part of a join or device.add.
// It names its device, so that nobody can pass a copy off as an own one.
func EncodeJoinItems(dev wire.DeviceID, items Items) ([]byte, error) {
	return wire.MarshalCBOR(itemsCBOR{Device: dev[:], Items: items})
}

// DecodeItems reads what EncodeItems or EncodeJoinItems printed, of the latter
// with the device.
func DecodeItems(plain []byte) (Items, wire.DeviceID, error) {
	var c itemsCBOR
	if len(plain) > wire.MaxPrivate {
		return nil, wire.DeviceID{}, fmt.Errorf("private items: %w: %d bytes, limit %d", ErrMalformed, len(plain), wire.MaxPrivate)
	}
	if err := wire.UnmarshalCBOR(plain, &c); err != nil {
		return nil, wire.DeviceID{}, fmt.Errorf("private items: %w", err)
	}
	if len(c.Items) > maxItems || c.Items == nil {
		return nil, wire.DeviceID{}, fmt.Errorf("private items: %w: %d items, limit %d", ErrMalformed, len(c.Items), maxItems)
	}
	switch len(c.Device) {
	case 0:
		return c.Items, wire.DeviceID{}, nil
	case len(wire.DeviceID{}):
		if dev := wire.DeviceID(c.Device); !dev.IsZero() {
			return c.Items, dev, nil
		}
	}
	return nil, wire.DeviceID{}, fmt.Errorf("private items: %w: no device ID", ErrMalformed)
}

// OpenItems checks the opened private part against the entry. Items that the
// entry does not hash, or hashes otherwise, and all items of a part that is
// malformed or another device's, are void: their names are in void, sorted.
// A nil plain (no key opens it) makes all void. The ledger does not change by it.
func (e *Entry) OpenItems(plain []byte) (valid Items, void []string) {
	items, dev, err := DecodeItems(plain)
	if err != nil || dev != e.brings() {
		items = nil
	}
	valid = Items{}
	for name, h := range e.Items {
		if it, ok := items[name]; ok && ItemHash(name, it.Salt, it.Value) == h {
			valid[name] = it
		} else {
			void = append(void, name)
		}
	}
	for name := range maps.Keys(items) {
		if _, ok := e.Items[name]; !ok {
			void = append(void, name)
		}
	}
	slices.Sort(void)
	return valid, void
}

// brings is the device that a join or device.add adds; zero for other kinds,
// genesis included: its private part is sealed like any other.
func (e *Entry) brings() wire.DeviceID {
	switch b := e.Body.(type) {
	case *JoinBody:
		return b.Device.ID()
	case *DeviceAddBody:
		return b.Device.ID()
	}
	return wire.DeviceID{}
}
