package identity

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

// sshsig is what SSHSIG signs for a message.
func sshsig(namespace, reserved, algorithm string, sum []byte) []byte {
	out := []byte("SSHSIG")
	for _, f := range [][]byte{[]byte(namespace), []byte(reserved), []byte(algorithm), sum} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(f)))
		out = append(out, f...)
	}
	return out
}

func pae(payloadType, body string) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(body), body)
}

func TestSignerSigns(t *testing.T) {
	dev, err := newVault(t).NewDevice(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512([]byte("commit"))
	for name, m := range map[string][]byte{
		"commit": sshsig("git", "", "sha512", sum[:]), "entry": pae(wire.LedgerType, `{"kind":"join"}`), "empty entry": pae(wire.LedgerType, ""), "join": []byte(wire.JoinLabel + "fields"),
	} {
		sig, err := dev.Sign(nil, m, crypto.Hash(0))
		if err != nil || !ed25519.Verify(dev.PublicKey(), m, sig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if dev.ID() != wire.DeviceIDOf(dev.PublicKey()) || !dev.PublicKey().Equal(dev.Public()) {
		t.Error("ID or public key")
	}
}

func TestSignerRefuses(t *testing.T) {
	dev, err := newVault(t).NewDevice(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512([]byte("commit"))
	good := sshsig("git", "", "sha512", sum[:])
	for name, m := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "a commit itself": []byte("tree 0000\nauthor a <a> 0 +0000\n\nx"),
		"ssh login": append([]byte{0, 0, 0, 32}, make([]byte, 100)...), "file namespace": sshsig("file", "", "sha512", sum[:]),
		"empty namespace": sshsig("", "", "sha512", sum[:]), "reserved": sshsig("git", "x", "sha512", sum[:]), "sha256": sshsig("git", "", "sha256", sum[:32]),
		"short sum": sshsig("git", "", "sha512", sum[:63]), "trailing": append(good, 0), "cut": good[:len(good)-1],
		"other type": pae("application/vnd.in-toto+json", "{}"), "type prefix": pae(wire.LedgerType+"x", "{}"), "our type, other length": fmt.Appendf(nil, "DSSEv1 3 %s 2 {}", wire.LedgerType),
		"body length": fmt.Appendf(nil, "DSSEv1 %d %s 3 {}", len(wire.LedgerType), wire.LedgerType), "no body": fmt.Appendf(nil, "DSSEv1 %d %s 2", len(wire.LedgerType), wire.LedgerType),
		"padded length": fmt.Appendf(nil, "DSSEv1 %d %s 02 {}", len(wire.LedgerType), wire.LedgerType), "huge": pae(wire.LedgerType, string(make([]byte, wire.MaxEnvelope+1))),
		"other label": []byte(wire.ItemLabel), "join without end": []byte("espace/v1/join"), "join2": []byte("espace/v1/join2\x00"),
	} {
		if sig, err := dev.Sign(nil, m, crypto.Hash(0)); !errors.Is(err, ErrWillNotSign) || sig != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, opts := range map[string]crypto.SignerOpts{
		"none": nil, "pre-hashed": crypto.SHA512, "context": &ed25519.Options{Context: "x"}, "ed25519ph": &ed25519.Options{Hash: crypto.SHA512},
	} {
		if sig, err := dev.Sign(nil, good, opts); !errors.Is(err, ErrWillNotSign) || sig != nil {
			t.Errorf("options %s: %v", name, err)
		}
	}
	if _, err := dev.Sign(nil, good, &ed25519.Options{}); err != nil {
		t.Error(err)
	}
}

func TestDeviceOpensWraps(t *testing.T) {
	v := newVault(t)
	newKeyring(t, v)
	dev := reopen(t, v).Device()
	s, err := seal.NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file, err := seal.WrapSecrets(dev.Recipient(), seal.Wrap{Space: testSpace, Secrets: []seal.EpochSecret{{O: wire.Hash{1}, Secret: s}}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := seal.OpenWrap(file, dev)
	if err != nil || !w.Secrets[0].Secret.Equal(s) {
		t.Errorf("own wrap: %v", err)
	}
	other, err := v.NewDevice(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OpenWrap(file, other); !errors.Is(err, seal.ErrNotMine) {
		t.Errorf("another's wrap: %v", err)
	}
	if dev.ID() == other.ID() || dev.Recipient() == other.Recipient() {
		t.Error("two devices have one key")
	}
}
