package identity

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
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
	if !agentSupported {
		t.Skip("no agent on this system")
	}
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

func TestRekey(t *testing.T) {
	home := newHome(t)
	v, err := CreateVault(home, nil)
	if err != nil {
		t.Fatal(err)
	}
	k := newKeyring(t, v)
	id := k.Device().ID()
	for _, word := range []string{"one", "two", "", "three"} {
		var passphrase []byte
		if word != "" {
			passphrase = []byte(word)
		}
		if err := v.Rekey(passphrase); err != nil {
			t.Fatal(err)
		}
		if Protected(home) != (word != "") || exists(filepath.Join(home, unprotectedName)) != (word == "") {
			t.Errorf("%q: protected %v", word, Protected(home))
		}
		asked := 0
		opts := pass(word, &asked)
		opts.NoAgent = true
		again, err := OpenVault(home, opts)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := again.OpenKeyring(testSpace); err != nil || got.Device().ID() != id {
			t.Errorf("%q: %v", word, err)
		}
		opts = pass("zero", &asked)
		opts.NoAgent = true
		if _, err := OpenVault(home, opts); word != "" && !errors.Is(err, ErrPassphrase) {
			t.Errorf("%q: another passphrase: %v", word, err)
		}
		v = again
	}
	if err := v.Rekey([]byte{}); !errors.Is(err, ErrPassphrase) {
		t.Errorf("empty passphrase: %v", err)
	}
}

// TestCreateVaultRace: of several processes that create keys at once one does, and nobody
// ends with keys that are not on disk.
func TestCreateVaultRace(t *testing.T) {
	home := newHome(t)
	results := make(chan *Vault)
	for range 8 {
		go func() {
			v, err := CreateVault(home, nil)
			if err != nil && !errors.Is(err, ErrExists) {
				t.Error(err)
			}
			results <- v
		}()
	}
	var winner *Vault
	for range 8 {
		if v := <-results; v != nil {
			if winner != nil {
				t.Error("two created keys")
			}
			winner = v
		}
	}
	v, err := OpenVault(home, Unlock{})
	if err != nil || winner == nil || v.key.id().String() != winner.key.id().String() {
		t.Errorf("other keys are on disk: %v", err)
	}
}

func TestNoVault(t *testing.T) {
	if _, err := OpenVault(newHome(t), Unlock{}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := OpenVault(filepath.Join(t.TempDir(), "missing"), Unlock{}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	long := make([]byte, maxPassphrase+1)
	if _, err := CreateVault(newHome(t), long); !errors.Is(err, ErrTooBig) {
		t.Error(err)
	}
	if _, err := CreateVault(newHome(t), []byte{}); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
}

// TestVaultDamaged: a broken identity file is an error, and is not taken for none.
func TestVaultDamaged(t *testing.T) {
	for _, name := range []string{protectedName, unprotectedName} {
		for _, content := range []string{"", "x", "age-encryption.org/v1\n", "AGE-SECRET-KEY-PQ-1QQQ\n", "# only a comment\n"} {
			home := newHome(t)
			if err := os.WriteFile(filepath.Join(home, name), []byte(content), fileMode); err != nil {
				t.Fatal(err)
			}
			asked := 0
			if _, err := OpenVault(home, pass("x", &asked)); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s %q: %v", name, content, err)
			}
			if _, err := CreateVault(home, nil); !errors.Is(err, ErrExists) {
				t.Errorf("%s %q: CreateVault: %v", name, content, err)
			}
		}
	}
}

// TestScryptWork: new files cost 2^18, and a planted file can't make us work for minutes.
func TestScryptWork(t *testing.T) {
	if fullScryptWork != 18 {
		t.Errorf("work factor is %d", fullScryptWork)
	}
	planted := "age-encryption.org/v1\n-> scrypt bBjlhJVYZeE4aqUdmtRHfw 21\nZ/AhotwSGqaPCU43cepl4WYUouAa17a3xpu4G2yi5k4\n--- fgMiVLJHMlg9fW7CVG/hPS5EAU4Zeg19LyCP7SoH5nA\n" + strings.Repeat("x", 100)
	start := time.Now()
	if _, err := unprotect([]byte(planted), []byte("word")); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %v", took)
	}
}

// TestPermissions: whatever is open to others is refused, with a command that closes it.
func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits")
	}
	for name, c := range map[string]struct {
		path string
		mode os.FileMode
		hint string
	}{
		"home": {".", 0o755, "chmod 700"}, "home-group": {".", 0o710, "chmod 700"},
		"identity": {unprotectedName, 0o640, "chmod 600"}, "space": {filepath.Join("spaces", testSpace.String()), 0o701, "chmod 700"},
		"keyring": {filepath.Join("spaces", testSpace.String(), keyringName), 0o604, "chmod 600"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVault(t)
			k := newKeyring(t, v)
			path := filepath.Join(v.home, c.path)
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			open := func() error {
				v, err := OpenVault(v.home, Unlock{})
				if err == nil {
					_, err = v.OpenKeyring(testSpace)
				}
				return err
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			err = open()
			var p *PermissionError
			if !errors.Is(err, ErrPermissions) || !errors.As(err, &p) || !strings.HasPrefix(p.Hint(), c.hint) || !strings.Contains(p.Hint(), path) {
				t.Errorf("mode %o: %v", c.mode, err)
			}
			if err := os.Chmod(path, info.Mode().Perm()); err != nil {
				t.Fatal(err)
			}
			if err := open(); err != nil {
				t.Errorf("after the hint: %v", err)
			}
			_ = k
		})
	}
}

func TestOtherOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs to give a file away")
	}
	v := newVault(t)
	if err := os.Chown(filepath.Join(v.home, unprotectedName), 12345, -1); err != nil {
		t.Fatal(err)
	}
	_, err := OpenVault(v.home, Unlock{})
	var p *PermissionError
	if !errors.As(err, &p) || !p.Owner || !strings.HasPrefix(p.Hint(), "chown") || !strings.Contains(p.Error(), "another user") {
		t.Errorf("%v", err)
	}
}

func TestHome(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	t.Setenv("ESPACE_HOME", dir)
	got, err := Home("")
	if err != nil || got != dir {
		t.Errorf("%s, %v", got, err)
	}
	for _, made := range []string{dir, filepath.Dir(dir)} {
		if info, err := os.Stat(made); err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != dirMode) {
			t.Errorf("%s: %v, %v", made, info, err)
		}
	}
	t.Setenv("ESPACE_HOME", "")
	t.Setenv("XDG_CONFIG_HOME", dir)
	if got, err := Home(""); runtime.GOOS == "linux" && (err != nil || got != filepath.Join(dir, "espace-git")) {
		t.Errorf("%s, %v", got, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, fileMode); err != nil {
		t.Fatal(err)
	}
	if _, err := Home(file); err == nil {
		t.Error("a file is taken for a home")
	}
}
