package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

func TestDirMemo(t *testing.T) {
	m := dirMemo(filepath.Join(t.TempDir(), memoDir))
	a, b := wire.ObjectID{1, 2, 3}, wire.ObjectID{1, 2, 4} // of one place
	if _, ok := m.Load(a); ok {
		t.Error("something was kept before anything was stored")
	}
	m.Store(a, []byte("state"))
	if got, ok := m.Load(a); !ok || string(got) != "state" {
		t.Errorf("got %q, %v", got, ok)
	}
	if got, ok := m.Load(b); ok {
		t.Errorf("another commit's state: %q", got)
	}
	m.Store(b, nil)
	if got, ok := m.Load(b); !ok || len(got) != 0 {
		t.Errorf("got %q, %v", got, ok)
	}
	if _, ok := m.Load(a); ok {
		t.Error("the place was not taken over")
	}
	if err := os.WriteFile(m.path(a), []byte("cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Load(a); ok {
		t.Error("a short file was taken")
	}
	dirMemo(filepath.Join(string(m), "none", "deeper")).Store(a, nil) // fails quietly
}
