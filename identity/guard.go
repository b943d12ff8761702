package identity

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/espace-git/espace-git/internal/wire"
)

// guard refuses every message that a device key has no business with: so a bug, or a
// caller that is fooled, can't make it sign a login, a tag, or another program's data.
func guard(message []byte) error {
	if isSSHSIG(message) || isLedgerPAE(message) || bytes.HasPrefix(message, []byte(wire.JoinLabel)) {
		return nil
	}
	return ErrWillNotSign
}

// isSSHSIG recognises what SSHSIG signs (openssh PROTOCOL.sshsig): in our namespace, over
// a SHA-512 sum.
func isSSHSIG(m []byte) bool {
	const sumSize = 64
	want := []byte("SSHSIG")
	for _, field := range []string{wire.SSHNamespace, "", "sha512"} {
		want = binary.BigEndian.AppendUint32(want, uint32(len(field)))
		want = append(want, field...)
	}
	want = binary.BigEndian.AppendUint32(want, sumSize)
	return len(m) == len(want)+sumSize && bytes.HasPrefix(m, want)
}

// isLedgerPAE recognises the pre-authentication encoding of a DSSE envelope with our
// payload type, of exactly the length that it says.
func isLedgerPAE(m []byte) bool {
	rest, ok := bytes.CutPrefix(m, fmt.Appendf(nil, "DSSEv1 %d %s ", len(wire.LedgerType), wire.LedgerType))
	if !ok {
		return false
	}
	size, body, ok := bytes.Cut(rest, []byte{' '})
	return ok && len(body) <= wire.MaxEnvelope && string(size) == strconv.Itoa(len(body))
}

// checkOpts accepts pure Ed25519 alone: no pre-hash, no context.
func checkOpts(opts crypto.SignerOpts) error {
	if opts == nil || opts.HashFunc() != crypto.Hash(0) {
		return fmt.Errorf("%w: it signs messages, not hashes", ErrWillNotSign)
	}
	if o, ok := opts.(*ed25519.Options); ok && o.Context != "" {
		return fmt.Errorf("%w: with a context", ErrWillNotSign)
	}
	return nil
}
