package identity

import (
	"errors"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

func TestDropKeyring(t *testing.T) {
	v := newVault(t)
	k := newKeyring(t, v)
	if err := Remember(v.home, testSpace, "/a", nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := v.DropKeyring(testSpace); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.DropKeyring(wire.Hash{9}); err != nil {
		t.Errorf("a space without keys: %v", err)
	}
	if _, err := v.OpenKeyring(testSpace); !errors.Is(err, ErrNotFound) {
		t.Errorf("the keyring is still there: %v", err)
	}
	if all, err := List(v.home); err != nil || len(all) != 0 {
		t.Errorf("the location is still there: %v, %v", all, err)
	}
	if err := k.Put("x", []byte("y")); !errors.Is(err, ErrNotFound) {
		t.Errorf("a keyring that was dropped takes an item: %v", err)
	}
	if again := newKeyring(t, v); again.Device().ID() == k.Device().ID() {
		t.Error("the keys came back")
	}
}
