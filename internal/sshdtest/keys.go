package sshdtest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"

	"golang.org/x/crypto/ssh"
)

// makeKeys writes the host's key, the user's, and the file that lets the user in.
func (s *Server) makeKeys() error {
	host, err := writeKey(s.path("host"))
	if err != nil {
		return err
	}
	s.Key = s.path("user")
	user, err := writeKey(s.Key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.path("authorized"), ssh.MarshalAuthorizedKey(user), 0o600); err != nil {
		return err
	}
	s.hostKey = ssh.MarshalAuthorizedKey(host)
	return nil
}

// writeKnownHosts names the host key for this port. ssh knows patterns here, in-process clients do not.
func (s *Server) writeKnownHosts(port string) error {
	s.KnownHosts = s.path("known_hosts")
	return os.WriteFile(s.KnownHosts, append([]byte("[127.0.0.1]:"+port+" "), s.hostKey...), 0o600)
}

func writeKey(path string) (ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(public)
}
