package identity

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/internal/wire"
)

func TestLocations(t *testing.T) {
	home := newHome(t)
	if all, err := List(home); err != nil || len(all) != 0 {
		t.Errorf("an empty home lists %v, %v", all, err)
	}
	a := Location{Space: wire.Hash{1}, Dir: "/a", URLs: []string{"https://host/a.git", "git@host:a.git", "/mnt/a"}}
	b := Location{Space: wire.Hash{2}, Dir: "/b", URLs: []string{}}
	for _, l := range []Location{b, {Space: a.Space, Dir: "/old"}, a} {
		if err := Remember(home, l.Space, l.Dir, l.URLs); err != nil {
			t.Fatal(err)
		}
	}
	all, err := List(home)
	if d := cmp.Diff([]Location{a, b}, all); d != "" || err != nil {
		t.Errorf("%s, %v", d, err)
	}
	for range 2 {
		if err := Forget(home, a.Space); err != nil {
			t.Fatal(err)
		}
	}
	if err := Forget(home, wire.Hash{9}); err != nil {
		t.Errorf("a space that was never remembered: %v", err)
	}
	if all, err := List(home); err != nil || len(all) != 1 || all[0].Dir != "/b" {
		t.Errorf("%v, %v", all, err)
	}
}

func TestLocationRefuses(t *testing.T) {
	home := newHome(t)
	for name, l := range map[string]Location{
		"relative": {Dir: "a"}, "password": {Dir: "/a", URLs: []string{"ssh://git:hunter2@host/a"}}, "token": {Dir: "/a", URLs: []string{"https://hunter2@host/a"}},
		"unparsable": {Dir: "/a", URLs: []string{"https://hunter2:%zz@host"}}, "long": {Dir: "/" + strings.Repeat("a", maxLocation)},
	} {
		err := Remember(home, wire.Hash{1}, l.Dir, l.URLs)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Remember(home, wire.Hash{1}, "/a", []string{"ssh://git@host/a"}); err != nil {
		t.Error(err)
	}
}

// TestLocationDamaged: a file that does not decode is named and hides no other.
func TestLocationDamaged(t *testing.T) {
	home := newHome(t)
	for i := range byte(3) {
		if err := Remember(home, wire.Hash{i}, "/a", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(spaceDir(home, wire.Hash{1}), locationName), []byte("{"), fileMode); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(home, "spaces", "junk"), dirMode); err != nil {
		t.Fatal(err)
	}
	all, err := List(home)
	if len(all) != 2 || !errors.Is(err, ErrDamaged) {
		t.Errorf("%v, %v", all, err)
	}
	if err := os.Chmod(filepath.Join(spaceDir(home, wire.Hash{2}), locationName), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := List(home); !errors.Is(err, ErrPermissions) {
		t.Error(err)
	}
}
