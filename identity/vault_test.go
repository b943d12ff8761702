package identity

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestVaultPassphrase(t *testing.T) {
	home := newHome(t)
	if VaultExists(home) {
		t.Error("an empty home has a vault")
	}
	created, err := CreateVault(home, []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	k := newKeyring(t, created)
	if _, err := CreateVault(home, nil); !errors.Is(err, ErrExists) {
		t.Errorf("second CreateVault: %v", err)
	}
	if _, err := OpenVault(home, Unlock{}); !errors.Is(err, ErrLocked) {
		t.Errorf("without a passphrase: %v", err)
	}
	asked := 0
	if _, err := OpenVault(home, pass("wrong", &asked)); !errors.Is(err, ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	v, err := OpenVault(home, pass("correct horse", &asked))
	if err != nil {
		t.Fatal(err)
	}
	again, err := v.OpenKeyring(testSpace)
	if err != nil {
		t.Fatal(err)
	}
	if asked != 2 || again.Device().ID() != k.Device().ID() || again.StoreKey() != k.StoreKey() || again.Device().Recipient() != k.Device().Recipient() {
		t.Errorf("asked %d times; another keyring came back", asked)
	}
}

func TestAgent(t *testing.T) {
	home := newHome(t)
	if _, err := CreateVault(home, []byte("correct horse")); err != nil {
		t.Fatal(err)
	}
	asked := 0
	opts := pass("correct horse", &asked)
	opts.Agent = SelfAgent()
	for range 3 {
		if _, err := OpenVault(home, opts); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 1 || !AgentRunning(home) {
		t.Errorf("asked %d times, want once; running %v", asked, AgentRunning(home))
	}
	start := time.Now()
	if err := Lock(home); err != nil {
		t.Fatal(err)
	}
	t.Log("lock took", time.Since(start))
	if _, err := os.Lstat(filepath.Join(home, "agent.sock")); err == nil || AgentRunning(home) {
		t.Error("the agent is still there")
	}
	if _, err := OpenVault(home, Unlock{}); !errors.Is(err, ErrLocked) {
		t.Errorf("after Lock: %v", err)
	}
}
