package pathcrypt

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/espace-git/espace-git/internal/wire"
)

// ID names a key: the first 8 bytes of its SHA-256.
type ID [8]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Key is a path key F, 32 random bytes. It prints as "[secret]".
type Key struct{ b *[32]byte }

// NewKey draws a key.
func NewKey(rand io.Reader) (Key, error) {
	k := Key{new([32]byte)}
	if _, err := io.ReadFull(rand, k.b[:]); err != nil {
		return Key{}, fmt.Errorf("drawing a path key: %w", err)
	}
	return k, nil
}

// KeyFrom is the key with these 32 bytes.
func KeyFrom(b []byte) (Key, error) {
	if len(b) != 32 {
		return Key{}, fmt.Errorf("a path key of %d bytes, not 32", len(b))
	}
	k := Key{new([32]byte)}
	copy(k.b[:], b)
	return k, nil
}

// Bytes is the key itself, to be stored where only members read it.
func (k Key) Bytes() []byte { return append([]byte(nil), k.b[:]...) }

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.b == nil }

// ID names the key.
func (k Key) ID() (id ID) {
	sum := sha256.Sum256(k.b[:])
	copy(id[:], sum[:])
	return id
}

// Format keeps the key out of logs, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, "[secret]") }

// siv is HMAC-SHA-256(KDF(F, "path-siv", ""), plaintext) cut to 24 bytes.
func (k Key) siv(plaintext []byte) (siv [sivSize]byte) {
	key := wire.KDF(k.b[:], "path-siv")
	mac := hmac.New(sha256.New, key[:])
	mac.Write(plaintext)
	copy(siv[:], mac.Sum(nil))
	return siv
}

// encrypt appends ciphertext and tag under KDF(F, "path-enc", "").
func (k Key) encrypt(to []byte, siv [sivSize]byte, space wire.Hash, plaintext []byte) []byte {
	key := wire.KDF(k.b[:], "path-enc")
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic("pathcrypt: " + err.Error()) // only for a key that has not 32 bytes
	}
	return aead.Seal(to, siv[:], plaintext, wire.AD("path", space[:]))
}

func (k Key) decrypt(siv [sivSize]byte, space wire.Hash, ciphertext []byte) ([]byte, error) {
	key := wire.KDF(k.b[:], "path-enc")
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic("pathcrypt: " + err.Error())
	}
	return aead.Open(nil, siv[:], ciphertext, wire.AD("path", space[:]))
}

// Keys is a space's path keys, as one device knows them. Both answers stay the same
// for as long as a Keys is used.
type Keys interface {
	// Newest is the key for what is new; a zero key if there is none, with which Seal
	// fails.
	Newest() (ID, Key)
	// Key is a key of any age.
	Key(ID) (Key, bool)
}

// Ring is Keys in memory. The zero value has none.
type Ring struct {
	newest Key
	keys   map[ID]Key
}

// NewRing holds keys; newest is the one for what is new, or zero. Of two keys with one ID, which
// takes 2^32 tries on purpose, the newest or else the first counts.
func NewRing(newest Key, others ...Key) *Ring {
	r := &Ring{newest, map[ID]Key{}}
	for _, k := range append([]Key{newest}, others...) {
		if k.IsZero() {
			continue
		}
		if _, ok := r.keys[k.ID()]; !ok {
			r.keys[k.ID()] = k
		}
	}
	return r
}

func (r *Ring) Newest() (id ID, k Key) {
	if !r.newest.IsZero() {
		id = r.newest.ID()
	}
	return id, r.newest
}

// Len is how many keys there are.
func (r *Ring) Len() int { return len(r.keys) }

func (r *Ring) Key(id ID) (Key, bool) {
	k, ok := r.keys[id]
	return k, ok
}
