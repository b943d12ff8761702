package chain_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
)

// keyOf is a device key made from a name, so that vectors never change.
func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("espace test key " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func pubOf(name string) ed25519.PublicKey { return keyOf(name).Public().(ed25519.PublicKey) }

func deviceOf(name string) wire.DeviceID { return wire.DeviceIDOf(pubOf(name)) }

func hashOf(s string) wire.Hash { return wire.Sum([]byte(s)) }

func objectOf(s string) wire.ObjectID {
	h := hashOf("object " + s)
	return wire.ObjectID(h[:20])
}

// examples has one commit of each kind, signed by alice's device.
func examples() map[string]chain.Commit {
	at := &wire.Position{Number: 12, Hash: hashOf("entry 12")}
	head := &wire.LogHead{Len: 3, Root: hashOf("root")}
	adds := hashOf("adds")
	one := []wire.ObjectID{objectOf("parent")}
	return map[string]chain.Commit{
		"ledger":      example(one, chain.Message{Kind: chain.Ledger, Adds: &adds}),
		"lane":        example(one, chain.Message{Kind: chain.Lane, Ledger: at, Log: head}),
		"order-empty": example(nil, chain.Message{Kind: chain.Order, Ledger: at, Log: &wire.LogHead{Root: chain.EmptyRoot}}),
		"close":       example([]wire.ObjectID{objectOf("a"), objectOf("b"), objectOf("c")}, chain.Message{Kind: chain.Close, Ledger: at}),
		"keys":        example(nil, chain.Message{Kind: chain.Keys, Ledger: at, Adds: &adds}),
		"state":       example(one, chain.Message{Kind: chain.State, Ledger: at, Adds: &adds}),
		"files":       example(one, chain.Message{Kind: chain.Files, Ledger: at, Adds: &adds}),
	}
}

func example(parents []wire.ObjectID, m chain.Message) chain.Commit {
	m.Space, m.Epoch, m.Device = hashOf("space"), hashOf("epoch"), deviceOf("alice")
	return chain.Commit{Tree: objectOf("tree"), Parents: parents, Time: 1_800_000_000, Message: m}
}

func TestSignParseVerify(t *testing.T) {
	for name, c := range examples() {
		t.Run(name, func(t *testing.T) {
			raw, err := chain.Sign(c, keyOf("alice"))
			if err != nil {
				t.Fatal(err)
			}
			u, err := chain.Parse(raw)
			if err != nil {
				t.Fatalf("own commit: %v\n%s", err, raw)
			}
			v, err := u.Verify(pubOf("alice"))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c, v.Commit); d != "" {
				t.Errorf("read back differently (-signed +read):\n%s", d)
			}
		})
	}
}
