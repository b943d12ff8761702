package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/espace-git/espace-git/internal/wire"
)

// EmptyRoot is the root of a log without entries: the SHA-256 of nothing.
var EmptyRoot = wire.Sum(nil)

var ranges = compact.RangeFactory{Hash: nodeHash}

// nodeHash is SHA-256(0x01 ‖ left ‖ right), with one allocation.
func nodeHash(left, right []byte) []byte {
	b := [65]byte{rfc6962.RFC6962NodeHashPrefix}
	copy(b[1:], left)
	copy(b[33:], right)
	sum := sha256.Sum256(b[:])
	return sum[:]
}

// Log is the head of an append-only log of entries (RFC 6962 section 2.1): its
// length and the roots of its perfect subtrees, at most 53 hashes. The zero Log
// is empty. A copy is independent of the original.
type Log struct {
	n     uint64
	nodes [][]byte // left to right, never written to once shared
}

// LeafHash is the hash of an entry as stored: SHA-256(0x00 ‖ entry).
func LeafHash(entry []byte) wire.Hash { return wire.Sum([]byte{rfc6962.RFC6962LeafHashPrefix}, entry) }

// Append adds an entry at index Len.
func (l *Log) Append(entry []byte) { l.AppendLeaf(LeafHash(entry)) }

// AppendLeaf adds an entry of which the leaf hash is known.
func (l *Log) AppendLeaf(leaf wire.Hash) {
	r, err := ranges.NewRange(0, l.n, slices.Clone(l.nodes))
	if err == nil {
		err = r.Append(leaf[:], nil)
	}
	if err != nil {
		panic("chain: log: " + err.Error()) // only if nodes did not fit n, which no Log can have
	}
	l.n, l.nodes = r.End(), r.Hashes()
}

// Len is the number of entries.
func (l *Log) Len() uint64 { return l.n }

// Head is length and root, as a commit's trailer Log says them.
func (l *Log) Head() wire.LogHead {
	if l.n == 0 {
		return wire.LogHead{Root: EmptyRoot}
	}
	root := l.nodes[len(l.nodes)-1]
	for i := len(l.nodes) - 2; i >= 0; i-- {
		root = ranges.Hash(l.nodes[i], root)
	}
	return wire.LogHead{Len: l.n, Root: wire.Hash(root)}
}

// join is the head of the log that begins with common, goes on with leaf, and
// then with the compact range rest up to length n. A result with length 0 and
// zero root, which no log has, says that these do not fit together.
func join(common Log, leaf wire.Hash, rest []wire.Hash, n uint64) wire.LogHead {
	if n == common.n && leaf.IsZero() && len(rest) == 0 {
		return common.Head()
	}
	if n <= common.n || n > wire.MaxInt || len(rest) != compact.RangeSize(common.n+1, n) {
		return wire.LogHead{}
	}
	common.AppendLeaf(leaf)
	nodes := make([][]byte, len(rest))
	for i := range rest {
		nodes[i] = rest[i][:]
	}
	r, err := ranges.NewRange(0, common.n, slices.Clone(common.nodes))
	tail, err2 := ranges.NewRange(common.n, n, nodes)
	if err != nil || err2 != nil || r.AppendRange(tail, nil) != nil {
		return wire.LogHead{}
	}
	whole := Log{n: r.End(), nodes: r.Hashes()}
	return whole.Head()
}

// tail is the compact range of leaves that stand at index begin and after it.
func tail(begin uint64, leaves []wire.Hash) []wire.Hash {
	r := ranges.NewEmptyRange(begin)
	for _, l := range leaves {
		if err := r.Append(l[:], nil); err != nil {
			return nil
		}
	}
	var out []wire.Hash
	for _, h := range r.Hashes() {
		out = append(out, wire.Hash(h))
	}
	return out
}

// MarshalBinary is the length, 8 bytes big-endian, and the subtree roots.
func (l Log) MarshalBinary() ([]byte, error) {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 8+32*len(l.nodes)), l.n)
	for _, n := range l.nodes {
		b = append(b, n...)
	}
	return b, nil
}

// UnmarshalBinary accepts what MarshalBinary gives: as many roots as the length
// has one bits.
func (l *Log) UnmarshalBinary(b []byte) error {
	if len(b) < 8 {
		return fmt.Errorf("log: %w: %d bytes", ErrMalformed, len(b))
	}
	n, b := binary.BigEndian.Uint64(b), b[8:]
	if n > wire.MaxInt || len(b) != 32*bits.OnesCount64(n) {
		return fmt.Errorf("log: %w: %d bytes of roots for length %d", ErrMalformed, len(b), n)
	}
	l.n, l.nodes = n, nil
	for b := range slices.Chunk(slices.Clone(b), 32) {
		l.nodes = append(l.nodes, b)
	}
	return nil
}

// EntryPath is where the entry with index i lies in the tree of the commit that
// adds it. One directory: a tree holds only the entries that are new in it.
func EntryPath(i uint64) string { return fmt.Sprintf("entries/%08d", i) }
