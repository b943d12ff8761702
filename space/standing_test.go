package space_test

import (
	"testing"

	"github.com/espace-git/espace-git/space"
)

// Who was witnessed once goes on writing when everybody who could witness has gone: here
// the founder loses all devices and comes back by the words on paper. Who comes in the
// meantime is witnessed by the device that came back, since its paper was there before.
func TestWitnessedForEver(t *testing.T) {
	_, alice, bob := two(t)
	sheet := alice.words()
	link := alice.invite()
	carol := newPerson(t, "carol")
	carol.join(link)
	bob.sync()
	carol.sync()
	if got := carol.state(); got != space.StateUnwitnessed {
		t.Errorf("carol, let in by bob alone, is %s", got)
	}
	again, _ := mustRecover(t, sheet, "all")
	bob.insert(space.Row{"title": "of bob, who was witnessed by a device that is gone"})
	bob.sync()
	again.sync()
	same(t, 4, bob, again)
	if got := bob.state(); got != space.StateActive {
		t.Errorf("bob is %s", got)
	}
	carol.sync()
	again.sync()
	carol.sync()
	carol.insert(space.Row{"title": "of carol, witnessed by a device from paper"})
	same(t, 5, carol, bob, again)
}
