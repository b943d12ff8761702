package space

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/view"
)

// applyAll applies every verified entry whose causal past is there, until nothing
// moves any more. Any order that respects the entries' dependencies gives the
// same state; what can't be applied yet is held.
func (r *round) applyAll(ctx context.Context) error {
	for _, l := range r.lanes {
		r.total += len(l.pending)
	}
	if r.total > 0 {
		r.s.opts.Progress(Progress{Phase: "applying", Total: int64(r.total)})
	}
	for moved := true; moved; {
		moved = false
		for _, d := range r.order {
			n, err := r.applyLane(ctx, r.lanes[d])
			if err != nil {
				return err
			}
			moved = moved || n > 0
		}
	}
	for _, d := range r.order {
		l := r.lanes[d]
		if l.blocked != "" && l.SetAside == "" && !r.behind() {
			r.warn("entries of %s are held: %s", r.deviceName(d), l.blocked)
		}
		if l.changed {
			if err := l.save(r.v, r.epoch().O); err != nil {
				return err
			}
		}
	}
	if r.stale {
		return nil // when the view was made anew
	}
	return r.layWaiting()
}

func (r *round) applyLane(ctx context.Context, l *lane) (n int, err error) {
	for len(l.pending) > 0 && l.SetAside == "" && l.log.Len() < l.limit {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		wait, err := r.applyEntry(l, l.pending[0])
		var wrong *wrongEntry
		switch {
		case errors.As(err, &wrong):
			return n, r.setAside(l, wrong)
		case err != nil:
			return n, err
		case wait != "":
			l.blocked = wait
			return n, nil
		}
		l.pending, l.blocked, l.changed = l.pending[1:], "", true
		n++
		if r.done++; r.done%256 == 0 {
			r.s.opts.Progress(Progress{Phase: "applying", Done: int64(r.done), Total: int64(r.total)})
		}
	}
	return n, nil
}

// wrongEntry is an entry that is wrong by its own content: the lane ends before
// it, for this epoch and for everybody (DESIGN 7).
type wrongEntry struct {
	index  uint64
	reason string
}

func (e *wrongEntry) Error() string { return fmt.Sprintf("entry %d: %s", e.index, e.reason) }

func (l *lane) wrong(format string, args ...any) error {
	return &wrongEntry{l.log.Len(), fmt.Sprintf(format, args...)}
}

// applyEntry opens the next entry of a lane, checks it in three steps, and folds
// its transactions. wait is what it has to wait for; then nothing was done.
func (r *round) applyEntry(l *lane, stored []byte) (wait string, err error) {
	e, err := r.openEntry(l, stored)
	if err != nil {
		return "", err
	}
	if wait, err = r.checkLedger(l, e); wait != "" || err != nil {
		return wait, err
	}
	if err := r.checkEndorsement(l, e); err != nil {
		return "", err
	}
	past := l.Past
	for _, seen := range e.Seen {
		w, p, err := r.checkSeen(l, seen)
		if w != "" || err != nil {
			return w, err
		}
		past = max(past, p)
	}
	for _, tx := range e.Transactions {
		if past, err = r.applyTransaction(l, e, &tx, past); err != nil {
			return "", err
		}
	}
	if err := r.noteOwnEntry(l, e); err != nil {
		return "", err
	}
	l.log.Append(stored)
	l.Bytes += uint64(len(stored))
	l.Ledger, l.Past, l.Seen = e.Ledger, past, mergeSeen(l.Seen, e.Seen)
	r.applied = true
	return "", putValue(r.v, bucketHead, headKey(r.epoch().O, l.device.ID, l.log.Len()), headState{Root: l.log.Head().Root, Past: past})
}

func (r *round) openEntry(l *lane, stored []byte) (*merge.LaneEntry, error) {
	return r.openAt(l, l.log.Len(), stored)
}

func (r *round) openAt(l *lane, index uint64, stored []byte) (*merge.LaneEntry, error) {
	dev := wire.DeviceKeyHash(l.device.Key)
	key := r.secret.LaneKey(r.epoch().O, dev)
	plain, err := key.Open(seal.LaneAD(r.epoch().O, dev, index), stored, wire.MaxEntry)
	if err != nil {
		return nil, l.wrong("it does not open: %v", err)
	}
	e, err := merge.DecodeEntry(plain)
	if err != nil {
		return nil, l.wrong("%v", err)
	}
	return e, nil
}

