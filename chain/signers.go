package chain

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
)

// Signer is a device whose commits stock git should accept.
type Signer struct {
	Device wire.DeviceID
	Key    ed25519.PublicKey
}

// AllowedSigners is a file for `git -c gpg.ssh.allowedSignersFile=FILE
// verify-commit` (ssh-keygen(1), ALLOWED SIGNERS), one line a device in the
// order given. It says who signed, not who was allowed to: only the ledger does.
func AllowedSigners(signers []Signer) string {
	var b strings.Builder
	for _, s := range signers {
		key := base64.StdEncoding.EncodeToString(sshPublicKey(s.Key))
		b.WriteString(principal(s.Device) + ` namespaces="` + wire.SSHNamespace + `" ` + sshKeyType + " " + key + "\n")
	}
	return b.String()
}
