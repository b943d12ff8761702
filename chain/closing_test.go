package chain_test

import (
	"errors"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
)

func closing(device string) chain.Closing {
	return chain.Closing{
		Space: hashOf("space"), Epoch: hashOf("epoch"), Device: deviceOf(device), Key: pubOf(device),
		Entry: wire.Position{Number: 12, Hash: hashOf("entry 12")},
	}
}

func TestVerifyClose(t *testing.T) {
	tips := []wire.ObjectID{objectOf("lane a"), objectOf("lane b"), objectOf("order")}
	good := closing("alice")
	raw := signed(t, good.Commit(tips, 1_800_000_000), "alice").Raw()
	if _, err := chain.VerifyClose(raw, good); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*chain.Closing)
		want   error
	}{
		"other-space":  {func(c *chain.Closing) { c.Space = hashOf("other") }, chain.ErrElsewhere},
		"next-epoch":   {func(c *chain.Closing) { c.Epoch = hashOf("next") }, chain.ErrElsewhere},
		"other-author": {func(c *chain.Closing) { c.Device, c.Key = deviceOf("bob"), pubOf("bob") }, chain.ErrElsewhere},
		"other-key":    {func(c *chain.Closing) { c.Key = pubOf("bob") }, chain.ErrSignature},
		"lost-try":     {func(c *chain.Closing) { c.Entry.Hash = hashOf("a try") }, chain.ErrElsewhere},
		"other-number": {func(c *chain.Closing) { c.Entry.Number++ }, chain.ErrElsewhere},
	} {
		asked := good
		c.change(&asked)
		if _, err := chain.VerifyClose(raw, asked); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	full := good.Commit(tips, 1_800_000_000)
	full.Tree = objectOf("tree")
	if _, err := chain.VerifyClose(signed(t, full, "alice").Raw(), good); !errors.Is(err, chain.ErrMalformed) {
		t.Errorf("with files: %v", err)
	}
}

// A closing commit names every lane's tip and the order's; nothing else has more
// than one parent.
func TestManyParentsOnlyInClose(t *testing.T) {
	var tips []wire.ObjectID
	for i := range wire.MaxDevices + 1 {
		tips = append(tips, wire.ObjectID{1, byte(i >> 8), byte(i)})
	}
	c := closing("alice").Commit(tips, 1_800_000_000)
	if raw := signed(t, c, "alice").Raw(); len(raw) > wire.MaxCommit {
		t.Errorf("%d bytes", len(raw))
	}
	c.Parents = append(tips, objectOf("one more"))
	if _, err := chain.Sign(c, keyOf("alice")); !errors.Is(err, chain.ErrMalformed) {
		t.Errorf("%d parents: %v", len(c.Parents), err)
	}
	for name, c := range examples() {
		c.Parents = tips[:2]
		if _, err := chain.Sign(c, keyOf("alice")); (err == nil) != (c.Kind == chain.Close) {
			t.Errorf("%s with two parents: %v", name, err)
		}
	}
}

// ATTACKS 10: a commit counts only on the ref of its kind, epoch and device, and
// only with the files that were signed.
func TestAttackStateCommitOnKeys(t *testing.T) {
	files := map[string]wire.Hash{"a": hashOf("content of a"), "b": hashOf("content of b")}
	adds := chain.AddsHashOf(files)
	for _, kind := range []chain.Kind{chain.Keys, chain.State, chain.Files} {
		c := examples()[string(kind)]
		c.Adds = &adds
		raw := signed(t, c, "alice").Raw()
		at := chain.Place{Kind: kind, Space: c.Space, Epoch: c.Epoch, Device: c.Device}
		if _, err := chain.VerifyAdds(raw, at, pubOf("alice"), files); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		for _, other := range []chain.Kind{chain.Keys, chain.State, chain.Files, chain.Lane, chain.Order, chain.Close, chain.Ledger} {
			elsewhere := at
			elsewhere.Kind = other
			if _, err := chain.VerifyAdds(raw, elsewhere, pubOf("alice"), files); other != kind && !errors.Is(err, chain.ErrElsewhere) {
				t.Errorf("%s commit on %s: %v", kind, other, err)
			}
		}
		elsewhere := at
		elsewhere.Device = deviceOf("bob")
		if _, err := chain.VerifyAdds(raw, elsewhere, pubOf("alice"), files); !errors.Is(err, chain.ErrElsewhere) {
			t.Errorf("%s on another's ref: %v", kind, err)
		}
		exchanged := map[string]wire.Hash{"a": hashOf("content of b"), "b": hashOf("content of a")}
		if _, err := chain.VerifyAdds(raw, at, pubOf("alice"), exchanged); !errors.Is(err, chain.ErrAdds) {
			t.Errorf("%s with the tree exchanged: %v", kind, err)
		}
		if _, err := chain.VerifyAdds(raw, at, pubOf("bob"), files); !errors.Is(err, chain.ErrSignature) {
			t.Errorf("%s of another: %v", kind, err)
		}
	}
}
