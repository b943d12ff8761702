package space_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/space"
)

// words makes a sheet for a person.
func (p *person) words() *space.Sheet {
	p.t.Helper()
	sheet, err := p.s.NewRecovery(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return sheet
}

// recovered is a new device by a sheet, in a home of its own.
func recovered(t *testing.T, sheet *space.Sheet, lost ...string) (*person, *space.Recovered, error) {
	t.Helper()
	p := newPerson(t, "recovered")
	s, got, err := space.Recover(t.Context(), filepath.Join(t.TempDir(), "recovered"), space.RecoverOptions{
		Sheet: sheet, DeviceName: "new laptop", Lost: lost,
	}, p.options())
	p.s = s
	return p, got, err
}

func mustRecover(t *testing.T, sheet *space.Sheet, lost ...string) (*person, *space.Recovered) {
	t.Helper()
	p, got, err := recovered(t, sheet, lost...)
	if err != nil {
		t.Fatalf("recovering: %v", err)
	}
	return p, got
}

// The only member of a space lost every device: the words sign and read.
func TestRecoverAlone(t *testing.T) {
	for _, seals := range []int{0, 2} {
		h := newEvilHost(t)
		alice := newPerson(t, "alice")
		alice.create(h.dir)
		sheet := alice.words()
		alice.insert(space.Row{"title": "only here"})
		for range seals {
			alice.seal()
		}
		alice.insert(space.Row{"title": "and this"})
		alice.sync()
		again, got := mustRecover(t, sheet, "all")
		if got.State != space.StateActive || len(got.Others) != 0 {
			t.Errorf("after %d seals: %+v", seals, got)
		}
		if n := len(again.rows()); n != 2 {
			t.Errorf("after %d seals: %d rows", seals, n)
		}
		again.insert(space.Row{"title": "on the new device"})
		again.sync()
		alice.isGone()
		if _, _, err := recovered(t, sheet); !errors.Is(err, space.ErrNotPermitted) {
			t.Errorf("the old words work again: %v", err)
		}
		third, _ := mustRecover(t, got.Sheet)
		if n := len(third.rows()); n != 3 {
			t.Errorf("after %d seals, by the new words: %d rows", seals, n)
		}
		same(t, 3, again, third)
	}
}

// An owner of a space with others seals without having read anything; a member's
// sync then brings the state.
func TestRecoverOwner(t *testing.T) {
	for _, seals := range []int{0, 1} {
		_, alice, bob := two(t)
		sheet := alice.words()
		for range seals {
			alice.seal()
			same(t, 3, alice, bob)
		}
		bob.insert(space.Row{"title": "not pushed yet"})
		again, got := mustRecover(t, sheet)
		if got.State != space.StateWaiting || len(got.Others) != 1 {
			t.Errorf("recovered: %+v", got)
		}
		bob.sync()
		again.sync()
		if got := again.state(); got != space.StateActive {
			t.Errorf("the new device is %s", got)
		}
		again.insert(space.Row{"title": "of alice again"})
		same(t, 5, again, bob, alice)
		if again.digest() != bob.digest() {
			t.Error("the digests differ")
		}
		if _, err := again.s.RemoveDevice(t.Context(), alice.device(), space.RemoveOptions{}); err != nil {
			t.Errorf("removing the lost device: %v", err)
		}
		alice.isGone()
		devices, err := again.s.Devices(t.Context())
		if err != nil || len(devices) != 2 || devices[1].Name != "new laptop" {
			t.Errorf("devices: %+v %v", devices, err)
		}
		same(t, 5, bob, again)
	}
}

// Below admin it is a request, which an admin's next sync seals.
func TestRecoverEditor(t *testing.T) {
	_, alice, bob := two(t)
	sheet := bob.words()
	again, got := mustRecover(t, sheet, "all")
	if got.State != space.StateWaiting {
		t.Errorf("recovered: %+v", got)
	}
	if res := alice.sync(); !res.Sealed {
		t.Errorf("alice did not seal: %+v", res)
	}
	bob.isGone()
	again.sync()
	again.insert(space.Row{"title": "of bob again"})
	same(t, 4, again, alice)
	if again.digest() != alice.digest() {
		t.Error("the digests differ")
	}
}

// A ledger without the entry of the sheet's day is refused, and so are other words.
func TestRecoverRefuses(t *testing.T) {
	_, alice, bob := two(t)
	sheet := bob.words()
	older := *sheet
	sheet = bob.words()
	if _, _, err := recovered(t, &older); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("words that were replaced: %v", err)
	}
	other := *sheet
	other.Hash = older.Hash
	if _, _, err := recovered(t, &other); !errors.Is(err, space.ErrViolation) {
		t.Errorf("another day: %v", err)
	}
	other = *sheet
	other.Space = older.Hash
	if _, _, err := recovered(t, &other); err == nil {
		t.Error("another space")
	}
	alice.removes("bob")
	if _, _, err := recovered(t, sheet); !errors.Is(err, space.ErrNotPermitted) {
		t.Errorf("recovering after the removal: %v", err)
	}
	same(t, 3, alice)
}
