package gitstore

import (
	"fmt"
	"hash"
	"sync"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/pjbgf/sha1cd"
)

// A foreign hash is SHA-1 with collision detection: who can push may send two
// objects under one name. Nothing rests on the name (DESIGN 3), but a store that
// took the first would answer differently from one that took the second.

var foreignHashes = sync.Pool{New: func() any { return sha1cd.New() }}

func nameOfForeign(k kind, data []byte) (wire.ObjectID, error) {
	var head [32]byte
	return foreignSum(appendHeader(head[:0], k, len(data)), data)
}

func foreignSum(parts ...[]byte) (wire.ObjectID, error) {
	h := foreignHashes.Get().(hash.Hash)
	defer foreignHashes.Put(h)
	h.Reset()
	for _, p := range parts {
		h.Write(p)
	}
	sum, collided := h.(sha1cd.CollisionResistantHash).CollisionResistantSum(nil)
	if collided {
		return wire.ObjectID{}, fmt.Errorf("%w: SHA-1 collision attack", ErrCorrupt)
	}
	return wire.ObjectID(sum), nil
}
