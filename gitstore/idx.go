package gitstore

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/espace-git/espace-git/internal/wire"
)

// Pack index version 2 (gitformat-pack, "pack-*.idx"):
//
//	magic 4 · version 4 · fanout 256×4 · names n×20 · crc n×4 · offsets n×4
//	· large offsets m×8 · pack checksum 20 · checksum of all before 20

const (
	idxMagic  = "\xfftOc\x00\x00\x00\x02"
	idxHead   = 8 + 256*4
	idxTail   = 40
	largeFlag = 1 << 31
)

// encodeIdx sorts records by name and prints the index of their pack.
func encodeIdx(records []packRecord, pack wire.ObjectID) []byte {
	sort.Slice(records, func(i, j int) bool {
		return bytes.Compare(records[i].id[:], records[j].id[:]) < 0
	})
	b := make([]byte, 0, idxHead+28*len(records)+idxTail)
	b = append(b, idxMagic...)
	b = appendFanout(b, records)
	for _, r := range records {
		b = append(b, r.id[:]...)
	}
	for _, r := range records {
		b = binary.BigEndian.AppendUint32(b, r.crc)
	}
	b = appendOffsets(b, records)
	b = append(b, pack[:]...)
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}

func appendFanout(b []byte, records []packRecord) []byte {
	n := 0
	for first := range 256 {
		for n < len(records) && int(records[n].id[0]) == first {
			n++
		}
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return b
}

func appendOffsets(b []byte, records []packRecord) []byte {
	var large []byte
	for _, r := range records {
		if r.offset < largeFlag {
			b = binary.BigEndian.AppendUint32(b, uint32(r.offset))
			continue
		}
		b = binary.BigEndian.AppendUint32(b, largeFlag|uint32(len(large)/8))
		large = binary.BigEndian.AppendUint64(large, r.offset)
	}
	return append(b, large...)
}

// idx is an index in memory. Its structure is checked when it is read, so that
// no lookup can leave the slice; names are checked when objects are read.
type idx struct {
	b      []byte
	n      int
	names  []byte
	crcs   []byte
	small  []byte
	large  []byte
	fanout [256]uint32
}

func parseIdx(b []byte) (*idx, error) {
	if len(b) < idxHead+idxTail || string(b[:8]) != idxMagic {
		return nil, fmt.Errorf("%w: not a pack index of version 2", ErrCorrupt)
	}
	x := &idx{b: b}
	last := uint32(0)
	for i := range 256 {
		x.fanout[i] = binary.BigEndian.Uint32(b[8+4*i:])
		if x.fanout[i] < last {
			return nil, fmt.Errorf("%w: pack index with a bad fan-out", ErrCorrupt)
		}
		last = x.fanout[i]
	}
	x.n = int(last)
	body := b[idxHead : len(b)-idxTail]
	if len(body)/28 < x.n || (len(body)-28*x.n)%8 != 0 {
		return nil, fmt.Errorf("%w: pack index of the wrong length", ErrCorrupt)
	}
	x.names, body = body[:20*x.n], body[20*x.n:]
	x.crcs, body = body[:4*x.n], body[4*x.n:]
	x.small, x.large = body[:4*x.n], body[4*x.n:]
	return x, nil
}

func (x *idx) name(i int) (id wire.ObjectID) {
	copy(id[:], x.names[20*i:])
	return id
}

// offset of the i-th object, false when the index points nowhere.
func (x *idx) offset(i int) (uint64, bool) {
	o := binary.BigEndian.Uint32(x.small[4*i:])
	if o&largeFlag == 0 {
		return uint64(o), true
	}
	at := 8 * int(o&^largeFlag)
	if at+8 > len(x.large) {
		return 0, false
	}
	return binary.BigEndian.Uint64(x.large[at:]), true
}

func (x *idx) crc(i int) uint32 { return binary.BigEndian.Uint32(x.crcs[4*i:]) }

// find gives the place of id among the sorted names.
func (x *idx) find(id wire.ObjectID) (int, bool) {
	lo, hi := 0, int(x.fanout[id[0]])
	if id[0] > 0 {
		lo = int(x.fanout[id[0]-1])
	}
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		switch bytes.Compare(x.names[20*mid:20*mid+20], id[:]) {
		case 0:
			return mid, true
		case -1:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return 0, false
}
