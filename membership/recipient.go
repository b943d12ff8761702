package membership

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"strings"
	"sync"

	"github.com/espace-git/espace-git/internal/wire"
)

// A recipient is an age hybrid post-quantum public key (ML-KEM-768 + X25519) as
// age prints it: Bech32 in lower case, "age1pq1…". The ledger checks the key
// itself and not only its form, so that every recipient it lists can be wrapped
// to; the check is this package's own, since age belongs to seal and identity.
const (
	recipientPrefix = "age1pq"
	recipientBytes  = 1184 + 32
	recipientChars  = len(recipientPrefix) + 1 + (recipientBytes*8+4)/5 + 6
	x25519At        = 1184
)

// recipientHash identifies a recipient: keys and recipients are used once.
func recipientHash(s string) wire.Hash { return wire.Sum([]byte(s)) }

func checkRecipient(s string) error {
	if len(s) != recipientChars {
		return malformed("recipient", "a recipient has %d characters, this one %d", recipientChars, len(s))
	}
	key, ok := bech32(s)
	if !ok {
		return malformed("recipient", "a recipient is not canonical Bech32")
	}
	if _, err := hpke.MLKEM768X25519().NewPublicKey(key); err != nil {
		return malformed("recipient", "a recipient is no key: %w", err)
	}
	if smallOrderX25519(key[x25519At:]) {
		return malformed("recipient", "a recipient has small order")
	}
	return nil
}

// smallOrderX25519 reports whether every exchange with the key gives zero, so
// that nobody could wrap to it.
func smallOrderX25519(b []byte) bool {
	pub, err := ecdh.X25519().NewPublicKey(b)
	if err != nil {
		return true
	}
	_, err = anyX25519().ECDH(pub)
	return err != nil
}

// anyX25519 asks the question; which key asks is irrelevant, and it is no secret.
var anyX25519 = sync.OnceValue(func() *ecdh.PrivateKey {
	key, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{9}, 32))
	if err != nil {
		panic("membership: x25519: " + err.Error()) // any 32 bytes are a key
	}
	return key
})

const bech32Charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// bech32 decodes a lower-case Bech32 string with the prefix of a recipient
// (BIP 173, without its length limit, as age uses it).
func bech32(s string) ([]byte, bool) {
	data, ok := strings.CutPrefix(s, recipientPrefix+"1")
	if !ok || len(data) < 6 {
		return nil, false
	}
	sum := bech32Prefix(recipientPrefix)
	var out []byte
	var acc, bits uint
	for i := range len(data) {
		v := strings.IndexByte(bech32Charset, data[i])
		if v < 0 {
			return nil, false
		}
		sum = bech32Step(sum) ^ uint32(v)
		if i >= len(data)-6 {
			continue // the checksum itself
		}
		if acc, bits = acc<<5|uint(v), bits+5; bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
			acc &= 1<<bits - 1
		}
	}
	return out, sum == 1 && acc == 0 && bits < 5
}

func bech32Prefix(hrp string) uint32 {
	sum := uint32(1)
	for i := range len(hrp) {
		sum = bech32Step(sum) ^ uint32(hrp[i]>>5)
	}
	sum = bech32Step(sum)
	for i := range len(hrp) {
		sum = bech32Step(sum) ^ uint32(hrp[i]&31)
	}
	return sum
}

// bech32Step multiplies by x modulo the generator of BIP 173.
func bech32Step(sum uint32) uint32 {
	top := sum >> 25
	sum = (sum & 0x1ffffff) << 5
	for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
		if top>>i&1 == 1 {
			sum ^= g
		}
	}
	return sum
}
