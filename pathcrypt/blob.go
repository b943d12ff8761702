package pathcrypt

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/espace-git/espace-git/internal/wire"
)

// magic begins a blob. The zero byte makes git take it for binary; another format gets
// another number.
const magic = "\x00espace-path-1\r\n"

const (
	sivSize    = chacha20poly1305.NonceSizeX
	headerSize = len(magic) + len(ID{}) + sivSize
	overhead   = headerSize + chacha20poly1305.Overhead
)

// MaxFile is the greatest file that is encrypted, in bytes. It is held in memory.
const MaxFile = 512 << 20

var (
	// ErrNoKey: the blob names a key that is not at hand: it was made after this
	// device was removed, or the key has not been synced yet.
	ErrNoKey = errors.New("no such path key here")
	// ErrMalformed: bytes that no version of this program makes.
	ErrMalformed = errors.New("malformed encrypted file")
	// ErrForged: the blob was changed, or is of another space.
	ErrForged = errors.New("encrypted file changed, or of another space")
	// ErrTooBig: a file above MaxFile.
	ErrTooBig = errors.New("file too big to encrypt")
)

// Encrypted reports whether b is an encrypted file, as far as its start tells.
func Encrypted(b []byte) bool { return bytes.HasPrefix(b, []byte(magic)) }

// Seal encrypts a file for the members of space: the same bytes for the same arguments.
func Seal(space wire.Hash, k Key, plaintext []byte) ([]byte, error) {
	if len(plaintext) > MaxFile {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrTooBig, len(plaintext), MaxFile)
	}
	if k.IsZero() {
		return nil, fmt.Errorf("%w: none for what is new", ErrNoKey)
	}
	id, siv := k.ID(), k.siv(plaintext)
	out := make([]byte, 0, len(plaintext)+overhead)
	out = append(append(append(out, magic...), id[:]...), siv[:]...)
	return k.encrypt(out, siv, space, plaintext), nil
}

// Open decrypts and checks a blob. Errors: ErrMalformed, ErrNoKey, ErrForged, ErrTooBig.
func Open(space wire.Hash, keys Keys, blob []byte) ([]byte, error) {
	h, err := parse(blob)
	if err != nil {
		return nil, err
	}
	k, ok := keys.Key(h.id)
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoKey, h.id)
	}
	plaintext, err := k.decrypt(h.siv, space, blob[headerSize:])
	if err != nil {
		return nil, ErrForged
	}
	// The tag alone would accept a nonce that is not the plaintext's.
	if siv := k.siv(plaintext); !hmac.Equal(siv[:], h.siv[:]) {
		return nil, ErrForged
	}
	return plaintext, nil
}

type header struct {
	id  ID
	siv [sivSize]byte
}

func parse(blob []byte) (h header, err error) {
	if !Encrypted(blob) || len(blob) < overhead {
		return h, ErrMalformed
	}
	if len(blob) > MaxFile+overhead {
		return h, fmt.Errorf("%w: %d bytes, limit %d", ErrTooBig, len(blob), MaxFile+overhead)
	}
	copy(h.id[:], blob[len(magic):])
	copy(h.siv[:], blob[len(magic)+len(h.id):])
	return h, nil
}

// Clean is what git stores for content: the bytes of before, if they stand for the same
// plaintext under any key at hand, else content under the newest key. before is what
// the index has for the path, or nil. Content that is an encrypted file already stays,
// if it opens: it was checked out without the filter.
func Clean(space wire.Hash, keys Keys, content, before []byte) ([]byte, error) {
	if Encrypted(content) {
		if _, err := Open(space, keys, content); err != nil {
			return nil, err
		}
		return content, nil
	}
	if len(content) > MaxFile {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrTooBig, len(content), MaxFile)
	}
	_, k := keys.Newest()
	if h, err := parse(before); err == nil {
		if old, ok := keys.Key(h.id); ok && old.siv(content) == h.siv {
			k = old
		}
	}
	return Seal(space, k, content)
}

// Smudge is what a work tree gets for a stored blob. One that is not encrypted, from
// before its path was protected, stays as it is.
func Smudge(space wire.Hash, keys Keys, blob []byte) ([]byte, error) {
	if !Encrypted(blob) {
		return blob, nil
	}
	return Open(space, keys, blob)
}
