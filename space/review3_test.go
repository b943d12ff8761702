package space_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/space"
)

// A malicious editor puts an entry that has effect and one that never will into one
// commit. Nobody signed a length between them; who seals is not accused of it, and what
// others wrote on top is in the cut.
func TestReviewGoodAndBadInOneCommit(t *testing.T) {
	t.Parallel()
	w := crowd(t)
	for name, second := range map[string]func(f *forger) *merge.LaneEntry{
		"wrong": func(f *forger) *merge.LaneEntry {
			e := f.entry(f.good("never"))
			e.Ledger = wire.Position{}
			return e
		},
		"held for what nobody has": func(f *forger) *merge.LaneEntry {
			e := f.entry(f.good("never"))
			e.Seen = []merge.Seen{{Device: wire.DeviceID{1}, LogHead: wire.LogHead{Len: 99, Root: wire.Hash{1}}}}
			return e
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, people := w.unpack(t, "alice", "carol", "mallory", "eve")
			alice, carol, eve := people[0], people[1], people[3]
			f := newForger(h, people[2])
			good := f.seal(f.entry(f.good("good")))
			bad := f.seal2(second(f))
			f.push(good, bad)
			syncs := func(list ...*person) {
				for _, p := range list {
					_, _ = p.s.Sync(t.Context())
				}
			}
			syncs(alice, carol)
			carol.insert(space.Row{"title": "carol saw it"})
			syncs(carol, alice)
			alice.insert(space.Row{"title": "alice saw it"})
			syncs(alice, carol)
			if _, err := alice.s.Seal(t.Context(), space.SealOptions{Now: true}); err != nil {
				t.Fatal(err)
			}
			syncs(carol, eve, alice, carol, eve)
			for _, p := range []*person{alice, carol, eve} {
				if i := slices.IndexFunc(p.evidence(), func(kind string) bool { return strings.HasPrefix(kind, "cut") }); i >= 0 {
					t.Errorf("%s keeps evidence of %q", p.name, p.evidence())
				}
				if got := len(p.rows()); got != crowdRows+3 || p.epoch() != 1 {
					t.Errorf("%s has %d rows in epoch %d", p.name, got, p.epoch())
				}
				if p.digest() != alice.digest() {
					t.Errorf("%s has another digest", p.name)
				}
			}
			for _, p := range []*person{alice, carol} {
				log, err := p.s.Log(t.Context(), space.LogQuery{})
				if err != nil {
					t.Fatal(err)
				}
				for _, row := range log {
					if row.State != "sealed" && row.State != "refused" {
						t.Errorf("%s: %+v", p.name, row)
					}
				}
			}
		})
	}
}
