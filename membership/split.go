package membership

import (
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// Split is a place that two or more valid entries claim, all new to the reader:
//
//	head of the roster -> a1 -> a2     one branch
//	                  \-> b1           another
type Split struct {
	Shared   *Roster // the state before
	Branches []Branch
}

// Branch is one of them.
type Branch struct {
	Entries []*Entry // the longest chain of it
	Roster  *Roster  // after them
}

// Named is the branch on which all who speak stand: positions are the ledger
// places that devices signed in lanes. Only members who belong on every branch
// count, and only places beyond the split. False if they disagree or say nothing:
// then it takes a fork.resolve, or the user's choice.
func (s *Split) Named(positions map[wire.DeviceID][]wire.Position) (Branch, bool) {
	named := -1
	for dev, places := range positions {
		for _, p := range places {
			i := slices.IndexFunc(s.Branches, func(b Branch) bool { return b.Roster.Holds(p) && p.Number > s.Shared.head.Number })
			if i < 0 || !s.belongs(dev) {
				continue
			}
			if named >= 0 && named != i {
				return Branch{}, false
			}
			named = i
		}
	}
	if named < 0 {
		return Branch{}, false
	}
	return s.Branches[named], true
}

func (s *Split) belongs(dev wire.DeviceID) bool {
	return !slices.ContainsFunc(s.Branches, func(b Branch) bool { return b.Roster.RoleOf(dev) == NoRole }) &&
		s.Shared.RoleOf(dev) != NoRole
}

// Resolved is the branch up to a fork.resolve on it that drops all others, by an
// owner of each: who meets all at once stands on none and so goes by the resolve.
// False if there is none, or more than one.
func (s *Split) Resolved() (Branch, bool) {
	var found []Branch
	for i, b := range s.Branches {
		for n, e := range b.Entries {
			if body, ok := e.Body.(*ForkResolveBody); ok && s.drops(i, body, e) {
				at, _ := b.Roster.At(e.Number)
				found = append(found, Branch{Entries: b.Entries[:n+1], Roster: at})
				break
			}
		}
	}
	if len(found) != 1 {
		return Branch{}, false
	}
	return found[0], true
}

func (s *Split) drops(kept int, body *ForkResolveBody, e *Entry) bool {
	after, _ := s.Branches[kept].Roster.At(e.Number)
	for i, b := range s.Branches {
		named := Dropped{First: PlaceOf(b.Entries[0].Position()), Head: PlaceOf(b.Roster.head)}
		if i != kept && (!slices.Contains(body.Drop, named) || body.counts(e, after, b.Roster, s.Shared) != nil) {
			return false
		}
	}
	return true
}
