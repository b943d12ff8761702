package seal

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// EpochSecret is a secret and the identity O of the epoch that it is said to be of.
type EpochSecret struct {
	O      wire.Hash
	Secret Secret
}

// Wrap hands epoch secrets to one device: a file in `<e>/keys`. age authenticates no
// sender, so what a wrap says is a claim: each secret counts only if it matches the
// commitment in the verified ledger (Secret.Matches).
type Wrap struct {
	Space   wire.Hash
	Secrets []EpochSecret // in the order of O, no O twice
}

// wrapWire is Wrap in CBOR. A later version adds a kind of mail, not fields.
type wrapWire struct {
	_       struct{} `cbor:",toarray"`
	Space   wire.Hash
	Secrets []secretWire
}

type secretWire struct {
	_      struct{} `cbor:",toarray"`
	O      wire.Hash
	Secret [32]byte
}

// The kinds of mail. The label stands before the body, under the encryption.
const (
	wrapKind = "wrap"
	mailKind = "mail"
)

// WrapSecrets encrypts w to a device's recipient: an age file with exactly one hybrid
// stanza, padded. Secrets are put in the order of O. Wraps go only to recipients that
// the pushed ledger lists (DESIGN 6); that is the caller's to check.
func WrapSecrets(recipient string, w Wrap) ([]byte, error) {
	body, err := encodeWrap(w)
	if err != nil {
		return nil, fmt.Errorf("wrapping: %w", err)
	}
	file, err := sealMail(recipient, wrapKind, body)
	if err != nil {
		return nil, fmt.Errorf("wrapping: %w", err)
	}
	return file, nil
}

// OpenWrap opens a wrap. ErrNotMine: it is for another recipient. ErrMalformed,
// ErrTooBig: whoever pushed it made it wrong; another wrap may fit.
func OpenWrap(file []byte, o Opener) (Wrap, error) {
	if len(file) > maxWrap {
		return Wrap{}, fmt.Errorf("opening wrap: %w: %d bytes, limit %d", ErrTooBig, len(file), maxWrap)
	}
	body, err := openMail(o, wrapKind, file, maxWrap)
	if err != nil {
		return Wrap{}, fmt.Errorf("opening wrap: %w", err)
	}
	w, err := decodeWrap(body)
	if err != nil {
		return Wrap{}, fmt.Errorf("opening wrap: %w", err)
	}
	return w, nil
}

func encodeWrap(w Wrap) ([]byte, error) {
	if err := checkCount(len(w.Secrets)); err != nil {
		return nil, err
	}
	out := wrapWire{Space: w.Space, Secrets: make([]secretWire, len(w.Secrets))}
	for i, s := range w.Secrets {
		if s.Secret.IsZero() {
			return nil, fmt.Errorf("%w: no secret for epoch %s", ErrMalformed, s.O)
		}
		out.Secrets[i] = secretWire{O: s.O, Secret: [32]byte(s.Secret.raw())}
	}
	slices.SortFunc(out.Secrets, func(a, b secretWire) int { return bytes.Compare(a.O[:], b.O[:]) })
	if err := checkOrder(out.Secrets); err != nil {
		return nil, err
	}
	return wire.MarshalCBOR(out)
}

func decodeWrap(body []byte) (Wrap, error) {
	var in wrapWire
	if err := wire.UnmarshalCBOR(body, &in); err != nil {
		return Wrap{}, err
	}
	if err := checkCount(len(in.Secrets)); err != nil {
		return Wrap{}, err
	}
	if err := checkOrder(in.Secrets); err != nil {
		return Wrap{}, err
	}
	w := Wrap{Space: in.Space, Secrets: make([]EpochSecret, len(in.Secrets))}
	for i, s := range in.Secrets {
		w.Secrets[i] = EpochSecret{O: s.O, Secret: Secret{hide(s.Secret)}}
	}
	return w, nil
}

func checkCount(n int) error {
	if n == 0 || n > maxSecrets {
		return fmt.Errorf("%w: %d secrets in a wrap, limit %d", ErrMalformed, n, maxSecrets)
	}
	return nil
}

// checkOrder: one form for one set, and no epoch with two secrets.
func checkOrder(s []secretWire) error {
	for i := 1; i < len(s); i++ {
		if bytes.Compare(s[i-1].O[:], s[i].O[:]) >= 0 {
			return fmt.Errorf("%w: secrets not in order", ErrMalformed)
		}
	}
	return nil
}
