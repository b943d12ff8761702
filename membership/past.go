package membership

import "github.com/espace-git/espace-git/internal/wire"

// follow makes r the state after prev. The jump pointers form a skew-binary list:
//
//	0 <- 1 <- 2 <- 3 <- 4 <- 5 <- 6 <- 7        prev
//	0 <- 1 <----- 3      4        6             jump: 3 -> 1, 7 -> 3, ...
func (r *Roster) follow(prev *Roster) {
	r.prev, r.jump = prev, prev
	if j := prev.jump; j != nil && j.jump != nil && prev.head.Number-j.head.Number == j.head.Number-j.jump.head.Number {
		r.jump = j.jump
	}
}

// At is the state after the entry of that number, which this roster verified.
func (r *Roster) At(number uint64) (*Roster, bool) {
	if number > r.head.Number {
		return nil, false
	}
	for r.head.Number > number {
		if r.jump.head.Number >= number {
			r = r.jump
		} else {
			r = r.prev
		}
	}
	return r, true
}

// HashAt is the hash of the entry of that number.
func (r *Roster) HashAt(number uint64) (wire.Hash, bool) {
	at, ok := r.At(number)
	if !ok {
		return wire.Hash{}, false
	}
	return at.head.Hash, true
}

// Holds reports whether p is a place of this ledger.
func (r *Roster) Holds(p wire.Position) bool {
	h, ok := r.HashAt(p.Number)
	return ok && h == p.Hash
}
