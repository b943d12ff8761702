package hooks

import (
	"strings"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
)

// deletion checks that a ref may go: one of an epoch that is no longer kept, a
// lane or the order that the closing commit of its epoch covers, or a name below
// the prefix that no chain has, which may stand in the way of one (`a/8` of
// `a/8/x`). Nobody signs a deletion, so it must do no harm whoever asks for it.
func (c *check) deletion(u gitstore.RefUpdate) *Refusal {
	name, ok := c.refs.Parse(u.Name)
	if !ok && strings.HasPrefix(u.Name, c.refs.Prefix) {
		return nil
	}
	e, opened := c.epochs[name.EpochName]
	switch {
	case !ok || !opened:
		return refuse(u.Name, Deletion, "not a ref of an epoch of this space")
	case e.Number < c.after.Kept():
		return nil
	case name.Kind != wire.RefLane && name.Kind != wire.RefOrder:
		return refuse(u.Name, Deletion, "%s of a kept epoch is not deleted", name.Kind)
	case e.next == nil:
		return refuse(u.Name, Deletion, "the epoch is open")
	case !c.covered(u, name, e):
		return refuse(u.Name, Deletion, "no closing commit on the host covers it")
	}
	return nil
}

// covered reports whether the closing commit on the host has what the ref has:
// the ref's commit itself, or the same log under foreign commits.
func (c *check) covered(u gitstore.RefUpdate, name wire.RefName, e epoch) bool {
	id, ok, err := c.repo.Ref(c.refs.Close(e.next.Epoch))
	if err != nil || !ok || c.moves[c.refs.Close(e.next.Epoch)].Name != "" {
		return false
	}
	x, err := c.closingCommit(*e.next, id)
	if err != nil {
		return false
	}
	if u.Old == id {
		return true
	}
	below := c.ancestors(x.Parents...)
	if _, there := below[u.Old]; there {
		return true
	}
	st, err := c.logBefore(u, name, e)
	return err == nil && st.log.Head() == e.end(name)
}