// checkLedger: the author's ledger is ours, as far as it goes, and never goes back.
func (r *round) checkLedger(l *lane, e *merge.LaneEntry) (wait string, err error) {
	switch then, ok := r.roster().At(e.Ledger.Number); {
	case !ok:
		return fmt.Sprintf("they stand on ledger entry %d, which the host does not show", e.Ledger.Number), nil
	case then.Head() != e.Ledger:
		// Evidence of a fork, never against who signed on the other branch.
		return fmt.Sprintf("they stand on another branch of the ledger at entry %d", e.Ledger.Number), nil
	case e.Ledger.Number < l.Ledger.Number:
		return "", l.wrong("its ledger position goes back from %d to %d", l.Ledger.Number, e.Ledger.Number)
	case then.Epoch().O != r.epoch().O:
		return "", l.wrong("its ledger position %d is not of this epoch", e.Ledger.Number)
	case !then.MayWriteLane(l.device.ID):
		return "", l.wrong("its author may not write at ledger entry %d", e.Ledger.Number)
	}
	return "", nil
}

// checkSeen: what the author says it saw exists, is what everybody else saw, and
// never goes back. It returns the greatest time in that part of the causal past.
func (r *round) checkSeen(l *lane, seen merge.Seen) (wait string, past uint64, err error) {
	if seen.Device == orderDevice {
		return r.checkOrderSeen(l, seen)
	}
	if seen.Device == l.device.ID {
		return "", 0, l.wrong("it names a lane that it can't have seen")
	}
	if old, ok := findSeen(l.Seen, seen.Device); ok && seen.Len <= old.Len {
		return "", 0, l.wrong("what it saw of %s goes back from %d to %d", seen.Device, old.Len, seen.Len)
	}
	if own := r.lanes[r.me.Device]; seen.Device == r.me.Device && own != nil && seen.Len > own.reader.Head().Len {
		r.ownShort = max(r.ownShort, seen.Len)
	}
	var head headState
	ok, err := getValue(r.v, bucketHead, headKey(r.epoch().O, seen.Device, seen.Len), &head)
	if err != nil {
		return "", 0, err
	}
	if !ok {
		return fmt.Sprintf("they have seen %d entries of %s, which the host does not show", seen.Len, r.deviceName(seen.Device)), 0, nil
	}
	if head.Root != seen.Root {
		// Either its author lies, or the other device signed two variants and its
		// author was shown the other one. Who was lied to is not to blame, so the lane
		// waits and does not end: evidence that comes later changes nothing.
		if err := r.seenElsewhere(l, seen); err != nil {
			return "", 0, err
		}
		return fmt.Sprintf("they have seen other entries of %s than are here", r.deviceName(seen.Device)), 0, nil
	}
	if seen.Device == r.me.Device && l.device.Member != r.me.Member {
		err = r.laneWitnessed(seen.Len)
	}
	return "", head.Past, err
}

// applyTransaction folds one transaction, or notes why it has no effect.
// The verdict depends on its causal past only, so it never flips (DESIGN 8).
func (r *round) applyTransaction(l *lane, e *merge.LaneEntry, tx *merge.Transaction, past uint64) (uint64, error) {
	reason, err := r.refuse(l, e, tx, past)
	done := false
	if err == nil && l.device.ID == r.me.Device && !r.again {
		done, err = r.ownCame(tx, reason)
	}
	if err == nil && !done {
		reason, err = r.foldOthers(l, tx, reason)
	}
	if err != nil || reason != "" {
		return past, err
	}
	r.clock.observe(tx.Time)
	return max(past, tx.Time), r.cameBack(l.device.ID, tx)
}

// foldOthers folds a transaction that this device did not write just now. What the
// view can't take is refused too: its verdict rests on the operations alone.
func (r *round) foldOthers(l *lane, tx *merge.Transaction, reason string) (string, error) {
	if reason == "" {
		_, err := r.v.Apply(l.device.ID, l.device.Member, tx.Stamp(l.device.ID), tx.Ops)
		var invalid *view.InvalidError
		if errors.As(err, &invalid) {
			reason = invalid.Error()
		} else if err != nil {
			return "", err
		}
	}
	state := view.Pushed
	if reason != "" {
		state = view.Refused
		r.res.Refused++
	}
	return reason, r.note(l, tx, state, reason)
}

