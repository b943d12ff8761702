package space

import (
	"errors"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// What no cut covers does not exist for anybody, but its author has it in the
// journal and issues it again in the next epoch: whole, or not at all (DESIGN 5).

// unsealedTx is an own transaction that may have to be issued again.
type unsealedTx struct {
	row   view.JournalRow
	tx    *merge.Transaction
	needs []merge.TxRef // transactions that made what it stands on
	docs  oldDocuments  // what it edits, as it was
	names rowNames      // what people called that
}

// parked is what is kept of a transaction that waits for another.
type parked struct {
	_     struct{} `cbor:",toarray"`
	Needs []merge.TxRef
	Since uint64 // the epoch in which it began to wait
}

// unsealedOwn lists the own transactions that the cut may not cover, by number. What
// each stands on is looked up now, while the view still shows it.
func (f *following) unsealedOwn() (out []*unsealedTx, err error) {
	r := f.r
	rows, err := r.v.UnsealedJournal()
	if err != nil {
		return nil, err
	}
	// Where anything is cut below what was applied, own entries may lose what they
	// depend on: which of them count is known when the epoch is folded anew.
	clean := len(f.variants) == 0 && !f.shortened()
	covered, err := r.coveredOwn()
	if err != nil {
		return nil, err
	}
	docs, names := oldDocuments{}, &namer{v: r.v}
	for _, row := range rows {
		if row.Ordered {
			continue // endOrder's
		}
		if clean && covered[row.ID] {
			continue // it is in the cut
		}
		u := &unsealedTx{row: row}
		if u.tx, err = merge.DecodeTransaction(row.Tx); err != nil {
			return nil, fmt.Errorf("local store: journal: %w", err)
		}
		if err := r.lookAround(u, docs, names); err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	slices.SortStableFunc(out, func(a, b *unsealedTx) int { return int(int64(a.row.Number) - int64(b.row.Number)) })
	return out, nil
}

// lookAround notes what a transaction stands on. What is parked was looked at when it
// began to wait; docs are what the others edit, as it is now, and names what it is called.
func (r *round) lookAround(u *unsealedTx, docs oldDocuments, names *namer) (err error) {
	_, waits, err := r.v.Get(bucketParked, u.row.ID[:])
	if err != nil {
		return err
	}
	if u.needs, err = r.needsOf(u); err != nil {
		return err
	}
	if waits {
		u.docs, err = savedDocuments(r.v, u.row.ID)
		return err
	}
	if err := names.add(u.tx); err != nil {
		return err
	}
	u.docs, u.names = docs, names.known
	return docs.add(r.v, u.tx)
}

func (r *round) needsOf(u *unsealedTx) ([]merge.TxRef, error) {
	var p parked
	if ok, err := getValue(r.v, bucketParked, u.row.ID[:], &p); ok || err != nil {
		return p.Needs, err
	}
	rows := &shownRows{v: r.v}
	needs := merge.Needs(u.tx, r.me.Device, rows)
	// Its own place in the numbers decides, whatever the view calls it.
	needs = slices.DeleteFunc(needs, func(n merge.TxRef) bool { return n.Device == r.me.Device && n.Number == u.row.Number })
	return needs, rows.err
}

// sealReceipts raises what the cut covers to sealed, for good. What it does not
// cover was never there: its author issues it again.
func (r *round) sealReceipts(before map[wire.DeviceID]merge.Ranges, own []*unsealedTx) error {
	after, err := r.usedNumbers()
	if err != nil {
		return err
	}
	for id, had := range before {
		if id == r.me.Device {
			continue
		}
		now := after[id]
		for span := range had.All() {
			for n := span.First; n <= span.Last; n++ {
				if now.Has(n) {
					continue
				}
				if err := r.v.SetLogState(id, n, n, view.Lost, "beyond the cut: its author issues it again"); err != nil {
					return err
				}
			}
		}
	}
	for _, u := range own {
		if err := r.v.SetLogState(r.me.Device, u.row.Number, u.row.Number, view.Local, ""); err != nil {
			return err
		}
	}
	for span := range r.used(r.me.Device).All() {
		if err := r.v.RaiseJournal(span.First, span.Last, view.Sealed); err != nil {
			return err
		}
	}
	return r.v.SealLog()
}

// sealNumbers adds what had effect in this epoch to the numbers that count for ever.
func (r *round) sealNumbers() error {
	epoch, err := r.usedNumbers()
	if err != nil {
		return err
	}
	for id, used := range epoch {
		if used.Len() == 0 {
			continue
		}
		all, err := loadSealed(r.v, id)
		if err != nil {
			return err
		}
		if err := putValue(r.v, bucketSealed, id[:], all.Union(used)); err != nil {
			return err
		}
	}
	return nil
}

func loadSealed(v *view.Tx, id wire.DeviceID) (merge.Ranges, error) {
	var all merge.Ranges
	_, err := getValue(v, bucketSealed, id[:], &all)
	return all, err
}

// enter makes the next epoch the one that this device stands in.
func (r *round) enter(next membership.Opening, opening uint64) error {
	if err := r.leave(); err != nil {
		return err
	}
	r.me.Epoch, r.me.Opening = next.Epoch, opening
	r.lanes, r.order, r.applied = map[wire.DeviceID]*lane{}, nil, true
	r.ownShort = 0
	if err := r.loadSecret(); err != nil {
		return err
	}
	if err := seenChanged(r.v); err != nil {
		return err
	}
	if err := r.v.Delete(bucketOutbox, []byte{0}); err != nil {
		return err
	}
	if err := r.me.save(r.v); err != nil {
		return err
	}
	return r.clockBack()
}

// leave drops what was kept to read the epoch that is over. Where its refs ended
// stays known, so that the history can be read again and a host be healed.
func (r *round) leave() error {
	o := r.epoch().O
	for _, bucket := range []string{bucketLane, bucketReader, bucketPage, bucketHead, bucketHeld, bucketOwn} {
		if err := clearBucket(r.v, bucket, o[:]); err != nil {
			return err
		}
	}
	for ref, tip := range r.tips {
		n, ok := r.s.refs.Parse(ref)
		if !ok || n.EpochName != r.epoch().Name() {
			continue
		}
		delete(r.tips, ref)
		if err := r.v.Delete(bucketTip, []byte(ref)); err != nil {
			return err
		}
		if err := r.v.Put(bucketPast, []byte(ref), tip[:]); err != nil {
			return err
		}
	}
	return errors.Join(clearOrder(r.v), clearBucket(r.v, bucketOrderKnown, o[:]), clearBucket(r.v, bucketSeen, nil))
}

func clearBucket(v *view.Tx, bucket string, prefix []byte) error {
	for pair, err := range v.Each(bucket, prefix) {
		if err != nil {
			return err
		}
		if err := v.Delete(bucket, pair.Key); err != nil {
			return err
		}
	}
	return nil
}

// reissue issues the transactions again that no cut covered, in the order of their
// numbers. They wait in the journal like any other write. onto are documents that they
// edit, as the epoch starts with them.
func (r *round) reissue(own []*unsealedTx, onto oldDocuments) error {
	if len(own) == 0 {
		return nil
	}
	ri := &reissuing{r: r, again: map[uint64]bool{}, onto: onto}
	var err error
	if ri.seen, err = currentSeen(r.v, r.me.Ledger); err != nil {
		return err
	}
	for _, u := range own {
		if err := ri.one(u); err != nil {
			return fmt.Errorf("issuing transaction %d again: %w", u.row.Number, err)
		}
	}
	return r.clockBack()
}

type reissuing struct {
	r     *round
	seen  uint64
	again map[uint64]bool // numbers that have effect again
	onto  oldDocuments    // documents with what was issued again
}

func (ri *reissuing) one(u *unsealedTx) error {
	r := ri.r
	wait, never, err := r.waitsFor(u.needs, ri.again)
	if err != nil {
		return err
	}
	p := parked{Needs: u.needs, Since: r.me.Epoch.Number}
	if old, err := r.parkedSince(u); err != nil {
		return err
	} else if old > 0 && wait != "" {
		never = "it waited for another transaction that never came"
	}
	switch {
	case wait != "" && never != "":
		return r.giveUp(u, never)
	case wait != "":
		if err := putValue(r.v, bucketParked, u.row.ID[:], p); err != nil {
			return err
		}
		if err := errors.Join(u.docs.save(r.v, u.row.ID, u.tx), keepAbout(r.v, u.row.ID[:], u.tx, u.docs, u.names)); err != nil {
			return err
		}
		return r.setOwn(u, view.Parked, wait)
	}
	done, err := r.issue(u, ri.seen, ri.onto)
	ri.again[u.row.Number] = done
	return err
}

// parkedSince is the epoch in which a transaction began to wait; 0 if it does not.
func (r *round) parkedSince(u *unsealedTx) (uint64, error) {
	var p parked
	_, err := getValue(r.v, bucketParked, u.row.ID[:], &p)
	return p.Since, err
}

// waitsFor names what is needed and neither sealed nor in effect, and why it will
// never be, if its author may no longer write.
func (r *round) waitsFor(needs []merge.TxRef, again map[uint64]bool) (wait, never string, err error) {
	for _, n := range needs {
		sealed, err := loadSealed(r.v, n.Device)
		if err != nil {
			return "", "", err
		}
		if sealed.Has(n.Number) || r.used(n.Device).Has(n.Number) || n.Device == r.me.Device && again[n.Number] {
			continue
		}
		wait = fmt.Sprintf("it needs transaction %d of %s", n.Number, r.deviceName(n.Device))
		if n.Device == r.me.Device {
			if waits, err := r.orderWaits(n.Number); err != nil || waits {
				return wait, "", err
			}
		}
		if n.Device == r.me.Device || !r.roster().MayWriteLane(n.Device) {
			never = wait + ", which will not come"
			return wait, never, nil
		}
	}
	return wait, never, nil
}

// issue puts a transaction back into the journal and the view, marked; false if it
// went to conflicts. onto are documents with what was issued again before.
func (r *round) issue(u *unsealedTx, seen uint64, onto oldDocuments) (done bool, err error) {
	rows := &shownRows{v: r.v, old: u.docs, onto: onto}
	again, dropped, verdict := merge.Reissue(u.tx, r.me.Device, r.me.Opening, rows)
	if rows.err != nil {
		return false, rows.err
	}
	if err := errors.Join(r.v.Delete(bucketParked, u.row.ID[:]), forgetDocuments(r.v, u.row.ID)); err != nil {
		return false, err
	}
	dropped = slices.DeleteFunc(dropped, sameForAll)
	switch verdict {
	case merge.Conflict:
		return false, r.giveUp(u, whyDropped(dropped), dropped...)
	case merge.Moot:
		return false, r.setOwn(u, view.Sealed, "what it deletes was gone")
	}
	if len(dropped) > 0 {
		if err := r.noteConflict(u, whyDropped(dropped), dropped); err != nil {
			return false, err
		}
	}
	row := u.row
	if row.Tx, err = merge.EncodeTransaction(again); err != nil {
		return false, err
	}
	row.Time, row.SeenVersion, row.State, row.Reason = again.Time, seen, view.Local, ""
	if err := r.v.SetJournal(row); err != nil {
		return false, err
	}
	if err := r.forgetAbout(row.ID); err != nil {
		return false, err
	}
	_, err = r.v.Apply(r.me.Device, r.me.Member, again.Stamp(r.me.Device), again.Ops)
	var invalid *view.InvalidError
	if errors.As(err, &invalid) {
		clear(onto) // they have its changes
		return false, r.giveUp(u, "the schema does not take it any more: "+invalid.Error())
	}
	return err == nil, errors.Join(err, r.v.SetLogState(r.me.Device, row.Number, row.Number, view.Local, ""))
}

// unpark issues what waited and need not wait any more.
func (r *round) unpark() error {
	var own []*unsealedTx
	for pair, err := range r.v.Each(bucketParked, nil) {
		if err != nil {
			return err
		}
		row, err := r.v.Journal([16]byte(pair.Key))
		if err != nil {
			return err
		}
		u := &unsealedTx{row: row}
		var p parked
		if err := wire.UnmarshalCBOR(pair.Value, &p); err != nil {
			return fmt.Errorf("local store: %w", err)
		}
		u.needs = p.Needs
		if u.tx, err = merge.DecodeTransaction(row.Tx); err != nil {
			return fmt.Errorf("local store: journal: %w", err)
		}
		if u.docs, err = savedDocuments(r.v, row.ID); err != nil {
			return err
		}
		own = append(own, u)
	}
	slices.SortStableFunc(own, func(a, b *unsealedTx) int { return int(int64(a.row.Number) - int64(b.row.Number)) })
	again, onto := map[uint64]bool{}, oldDocuments{}
	for _, u := range own {
		wait, never, err := r.waitsFor(u.needs, again)
		if err == nil && wait != "" && never != "" && !again[u.row.Number] {
			err = r.giveUp(u, never)
		} else if err == nil && wait == "" {
			var seen uint64
			if seen, err = currentSeen(r.v, r.me.Ledger); err == nil {
				again[u.row.Number], err = r.issue(u, seen, onto)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *round) setOwn(u *unsealedTx, state view.State, reason string) error {
	if err := r.v.SetJournalState(u.row.ID, state, reason); err != nil {
		return err
	}
	return r.v.SetLogState(r.me.Device, u.row.Number, u.row.Number, state, reason)
}
