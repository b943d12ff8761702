package space_test

import (
	"strings"
	"testing"

	"github.com/espace-git/espace-git/space"
)

// What another of one's own devices does is shown, once.
func TestOwnDevicesShowNews(t *testing.T) {
	_, alice, bob := two(t)
	link, err := bob.s.AddDevice(t.Context(), space.InviteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	phone := newPerson(t, "")
	phone.join(link.Link)
	alice.sync()
	told := func(p *person, words string) (n int) {
		for _, w := range p.sync().Warnings {
			if strings.Contains(w, words) {
				n++
			}
		}
		return n
	}
	if told(bob, "came as a new device") != 1 || told(bob, "came as a new device") != 0 {
		t.Error("bob is not told once of the new device")
	}
	phone.sync()
	if _, err := phone.s.AddDevice(t.Context(), space.InviteOptions{}); err != nil {
		t.Fatal(err)
	}
	if told(alice, "further device") != 0 {
		t.Error("alice is told of a link of bob's")
	}
	if told(bob, "made a link for a further device") != 1 {
		t.Error("bob is not told of the link that his phone made")
	}
}
