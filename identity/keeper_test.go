package identity

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/espace-git/espace-git/internal/wire"
)

// TestSystemKeyring: where the user asked for it, and nowhere else, the system's keyring
// holds the key.
func TestSystemKeyring(t *testing.T) {
	keyring.MockInit()
	home := newHome(t)
	if _, err := CreateVault(home, []byte("correct horse")); err != nil {
		t.Fatal(err)
	}
	asked := 0
	opts := pass("correct horse", &asked)
	if _, err := OpenVault(home, opts); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Get(systemService, home); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("stored without being asked to: %v", err)
	}
	t.Setenv("ESPACE_KEYRING", "system")
	for range 3 {
		if _, err := OpenVault(home, opts); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	t.Setenv("ESPACE_KEYRING", "") // another session
	if err := Lock(home); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ESPACE_KEYRING", "system")
	if _, err := OpenVault(home, Unlock{}); !errors.Is(err, ErrLocked) {
		t.Errorf("after Lock: %v", err)
	}
	if err := Lock(home); err != nil {
		t.Errorf("locking twice: %v", err)
	}
}

// TestSystemKeyringItem: an item of another time or identity file is not used.
func TestSystemKeyringItem(t *testing.T) {
	u, err := newAtRest()
	if err != nil {
		t.Fatal(err)
	}
	k, now := systemKeeper{"/home", wire.Hash{1}}, time.Unix(1e9, 0)
	item := k.item(u, now)
	if got, ok := k.parse(item, now.Add(keepFor-time.Second)); !ok || got.id().String() != u.id().String() {
		t.Error("a good item is refused")
	}
	bad := map[string]string{
		"empty": "", "junk": "junk", "fields": "1 2", "key": fmt.Sprintf("%d %s AGE", now.Add(time.Hour).Unix(), k.tag),
		"far end": strings.Replace(item, fmt.Sprint(now.Add(keepFor).Unix()), fmt.Sprint(now.Add(9*time.Hour).Unix()), 1),
	}
	for name, item := range bad {
		if _, ok := k.parse(item, now); ok {
			t.Errorf("%s: taken", name)
		}
	}
	if _, ok := k.parse(item, now.Add(keepFor)); ok {
		t.Error("taken after its time")
	}
	if _, ok := (systemKeeper{"/home", wire.Hash{2}}).parse(item, now); ok {
		t.Error("taken for another identity file")
	}
}
