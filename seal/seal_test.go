package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

func mustKey(t testing.TB, name string) Key {
	t.Helper()
	h := wire.Sum([]byte(name))
	k, err := KeyFrom(h[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustSecret(t testing.TB, name string) Secret {
	t.Helper()
	h := wire.Sum([]byte(name))
	s, err := SecretFrom(h[:])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustPrivate(t testing.TB, name string) PrivateKey {
	t.Helper()
	h := wire.Sum([]byte(name))
	k, err := PrivateKeyFrom(h[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// testSecrets are n secrets of n epochs, in the order of O.
func testSecrets(n int) []EpochSecret {
	out := make([]EpochSecret, n)
	for i := range out {
		s := wire.Sum([]byte("secret"), wire.U64(uint64(i)))
		out[i].Secret, _ = SecretFrom(s[:])
		copy(out[i].O[:], wire.U64(uint64(i+1)))
	}
	return out
}

func TestContent(t *testing.T) {
	k := mustKey(t, "key")
	for _, n := range []int{0, 1, 200, 255, 256, 1023, 70_000, 1 << 20, 10 << 20} {
		random := make([]byte, n)
		rand.Read(random)
		for kind, plaintext := range map[string][]byte{"random": random, "zeros": make([]byte, n), "text": benchText(n)} {
			box, err := k.Seal(rand.Reader, []byte("ad"), plaintext, wire.MinContent)
			if err != nil {
				t.Fatal(err)
			}
			got, err := k.Open([]byte("ad"), box, n)
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("%d %s: %v", n, kind, err)
			}
			if size := len(box) - overhead; size < wire.MinContent || Padme(size, 0) != size {
				t.Errorf("%d %s: padded to %d", n, kind, size)
			}
			if n > 0 {
				for _, limit := range []int{n - 1, -1} {
					if _, err := k.Open([]byte("ad"), box, limit); !errors.Is(err, ErrTooBig) {
						t.Errorf("%d %s: with a limit of %d: %v", n, kind, limit, err)
					}
				}
			}
		}
	}
}

// TestMovedContent: a box opens in its own place only.
func TestMovedContent(t *testing.T) {
	s, o, dev := mustSecret(t, "s"), wire.Hash{1}, wire.Hash{2}
	box, err := s.LaneKey(o, dev).Seal(rand.Reader, LaneAD(o, dev, 7), []byte("entry"), wire.MinContent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.LaneKey(o, dev).Open(LaneAD(o, dev, 7), box, 100); err != nil {
		t.Error(err)
	}
	moved := map[string]struct {
		key Key
		ad  []byte
	}{
		"index":  {s.LaneKey(o, dev), LaneAD(o, dev, 8)},
		"device": {s.LaneKey(o, wire.Hash{3}), LaneAD(o, wire.Hash{3}, 7)},
		"epoch":  {s.LaneKey(wire.Hash{3}, dev), LaneAD(wire.Hash{3}, dev, 7)},
		"secret": {mustSecret(t, "other").LaneKey(o, dev), LaneAD(o, dev, 7)},
		"order":  {s.OrderKey(o, dev), OrderAD(o, dev, 7)},
		"ad":     {s.LaneKey(o, dev), OrderAD(o, dev, 7)},
		"ledger": {s.LedgerKey(o), LedgerAD(o)},
	}
	for name, m := range moved {
		if _, err := m.key.Open(m.ad, box, 100); !errors.Is(err, ErrNotMine) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeysDiffer: every key that derives from one secret, in one context, is another.
func TestKeysDiffer(t *testing.T) {
	s, x, y := mustSecret(t, "s"), wire.Hash{1}, wire.Hash{2}
	commitment := s.Commitment(1, x)
	keys := map[string][]byte{
		"secret": s.Bytes(), "commitment": commitment[:], "ledger": s.LedgerKey(x).Bytes(), "manifest": s.ManifestKey(x).Bytes(),
		"lane": s.LaneKey(x, y).Bytes(), "lane swapped": s.LaneKey(y, x).Bytes(),
		"order": s.OrderKey(x, y).Bytes(), "order swapped": s.OrderKey(y, x).Bytes(),
	}
	seen := map[string]string{}
	for name, k := range keys {
		if other, ok := seen[string(k)]; ok {
			t.Errorf("%s and %s are one key", name, other)
		}
		seen[string(k)] = name
	}
}

func TestCommitment(t *testing.T) {
	s, p := mustSecret(t, "s"), wire.Hash{1}
	c := s.Commitment(3, p)
	if !s.Matches(c, 3, p) {
		t.Error("a secret does not match its commitment")
	}
	if s.Matches(c, 4, p) || s.Matches(c, 3, wire.Hash{2}) || mustSecret(t, "t").Matches(c, 3, p) || (Secret{}).Matches(c, 3, p) {
		t.Error("something else matches the commitment")
	}
	if !s.Equal(mustSecret(t, "s")) || s.Equal(mustSecret(t, "t")) || (Secret{}).Equal(Secret{}) {
		t.Error("Equal")
	}
}

func TestPadme(t *testing.T) {
	last := 0
	for n := range 1 << 17 {
		p := Padme(n, 0)
		if p < n || p < last || Padme(p, 0) != p {
			t.Fatalf("Padme(%d) = %d after %d", n, p, last)
		}
		if n > 0 && float64(p-n) > 0.12*float64(n) {
			t.Fatalf("Padme(%d) = %d: more than 12 %%", n, p)
		}
		last = p
	}
	for _, n := range []int{1 << 20, 16<<20 - 1, 1<<24 + 1} {
		// The paper's bound: the mantissa is as long as the exponent's own length.
		e := bits.Len(uint(n)) - 1
		if p := Padme(n, 0); p&(1<<(e-bits.Len(uint(e)))-1) != 0 {
			t.Errorf("Padme(%d) = %b", n, p)
		}
	}
	if Padme(3, 1000) != Padme(1000, 0) {
		t.Error("minimum")
	}
}

func TestWrap(t *testing.T) {
	k, other := mustPrivate(t, "device"), mustPrivate(t, "other")
	for _, n := range []int{1, 2, 1000} {
		w := Wrap{Space: wire.Sum([]byte("space")), Secrets: testSecrets(n)}
		file, err := WrapSecrets(k.Recipient(), w)
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenWrap(file, k)
		if err != nil || got.Space != w.Space || len(got.Secrets) != n {
			t.Fatalf("%d: %v", n, err)
		}
		for i, s := range got.Secrets {
			if s.O != w.Secrets[i].O || !s.Secret.Equal(w.Secrets[i].Secret) {
				t.Errorf("%d: secret %d differs", n, i)
			}
		}
		if _, err := OpenWrap(file, other); !errors.Is(err, ErrNotMine) {
			t.Errorf("%d: with another key: %v", n, err)
		}
	}
}

func TestWrapRefusesToMake(t *testing.T) {
	r := mustPrivate(t, "device").Recipient()
	twice := append(testSecrets(1), testSecrets(1)...)
	for name, secrets := range map[string][]EpochSecret{
		"none": nil, "unset": {{O: wire.Hash{1}}}, "twice": twice, "too-many": testSecrets(maxSecrets + 1),
	} {
		if _, err := WrapSecrets(r, Wrap{Secrets: secrets}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, recipient := range map[string]string{
		"empty": "", "upper": string(bytes.ToUpper([]byte(r))), "cut": r[:len(r)-1], "flipped": r[:100] + "q" + r[101:] + "",
		"x25519": "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", "long": r + r,
	} {
		if recipient == r {
			continue
		}
		if _, err := WrapSecrets(recipient, Wrap{Secrets: testSecrets(1)}); !errors.Is(err, ErrMalformed) {
			t.Errorf("recipient %s: %v", name, err)
		}
	}
	if err := CheckRecipient(r); err != nil {
		t.Error(err)
	}
}

// TestSmallOrderRecipient: a recipient with an X25519 half for which every exchange gives
// zero is refused at the latest when something is to be encrypted to it.
func TestSmallOrderRecipient(t *testing.T) {
	ek := mustPrivate(t, "r").identity().Recipient()
	raw := decodeBech32(t, ek.String())
	clear(raw[1184:])
	if _, err := SealTo(bech32("age1pq", raw), nil); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

func decodeBech32(t *testing.T, s string) []byte {
	t.Helper()
	s = s[strings.LastIndexByte(s, '1')+1 : len(s)-6]
	var out []byte
	acc, bits := 0, 0
	for _, c := range s {
		acc, bits = acc<<5|strings.IndexRune("qpzry9x8gf2tvdw0s3jn54khce6mua7l", c), bits+5
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
		}
		acc &= 0xff
	}
	if bech32("age1pq", out) != "age1pq1"+s+bech32("age1pq", out)[len("age1pq1"+s):] {
		t.Fatal("decoding is wrong")
	}
	return out
}

func TestMailbox(t *testing.T) {
	recipient, private, err := NewMailbox()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 480, 64 << 10} {
		file, err := SealTo(recipient, make([]byte, n))
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenMail(private, file, n)
		if err != nil || len(got) != n {
			t.Errorf("%d: %v", n, err)
		}
		if n > 480 {
			if _, err := OpenMail(private, file, 480); !errors.Is(err, ErrTooBig) {
				t.Errorf("%d with a limit of 480: %v", n, err)
			}
		}
	}
	if _, err := SealTo(recipient, make([]byte, maxMail+1)); !errors.Is(err, ErrTooBig) {
		t.Error(err)
	}
	if _, err := OpenMail(private[1:], nil, 10); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

func TestWrapPath(t *testing.T) {
	dev := wire.DeviceID{1, 2, 3}
	for i := range WrapsPerWrapper {
		path := WrapPath("age1pq1x", dev, i)
		n, err := ParseWrapPath(path)
		want := WrapName{RecipientName("age1pq1x"), dev, i}
		if err != nil || n != want {
			t.Errorf("%s: %v, %v", path, n, err)
		}
	}
	good := WrapPath("age1pq1x", dev, 3)
	bad := []string{"", "/", "-", good + "x", "/" + good, good[1:], "a/" + good, good[:len(good)-4], good + ".age",
		fmt.Sprintf("%s/%s-03.age", RecipientName("a"), dev), fmt.Sprintf("%s/%s-+3.age", RecipientName("a"), dev), fmt.Sprintf("%s/%s.age", RecipientName("a"), dev),
		WrapPath("a", dev, -1), WrapPath("a", dev, WrapsPerWrapper), WrapPath("a", dev, 1<<40), "../" + good}
	for _, path := range bad {
		if n, err := ParseWrapPath(path); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v, %v", path, n, err)
		}
	}
}

// TestNoRandomness: a failing source of randomness makes no key and no box.
func TestNoRandomness(t *testing.T) {
	short := bytes.NewReader(make([]byte, 5))
	if _, err := NewSecret(short); err == nil {
		t.Error("a secret")
	}
	if _, err := NewKey(short); err == nil {
		t.Error("a key")
	}
	if _, err := NewPrivateKey(short); err == nil {
		t.Error("a private key")
	}
	if _, err := mustKey(t, "k").Seal(short, nil, nil, wire.MinContent); err == nil {
		t.Error("a box")
	}
}

func TestSealTooBig(t *testing.T) {
	big := make([]byte, wire.MaxEntry)
	rand.Read(big) // does not compress: the box is beyond the limit
	if _, err := mustKey(t, "k").Seal(rand.Reader, nil, big, wire.MinContent); !errors.Is(err, ErrTooBig) {
		t.Error(err)
	}
	if _, err := mustKey(t, "k").Seal(rand.Reader, nil, append(big, 1), wire.MinContent); !errors.Is(err, ErrTooBig) {
		t.Error(err)
	}
}
