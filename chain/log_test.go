package chain_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
)

// naiveRoot is RFC 6962 section 2.1 as it is written there.
func naiveRoot(entries [][]byte) [32]byte {
	switch len(entries) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, entries[0]...))
	}
	k := 1
	for 2*k < len(entries) {
		k *= 2
	}
	l, r := naiveRoot(entries[:k]), naiveRoot(entries[k:])
	return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
}

func TestLogAgainstTheRFC(t *testing.T) {
	var log chain.Log
	var entries [][]byte
	for i := range 200 {
		if want := (wire.LogHead{Len: uint64(i), Root: naiveRoot(entries)}); log.Head() != want || log.Len() != want.Len {
			t.Fatalf("length %d: %v, want %v", i, log.Head(), want)
		}
		entries = append(entries, fmt.Append(nil, "entry ", i))
		log.Append(entries[i])
	}
}

func TestLogCopiesAreIndependent(t *testing.T) {
	for n := range 40 {
		log := logOf()
		for i := range n {
			log.Append(fmt.Append(nil, i))
		}
		before := log.Head()
		left, right := log, log
		left.Append([]byte("l"))
		right.Append([]byte("r"))
		left2 := log
		left2.Append([]byte("l"))
		if log.Head() != before || left.Head() != left2.Head() || left.Head() == right.Head() {
			t.Fatalf("length %d: copies share what they write", n)
		}
	}
}

func TestLogOnDisk(t *testing.T) {
	var log chain.Log
	for i := range 100 {
		b, err := log.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var again chain.Log
		if err := again.UnmarshalBinary(b); err != nil || again.Head() != log.Head() {
			t.Fatalf("length %d: %v", i, err)
		}
		for _, bad := range [][]byte{b[:len(b)-1], append(b, 0), append(append([]byte{}, b...), make([]byte, 32)...)} {
			if err := again.UnmarshalBinary(bad); !errors.Is(err, chain.ErrMalformed) {
				t.Fatalf("length %d: took %d bytes for %d", i, len(bad), len(b))
			}
		}
		log.Append(fmt.Append(nil, i))
	}
}
