package hooks

import (
	"errors"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
)

// logState is a lane or the order up to some commit.
type logState struct {
	log  chain.Log
	seen map[wire.DeviceID]uint64 // the ledger number that each device stood on
}

var errForked = errors.New("two branches lie there, and no seal has named one")

// log checks a push to a lane or to the order: each new commit adds entries to
// what was read, and says exactly their root.
func (c *check) log(u gitstore.RefUpdate, name wire.RefName, e epoch) *Refusal {
	commits, r := c.added(u)
	if r != nil {
		return r
	}
	st, err := c.logBefore(u, name, e)
	if err != nil {
		return refuse(u.Name, Forked, "%w", err)
	}
	for _, commit := range commits {
		if r := c.logCommit(u.Name, name, e, st, commit); r != nil {
			return r
		}
	}
	c.remember(u.Name, u.New, st)
	return nil
}

func (c *check) logCommit(ref string, name wire.RefName, e epoch, st *logState, commit chain.Unverified) *Refusal {
	m := commit.Claims()
	if !(chain.Place{Kind: name.Kind, Space: c.after.Space(), Epoch: e.O}).Has(m) {
		return refuse(ref, OtherPlace, "a commit of another kind, space or epoch")
	}
	if name.Kind == wire.RefLane && m.Device != name.Device {
		return refuse(ref, OtherLane, "device %s has a lane of its own", m.Device)
	}
	if r := c.signer(ref, commit, c.mayLog(name.Kind, m.Device)); r != nil {
		return r
	}
	if r := c.position(ref, m, e, st.seen[m.Device]); r != nil {
		return r
	}
	st.seen[m.Device] = m.Ledger.Number
	return c.logEntries(ref, st, commit)
}

func (c *check) mayLog(kind wire.RefKind, d wire.DeviceID) bool {
	if kind == wire.RefLane {
		return c.after.MayWriteLane(d)
	}
	return c.after.MayOrder(d)
}

// signer checks that the device that a commit names may write here and signed it.
func (c *check) signer(ref string, commit chain.Unverified, may bool) *Refusal {
	d, ok := c.after.Device(commit.Claims().Device)
	if !ok || !may {
		return refuse(ref, NotPermitted, "device %s may not write here", commit.Claims().Device)
	}
	if _, err := commit.Verify(d.Key); err != nil {
		return refuse(ref, Signature, "%w", err)
	}
	return nil
}

// position checks that a commit's ledger position is on main, in this epoch, and
// not lower than before.
func (c *check) position(ref string, m chain.Message, e epoch, before uint64) *Refusal {
	if !c.after.Holds(*m.Ledger) || m.Ledger.Number < before || !e.has(m.Ledger.Number) {
		return refuse(ref, LedgerPosition, "ledger position %d is not on main in this epoch, or lower than before", m.Ledger.Number)
	}
	return nil
}

// logEntries checks that the tree has the new entries and nothing else, and
// computes the root over all.
func (c *check) logEntries(ref string, st *logState, commit chain.Unverified) *Refusal {
	head := commit.Claims().Log
	files, err := c.files(commit.Git().Tree)
	if err != nil {
		return refuse(ref, Tree, "%w", err)
	}
	if head.Len < st.log.Len() || head.Len-st.log.Len() != uint64(len(files)) {
		return refuse(ref, Log, "length %d after %d with %d files", head.Len, st.log.Len(), len(files))
	}
	for st.log.Len() < head.Len {
		path := chain.EntryPath(st.log.Len())
		entry, err := c.repo.Blob(files[path], wire.MaxEntry)
		if err != nil {
			return refuse(ref, Tree, "%s: %w", path, err)
		}
		st.log.Append(entry)
	}
	if st.log.Head() != *head {
		return refuse(ref, Log, "the root is not that of the entries")
	}
	return nil
}

// logBefore is the log as a reader finds it on the host, foreign commits and all.
func (c *check) logBefore(u gitstore.RefUpdate, name wire.RefName, e epoch) (*logState, error) {
	if st, ok := c.recall(u.Name, u.Old); ok {
		return st, nil
	}
	st := &logState{seen: map[wire.DeviceID]uint64{}}
	pieces := c.piecesBelow(u.Old, name)
	log, out, stopped := c.read(name, e, pieces)
	if stopped {
		return nil, errForked
	}
	st.log = log
	for i, o := range out {
		if v := pieces[i].Commit; o.Verdict == chain.Extended || o.Verdict == chain.Known {
			st.seen[v.Device] = max(st.seen[v.Device], v.Ledger.Number)
		}
	}
	return st, nil
}

// piecesBelow are the signed commits of a chain below and with a tip.
func (c *check) piecesBelow(tip wire.ObjectID, name wire.RefName) (pieces []chain.Piece) {
	for _, raw := range c.ancestors(tip) {
		if p, ok := c.piece(raw, name); ok {
			pieces = append(pieces, p)
		}
	}
	return pieces
}

// read asks the reader that members use. Who wrote the order's entries it takes
// from the signatures: what opens them is secret.
func (c *check) read(name wire.RefName, e epoch, pieces []chain.Piece) (chain.Log, []chain.Outcome, bool) {
	space, o := c.after.Space(), e.O
	if name.Kind == wire.RefLane {
		d, _ := c.after.Device(name.Device)
		r := chain.NewLaneReader(space, o, d.Key)
		_, out := r.Read(pieces)
		return r.Log(), out, r.Stopped()
	}
	r := chain.NewOrderReader(space, o, func(wire.DeviceID, uint64, []byte) bool { return true })
	_, out := r.Read(pieces)
	return r.Log(), out, r.Stopped()
}

// piece is a commit that was there before, if it is a signed one of this chain.
func (c *check) piece(raw []byte, name wire.RefName) (p chain.Piece, ok bool) {
	u, err := chain.Parse(raw)
	if err != nil || u.Claims().Kind != name.Kind {
		return p, false
	}
	d, known := c.after.Device(u.Claims().Device)
	if !known {
		return p, false
	}
	if p.Commit, err = u.Verify(d.Key); err != nil {
		return p, false
	}
	files, err := c.files(p.Commit.Tree)
	if err != nil {
		return p, false
	}
	p.Entries = map[uint64][]byte{}
	for i := p.Commit.Log.Len; i > 0; i-- {
		id, there := files[chain.EntryPath(i-1)]
		if !there {
			break
		}
		if entry, err := c.repo.Blob(id, wire.MaxEntry); err == nil {
			p.Entries[i-1] = entry
		}
	}
	return p, true
}
