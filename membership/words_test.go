package membership

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

func TestWordList(t *testing.T) {
	if got := wire.Sum([]byte(english)).String(); got != "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda" {
		t.Errorf("another word list: %s", got)
	}
	if list := wordList(); len(list) != 1<<wordBits || !slices.IsSorted(list) {
		t.Errorf("%d words", len(list))
	}
}

// Vectors of BIP 39 (trezor/python-mnemonic, vectors.json).
func TestRecoveryWordsBIP39(t *testing.T) {
	for secret, want := range map[string]string{
		"00000000000000000000000000000000": "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
		"7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f": "legal winner thank year wave sausage worth useful legal winner thank yellow",
		"80808080808080808080808080808080": "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
		"ffffffffffffffffffffffffffffffff": "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
	} {
		raw, err := hex.DecodeString(secret)
		if err != nil {
			t.Fatal(err)
		}
		words := RecoveryWords([16]byte(raw))
		if got := strings.Join(words[:], " "); got != want {
			t.Errorf("%s: %s", secret, got)
		}
		back, err := ParseRecoveryWords("  " + strings.ToUpper(want) + "\n")
		if err != nil || !bytes.Equal(back[:], raw) {
			t.Errorf("%s: back %x, %v", want, back, err)
		}
	}
}

func TestRecoveryWordsRefuse(t *testing.T) {
	good := strings.Fields("legal winner thank year wave sausage worth useful legal winner thank yellow")
	for name, text := range map[string]string{
		"none": "", "eleven": strings.Join(good[:11], " "), "thirteen": strings.Join(append([]string{"abandon"}, good...), " "),
		"not-in-list": strings.Replace(strings.Join(good, " "), "wave", "wav", 1),
		"wrong-word":  strings.Replace(strings.Join(good, " "), "wave", "zoo", 1),
		"swapped":     "winner legal " + strings.Join(good[2:], " "),
		"huge":        strings.Repeat("zoo ", 1000),
	} {
		if _, err := ParseRecoveryWords(text); !errors.Is(err, ErrWords) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// All twelve words count: a change in any of the 132 bits shows.
func TestWordsShowEveryBit(t *testing.T) {
	h := wire.Hash(seed("fingerprint"))
	seen := map[[wordCount]string]bool{Words(h): true}
	for bit := range wordBits * wordCount {
		c := h
		c[bit/8] ^= 0x80 >> (bit % 8)
		w := Words(c)
		if seen[w] {
			t.Fatalf("bit %d does not show", bit)
		}
		seen[w] = true
		differ := 0
		for i := range w {
			if w[i] != Words(h)[i] {
				differ++
			}
		}
		if differ != 1 {
			t.Fatalf("bit %d shows in %d words", bit, differ)
		}
	}
}
