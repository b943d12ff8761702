package checkpoint

import (
	"bytes"
	"fmt"
	"io"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

// Manifest lists the pages of a checkpoint that this device built, or read in full.
type Manifest struct {
	Place
	Digest  wire.Hash // of all records
	Records uint64
	Bytes   uint64 // of all keys and values
	Pages   []PageRef
}

// PageRef is how a manifest lists a page.
type PageRef struct {
	First  []byte    // key of its first record
	Key    seal.Key  // of this blob alone
	Hash   wire.Hash // SHA-256 of the blob: XChaCha20-Poly1305 does not commit to its key
	Sum    wire.Hash // SHA-256 of the page: is it the same as before?
	Length uint64    // of the blob in bytes
}

// manifestWire is Manifest in CBOR. A later format adds another form, not fields.
type manifestWire struct {
	_                    struct{} `cbor:",toarray"`
	Space, Epoch, Digest wire.Hash
	Records, Bytes       uint64
	Pages                []pageWire
}

type pageWire struct {
	_         struct{} `cbor:",toarray"`
	First     []byte
	Key       [32]byte
	Hash, Sum wire.Hash
	Length    uint64
}

// Encode is the manifest in the clear, keys of pages included: for a store that is
// itself encrypted.
func (m *Manifest) Encode() ([]byte, error) {
	out := manifestWire{
		Space: m.Space, Epoch: m.Epoch, Digest: m.Digest, Records: m.Records, Bytes: m.Bytes,
		Pages: make([]pageWire, len(m.Pages)),
	}
	for i, p := range m.Pages {
		if p.Key.IsZero() {
			return nil, fmt.Errorf("encoding a manifest: page %d: %w: no key", i, ErrMalformed)
		}
		out.Pages[i] = pageWire{First: p.First, Key: [32]byte(p.Key.Bytes()), Hash: p.Hash, Sum: p.Sum, Length: p.Length}
	}
	b, err := wire.MarshalCBOR(out)
	if err != nil {
		return nil, fmt.Errorf("encoding a manifest: %w", err)
	}
	return b, nil
}

// Decode reads back what Encode of this device printed. What others made goes
// through Open and Read.
func Decode(b []byte) (*Manifest, error) {
	var in manifestWire
	err := wire.UnmarshalCBOR(b, &in)
	if err == nil {
		err = in.check()
	}
	if err != nil {
		return nil, fmt.Errorf("decoding a manifest: %w", err)
	}
	return in.manifest()
}

func (in *manifestWire) manifest() (*Manifest, error) {
	m := &Manifest{
		Place: Place{in.Space, in.Epoch}, Digest: in.Digest, Records: in.Records, Bytes: in.Bytes,
		Pages: make([]PageRef, len(in.Pages)),
	}
	for i, p := range in.Pages {
		key, err := seal.KeyFrom(p.Key[:])
		if err != nil {
			return nil, fmt.Errorf("decoding a manifest: %w", err)
		}
		m.Pages[i] = PageRef{First: p.First, Key: key, Hash: p.Hash, Sum: p.Sum, Length: p.Length}
	}
	return m, nil
}

// check holds a decoded manifest against what every manifest must be.
func (in *manifestWire) check() error {
	n := uint64(len(in.Pages))
	switch {
	case in.Pages == nil:
		return fmt.Errorf("%w: no pages", ErrMalformed)
	case n > MaxPages:
		return fmt.Errorf("%w: %d pages, limit %d", ErrMalformed, n, MaxPages)
	case in.Records < n || n == 0 && in.Records > 0 || in.Bytes < in.Records:
		return fmt.Errorf("%w: %d bytes, %d records, %d pages", ErrMalformed, in.Bytes, in.Records, n)
	}
	var last []byte
	for i := range in.Pages {
		if err := in.Pages[i].check(last); err != nil {
			return fmt.Errorf("page %d: %w", i, err)
		}
		last = in.Pages[i].First
	}
	return nil
}

func (p *pageWire) check(last []byte) error {
	switch {
	case len(p.First) == 0 || len(p.First) > MaxKey:
		return fmt.Errorf("%w: first key of %d bytes", ErrMalformed, len(p.First))
	case bytes.Compare(p.First, last) <= 0:
		return fmt.Errorf("%w: pages out of order", ErrMalformed)
	case p.Length < wire.MinContent || p.Length > wire.MaxEntry:
		return fmt.Errorf("%w: blob of %d bytes, limit %d", ErrMalformed, p.Length, wire.MaxEntry)
	}
	return nil
}

// Seal encrypts the manifest under seal.Secret.ManifestKey of its epoch, bound to
// space and epoch.
func (m *Manifest) Seal(key seal.Key, rand io.Reader) ([]byte, error) {
	b, err := m.Encode()
	if err != nil {
		return nil, err
	}
	box, err := key.Seal(rand, manifestAD(m.Place), b, wire.MinContent)
	if err != nil {
		return nil, fmt.Errorf("sealing a manifest: %w", err)
	}
	return box, nil
}

func manifestAD(at Place) []byte { return wire.AD("manifest", at.Space[:], at.Epoch[:]) }
