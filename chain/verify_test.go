package chain_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
)

func TestVerifyRefuses(t *testing.T) {
	u, err := chain.Parse([]byte(goodCommit(t)))
	if err != nil {
		t.Fatal(err)
	}
	identity := append([]byte{1}, make([]byte, 31)...)
	for name, key := range map[string]ed25519.PublicKey{
		"other-key": pubOf("bob"), "no-key": nil, "small-order-key": identity,
	} {
		if _, err := u.Verify(key); !errors.Is(err, chain.ErrSignature) {
			t.Errorf("%s: %v, want ErrSignature", name, err)
		}
	}
	if _, err := (chain.Unverified{}).Verify(pubOf("alice")); err == nil {
		t.Error("nothing was verified")
	}
}

// A commit that names one device and is signed by another is well-formed, and
// verifies under neither key.
func TestVerifyRefusesOtherSigner(t *testing.T) {
	good := goodCommit(t)
	bob := strings.ReplaceAll(good, deviceOf("alice").String(), deviceOf("bob").String())
	u, err := chain.Parse([]byte(bob))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alice", "bob"} {
		if _, err := u.Verify(pubOf(name)); !errors.Is(err, chain.ErrSignature) {
			t.Errorf("%s: %v, want ErrSignature", name, err)
		}
	}
}

// brokenSigner is a token that signs something else, or in another way.
type brokenSigner struct {
	ed25519.PrivateKey
	sign func(ed25519.PrivateKey, []byte) ([]byte, error)
}

func (b brokenSigner) Sign(_ io.Reader, msg []byte, _ crypto.SignerOpts) ([]byte, error) {
	return b.sign(b.PrivateKey, msg)
}

func TestSignChecksTheSigner(t *testing.T) {
	c := examples()["lane"]
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{
		"other-key":  keyOf("bob"),
		"other-kind": ec,
		"wrong-message": brokenSigner{keyOf("alice"), func(k ed25519.PrivateKey, m []byte) ([]byte, error) {
			return ed25519.Sign(k, append(m, 0)), nil
		}},
		"short":  brokenSigner{keyOf("alice"), func(ed25519.PrivateKey, []byte) ([]byte, error) { return []byte{1}, nil }},
		"failed": brokenSigner{keyOf("alice"), func(ed25519.PrivateKey, []byte) ([]byte, error) { return nil, io.ErrUnexpectedEOF }},
	} {
		if raw, err := chain.Sign(c, key); err == nil {
			t.Errorf("%s: signed\n%s", name, raw)
		}
	}
}

// The device key refuses what does not begin with SSHSIG's magic, so this is
// the form that it must get.
func TestSignAsksForSSHSIG(t *testing.T) {
	var asked []byte
	key := brokenSigner{keyOf("alice"), func(k ed25519.PrivateKey, m []byte) ([]byte, error) {
		asked = m
		return ed25519.Sign(k, m), nil
	}}
	if _, err := chain.Sign(examples()["lane"], key); err != nil {
		t.Fatal(err)
	}
	want := []byte("SSHSIG\x00\x00\x00\x03git\x00\x00\x00\x00\x00\x00\x00\x06sha512\x00\x00\x00\x40")
	if !bytes.HasPrefix(asked, want) || len(asked) != len(want)+64 {
		t.Errorf("asked to sign %q", asked)
	}
}

func TestSignRefusesMalformed(t *testing.T) {
	change := map[string]func(*chain.Commit){
		"no-tree":          func(c *chain.Commit) { c.Tree = wire.ObjectID{} },
		"time":             func(c *chain.Commit) { c.Time++ },
		"time-negative":    func(c *chain.Commit) { c.Time = -600 },
		"time-beyond":      func(c *chain.Commit) { c.Time = 1<<41 - 1<<41%600 },
		"two-parents":      func(c *chain.Commit) { c.Parents = append(c.Parents, objectOf("other")) },
		"zero-parent":      func(c *chain.Commit) { c.Parents[0] = wire.ObjectID{} },
		"no-space":         func(c *chain.Commit) { c.Space = wire.Hash{} },
		"no-log":           func(c *chain.Commit) { c.Log = nil },
		"unknown-kind":     func(c *chain.Commit) { c.Kind = "road" },
		"trailer-too-many": func(c *chain.Commit) { c.Adds = &c.Space },
		"number":           func(c *chain.Commit) { c.Ledger = &wire.Position{Number: 1 << 53, Hash: c.Space} },
		"zero-position":    func(c *chain.Commit) { c.Ledger = &wire.Position{Number: 1} },
		"length":           func(c *chain.Commit) { c.Log = &wire.LogHead{Len: 1 << 53, Root: c.Space} },
		"empty-root":       func(c *chain.Commit) { c.Log = &wire.LogHead{Len: 1, Root: chain.EmptyRoot} },
	}
	for name, f := range change {
		c := examples()["lane"]
		f(&c)
		if _, err := chain.Sign(c, keyOf("alice")); !errors.Is(err, chain.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
	closing := examples()["close"]
	closing.Parents = append(closing.Parents, closing.Parents[0])
	if _, err := chain.Sign(closing, keyOf("alice")); !errors.Is(err, chain.ErrMalformed) {
		t.Errorf("parent twice: %v", err)
	}
	keys := examples()["keys"]
	keys.Adds = &wire.Hash{}
	if _, err := chain.Sign(keys, keyOf("alice")); !errors.Is(err, chain.ErrMalformed) {
		t.Errorf("adds nothing: %v", err)
	}
}

// The identity is of what was signed: another signature over it changes nothing.
func TestIdentityIsNotTheObject(t *testing.T) {
	v := verified(t, []byte(goodCommit(t)), "alice")
	c := examples()["lane"]
	c.Time += 600
	other := signed(t, c, "alice")
	if v.ID() == other.ID() || v.ObjectID() == other.ObjectID() {
		t.Error("two commits with one identity")
	}
	if string(v.Key()) != string(pubOf("alice")) || string(v.Raw()) != goodCommit(t) {
		t.Error("key or bytes are not those that were given")
	}
}
