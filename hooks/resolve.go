package hooks

import (
	"slices"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// A fork of the ledger ends with a resolve by an owner of both branches (DESIGN
// 4). The host stands on one branch, or on none where both lie there since before
// the hook. It goes where a member would that is asked, and agrees:
//
//	0 -- 1 -- 2 -- 3          what lies on main
//	      \-- 2'-- R          what is pushed, with R naming 2 and 3

// resolved is the ledger after a push that takes main to another branch; nil for
// any other push, which is judged as one that adds to what lies there.
func (c *check) resolved(u gitstore.RefUpdate, commits []chain.Unverified, l *ledgerState) *ledgerState {
	if l.roster == nil || len(commits) == 0 {
		return nil
	}
	files, err := c.files(commits[len(commits)-1].Git().Tree)
	if err != nil || !l.split && l.isIn(files) {
		return nil
	}
	all := c.envelopes(u.New)
	if l.split {
		if next, r := c.readLedger(all); r == nil && !next.split && next.isIn(files) {
			return next
		}
		return nil
	}
	moves, _ := l.roster.Follow(afterGenesis(all))
	for _, m := range moves {
		if next := l.moved(m, afterGenesis(all)); !next.split && next.isIn(files) {
			return next
		}
	}
	return nil
}

// moved is the ledger after a move, and what stands on that.
func (l *ledgerState) moved(m membership.Move, envelopes [][]byte) *ledgerState {
	next := &ledgerState{blobs: slices.Clone(l.blobs[:m.From+1])}
	next.takeAll(m.Roster, m.Entries)
	next.goOn(envelopes)
	return next
}

// isIn reports whether a tree has all entries of the ledger.
func (l *ledgerState) isIn(files map[string]wire.ObjectID) bool {
	for n, id := range l.blobs {
		if files[membership.Path(uint64(n))] != id {
			return false
		}
	}
	return true
}
