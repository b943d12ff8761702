package space_test

import (
	"bytes"
	"errors"
	"strings"
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
	for range 2 { // no admin is needed
		if err := bob.s.EnablePathKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	bob.sync()
	alice.sync()
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

// TestPathKeysOfOldTable: a space that kept its keys in an ordinary table still has them, the newest too.
func TestPathKeysOfOldTable(t *testing.T) {
	_, alice, bob := two(t)
	yaml, err := alice.s.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old := "tables:\n  path_keys:\n    columns:\n      key: {type: bytes, required: true}\n      after: {type: text, required: true}\n"
	if _, err := alice.s.ApplySchema(t.Context(), []byte(strings.Replace(string(yaml), "tables:\n", old, 1))); err != nil {
		t.Fatal(err)
	}
	now, err := alice.s.RemovalForKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k, _ := pathcrypt.KeyFrom(bytes.Repeat([]byte{7}, 32))
	if _, err := alice.s.Insert(t.Context(), "path_keys", space.Row{"key": k.Bytes(), "after": now}); err != nil {
		t.Fatal(err)
	}
	alice.sync()
	bob.sync()
	if err := bob.s.EnablePathKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	if alice.newestPathKey() != k.ID() || bob.newestPathKey() != k.ID() {
		t.Error("the key of the old table is not the newest")
	}
	if _, err := alice.s.Seal(t.Context(), space.SealOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.s.RemoveMember(t.Context(), bob.name, space.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	fresh := alice.newestPathKey()
	keys, err := alice.s.PathKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := keys.Key(k.ID()); !ok || fresh == k.ID() {
		t.Errorf("old key there: %t; newest is the old one: %t", ok, fresh == k.ID())
	}
	if rows, err := alice.s.Select(t.Context(), space.Query{Table: "path_keys"}); err != nil || len(rows) != 1 {
		t.Errorf("%d rows of the old table, %v", len(rows), err)
	}
	for row, err := range alice.s.Each(t.Context(), space.Query{Table: "$path_keys"}) {
		if !errors.Is(err, space.ErrNotFound) {
			t.Errorf("a row of the built-in table: %v, %v", row, err)
		}
	}
	if _, err := alice.s.Select(t.Context(), space.Query{Table: "$path_keys"}); !errors.Is(err, space.ErrNotFound) {
		t.Errorf("the built-in table has a name: %v", err)
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
	now, err := bob.s.RemovalForKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, after := range []string{now, "", alice.s.ID(), "0000"} {
		b := make([]byte, 32)
		b[0] = byte(i + 1)
		k, _ := pathcrypt.KeyFrom(b)
		known[k.ID()] = true
		if err := bob.s.PlantPathKey(t.Context(), k, after); err != nil {
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
