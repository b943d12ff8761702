package space

import (
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/seal"
)

// An epoch is a span with one secret (DESIGN 1, 5). The ledger may have opened
// later ones than the one that this device stands in: it moves on one epoch at a
// time, and only when all that the cut names is here (follow.go).

// epoch is the one that this device stands in; of a newcomer that has no state
// yet, the one that it will begin with.
func (r *round) epoch() wire.Epoch {
	switch {
	case r.started():
		return r.me.Epoch
	case r.ledger.roster == nil:
		return wire.Epoch{O: r.s.id} // an epoch's identity is its opening entry; the first one is genesis
	}
	return r.roster().Epoch().Epoch
}

// started reports whether this device has the state that its epoch began with.
func (r *round) started() bool { return !r.me.Epoch.O.IsZero() }

// behind reports whether the ledger has sealed the epoch that this device stands
// in. Nothing is pushed under it then.
func (r *round) behind() bool {
	return r.started() && r.roster() != nil && r.roster().Epoch().O != r.me.Epoch.O
}

// sealed is the opening that ended this device's epoch, if there is one.
func (r *round) sealed() (membership.Opening, bool) {
	if !r.behind() {
		return membership.Opening{}, false
	}
	return r.roster().OpeningOf(r.me.Epoch.Number + 1)
}

// standing ground of an epoch: the roster with which it ended, or as it is now.
func (r *round) lastRoster() *membership.Roster {
	next, ok := r.sealed()
	if !ok {
		return r.roster()
	}
	then, _ := r.roster().At(next.At - 1)
	return then
}

// openingTimes are what the openings of all epochs count as, by number: each at
// least its predecessor's plus one and at most ten years later (DESIGN 8).
func openingTimes(roster *membership.Roster) []uint64 {
	var out []uint64
	for _, o := range roster.Openings() {
		t := merge.FromMillis(o.Time.UnixMilli())
		if n := len(out); n > 0 {
			t = merge.OpeningTime(t, out[n-1])
		}
		out = append(out, t)
	}
	return out
}

// openingAt is the epoch in force after the ledger entry with the number; of one that
// is not in the ledger yet, the open one.
func openingAt(roster *membership.Roster, number uint64) membership.Opening {
	if then, ok := roster.At(number); ok {
		return then.Epoch()
	}
	return roster.Epoch()
}

// secretOf is the secret of an epoch; zero if this device does not hold it.
func (r *round) secretOf(o wire.Hash) (seal.Secret, error) {
	b, ok := r.s.keys.Secret(o)
	if !ok {
		return seal.Secret{}, nil
	}
	return seal.SecretFrom(b)
}

// epochsToRead are those whose refs are worth fetching: the one this device stands
// in and all that were opened since.
func epochsToRead(me self, roster *membership.Roster) []wire.Epoch {
	if roster == nil {
		return nil
	}
	if me.Epoch.O.IsZero() {
		return []wire.Epoch{roster.Epoch().Epoch}
	}
	out := []wire.Epoch{me.Epoch}
	for _, o := range roster.Openings() {
		if o.Number > me.Epoch.Number {
			out = append(out, o.Epoch)
		}
	}
	return out
}
