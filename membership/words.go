package membership

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
)

// The English word list of BIP 39: 2,048 words, sorted, of which the first four
// letters are unique. SHA-256 of the file:
// 2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda
//
//go:embed english.txt
var english string

func wordList() []string { return strings.Fields(english) }

const (
	wordBits  = 11
	wordCount = 12
)

// Words is the first 132 bits of h as twelve words, to be compared by voice: all
// twelve or nothing, fewer could be searched for.
func Words(h wire.Hash) [wordCount]string {
	list := wordList()
	var out [wordCount]string
	for i := range out {
		out[i] = list[bitsAt(h[:], i*wordBits)]
	}
	return out
}

// RecoveryWords prints 16 random bytes as twelve words with 4 bits of checksum
// (BIP 39).
func RecoveryWords(secret [16]byte) [wordCount]string {
	sum := wire.Sum(secret[:])
	list := wordList()
	var out [wordCount]string
	for i := range out {
		out[i] = list[bitsAt(append(secret[:], sum[0]), i*wordBits)]
	}
	return out
}

// ParseRecoveryWords reads twelve words in any case and spacing.
func ParseRecoveryWords(text string) ([16]byte, error) {
	var out [16]byte
	if len(text) > 1<<10 {
		return out, fmt.Errorf("%w: %d characters", ErrWords, len(text))
	}
	words := strings.Fields(strings.ToLower(text))
	if len(words) != wordCount {
		return out, fmt.Errorf("%w: %d words, want %d", ErrWords, len(words), wordCount)
	}
	bits := make([]byte, 0, 24)
	list := wordList()
	var acc, n uint
	for i, w := range words {
		v, ok := slices.BinarySearch(list, w)
		if !ok {
			return out, fmt.Errorf("%w: word %d is not in the list", ErrWords, i+1)
		}
		for acc, n = acc<<wordBits|uint(v), n+wordBits; n >= 8; n -= 8 {
			bits = append(bits, byte(acc>>(n-8)))
		}
		acc &= 1<<n - 1
	}
	copy(out[:], bits)
	if sum := wire.Sum(out[:]); uint(sum[0]>>4) != acc {
		return [16]byte{}, fmt.Errorf("%w: the checksum does not match, a word is wrong", ErrWords)
	}
	return out, nil
}

// bitsAt reads 11 bits of b from bit i on; past the end there are zeros.
func bitsAt(b []byte, i int) uint32 {
	var window [4]byte
	copy(window[:], b[i/8:])
	return binary.BigEndian.Uint32(window[:]) << (i % 8) >> (32 - wordBits)
}
