package identity

import (
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

// RecoverySigning is the signing key of recovery words (DESIGN 6): words are the 16
// bytes that twelve words stand for. Its public half is in the ledger.
func RecoverySigning(words [16]byte) Signer {
	seed := wire.KDF(words[:], "recover-sign")
	return newSigner(seed[:])
}

// RecoveryReading is the reading key of recovery words: while a space has one member,
// its epoch secrets are wrapped for this recipient too.
func RecoveryReading(words [16]byte) (seal.PrivateKey, error) {
	seed := wire.KDF(words[:], "recover-read")
	key, err := seal.PrivateKeyFrom(seed[:])
	if err != nil {
		return seal.PrivateKey{}, fmt.Errorf("recovery words: %w", err)
	}
	return key, nil
}
