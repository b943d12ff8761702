package identity

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// TestMain lets this test binary be the processes that the package starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "agent":
			os.Exit(RunAgent(os.Stdin, os.Stdout))
		case "add-secrets":
			os.Exit(addSecrets(os.Args[2:]))
		}
	}
	fullScryptWork, scryptWork = scryptWork, 4 // the full cost is for TestScryptWork alone
	os.Unsetenv("ESPACE_KEYRING")
	os.Exit(m.Run())
}

var fullScryptWork int

var testSpace = wire.Sum([]byte("a space"))

func newHome(t testing.TB) string {
	t.Helper()
	home, err := Home(filepath.Join(t.TempDir(), "home"))
	if err != nil {
		t.Fatal(err)
	}
	return home
}

func newVault(t testing.TB) *Vault {
	t.Helper()
	v, err := CreateVault(newHome(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newKeyring(t testing.TB, v *Vault) *Keyring {
	t.Helper()
	dev, err := v.NewDevice(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := v.CreateKeyring(testSpace, dev)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// pass is an Unlock that gives this passphrase and counts how often it was asked.
func pass(word string, asked *int) Unlock {
	return Unlock{Passphrase: func() ([]byte, error) {
		*asked++
		return []byte(word), nil
	}}
}

// addSecrets is another process that adds n secrets: home, first, n.
func addSecrets(args []string) int {
	var first, n int
	fmt.Sscan(args[1], &first)
	fmt.Sscan(args[2], &n)
	v, err := OpenVault(args[0], Unlock{})
	if err != nil {
		return 1
	}
	k, err := v.OpenKeyring(testSpace)
	if err != nil {
		return 2
	}
	for i := first; i < first+n; i++ {
		s := wire.Sum([]byte("secret"), wire.U64(uint64(i)))
		if err := k.AddSecret(wire.Sum(wire.U64(uint64(i))), s[:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 3
		}
	}
	return 0
}
