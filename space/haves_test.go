package space_test

import (
	"net/http/httptest"
	"testing"

	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/space"
)

// A program that starts anew for each sync asks the host for what is new only,
// however long the history is.
func TestSyncOfNewProcessFetchesTheNewOnly(t *testing.T) {
	host := githost.New(t.TempDir())
	if err := host.Create("team.git"); err != nil {
		t.Skip(err)
	}
	srv := httptest.NewServer(host)
	defer srv.Close()
	alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
	alice.create(srv.URL + "/team.git")
	bob.join(alice.invite())
	for range 30 {
		alice.insert(space.Row{"title": "one of many"})
		alice.sync()
	}
	bob.sync()
	alice.insert(space.Row{"title": "the last one"})
	alice.sync()
	s, err := space.Open(t.Context(), bob.s.Dir(), bob.options())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := down(host)
	if r, err := s.Sync(t.Context()); err != nil || r.Fetched != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	if got := down(host) - before; got > 8<<10 {
		t.Errorf("%d bytes came for one entry", got)
	}
}

func down(h *githost.Host) (n int64) {
	for _, r := range h.Requests() {
		n += r.Out
	}
	return n
}
