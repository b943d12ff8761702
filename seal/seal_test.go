package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

func TestWrapRoundTrip(t *testing.T) {
	k, err := NewPrivateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := Wrap{Space: wire.Sum([]byte("space")), Secrets: []EpochSecret{{O: wire.Sum([]byte("o")), Secret: s}}}
	file, err := WrapSecrets(k.Recipient(), w)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(file), len(k.Recipient()))
	got, err := OpenWrap(file, k)
	if err != nil {
		t.Fatal(err)
	}
	if got.Space != w.Space || len(got.Secrets) != 1 || !got.Secrets[0].Secret.Equal(s) {
		t.Error("another wrap came back")
	}
	other, _ := NewPrivateKey(rand.Reader)
	if _, err := OpenWrap(file, other); !errors.Is(err, ErrNotMine) {
		t.Error(err)
	}
}

func TestContentRoundTrip(t *testing.T) {
	k, err := NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 200, 255, 256, 1023, 70000, 1 << 20, 10 << 20} {
		plaintext := make([]byte, n)
		rand.Read(plaintext)
		box, err := k.Seal(rand.Reader, []byte("ad"), plaintext, wire.MinContent)
		if err != nil {
			t.Fatal(err)
		}
		got, err := k.Open([]byte("ad"), box, n)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("%d: %v", n, err)
		}
		t.Log(n, len(box))
	}
}
