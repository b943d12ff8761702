package identity

import (
	"crypto/rand"
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/seal"
)

// The next encryption key waits beside the old one until the ledger names it; then
// the old one is gone, for every process.
func TestNextReading(t *testing.T) {
	v, err := CreateVault(filepath.Join(t.TempDir(), "home"), nil)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := v.NewDevice(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	space := wire.Sum([]byte("space"))
	k, err := v.CreateKeyring(space, dev)
	if err != nil {
		t.Fatal(err)
	}
	old := k.Device().Recipient()
	next, err := k.NextReading(rand.Reader)
	if err != nil || next == old {
		t.Fatalf("next: %v", err)
	}
	if again, err := k.NextReading(rand.Reader); err != nil || again != next {
		t.Errorf("drawn twice: %v", err)
	}
	if ok, err := k.AdoptReading(old + "x"); ok || err != nil || k.Device().Recipient() != old {
		t.Errorf("adopted a stranger's: %v %v", ok, err)
	}
	other, err := v.OpenKeyring(space)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []*Keyring{k, other} {
		if ok, err := k.AdoptReading(next); !ok || err != nil || k.Device().Recipient() != next {
			t.Errorf("adopt: %v %v", ok, err)
		}
	}
	if !k.Device().PublicKey().Equal(dev.PublicKey()) {
		t.Error("the signing key changed")
	}
	file, err := seal.SealTo(old, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Device().Open(file, 100); err == nil {
		t.Error("the old key still opens")
	}
}
