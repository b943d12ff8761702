package identity

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

func TestKeyring(t *testing.T) {
	v := newVault(t)
	k := newKeyring(t, v)
	if _, err := v.CreateKeyring(testSpace, k.Device()); !errors.Is(err, ErrExists) {
		t.Errorf("second CreateKeyring: %v", err)
	}
	if _, err := v.OpenKeyring(wire.Hash{9}); !errors.Is(err, ErrNotFound) {
		t.Errorf("keyring of an unknown space: %v", err)
	}
	o, s := wire.Hash{1}, wire.Sum([]byte("s"))
	for range 2 { // the second time changes nothing
		if err := k.AddSecret(o, s[:]); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.AddSecret(o, make([]byte, 32)); !errors.Is(err, ErrExists) {
		t.Errorf("another secret for one epoch: %v", err)
	}
	if err := k.AddSecret(wire.Hash{2}, s[:31]); err == nil {
		t.Error("a short secret was taken")
	}
	if err := k.Put("invite", []byte("value")); err != nil {
		t.Fatal(err)
	}
	for _, again := range []*Keyring{k, reopen(t, v)} {
		if got, ok := again.Secret(o); !ok || !bytes.Equal(got, s[:]) {
			t.Errorf("secret: %v", ok)
		}
		if _, ok := again.Secret(wire.Hash{2}); ok {
			t.Error("a secret that nobody added")
		}
		if got, ok, err := again.Get("invite"); err != nil || !ok || string(got) != "value" {
			t.Errorf("item: %q, %v, %v", got, ok, err)
		}
		if all, err := again.Epochs(); err != nil || len(all) != 1 || all[0] != o {
			t.Errorf("epochs: %v, %v", all, err)
		}
		if again.StoreKey() != k.StoreKey() || again.Device().ID() != k.Device().ID() || again.Space() != testSpace {
			t.Error("another keyring came back")
		}
	}
}

func reopen(t testing.TB, v *Vault) *Keyring {
	t.Helper()
	k, err := v.OpenKeyring(testSpace)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyringItems(t *testing.T) {
	v := newVault(t)
	k := newKeyring(t, v)
	value := []byte("value")
	if err := k.Put("a", value); err != nil {
		t.Fatal(err)
	}
	value[0] = 'X' // the keyring holds a copy
	got, _, _ := k.Get("a")
	got[1] = 'X' // and gives copies
	if got, ok, err := k.Get("a"); string(got) != "value" || !ok || err != nil {
		t.Errorf("%q, %v, %v", got, ok, err)
	}
	if err := k.Put("empty", []byte{}); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := reopen(t, v).Get("empty"); len(got) != 0 || !ok || err != nil {
		t.Errorf("%q, %v, %v", got, ok, err)
	}
	for range 2 {
		if err := k.Put("a", nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, _ := reopen(t, v).Get("a"); ok {
		t.Error("a removed item is still there")
	}
	for name, err := range map[string]error{
		"no name": k.Put("", value), "long name": k.Put(strings.Repeat("x", maxItemName+1), value), "long value": k.Put("x", make([]byte, maxItem+1)),
	} {
		if !errors.Is(err, ErrTooBig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeyringFull: a keyring beyond its limit is refused whole; what was there stays.
func TestKeyringFull(t *testing.T) {
	v := newVault(t)
	k := newKeyring(t, v)
	big := make([]byte, maxItem)
	var err error
	n := 0
	for ; err == nil && n < 20; n++ {
		err = k.Put(fmt.Sprint(n), big)
	}
	if !errors.Is(err, ErrTooBig) || n != maxKeyring/maxItem {
		t.Errorf("after %d items: %v", n, err)
	}
	again := reopen(t, v)
	if _, ok, err := again.Get(fmt.Sprint(n - 2)); !ok || err != nil {
		t.Errorf("an item that was stored: %v, %v", ok, err)
	}
	if _, ok, err := again.Get(fmt.Sprint(n - 1)); ok || err != nil {
		t.Errorf("an item that was refused: %v, %v", ok, err)
	}
}

// TestAttackForkKeyring: two openings of one epoch number are two epochs, and the secrets
// of both stay.
func TestAttackForkKeyring(t *testing.T) {
	v := newVault(t)
	k := newKeyring(t, v)
	a, b := wire.Sum([]byte("opening on one branch")), wire.Sum([]byte("opening on the other"))
	for _, o := range []wire.Hash{a, b} {
		s := wire.Sum(o[:])
		if err := k.AddSecret(o, s[:]); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range []wire.Hash{a, b} {
		s := wire.Sum(o[:])
		if got, ok := reopen(t, v).Secret(o); !ok || !bytes.Equal(got, s[:]) {
			t.Errorf("epoch %s: %v", o, ok)
		}
	}
}

// TestKeyringDamaged: a keyring that lost or changed a byte does not open, and nothing
// overwrites it: it may be all that is left.
func TestKeyringDamaged(t *testing.T) {
	v := newVault(t)
	k := newKeyring(t, v)
	s := wire.Sum([]byte("s"))
	if err := k.AddSecret(wire.Hash{1}, s[:]); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(k.path())
	if err != nil {
		t.Fatal(err)
	}
	damage := func(name string, bad []byte) {
		if err := os.WriteFile(k.path(), bad, fileMode); err != nil {
			t.Fatal(err)
		}
		if _, err := v.OpenKeyring(testSpace); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrTooBig) {
			t.Errorf("%s: %v", name, err)
		}
		if err := k.AddSecret(wire.Hash{2}, s[:]); err == nil {
			t.Errorf("%s: a secret was added", name)
		}
		if now, err := os.ReadFile(k.path()); err != nil || !bytes.Equal(now, bad) {
			t.Errorf("%s: the file was overwritten", name)
		}
	}
	for i := 0; i < len(good); i += 61 {
		flipped := bytes.Clone(good)
		flipped[i] ^= 1
		damage(fmt.Sprint("flipped ", i), flipped)
		damage(fmt.Sprint("cut at ", i), good[:i])
	}
	damage("trailing", append(bytes.Clone(good), 0))
	damage("huge", make([]byte, 2*maxKeyring))
	if err := os.WriteFile(k.path(), good, fileMode); err != nil {
		t.Fatal(err)
	}
	if err := k.AddSecret(wire.Hash{2}, s[:]); err != nil {
		t.Errorf("after the file was put back: %v", err)
	}
}

// TestKeyringSwapped: a keyring opens for its own space and its own at-rest key only.
func TestKeyringSwapped(t *testing.T) {
	v := newVault(t)
	k := newKeyring(t, v)
	other := v.keyring(wire.Hash{5})
	dev, err := v.NewDevice(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.create(dev); err != nil {
		t.Fatal(err)
	}
	copyFile(t, k.path(), other.path())
	if _, err := v.OpenKeyring(wire.Hash{5}); !errors.Is(err, ErrDamaged) {
		t.Errorf("of another space: %v", err)
	}
	w := newVault(t)
	foreign := newKeyring(t, w)
	copyFile(t, k.path(), foreign.path())
	if _, err := w.OpenKeyring(testSpace); !errors.Is(err, ErrDamaged) {
		t.Errorf("of another user: %v", err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, fileMode); err != nil {
		t.Fatal(err)
	}
}

// TestProcessesAddSecrets: several processes add secrets at once, and none is lost.
func TestProcessesAddSecrets(t *testing.T) {
	v := newVault(t)
	k := newKeyring(t, v)
	const processes, each = 3, 15
	var running []*exec.Cmd
	for p := range processes {
		running = append(running, startAdding(t, v.home, p*each, each))
	}
	for i := 1000; i < 1000+each; i++ { // and this process as well
		s := wire.Sum(wire.U64(uint64(i)))
		if err := k.AddSecret(wire.Sum(wire.U64(uint64(i))), s[:]); err != nil {
			t.Error(err)
		}
	}
	for _, p := range running {
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	}
	for i := range processes * each {
		want := wire.Sum([]byte("secret"), wire.U64(uint64(i)))
		if got, ok := k.Secret(wire.Sum(wire.U64(uint64(i)))); !ok || !bytes.Equal(got, want[:]) {
			t.Errorf("secret %d is lost", i)
		}
	}
	if all, err := k.Epochs(); err != nil || len(all) != (processes+1)*each {
		t.Errorf("%d epochs, %v", len(all), err)
	}
}

func startAdding(t testing.TB, home string, first, n int) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "add-secrets", home, fmt.Sprint(first), fmt.Sprint(n))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// TestProcessKilled: a process that is killed while it writes leaves a whole keyring, and
// no lock.
func TestProcessKilled(t *testing.T) {
	v := newVault(t)
	k := newKeyring(t, v)
	for round := range 5 {
		cmd := startAdding(t, v.home, round*100000, 100000)
		for i := 0; ; i++ { // until it is in the midst of it
			if _, ok := k.Secret(wire.Sum(wire.U64(uint64(round * 100000)))); ok {
				break
			}
			if i > 2000 {
				t.Fatal("the other process adds nothing")
			}
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(time.Duration(round) * 3 * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		s := wire.Sum([]byte("mine"))
		if err := reopen(t, v).AddSecret(wire.Sum([]byte("mine"), wire.U64(uint64(round))), s[:]); err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(k.dir, tempPrefix+"*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
