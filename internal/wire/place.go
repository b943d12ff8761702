package wire

import (
	"encoding/hex"
	"fmt"
)

// Epoch names a span with one secret: its number, and O, the SHA-256 of the
// payload of the ledger entry that opened it.
type Epoch struct {
	Number uint64
	O      Hash
}

// Name is the epoch's part of a ref name: `3-9f86d081884c7d65`, the number and
// the first 8 bytes of O. Nobody can guess the names of an epoch to come.
func (e Epoch) Name() string {
	return fmt.Sprintf("%d-%s", e.Number, hex.EncodeToString(e.O[:8]))
}

// Position is a place in the ledger: an entry's number and the hash of its payload.
type Position struct {
	Number uint64
	Hash   Hash
}

// LogHead is a place in a lane or in the order: how many entries, and the
// RFC 6962 root over them.
type LogHead struct {
	Len  uint64
	Root Hash
}
