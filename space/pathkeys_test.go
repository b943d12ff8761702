package space_test

import (
	"errors"
	"testing"

	"github.com/espace-git/espace-git/pathcrypt"
	"github.com/espace-git/espace-git/space"
)

func (p *person) newestPathKey() pathcrypt.ID {
	p.t.Helper()
	keys, err := p.s.PathKeys(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	if !keys.Fresh {
		if keys, err = p.s.NewPathKey(p.t.Context()); err != nil {
			p.t.Fatal(err)
		}
	}
	id, _ := keys.Newest()
	return id
}

// TestPathKeys: all members have the same newest key; a seal keeps it.
func TestPathKeys(t *testing.T) {
	_, alice, bob := two(t)
	if _, err := bob.s.PathKeys(t.Context()); !errors.Is(err, space.ErrNotFound) {
		t.Error(err)
	}
	for range 2 {
		if err := alice.s.EnablePathKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	alice.sync()
	bob.sync()
	first := alice.newestPathKey()
	if bob.newestPathKey() != first {
		t.Error("two newest keys")
	}
	if _, err := alice.s.Seal(t.Context(), space.SealOptions{}); err != nil {
		t.Fatal(err)
	}
	bob.sync()
	if alice.newestPathKey() != first || bob.newestPathKey() != first {
		t.Error("a seal made a new path key")
	}
}

// TestAttackPathKeyInAdvance: before he is removed Bob writes keys for every hash that he can know. None is the newest
// after his removal, and what is there stays readable.
func TestAttackPathKeyInAdvance(t *testing.T) {
	_, alice, bob := two(t)
	if err := alice.s.EnablePathKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	bob.sync()
	old := bob.newestPathKey()
	known := map[pathcrypt.ID]bool{old: true}
	rows, err := bob.s.Select(t.Context(), space.Query{Table: "path_keys"})
	if err != nil {
		t.Fatal(err)
	}
	for i, after := range []any{rows[0]["after"], "", alice.s.ID(), "0000"} {
		b := make([]byte, 32)
		b[0] = byte(i + 1)
		k, _ := pathcrypt.KeyFrom(b)
		known[k.ID()] = true
		if _, err := bob.s.Insert(t.Context(), "path_keys", space.Row{"key": b, "after": after}); err != nil {
			t.Fatal(err)
		}
	}
	bob.sync()
	alice.sync()
	if _, err := alice.s.RemoveMember(t.Context(), bob.name, space.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	if id := alice.newestPathKey(); known[id] {
		t.Errorf("%s is a key that the removed member has", id)
	}
	keys, err := alice.s.PathKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := keys.Key(old); !ok {
		t.Error("the old key is gone")
	}
}
