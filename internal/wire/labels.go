package wire

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
)

// label begins every derivation, associated data and proof of this format, so
// that nothing made for one place means anything in another.
const label = "espace/v1/"

// The types and namespaces under which keys sign. They sign nothing else.
const (
	// LedgerType is the DSSE payload type of ledger entries.
	LedgerType = "application/vnd.espace.ledger+json"
	// SSHNamespace is the SSHSIG namespace of commits: stock git asks for it.
	SSHNamespace = "git"
	// JoinLabel begins what the invite key and the new device sign in a join.
	JoinLabel = label + "join\x00"
	// RecoverLabel begins what a recovery key signs.
	RecoverLabel = label + "recover\x00"
	// ItemLabel begins what the hash of a private item of a ledger entry covers.
	ItemLabel = label + "item\x00"
)

// KDF derives 32 bytes: HKDF-SHA-256, no salt, info "espace/v1/" ‖ label ‖ 0 ‖ ctx
// (DESIGN 6; RFC 5869).
func KDF(key []byte, what string, ctx ...[]byte) [32]byte {
	info := append([]byte(label+what), 0)
	for _, c := range ctx {
		info = append(info, c...)
	}
	out, err := hkdf.Key(sha256.New, key, nil, string(info), 32)
	if err != nil {
		panic("wire: hkdf: " + err.Error()) // only for lengths that do not occur
	}
	return [32]byte(out)
}

// AD is the associated data of a ciphertext: "espace/v1/" ‖ kind ‖ 0 ‖ parts.
// Each kind has parts of fixed lengths, so the concatenation is unambiguous.
func AD(kind string, parts ...[]byte) []byte {
	ad := append([]byte(label+kind), 0)
	for _, p := range parts {
		ad = append(ad, p...)
	}
	return ad
}

// U64 is n as 8 bytes, big-endian: the form of every integer in a context.
func U64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// ReadU64 reads what U64 wrote; b must have 8 bytes.
func ReadU64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }
