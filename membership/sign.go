package membership

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/dsse"

	"github.com/espace-git/espace-git/internal/wire"
)

// messageSigner shows a crypto.Signer of pure Ed25519 (a device key in memory, a
// KMS, a token) to sigstore as a signature.Signer.
type messageSigner struct{ crypto.Signer }

func (s messageSigner) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) {
	return s.Public(), nil
}

func (s messageSigner) SignMessage(message io.Reader, _ ...signature.SignOption) ([]byte, error) {
	b, err := io.ReadAll(message)
	if err != nil {
		return nil, err
	}
	return s.Sign(nil, b, crypto.Hash(0))
}

// signerKey is the Ed25519 key of a signer.
func signerKey(s crypto.Signer) (ed25519.PublicKey, error) {
	key, ok := s.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("signing a ledger entry: key is a %T, not Ed25519", s.Public())
	}
	return wire.CheckSigningKey(key)
}

// signEnvelope signs payload and prints the envelope.
func signEnvelope(payload []byte, s crypto.Signer) ([]byte, error) {
	raw, err := dsse.WrapSigner(messageSigner{s}, wire.LedgerType).SignMessage(bytes.NewReader(payload))
	if err != nil {
		return nil, fmt.Errorf("signing a ledger entry: %w", err)
	}
	// sigstore prints an envelope of its own form; only the signature is wanted.
	var theirs struct {
		Signatures []struct{ Sig string }
	}
	if err := json.Unmarshal(raw, &theirs); err != nil || len(theirs.Signatures) != 1 {
		return nil, errors.New("signing a ledger entry: no signature came back")
	}
	sig, err := base64.StdEncoding.DecodeString(theirs.Signatures[0].Sig)
	if err != nil {
		return nil, fmt.Errorf("signing a ledger entry: %w", err)
	}
	return envelope{payload, sig}.print(), nil
}

// verifyEnvelope checks raw, which parseEnvelope accepted, against key.
func verifyEnvelope(raw []byte, key ed25519.PublicKey, payload []byte) error {
	v, err := signature.LoadED25519Verifier(key)
	if err != nil {
		return err
	}
	var verified []byte
	w := dsse.WrapVerifier(v, dsse.WithExpectedPayloadType(wire.LedgerType), dsse.WithDecodedPayload(&verified))
	if err := w.VerifySignature(bytes.NewReader(raw), nil); err != nil {
		return err
	}
	if !bytes.Equal(verified, payload) {
		return errors.New("verified other bytes than were parsed") // two readers of one envelope
	}
	return nil
}
