package membership

import (
	"crypto/ed25519"

	"github.com/espace-git/espace-git/internal/wire"
)

// RecoverySigningKey is the key that the recovery words stand for: it signs
// nothing but a recover entry (DESIGN 6).
func RecoverySigningKey(words [16]byte) ed25519.PrivateKey {
	seed := wire.KDF(words[:], "recover-sign")
	return ed25519.NewKeyFromSeed(seed[:])
}

// RecoveryReadingSeed is the seed of the age hybrid identity that the words stand
// for: 32 bytes, as in AGE-SECRET-KEY-PQ-1…. This package makes no age keys.
func RecoveryReadingSeed(words [16]byte) [32]byte { return wire.KDF(words[:], "recover-read") }
