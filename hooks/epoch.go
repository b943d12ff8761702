package hooks

import (
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// epoch is an epoch of the space as it is after the push.
type epoch struct {
	membership.Opening
	next *membership.Opening // the one that ended it; nil while it is open
}

// has reports whether the ledger's entry of that number lies in the epoch.
func (e epoch) has(number uint64) bool {
	return number >= e.At && (e.next == nil || number < e.next.At)
}

// lane is the end of a lane as its cut names it: empty where it is not named.
func (e epoch) end(name wire.RefName) wire.LogHead {
	if name.Kind == wire.RefOrder {
		return e.next.Cut.Order
	}
	if head, ok := e.next.Cut.Lane(name.Device); ok {
		return head
	}
	return emptyLog.Head()
}

func (c *check) listEpochs() {
	all := c.after.Openings()
	c.epochs = make(map[string]epoch, len(all))
	c.closed = map[wire.Hash]closed{}
	for i, o := range all {
		e := epoch{Opening: o}
		if i+1 < len(all) {
			e.next = &all[i+1]
		}
		c.epochs[o.Name()] = e
	}
}

// ended is the epoch that an opening ended.
func (c *check) ended(o membership.Opening) epoch {
	last, _ := c.after.OpeningOf(o.Number - 1)
	return epoch{Opening: last, next: &o}
}

// isNew reports whether the push brings the entry that opens an epoch.
func (c *check) isNew(o membership.Opening) bool {
	return c.before == nil || !c.before.Holds(wire.Position{Number: o.At, Hash: o.O})
}

// rosterAt is the state after an entry that the ledger has.
func (c *check) rosterAt(number uint64) *membership.Roster {
	r, ok := c.after.At(number)
	if !ok {
		return c.after // cannot be: numbers come from the ledger itself
	}
	return r
}
