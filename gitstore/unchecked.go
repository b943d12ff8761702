package gitstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/espace-git/espace-git/internal/wire"
)

// BlobUnchecked reads a blob of exactly size bytes without comparing it with its name:
// for callers who know its SHA-256, as with chunks of files, where the two sums that
// git adds would cost more than opening the chunk. A blob that no pack of ours holds as
// it is, is read by Blob.
func (r *Repo) BlobUnchecked(id wire.ObjectID, size int) ([]byte, error) {
	if size < 0 || size > MaxObject {
		return nil, fmt.Errorf("blob of %d bytes: %w", size, ErrTooBig)
	}
	for _, p := range r.current().packs {
		if i, ok := p.idx.find(id); ok {
			if b, err := p.stored(i, size); err == nil {
				return b, nil
			}
		}
	}
	return r.Blob(id, size)
}

// errNotStored: the entry is no blob of stored blocks of the length that was asked for.
var errNotStored = errors.New("not stored as it is")

// stored reads an entry that appendEntry wrote of a blob.
func (p *pack) stored(i, size int) ([]byte, error) {
	offset, ok := p.idx.offset(i)
	if !ok || offset < packHeaderSize {
		return nil, errEntry
	}
	head := appendEntryHeader(nil, kindBlob, size)
	blocks := max(1, (size+0xfffe)/0xffff)
	end := int64(offset) + int64(len(head)+2+size+5*blocks+4)
	if end > p.size-20 {
		return nil, errNotStored
	}
	return readStored(io.NewSectionReader(p.f, int64(offset), end-int64(offset)), head, size)
}

// readStored reads a head, a zlib header and stored blocks (RFC 1951 section 3.2.4),
// each into its place. The sum behind them is not looked at.
func readStored(r io.Reader, head []byte, size int) ([]byte, error) {
	var buf [32]byte
	first := buf[:len(head)+2]
	if _, err := io.ReadFull(r, first); err != nil {
		return nil, err
	}
	if string(first) != string(head)+"\x78\x01" {
		return nil, errNotStored
	}
	// Five bytes of a block's head stand before its place; what lies there is put back.
	data := make([]byte, 5+size)
	var last [5]byte
	for at := 0; ; {
		n := min(size-at, 0xffff)
		copy(last[:], data[at:at+5])
		if _, err := io.ReadFull(r, data[at:at+5+n]); err != nil {
			return nil, err
		}
		final := at+n == size
		h := data[at : at+5]
		if (h[0] == 1) != final || h[0] > 1 || int(binary.LittleEndian.Uint16(h[1:])) != n || binary.LittleEndian.Uint16(h[3:]) != ^uint16(n) {
			return nil, errNotStored
		}
		copy(data[at:at+5], last[:])
		if at += n; final {
			return data[5:], nil
		}
	}
}
