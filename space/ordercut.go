package space

import (
	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

func (r *round) orderReaches(f *following) (bool, error)   { return f.next.Cut.Order.Len == 0, nil }
func (r *round) orderBeyond(wire.LogHead) bool             { return false }
func (r *round) refoldOrder(f *following) error            { return nil }
func (r *round) orderedNumbers(wire.DeviceID) merge.Ranges { return merge.Ranges{} }
func (r *round) orderedSeen(l *lane, n uint64) bool        { return false }
func (r *round) orderEnd() (wire.LogHead, wire.ObjectID, error) {
	return chain.EmptyHead(), r.tips[r.s.refs.Order(r.epoch())], nil
}
