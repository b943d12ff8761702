package space_test

import (
	"strings"
	"testing"

	"github.com/espace-git/espace-git/space"
)

// A device with a new encryption key goes on, over seals, and its old key is gone.
func TestRotateKey(t *testing.T) {
	_, alice, bob := two(t)
	old := bob.keyring(bob.s.Dir()).Device().Recipient()
	for range 2 {
		if got, err := bob.s.RotateKey(t.Context()); err != nil || got.State != space.OutcomeDone {
			t.Fatalf("bob rotates: %+v %v", got, err)
		}
		now := bob.keyring(bob.s.Dir()).Device().Recipient()
		if now == old {
			t.Error("the key is the old one")
		}
		old = now
		same(t, 3, alice, bob)
		alice.seal()
		same(t, 3, bob, alice)
	}
	bob.insert(space.Row{"title": "with a new key"})
	same(t, 4, bob, alice)
	if alice.digest() != bob.digest() {
		t.Error("the digests differ")
	}
}

// A sheet is read as it was printed, and as people copy it.
func TestSheet(t *testing.T) {
	_, alice, bob := two(t)
	sheet, err := bob.s.NewRecovery(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := sheet.Text()
	for _, copied := range []string{text, strings.ToUpper(text[:90]) + text[90:], "Recovery sheet of mine\n\n" + strings.ReplaceAll(text, "space ", "space: "), strings.ReplaceAll(text, "\n", "\r\n")} {
		got, err := space.ParseSheet(copied)
		if err != nil || got.Space != sheet.Space || got.Entry != sheet.Entry || got.Hash != sheet.Hash || got.Remote != sheet.Remote ||
			strings.Join(got.Words, " ") != strings.Join(sheet.Words, " ") {
			t.Errorf("read %+v, %v\nfrom %s", got, err, copied)
		}
	}
	for _, bad := range []string{"", "space x", "abandon", text[:200], strings.ReplaceAll(text, sheet.Words[0], "zzzz")} {
		if got, err := space.ParseSheet(bad); err == nil {
			t.Errorf("%q reads as %+v", bad, got)
		}
	}
	same(t, 3, alice, bob)
}
