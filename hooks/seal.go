package hooks

import (
	"crypto/ed25519"
	"slices"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// A seal is one push (DESIGN 5): the entry on main, its closing commit X on
// <e+1>/close and on the lanes and order that it moves, keys and order of the
// next epoch. X is the author's by its signature, whoever pushes.
//
//	main    … ── 12
//	close          X          parents: b, o, and c, which it does not move
//	lane b  … ─ b ─┤          b and o stand exactly at their place in the cut
//	order   … ─ o ─┘
//	lane c  … ─ c ─ c'        late: c' is issued again by its author

var emptyLog chain.Log

// closed is a closing commit that was verified, and that its cut can be read.
type closed struct {
	id wire.ObjectID
	x  chain.Verified
}

// seals checks each sealing entry that the push brings: its closing commit is
// there and the cut can be read, before anything is built on it.
func (c *check) seals() *Refusal {
	for _, o := range c.after.Openings() {
		if o.Cut == nil || !c.isNew(o) || o.Number < c.after.Kept() {
			continue
		}
		ref := c.refs.Close(o.Epoch)
		id := c.moves[ref].New
		if id.IsZero() {
			id, _, _ = c.repo.Ref(ref) // on hosts without atomic pushes it may have come first
		}
		if id.IsZero() {
			return refuse(c.refs.Ledger, NoClose, "entry %d seals an epoch, and its closing commit is not in this push", o.At)
		}
		if r := c.closes(ref, o, id); r != nil {
			return r
		}
	}
	return nil
}

// closes checks that a commit is the closing commit of an opening entry, and that
// its ancestors have what the cut names.
func (c *check) closes(ref string, o membership.Opening, id wire.ObjectID) *Refusal {
	if done, ok := c.closed[o.O]; ok && done.id == id {
		return nil
	}
	x, err := c.closingCommit(o, id)
	if err != nil {
		return refuse(ref, OutsideSeal, "%w", err)
	}
	if r := c.cut(ref, c.ended(o), x); r != nil {
		return r
	}
	c.closed[o.O] = closed{id, x}
	return nil
}

func (c *check) closingCommit(o membership.Opening, id wire.ObjectID) (chain.Verified, error) {
	raw, err := c.repo.CommitBytes(id)
	if err != nil {
		return chain.Verified{}, err
	}
	author, _ := c.after.Device(o.Author)
	return chain.VerifyClose(raw, chain.Closing{
		Space: c.after.Space(), Epoch: c.ended(o).O, Device: o.Author, Key: author.Key,
		Entry: wire.Position{Number: o.At, Hash: o.O},
	})
}

// cut checks that each lane and the order can be read up to the cut. Those that
// the push moves were read on the host already.
func (c *check) cut(ref string, e epoch, x chain.Verified) *Refusal {
	var below *closure
	names := []wire.RefName{{Kind: wire.RefOrder}}
	for _, l := range e.next.Cut.Lanes {
		names = append(names, wire.RefName{Kind: wire.RefLane, Device: l.Device})
	}
	for _, name := range names {
		if c.standsThere(e, name, x) {
			continue
		}
		if below == nil {
			below = c.closure(x)
		}
		if err := below.reads(e, name); err != nil {
			return refuse(ref, Cut, "%w", err)
		}
	}
	return nil
}

func (c *check) refOf(e epoch, name wire.RefName) string {
	if name.Kind == wire.RefOrder {
		return c.refs.Order(e.Epoch)
	}
	return c.refs.Lane(e.Epoch, name.Device)
}

// standsThere reports whether x moves the ref from its place in the cut.
func (c *check) standsThere(e epoch, name wire.RefName, x chain.Verified) bool {
	u, ok := c.moves[c.refOf(e, name)]
	if !ok || !slices.Contains(x.Parents, u.Old) {
		return false
	}
	there, known := c.stands[u.Name]
	if !known {
		st, err := c.logBefore(u, name, e)
		there = err == nil && st.log.Head() == e.end(name)
		c.stands[u.Name] = there
	}
	return there
}

// closure is what lies below a closing commit.
type closure struct {
	c       *check
	commits map[wire.ObjectID][]byte
	lanes   map[wire.DeviceID][][]byte // commits that say they are of this lane
	order   [][]byte
}

func (c *check) closure(x chain.Verified) *closure {
	out := &closure{c: c, commits: c.ancestors(x.Parents...), lanes: map[wire.DeviceID][][]byte{}}
	for _, raw := range out.commits {
		switch u, err := chain.Parse(raw); {
		case err != nil:
		case u.Claims().Kind == chain.Lane:
			out.lanes[u.Claims().Device] = append(out.lanes[u.Claims().Device], raw)
		case u.Claims().Kind == chain.Order:
			out.order = append(out.order, raw)
		}
	}
	return out
}

// reads checks that the end of a lane or of the order can be read.
func (b *closure) reads(e epoch, name wire.RefName) error {
	var pieces []chain.Piece
	raws := b.order
	if name.Kind == wire.RefLane {
		raws = b.lanes[name.Device]
	}
	for _, raw := range raws {
		if p, ok := b.c.piece(raw, name); ok {
			pieces = append(pieces, p)
		}
	}
	return b.c.readsCut(e, name, pieces)
}

func (c *check) readsCut(e epoch, name wire.RefName, pieces []chain.Piece) error {
	space, head := c.after.Space(), e.end(name)
	if name.Kind == wire.RefLane {
		d, _ := c.after.Device(name.Device)
		_, _, err := chain.ReadCut(space, e.O, d.Key, head, pieces)
		return err
	}
	end := c.rosterAt(e.next.At - 1)
	device := func(id wire.DeviceID) (ed25519.PublicKey, bool) {
		d, _ := end.Device(id)
		return d.Key, end.HasLane(id)
	}
	_, _, err := chain.ReadOrderCut(space, e.O, device, head, pieces, nil)
	return err
}

// end checks a push to a lane or the order of an epoch that has ended: only the
// closing commit, only with its entry, and only from the place in the cut.
func (c *check) end(u gitstore.RefUpdate, name wire.RefName, e epoch) *Refusal {
	raw, err := c.repo.CommitBytes(u.New)
	if err != nil {
		return refuse(u.Name, Malformed, "%w", err)
	}
	if commit, err := chain.Parse(raw); err != nil || commit.Claims().Kind != chain.Close {
		return refuse(u.Name, Sealed, "epoch %s has ended with entry %d", e.Name(), e.next.At)
	}
	x := c.closed[e.next.O]
	if !c.isNew(*e.next) || x.id != u.New {
		return refuse(u.Name, OutsideSeal, "not the closing commit of an entry in this push")
	}
	if !slices.Contains(x.x.Parents, u.Old) {
		return refuse(u.Name, NotForward, "what was there is not below the closing commit")
	}
	if !c.standsThere(e, name, x.x) && !c.forkedThere(u, name, e) {
		return refuse(u.Name, Cut, "the ref does not stand at its place in the cut")
	}
	return nil
}

// forkedThere reports whether two branches lie on the ref, of which the cut names
// one.
func (c *check) forkedThere(u gitstore.RefUpdate, name wire.RefName, e epoch) bool {
	if _, err := c.logBefore(u, name, e); err == nil {
		return false
	}
	return c.readsCut(e, name, c.piecesBelow(u.Old, name)) == nil
}

// closing checks a push to close: once, the closing commit of this epoch.
func (c *check) closing(u gitstore.RefUpdate, e epoch) *Refusal {
	if e.Number == 0 {
		return refuse(u.Name, UnknownRef, "the first epoch stands on no other")
	}
	if _, err := c.closingCommit(e.Opening, u.Old); err == nil {
		return refuse(u.Name, NotForward, "the epoch is closed already")
	}
	return c.closes(u.Name, e.Opening, u.New)
}
