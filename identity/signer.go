package identity

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"

	"github.com/espace-git/espace-git/internal/wire"
)

// Signer is a crypto.Signer (pure Ed25519) for commits of a space (SSHSIG, namespace
// git), ledger entries (DSSE of our type) and the proof of a join. It refuses every
// other message, and prints as "[secret]".
type Signer struct {
	key func() ed25519.PrivateKey // a function: fmt shows no bytes of one, whatever the verb
}

func newSigner(seed []byte) Signer {
	key := ed25519.NewKeyFromSeed(seed)
	return Signer{func() ed25519.PrivateKey { return key }}
}

// PublicKey is the Ed25519 public key, 32 bytes.
func (s Signer) PublicKey() ed25519.PublicKey { return s.key().Public().(ed25519.PublicKey) }

// Public implements crypto.Signer; it is PublicKey.
func (s Signer) Public() crypto.PublicKey { return s.PublicKey() }

// ID is the ID of the device that signs with this key.
func (s Signer) ID() wire.DeviceID { return wire.DeviceIDOf(s.PublicKey()) }

// Sign signs message itself; opts must be crypto.Hash(0). Randomness is not used.
// ErrWillNotSign: the message is of no kind that this key signs.
func (s Signer) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := checkOpts(opts); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	if err := guard(message); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return ed25519.Sign(s.key(), message), nil
}

func (Signer) Format(f fmt.State, _ rune)   { io.WriteString(f, redacted) }
func (Signer) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Signer) MarshalText() ([]byte, error) { return []byte(redacted), nil }
