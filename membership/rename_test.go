package membership

import (
	"errors"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// renames gives a device of the author's member a name: of the author itself, or
// a further one.
func (s *story) renames(author string, device *wire.DeviceID) error {
	items, box := testItems(ItemDeviceName, "a new name")
	_, err := s.try(author, Draft{Body: &KeyUpdateBody{Device: device}, Time: s.tick(), Items: items.Hashes(), Private: box})
	return err
}

// A member names its own devices and nobody else's.
func TestRename(t *testing.T) {
	s := found(t, "alice")
	s.join("bob", s.invite("alice", "for bob", Viewer))
	s.join("bob's phone", s.deviceLink("bob", "phone"))
	for _, own := range []*wire.DeviceID{nil, ref(id("bob's phone"))} {
		if err := s.renames("bob", own); err != nil {
			t.Errorf("bob names %v: %v", own, err)
		}
	}
	for _, other := range []*wire.DeviceID{ref(id("alice")), ref(id("bob")), {}} {
		if err := s.renames("bob", other); !errors.Is(err, ErrNotPermitted) {
			t.Errorf("bob names %v: %v", other, err)
		}
	}
	s.refused("key-update", "bob", &KeyUpdateBody{Device: ref(id("bob's phone")), Recipient: testRecipient("x")})
}
