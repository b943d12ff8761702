package chain

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// ErrSignature is wrapped when a commit is well-formed but not signed by the key
// that it was asked about.
var ErrSignature = errors.New("not signed by this key")

// Unverified is a well-formed commit of which nothing is known to be true.
type Unverified struct {
	commit  Commit
	sig     signature
	raw     []byte
	payload []byte
}

// Claims is what the commit says about itself. It serves to find the key to
// verify it with, and for nothing else.
func (u Unverified) Claims() Message { return u.commit.Message }

// Git is the commit as git sees it, unverified as well: tree and parents say
// where to look. The caller must not change it.
func (u Unverified) Git() Commit { return u.commit }

// Raw is the commit's bytes. The caller must not change them.
func (u Unverified) Raw() []byte { return u.raw }

// Verify checks that the device with key pub signed the commit and that the
// commit names this device. That the device may do so is the roster's to say.
func (u Unverified) Verify(pub ed25519.PublicKey) (Verified, error) {
	if u.raw == nil {
		return Verified{}, fmt.Errorf("verifying commit: %w: nothing parsed", ErrMalformed)
	}
	key, err := wire.CheckSigningKey(pub)
	if err != nil {
		return Verified{}, fmt.Errorf("verifying commit: %w: %w", ErrSignature, err)
	}
	named := wire.DeviceIDOf(key) == u.commit.Device && string(key) == string(u.sig.key[:])
	if !named || !ed25519.Verify(key, toSign(u.payload), u.sig.sig[:]) {
		return Verified{}, fmt.Errorf("verifying commit: %w", ErrSignature)
	}
	return Verified{Commit: u.commit, id: wire.Sum(u.payload), key: key, raw: u.raw}, nil
}

// Verified is a commit that the device it names has signed. Only Verify makes one.
type Verified struct {
	Commit
	id  wire.Hash
	key ed25519.PublicKey
	raw []byte
}

// ID is the commit's identity: the SHA-256 of what was signed. Two signatures
// over the same are one commit.
func (v Verified) ID() wire.Hash { return v.id }

// Key is the signing key under which the commit was verified.
func (v Verified) Key() ed25519.PublicKey { return v.key }

// Raw is the commit's bytes, as evidence. The caller must not change them.
func (v Verified) Raw() []byte { return v.raw }

// ObjectID is the name that git gives the commit.
func (v Verified) ObjectID() wire.ObjectID { return ObjectIDOf(v.raw) }

// Sign makes the bytes of commit c, signed by key, which must be the Ed25519 key
// of the device that c names. What it returns passes Parse and Verify: a token
// or service that signs wrongly is found out here, not at the readers.
func Sign(c Commit, key crypto.Signer) ([]byte, error) {
	raw, err := sign(c, key)
	if err != nil {
		return nil, fmt.Errorf("signing %s commit: %w", c.Kind, err)
	}
	return raw, nil
}

func sign(c Commit, key crypto.Signer) ([]byte, error) {
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok || len(pub) != ed25519.PublicKeySize {
		return nil, errors.New("not an Ed25519 key")
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	sig, err := signPayload(c.print(nil), key, pub)
	if err != nil {
		return nil, err
	}
	raw := c.print(sig.armour())
	u, err := parse(raw)
	if err != nil {
		return nil, err
	}
	_, err = u.Verify(pub)
	return raw, err
}
