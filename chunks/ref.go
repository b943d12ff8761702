package chunks

import (
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

const (
	// Size is how many bytes of the file each chunk but the last has.
	Size = wire.MaxChunk
	// MaxRefs bounds a list: a file of 512 GiB. Its encoding stays below 7 MiB.
	MaxRefs = 1 << 16
	// minPadded is what the smallest chunk is padded to.
	minPadded = wire.MinContent
)

var (
	// ErrMalformed is wrapped by the errors about lists that are not of the one form.
	ErrMalformed = errors.New("malformed list of chunks")
	// ErrWrong: the bytes are not those of the chunk, whoever gave them.
	ErrWrong = errors.New("not the bytes of this chunk")
	// ErrForged: its author signed a chunk that does not open, or not to what the
	// list says.
	ErrForged = errors.New("chunk does not open")
	// ErrTooLong: a file beyond MaxRefs chunks.
	ErrTooLong = errors.New("file too long")
)

// Ref is all that is needed to read a chunk. It is a secret.
type Ref struct {
	_    struct{}      `cbor:",toarray"`
	Key  [32]byte      // of this chunk alone
	Sum  wire.Hash     // SHA-256 of what is stored
	ID   wire.ObjectID // the blob's name in git: where to look, never what to trust
	Size uint32        // bytes of the file in it: 1 to Size, and Size in all but the last
}

// Stored is the length in bytes of what is stored: that of the padded bytes, with
// nonce and tag.
func (r Ref) Stored() int { return overhead + padded(int(r.Size)) }

// String names a chunk without its key.
func (r Ref) String() string { return fmt.Sprintf("chunk %.12s of %d bytes", r.Sum, r.Size) }

// GoString keeps keys out of what %#v prints.
func (r Ref) GoString() string { return r.String() }

func padded(n int) int { return seal.Padme(n, minPadded) }

// Length is how many bytes a file of these chunks has.
func Length(refs []Ref) (n int64) {
	for _, r := range refs {
		n += int64(r.Size)
	}
	return n
}

// Encode prints a list in the one form that Decode takes: CBOR, an array with
// [key, sum, id, size] for each chunk. An empty file has an empty list.
func Encode(refs []Ref) ([]byte, error) {
	if err := check(refs); err != nil {
		return nil, err
	}
	if refs == nil {
		refs = []Ref{}
	}
	return wire.MarshalCBOR(refs)
}

// Decode reads what Encode prints and nothing else.
func Decode(b []byte) ([]Ref, error) {
	if n, ok := announced(b); ok && n > MaxRefs {
		return nil, fmt.Errorf("%w: %d chunks, limit %d", ErrTooLong, n, MaxRefs)
	}
	refs := []Ref{}
	if err := wire.UnmarshalCBOR(b, &refs); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if refs == nil { // null is no list
		return nil, fmt.Errorf("%w: no list of chunks", ErrMalformed)
	}
	return refs, check(refs)
}

// announced is the number that the head of an array says (RFC 8949 section 3).
func announced(b []byte) (n uint64, ok bool) {
	if len(b) < 5 || b[0] != 0x9a { // shorter heads announce less than MaxRefs; 8 bytes are refused as too long a form
		return 0, false
	}
	for _, c := range b[1:5] {
		n = n<<8 | uint64(c)
	}
	return n, true
}

// check says whether a list is one that Write makes.
func check(refs []Ref) error {
	if len(refs) > MaxRefs {
		return fmt.Errorf("%w: %d chunks, limit %d", ErrTooLong, len(refs), MaxRefs)
	}
	for i, r := range refs {
		last := i+1 == len(refs)
		if r.Size == 0 || r.Size > Size || r.Size < Size && !last {
			return fmt.Errorf("%w: chunk %d of %d has %d bytes", ErrMalformed, i, len(refs), r.Size)
		}
		if r.Sum.IsZero() || r.ID.IsZero() || r.Key == [32]byte{} {
			return fmt.Errorf("%w: chunk %d has no key, no sum or no name", ErrMalformed, i)
		}
	}
	return nil
}
