package chain

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
)

// signature is an SSHSIG (OpenSSH PROTOCOL.sshsig) of the one form: version 1,
// ssh-ed25519, namespace git, sha512. Everything but key and signature is fixed,
// so its blob has one length and is checked by printing it again.
type signature struct {
	key [ed25519.PublicKeySize]byte
	sig [ed25519.SignatureSize]byte
}

const (
	sshMagic    = "SSHSIG"
	sshKeyType  = "ssh-ed25519"
	sshHash     = "sha512"
	armourBegin = "-----BEGIN SSH SIGNATURE-----"
	armourEnd   = "-----END SSH SIGNATURE-----"
	armourWidth = 70  // ssh-keygen's
	blobLen     = 173 // bytes
	armourLines = 6   // BEGIN, 232 digits in 4 lines, END
)

// sshString appends what RFC 4251 section 5 calls a string.
func sshString[T string | []byte](b []byte, s T) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// sshPublicKey is the key in the form of RFC 8709 section 4.
func sshPublicKey(key []byte) []byte {
	return sshString(sshString(nil, sshKeyType), key)
}

// toSign is what the device key signs for a commit: never the commit itself, so
// that no signature made for one place can mean anything in another.
func toSign(payload []byte) []byte {
	sum := sha512.Sum512(payload)
	b := []byte(sshMagic)
	b = sshString(b, wire.SSHNamespace)
	b = sshString(b, "") // reserved
	b = sshString(b, sshHash)
	return sshString(b, sum[:])
}

// blob is the signature as bytes.
func (s signature) blob() []byte {
	b := append(make([]byte, 0, blobLen), sshMagic...)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = sshString(b, sshPublicKey(s.key[:]))
	b = sshString(b, wire.SSHNamespace)
	b = sshString(b, "")
	b = sshString(b, sshHash)
	return sshString(b, sshString(sshString(nil, sshKeyType), s.sig[:]))
}

// armour is the signature as the value of a gpgsig header: lines after the first
// are indented by one space, as git continues headers.
func (s signature) armour() []byte {
	digits := base64.StdEncoding.EncodeToString(s.blob())
	b := []byte(armourBegin)
	for len(digits) > 0 {
		n := min(armourWidth, len(digits))
		b = append(append(b, "\n "...), digits[:n]...)
		digits = digits[n:]
	}
	return append(b, "\n "+armourEnd+"\n"...)
}

// parseArmour reads the lines of an armour without their indentation. Other
// wrapping than ours is caught when the commit is printed and compared.
func parseArmour(armour string) (s signature, err error) {
	digits, ok := strings.CutPrefix(armour, armourBegin+"\n")
	digits, ok2 := strings.CutSuffix(digits, armourEnd+"\n")
	if !ok || !ok2 {
		return s, fmt.Errorf("%w: signature: not the one armour", ErrMalformed)
	}
	blob, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(digits, "\n", ""))
	if err != nil || len(blob) != blobLen {
		return s, fmt.Errorf("%w: signature: not %d bytes of base64", ErrMalformed, blobLen)
	}
	const keyEnd = len(sshMagic) + 4 + 4 + 4 + len(sshKeyType) + 4 + ed25519.PublicKeySize
	copy(s.key[:], blob[keyEnd-ed25519.PublicKeySize:])
	copy(s.sig[:], blob[blobLen-ed25519.SignatureSize:])
	if !bytes.Equal(s.blob(), blob) {
		return s, fmt.Errorf("%w: signature: not the one form of SSHSIG", ErrMalformed)
	}
	return s, nil
}

// signPayload asks the key for one signature. Ed25519 is deterministic, so no
// randomness is needed.
func signPayload(payload []byte, key crypto.Signer, pub ed25519.PublicKey) (signature, error) {
	sig, err := key.Sign(nil, toSign(payload), crypto.Hash(0))
	if err != nil {
		return signature{}, err
	}
	if len(sig) != ed25519.SignatureSize {
		return signature{}, fmt.Errorf("signature has %d bytes, want %d", len(sig), ed25519.SignatureSize)
	}
	return signature{key: [32]byte(pub), sig: [64]byte(sig)}, nil
}
