package gitstore

import (
	"crypto/sha1"
	"fmt"
	"strconv"

	"github.com/espace-git/espace-git/internal/wire"
)

// kind is the type of an object, numbered as in packs (gitformat-pack).
type kind byte

const (
	kindCommit kind = 1
	kindTree   kind = 2
	kindBlob   kind = 3
	kindTag    kind = 4

	kindOfsDelta kind = 6
	kindRefDelta kind = 7
)

// String gives git's word, or "" for what is no whole object.
func (k kind) String() string {
	switch k {
	case kindCommit:
		return "commit"
	case kindTree:
		return "tree"
	case kindBlob:
		return "blob"
	case kindTag:
		return "tag"
	}
	return ""
}

func kindOf(word string) (kind, bool) {
	for k := kindCommit; k <= kindTag; k++ {
		if k.String() == word {
			return k, true
		}
	}
	return 0, false
}

// appendHeader appends what git hashes before an object's bytes.
func appendHeader(b []byte, k kind, n int) []byte {
	b = append(b, k.String()...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, 0)
}

// nameOf is git's SHA-1 name of an object of ours. Objects of others are named
// by nameOfForeign, which notices collision attacks.
func nameOf(k kind, data []byte) wire.ObjectID {
	var id wire.ObjectID
	h := sha1.New()
	var head [32]byte
	h.Write(appendHeader(head[:0], k, len(data)))
	h.Write(data)
	h.Sum(id[:0])
	return id
}

// BlobID is the name that data has as a blob.
func BlobID(data []byte) wire.ObjectID { return nameOf(kindBlob, data) }

// CommitID is the name that raw has as a commit.
func CommitID(raw []byte) wire.ObjectID { return nameOf(kindCommit, raw) }

// TreeID is the name of the tree with these entries, in any order.
func TreeID(entries []TreeEntry) (wire.ObjectID, error) {
	b, err := encodeTree(entries)
	if err != nil {
		return wire.ObjectID{}, err
	}
	return nameOf(kindTree, b), nil
}

func wrongName(id, got wire.ObjectID) error {
	return fmt.Errorf("%w: %s has the bytes of %s", ErrCorrupt, id, got)
}
