package chain

import "github.com/espace-git/espace-git/internal/wire"

// Authored says whether an entry of the order, at this index, is by this device:
// whether it opens under the device's order key. A signature over a root does
// not say who wrote the entries under it, so that somebody could sign another's.
type Authored func(author wire.DeviceID, index uint64, entry []byte) bool

// Ordered is an entry of the order.
type Ordered struct {
	Author wire.DeviceID
	Index  uint64
	Entry  []byte
}

// OrderReader reads an epoch's order: one log that all devices write. Each
// commit is checked, and its signer is the author of its entries. Whether a
// signer may write here is asked before its commit is offered.
//
// Two valid pieces for one place are a fork, whoever joined or hid them. Who
// verified one before goes on with it and keeps the other as evidence; who meets
// both in one Read applies nothing after the split (ATTACKS 1 to 3).
//
// A reader is not safe for concurrent use.
type OrderReader struct {
	t        trunk
	authored Authored
}

// NewOrderReader is a reader of the order of an epoch that has read nothing yet.
func NewOrderReader(space, epoch wire.Hash, authored Authored) *OrderReader {
	return &OrderReader{t: trunk{kind: Order, space: space, epoch: epoch}, authored: authored}
}

// Offer is Read for one commit. Commits of one fetch belong in one Read.
func (r *OrderReader) Offer(v Verified, entries map[uint64][]byte) ([]Ordered, Outcome) {
	accepted, out := r.Read([]Piece{{Commit: v, Entries: entries}})
	return accepted, out[0]
}

// Read gives the reader all new commits of a fetch, in any order, with the
// entries of their trees, and returns the entries that count from now on and an
// outcome for each commit.
func (r *OrderReader) Read(offered []Piece) (accepted []Ordered, out []Outcome) {
	from := r.t.log.Len()
	pieces := make([]*piece, 0, len(offered))
	judged := make([]*piece, len(offered))
	for i, o := range offered {
		if !r.t.here(o.Commit) {
			continue
		}
		judged[i] = newPiece(o)
		if !judged[i].by(r.authored) {
			judged[i].outcome.Verdict = NotAuthor
			continue
		}
		pieces = append(pieces, judged[i])
	}
	for i, s := range r.t.read(pieces) {
		accepted = append(accepted, Ordered{Author: s.author, Index: from + uint64(i), Entry: s.entry})
	}
	return accepted, outcomes(judged)
}

// Head is what was read: the order's length and root.
func (r *OrderReader) Head() wire.LogHead { return r.t.log.Head() }

// Log is a copy of the order's log, to append to and sign.
func (r *OrderReader) Log() Log { return r.t.log }

// Tip is a signed commit that covers what was read; false while that is nothing.
func (r *OrderReader) Tip() (Verified, bool) { return r.t.tip, r.t.tip.raw != nil }

// RootAt is the root of the first n entries; false when n is beyond what was
// read, or its page of history is lost.
func (r *OrderReader) RootAt(n uint64) (wire.Hash, bool) { return r.t.hist.rootAt(n) }

// Stopped reports whether two branches were met at once, so that nothing after
// the split counts until a seal names one.
func (r *OrderReader) Stopped() bool { return r.t.stopped }

// Cut is as for a LaneReader.
func (r *OrderReader) Cut() wire.LogHead { return r.t.cut() }

// Covers is as for a LaneReader.
func (r *OrderReader) Covers(cut wire.LogHead) bool { return r.t.covers(cut) }

// Variants is as for a LaneReader; ReadOrderCut reads one.
func (r *OrderReader) Variants() []wire.LogHead { return r.t.variants() }

// Waiting is the number of commits that are held back.
func (r *OrderReader) Waiting() int { return len(r.t.waiting) }

// Evidence is what was proved about the order's branches so far.
func (r *OrderReader) Evidence() []Evidence { return r.t.evidence }
