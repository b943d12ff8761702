package seal

import (
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/espace-git/espace-git/internal/wire"
)

// A box is nonce ‖ ciphertext ‖ tag.
const (
	nonceSize = chacha20poly1305.NonceSizeX
	overhead  = nonceSize + chacha20poly1305.Overhead
)

// Key encrypts content. It prints as "[secret]".
type Key struct{ hidden }

// NewKey draws the key of one chunk or page: used once, for one box.
func NewKey(rand io.Reader) (Key, error) {
	h, err := readHidden(rand)
	return Key{h}, err
}

// KeyFrom is the key with these 32 bytes.
func KeyFrom(b []byte) (Key, error) {
	h, err := hiddenFrom(b)
	return Key{h}, err
}

// Seal compresses, pads and encrypts plaintext for the place that ad names. The padded
// content has at least min bytes (wire.MinContent; wire.MinPrivate for private parts of
// ledger entries), the box overhead bytes more. Plaintext and box are at most
// wire.MaxEntry. Nonces are 24 random bytes: no counter to lose in a restore.
func (k Key) Seal(rand io.Reader, ad, plaintext []byte, min int) ([]byte, error) {
	if len(plaintext) > wire.MaxEntry {
		return nil, fmt.Errorf("sealing: %w: %d bytes, limit %d", ErrTooBig, len(plaintext), wire.MaxEntry)
	}
	var nonce [nonceSize]byte
	if _, err := io.ReadFull(rand, nonce[:]); err != nil {
		return nil, fmt.Errorf("sealing: drawing a nonce: %w", err)
	}
	box := k.encrypt(appendCompressed(nonce[:], plaintext, min), ad)
	if len(box) > wire.MaxEntry {
		return nil, fmt.Errorf("sealing: %w: %d bytes when padded, limit %d", ErrTooBig, len(box), wire.MaxEntry)
	}
	return box, nil
}

// encrypt turns nonce ‖ frame into a box, in place where there is room for the tag.
func (k Key) encrypt(b, ad []byte) []byte {
	aead, err := chacha20poly1305.NewX(k.raw())
	if err != nil {
		panic("seal: " + err.Error()) // only for a key that has not 32 bytes
	}
	return aead.Seal(b[:nonceSize], b[:nonceSize], b[nonceSize:], ad)
}

// Open is the plaintext of a box that Seal made under k for ad, at most max bytes of it.
//
// Errors: ErrNotMine if it is not such a box; ErrTooBig; ErrMalformed if it opens and
// is not what Seal makes. XChaCha20-Poly1305 does not commit to its key: where somebody
// else chose the key, use OpenHashed.
func (k Key) Open(ad, box []byte, max int) ([]byte, error) {
	if len(box) > boxLimit(max) {
		return nil, fmt.Errorf("opening: %w: %d bytes, limit %d", ErrTooBig, len(box), boxLimit(max))
	}
	if len(box) < overhead+lengthSize {
		return nil, fmt.Errorf("opening: %w: %d bytes are too few", ErrMalformed, len(box))
	}
	aead, err := chacha20poly1305.NewX(k.raw())
	if err != nil {
		panic("seal: " + err.Error())
	}
	framed, err := aead.Open(nil, box[:nonceSize], box[nonceSize:], ad)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", ErrNotMine)
	}
	plaintext, err := decompressFrame(framed, max)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	return plaintext, nil
}

// OpenHashed opens a box under a key that was carried beside the box's SHA-256, and
// refuses every box but that one before it looks at it. Without that an insider makes
// one box that opens under two keys, to two readers, as two things (attacks
// page-two-keys, chunk-two-keys).
func (k Key) OpenHashed(sum wire.Hash, ad, box []byte, max int) ([]byte, error) {
	if len(box) > boxLimit(max) {
		return nil, fmt.Errorf("opening: %w: %d bytes, limit %d", ErrTooBig, len(box), boxLimit(max))
	}
	if got := wire.Sum(box); got != sum {
		return nil, fmt.Errorf("opening: %w: SHA-256 %s, want %s", ErrWrongBytes, got, sum)
	}
	return k.Open(ad, box, max)
}

// OpenHashed is Key.OpenHashed.
func OpenHashed(k Key, sum wire.Hash, ad, box []byte, max int) ([]byte, error) {
	return k.OpenHashed(sum, ad, box, max)
}

// boxLimit is the size of the greatest box whose plaintext has at most max bytes: what
// does not compress grows by a few bytes per block.
func boxLimit(max int) int {
	return overhead + Padme(lengthSize+max+max/1024+64, wire.MinContent)
}

// LaneAD is the place of entry number index in a device's lane.
func LaneAD(o, dev wire.Hash, index uint64) []byte {
	return wire.AD("lane", o[:], dev[:], wire.U64(index))
}

// OrderAD is the place of entry number index in the order, by its author dev.
func OrderAD(o, dev wire.Hash, index uint64) []byte {
	return wire.AD("order", o[:], dev[:], wire.U64(index))
}

// LedgerAD is the place of the private part of the entry after the one with hash p.
func LedgerAD(p wire.Hash) []byte { return wire.AD("ledger", p[:]) }
