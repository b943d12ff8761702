package identity

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

// keyringFormat is the version of keyringWire. A program refuses a version that it does
// not know: guessing could lose keys.
const keyringFormat = 1

// content is what a keyring holds. A value is changed only before it is shared.
type content struct {
	device   *Device
	storeKey seal.Key
	secrets  map[wire.Hash]seal.Secret
	items    map[string]item
}

// item is the value of an extra item, a secret as likely as not: a function, so that
// nothing prints it.
type item func() []byte

func newItem(value []byte) item {
	value = bytes.Clone(value)
	return func() []byte { return value }
}

func newContent(dev *Device) *content {
	return &content{device: dev, secrets: map[wire.Hash]seal.Secret{}, items: map[string]item{}}
}

func (c *content) clone() *content {
	next := *c
	next.secrets, next.items = maps.Clone(c.secrets), maps.Clone(c.items)
	return &next
}

// keyringWire is a keyring in CBOR; fields are only added, with a new format. Keys are
// stored as their seeds.
type keyringWire struct {
	_        struct{} `cbor:",toarray"`
	Format   uint64
	Space    wire.Hash // a keyring that was moved to another space is refused
	Signing  [32]byte
	Reading  [32]byte
	StoreKey [32]byte
	Secrets  []secretWire // in the order of O
	Items    []itemWire   // in the order of names
}

type secretWire struct {
	_      struct{} `cbor:",toarray"`
	O      wire.Hash
	Secret [32]byte
}

type itemWire struct {
	_     struct{} `cbor:",toarray"`
	Name  string
	Value []byte
}

// encode is the file: CBOR behind a label, encrypted to the at-rest key.
func (k *Keyring) encode(c *content) ([]byte, error) {
	body, err := encodeKeyring(k.space, c)
	if err != nil {
		return nil, err
	}
	defer clear(body)
	return k.vault.key.seal(body)
}

// decode reads a file. A wrong at-rest key is damage too: the vault was unlocked.
func (k *Keyring) decode(file []byte) (*content, error) {
	body, err := k.vault.key.open(file, maxKeyring)
	if errors.Is(err, ErrPassphrase) {
		return nil, fmt.Errorf("%w: encrypted to another at-rest key", ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	defer clear(body)
	return decodeKeyring(k.space, body)
}

func encodeKeyring(space wire.Hash, c *content) ([]byte, error) {
	out := keyringWire{Format: keyringFormat, Space: space, StoreKey: [32]byte(c.storeKey.Bytes()), Secrets: []secretWire{}, Items: []itemWire{}}
	out.Signing, out.Reading = c.device.seeds()
	for _, o := range sortedHashes(c.secrets) {
		out.Secrets = append(out.Secrets, secretWire{O: o, Secret: [32]byte(c.secrets[o].Bytes())})
	}
	for _, name := range slices.Sorted(maps.Keys(c.items)) {
		out.Items = append(out.Items, itemWire{Name: name, Value: c.items[name]()})
	}
	body, err := wire.MarshalCBOR(out)
	if err != nil {
		return nil, err
	}
	body = wire.AD("keyring", body)
	if len(body) > maxKeyring {
		return nil, fmt.Errorf("keyring: %w: %d bytes, limit %d", ErrTooBig, len(body), maxKeyring)
	}
	return body, nil
}

func decodeKeyring(space wire.Hash, body []byte) (*content, error) {
	body, ok := bytes.CutPrefix(body, wire.AD("keyring"))
	if !ok {
		return nil, fmt.Errorf("%w: not a keyring", ErrDamaged)
	}
	var in keyringWire
	if err := wire.UnmarshalCBOR(body, &in); err != nil {
		return nil, fmt.Errorf("%w: not the form of a keyring", ErrDamaged) // err could quote it
	}
	if in.Format != keyringFormat {
		return nil, fmt.Errorf("%w: format %d, this program knows %d", ErrDamaged, in.Format, keyringFormat)
	}
	if in.Space != space {
		return nil, fmt.Errorf("%w: keyring of space %s", ErrDamaged, in.Space)
	}
	return in.content()
}

func (in *keyringWire) content() (*content, error) {
	if !increasing(in.Secrets, func(a, b secretWire) int { return bytes.Compare(a.O[:], b.O[:]) }) ||
		!increasing(in.Items, func(a, b itemWire) int { return cmp.Compare(a.Name, b.Name) }) {
		return nil, fmt.Errorf("%w: not in order", ErrDamaged)
	}
	dev, err := newDevice(in.Signing[:], in.Reading[:])
	if err != nil {
		return nil, fmt.Errorf("%w: device keys", ErrDamaged)
	}
	c := newContent(dev)
	if c.storeKey, err = seal.KeyFrom(in.StoreKey[:]); err != nil {
		return nil, err
	}
	for _, s := range in.Secrets {
		if c.secrets[s.O], err = seal.SecretFrom(s.Secret[:]); err != nil {
			return nil, err
		}
	}
	for _, i := range in.Items {
		c.items[i.Name] = newItem(i.Value)
	}
	return c, nil
}

// increasing reports whether all is in order and nothing occurs twice.
func increasing[T any](list []T, compare func(a, b T) int) bool {
	for i := 1; i < len(list); i++ {
		if compare(list[i-1], list[i]) >= 0 {
			return false
		}
	}
	return true
}

func sortedHashes[V any](m map[wire.Hash]V) []wire.Hash {
	return slices.SortedFunc(maps.Keys(m), func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
}
