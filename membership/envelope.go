package membership

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"

	"github.com/espace-git/espace-git/internal/wire"
)

// The one form of a DSSE envelope here: no white space, no keyid, one signature.
//
//	{"payload":"<base64>","payloadType":"<type>","signatures":[{"sig":"<base64>"}]}
//
// Libraries accept much more (other alphabets, doubled fields, junk signatures),
// so this package prints the envelope and takes it apart itself; sigstore then
// verifies what is left (FACTS, attack dsse-tricks).
const (
	envelopeHead = `{"payload":"`
	envelopeMid  = `","payloadType":"` + wire.LedgerType + `","signatures":[{"sig":"`
	envelopeTail = `"}]}`
)

type envelope struct {
	payload   []byte
	signature []byte
}

func (e envelope) print() []byte {
	b := make([]byte, 0, len(envelopeHead)+len(envelopeMid)+len(envelopeTail)+2*len(e.payload)+100)
	b = append(b, envelopeHead...)
	b = base64.StdEncoding.AppendEncode(b, e.payload)
	b = append(b, envelopeMid...)
	b = base64.StdEncoding.AppendEncode(b, e.signature)
	return append(b, envelopeTail...)
}

func parseEnvelope(b []byte) (envelope, error) {
	if len(b) > wire.MaxEnvelope {
		return envelope{}, malformed("envelope-size", "envelope of %d bytes, limit %d", len(b), wire.MaxEnvelope)
	}
	// Cut gives something in any case; the comparison at the end decides.
	rest, _ := bytes.CutPrefix(b, []byte(envelopeHead))
	payload, rest, _ := bytes.Cut(rest, []byte(envelopeMid))
	sig, _ := bytes.CutSuffix(rest, []byte(envelopeTail))
	var e envelope
	var errs [2]error
	e.payload, errs[0] = base64.StdEncoding.DecodeString(string(payload))
	e.signature, errs[1] = base64.StdEncoding.DecodeString(string(sig))
	if errs[0] != nil || errs[1] != nil || len(e.signature) != ed25519.SignatureSize || !bytes.Equal(e.print(), b) {
		return envelope{}, malformed("envelope-form", "not the one form of an envelope")
	}
	return e, nil
}
