package chain

import (
	"crypto/ed25519"

	"github.com/espace-git/espace-git/internal/wire"
)

// LaneReader reads one device's lane in one epoch. Verdicts depend on the
// entries and one valid signature over a root that covers them, never on the
// commits between: a live follower and a late joiner read the same, but for a
// device that signed two logs (see Equivocation).
//
// A reader is not safe for concurrent use.
type LaneReader struct {
	t   trunk
	key ed25519.PublicKey
}

// NewLaneReader is a reader that has read nothing yet. Space and epoch (its O)
// and the device's signing key say which lane it is.
func NewLaneReader(space, epoch wire.Hash, key ed25519.PublicKey) *LaneReader {
	return &LaneReader{t: trunk{kind: Lane, space: space, epoch: epoch}, key: key}
}

// Offer gives the reader one commit with the entries of its tree. It returns
// the entries that count from now on, from the old length on.
//
// Commits that come from one fetch belong in one Read: who meets both variants
// of a lane at once applies neither, and only Read can see that.
func (r *LaneReader) Offer(v Verified, entries map[uint64][]byte) ([][]byte, Outcome) {
	accepted, out := r.Read([]Piece{{Commit: v, Entries: entries}})
	return accepted, out[0]
}

// Read gives the reader all new commits of a fetch, in any order, with the
// entries of their trees, and returns the entries that count from now on, from
// the old length on, and an outcome for each commit.
func (r *LaneReader) Read(offered []Piece) (accepted [][]byte, out []Outcome) {
	pieces := make([]*piece, 0, len(offered))
	judged := make([]*piece, len(offered))
	for i, o := range offered {
		if r.t.here(o.Commit) && string(o.Commit.key) == string(r.key) {
			judged[i] = newPiece(o)
			pieces = append(pieces, judged[i])
		}
	}
	for _, s := range r.t.read(pieces) {
		accepted = append(accepted, s.entry)
	}
	return accepted, outcomes(judged)
}

// outcomes are those of the pieces; nil stands for a commit from elsewhere.
func outcomes(judged []*piece) []Outcome {
	out := make([]Outcome, len(judged))
	for i, p := range judged {
		out[i] = Outcome{Verdict: Elsewhere}
		if p != nil {
			out[i] = p.judged()
		}
	}
	return out
}

// Device is the device whose lane this is.
func (r *LaneReader) Device() wire.DeviceID { return wire.DeviceIDOf(r.key) }

// Head is what was read: the lane's length and root.
func (r *LaneReader) Head() wire.LogHead { return r.t.log.Head() }

// Log is a copy of the lane's log, to append to and sign.
func (r *LaneReader) Log() Log { return r.t.log }

// Tip is a signed commit that covers what was read; false while that is
// nothing. It says more than Head only on a reader that stopped at a fork.
func (r *LaneReader) Tip() (Verified, bool) { return r.t.tip, r.t.tip.raw != nil }

// RootAt is the root of the first n entries, to compare with what others have
// seen; false when n is beyond what was read, or its page of history is lost.
func (r *LaneReader) RootAt(n uint64) (wire.Hash, bool) { return r.t.hist.rootAt(n) }

// Stopped reports whether two variants of the lane were met at once, so that
// nothing after the split counts until a seal names one.
func (r *LaneReader) Stopped() bool { return r.t.stopped }

// Cut is the longest head that was read and that a commit says exactly: what a
// seal may name. It is Head, but on a reader that stopped at a fork.
func (r *LaneReader) Cut() wire.LogHead { return r.t.cut() }

// Covers reports whether a cut is what was read, up to its length, and a commit
// says exactly it. Then the seal can be followed with what was read.
func (r *LaneReader) Covers(cut wire.LogHead) bool { return r.t.covers(cut) }

// Variants are the heads beyond the split at which a stopped reader stands, the
// longest first: a seal names one of them, or Cut. ReadCut reads it.
func (r *LaneReader) Variants() []wire.LogHead { return r.t.variants() }

// Waiting is the number of commits that are held back: entries are missing,
// their root does not hold, or they lie beyond a fork.
func (r *LaneReader) Waiting() int { return len(r.t.waiting) }

// Evidence is what was proved about the lane's device so far.
func (r *LaneReader) Evidence() []Evidence { return r.t.evidence }
