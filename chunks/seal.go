package chunks

import (
	"crypto/sha1" //nolint:gosec // git's names are addresses, never trusted
	"crypto/sha256"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/espace-git/espace-git/internal/wire"
)

const (
	nonceSize = chacha20poly1305.NonceSizeX
	overhead  = nonceSize + chacha20poly1305.Overhead
	// maxStored is the length of a full chunk as stored.
	maxStored = overhead + Size
)

// buffer has room for a chunk as it is stored, in place:
//
//	nonce (24) ‖ bytes of the file, zeros ‖ tag (16)
type buffer [maxStored]byte

// plain is where the bytes of the file go before sealing.
func (b *buffer) plain() []byte { return b[nonceSize : nonceSize+Size] }

// secrets are what a chunk needs of randomness.
type secrets struct {
	key   [32]byte
	nonce [nonceSize]byte
}

func draw(rand io.Reader) (s secrets, err error) {
	if _, err = io.ReadFull(rand, s.key[:]); err == nil {
		_, err = io.ReadFull(rand, s.nonce[:])
	}
	return s, err
}

// seal turns the first size bytes of b.plain into a chunk as stored, in place.
func (b *buffer) seal(space wire.Hash, s secrets, size int) (Ref, []byte, error) {
	aead, err := chacha20poly1305.NewX(s.key[:])
	if err != nil {
		return Ref{}, nil, err
	}
	n := padded(size)
	clear(b[nonceSize+size : nonceSize+n])
	copy(b[:nonceSize], s.nonce[:])
	aead.Seal(b[nonceSize:nonceSize], s.nonce[:], b[nonceSize:nonceSize+n], ad(space, size))
	stored := b[:overhead+n]
	sum, id := sums(stored)
	return Ref{Key: s.key, Sum: sum, ID: id, Size: uint32(size)}, stored, nil
}

// ad binds a chunk to its space, and to how much of it is the file's.
func ad(space wire.Hash, size int) []byte {
	return wire.AD("chunk", space[:], wire.U64(uint64(size)))
}

// sums are the SHA-256 of a chunk and the name that git gives it as a blob, in one
// pass over the memory.
func sums(b []byte) (sum wire.Hash, id wire.ObjectID) {
	name, content := sha1.New(), sha256.New() //nolint:gosec // see above
	io.WriteString(name, "blob "+strconv.Itoa(len(b))+"\x00")
	for len(b) > 0 {
		n := min(len(b), 32<<10)
		name.Write(b[:n])
		content.Write(b[:n])
		b = b[n:]
	}
	content.Sum(sum[:0])
	name.Sum(id[:0])
	return sum, id
}

// Check says whether stored is what ref names, without opening it: nil or ErrWrong.
func Check(ref Ref, stored []byte) error {
	if len(stored) != ref.Stored() {
		return fmt.Errorf("%w: %d bytes instead of %d", ErrWrong, len(stored), ref.Stored())
	}
	if sha256.Sum256(stored) != ref.Sum {
		return fmt.Errorf("%w: another SHA-256", ErrWrong)
	}
	return nil
}

// Open checks a chunk and decrypts it in place: the result shares memory with
// stored. ErrWrong when the bytes are not the chunk's, which another place may
// have; ErrForged when they are and do not open, which no place can help.
func Open(space wire.Hash, ref Ref, stored []byte) ([]byte, error) {
	if ref.Size == 0 || ref.Size > Size {
		return nil, fmt.Errorf("%w: a chunk of %d bytes", ErrMalformed, ref.Size)
	}
	if err := Check(ref, stored); err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(ref.Key[:])
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(stored[nonceSize:nonceSize], stored[:nonceSize], stored[nonceSize:], ad(space, int(ref.Size)))
	if err != nil {
		return nil, fmt.Errorf("%w: changed before it was signed, or of another space", ErrForged)
	}
	for _, c := range plain[ref.Size:] {
		if c != 0 {
			return nil, fmt.Errorf("%w: its padding is not zero", ErrForged)
		}
	}
	return plain[:ref.Size:ref.Size], nil
}