// note adds a transaction to the changelog, once.
func (r *round) note(l *lane, tx *merge.Transaction, state view.State, reason string) error {
	if r.history != nil {
		r.history.operations += len(tx.Ops)
	}
	if r.again {
		return nil
	}
	_, err := r.v.AppendLog(logRow(tx, l.device.ID, l.device.Member, state, reason))
	return err
}

// refuse names the rule that a transaction breaks; empty if it has effect. Its number
// is used up all the same: no verdict hangs on another (DESIGN 5 "Numbers").
func (r *round) refuse(l *lane, e *merge.LaneEntry, tx *merge.Transaction, past uint64) (reason string, err error) {
	if l.sealed == nil {
		sealed, err := loadSealed(r.v, l.device.ID)
		if err != nil {
			return "", err
		}
		l.sealed = &sealed
	}
	ordered, err := r.orderedSeen(l, e, tx.Number)
	if err != nil {
		return "", err
	}
	fresh := merge.NumberCounts(tx.Number, *l.sealed, l.Used) && !ordered
	if l.Used.Add(tx.Number) != nil {
		l.Used = withNumber(l.Used, tx.Number)
	}
	switch {
	case !fresh:
		return numberGiven(tx), nil
	case tx.Marked() && r.epoch().Number == 0:
		return "it claims to be issued again, and no epoch was sealed", nil
	}
	if err := merge.CheckTime(tx, past, r.me.Opening); err != nil {
		return err.Error(), nil
	}
	then, _ := r.roster().At(e.Ledger.Number)
	if role := then.RoleOf(l.device.ID); role < membership.Editor {
		return fmt.Sprintf("a %s may not write", role), nil
	}
	return r.schemas.check(e.Ledger.Number, tx.Ops), nil
}

// checkEndorsement: the first entry of a lane says with which state its author began
// the epoch. All devices compute it, so another one is a fault of somebody, who is
// named; it stops nobody.
func (r *round) checkEndorsement(l *lane, e *merge.LaneEntry) error {
	if e.Endorses == nil {
		return nil
	}
	if l.log.Len() > 0 || r.epoch().Number == 0 {
		return l.wrong("it endorses a state, and is not the first of an epoch that began with one")
	}
	key := laneKey(r.epoch().O, l.device.ID)
	if err := r.v.Put(bucketEndorsed, key, e.Endorses[:]); err != nil || r.again {
		return err
	}
	mine, err := r.base()
	if err != nil || mine == nil || mine.Digest == *e.Endorses {
		return err
	}
	text := fmt.Sprintf("%s endorses another state of epoch %d than the one that this device has", r.deviceName(l.device.ID), r.epoch().Number)
	return r.violation(evidence{Kind: "other-state", Text: text, Device: l.device.ID.String(), Signed: [][]byte{}})
}

func findSeen(list []merge.Seen, d wire.DeviceID) (merge.Seen, bool) {
	i, ok := slices.BinarySearchFunc(list, d, func(s merge.Seen, d wire.DeviceID) int { return bytes.Compare(s.Device[:], d[:]) })
	if !ok {
		return merge.Seen{}, false
	}
	return list[i], true
}

// mergeSeen puts a delta over a vector; both have ascending devices.
func mergeSeen(list, delta []merge.Seen) []merge.Seen {
	out := make([]merge.Seen, 0, len(list)+len(delta))
	for len(list) > 0 && len(delta) > 0 {
		switch c := bytes.Compare(list[0].Device[:], delta[0].Device[:]); {
		case c < 0:
			out, list = append(out, list[0]), list[1:]
		case c > 0:
			out, delta = append(out, delta[0]), delta[1:]
		default:
			out, list, delta = append(out, delta[0]), list[1:], delta[1:]
		}
	}
	return append(append(out, list...), delta...)
}

// known lists the object that a walk stops at, if there is one.
func known(id wire.ObjectID) []wire.ObjectID {
	if id.IsZero() {
		return nil
	}
	return []wire.ObjectID{id}
}
