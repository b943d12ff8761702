package space

import (
	"errors"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/seal"
	"github.com/espace-git/espace-git/view"
)

func (r *round) orderKey(dev wire.Hash, index uint64) (seal.Key, []byte) {
	o := r.epoch().O
	return r.secret.OrderKey(o, dev), seal.OrderAD(o, dev, index)
}

// applyOrder folds entries of the order, one after the other. Own transactions that
// wait lie on top of the order in the view: they are taken off before, and judged
// anew on what the order holds then.
func (r *round) applyOrder(c *orderLog, entries []chain.Ordered) error {
	if err := r.splitOrder(c); err != nil || len(entries) == 0 {
		return err
	}
	if err := r.liftOrdered(); err != nil {
		return err
	}
	for _, e := range entries {
		if err := r.applyOrdered(c, e); err != nil {
			return err
		}
	}
	r.applied = true
	if err := errors.Join(seenChanged(r.v), r.clock.save(r.v)); err != nil {
		return err
	}
	return r.layOrdered()
}

// splitOrder tells of two branches that were met at once.
func (r *round) splitOrder(c *orderLog) error {
	if !c.reader.Stopped() {
		return nil
	}
	e := evidence{Kind: "order-fork", Ref: r.s.refs.Order(r.epoch())}
	e.Text = fmt.Sprintf("the order has two branches after %d entries; nothing after them is applied until a seal names one", c.reader.Head().Len)
	for _, proof := range c.reader.Evidence() {
		e.Signed = append(e.Signed, proof.Marshal())
	}
	return r.newViolation(e)
}

// applyOrdered folds the transactions of one entry. What is wrong with the entry
// takes the effect of them all and of nothing else: the order goes on.
func (r *round) applyOrdered(c *orderLog, o chain.Ordered) error {
	d, _ := r.roster().Device(o.Author)
	e, reason := r.orderedEntry(d, o)
	if e == nil {
		text := fmt.Sprintf("%s wrote what is no entry into the order, at %d: %s", r.deviceName(o.Author), o.Index, reason)
		if err := r.newViolation(evidence{Kind: "order-entry", Text: text, Device: o.Author.String(), Signed: [][]byte{o.Entry}}); err != nil {
			return err
		}
		return r.appliedEntry(c, o.Entry)
	}
	at := &orderedAt{c: c, device: d, entry: e, index: o.Index, void: reason}
	for i := range e.Transactions {
		if err := r.applyOrderedTx(at, &e.Transactions[i]); err != nil {
			return err
		}
	}
	return errors.Join(r.noteOwn(at), r.appliedEntry(c, o.Entry))
}

// orderedAt is an entry of the order while it is applied.
type orderedAt struct {
	c      *orderLog
	device membership.Device
	entry  *merge.LaneEntry
	index  uint64
	void   string // why none of its transactions has effect
}

// orderedEntry opens an entry; nil if it is none. reason says why it is void.
func (r *round) orderedEntry(d membership.Device, o chain.Ordered) (e *merge.LaneEntry, reason string) {
	plain, err := r.openOrdered(o.Author, o.Index, o.Entry)
	if err != nil {
		return nil, "it does not open"
	}
	if e, err = merge.DecodeEntry(plain); err != nil {
		return nil, firstLine(err.Error())
	}
	if err := r.mayOrder(d.ID, e.Ledger); err != nil {
		return e, err.Error()
	}
	if len(e.Seen) > 0 {
		return e, "it names a lane, and the order depends on none"
	}
	return e, ""
}

// appliedEntry notes the order with one more entry, for lanes that have seen it.
func (r *round) appliedEntry(c *orderLog, stored []byte) error {
	c.log.Append(stored)
	head := c.log.Head()
	return putValue(r.v, bucketHead, headKey(r.epoch().O, orderDevice, head.Len), headState{Root: head.Root, Past: c.Past})
}

// applyOrderedTx folds one transaction or notes why it has no effect. That depends
// on what stands before it in the order, and on nothing else.
func (r *round) applyOrderedTx(at *orderedAt, tx *merge.Transaction) error {
	again, err := r.useNumber(at.device.ID, tx.Number, at.index)
	if err != nil {
		return err
	}
	reason := r.refuseOrdered(at, tx, again)
	if reason == "" {
		if reason, err = r.foldOrdered(at.device, tx, at.entry.Ledger.Number); err != nil {
			return err
		}
	}
	if reason == "" {
		at.c.Past = max(at.c.Past, tx.Time)
		r.clock.observe(tx.Time)
	}
	if at.device.ID == r.me.Device {
		r.clock.Number = max(r.clock.Number, tx.Number)
	}
	return r.tellOrdered(at, tx, reason, again)
}

// useNumber takes a number for good, and reports whether it was taken before, in
// the order or in the sealed state. Those of transactions without effect are taken
// too, so that no verdict changes with another.
func (r *round) useNumber(d wire.DeviceID, number, index uint64) (again bool, err error) {
	at := slices.Concat(laneKey(r.epoch().O, d), wire.U64(number))
	if _, again, err = r.v.Get(bucketOrderAt, at); again || err != nil {
		return again, err
	}
	sealed, err := loadSealed(r.v, d)
	if err != nil || !merge.NumberCounts(number, sealed, merge.Ranges{}) {
		return true, err
	}
	used, err := r.orderedNumbers(d)
	if err != nil {
		return false, err
	}
	if err := putValue(r.v, bucketOrderAt, at, index); err != nil {
		return false, err
	}
	return false, putValue(r.v, bucketOrderNumber, laneKey(r.epoch().O, d), withNumber(used, number))
}

// withNumber adds a number to a set that may be full: a device that wrote by turns
// into its lane and the order has a gap after each. Then the lowest gap closes, which
// only costs a number that was given long ago and never came.
func withNumber(set merge.Ranges, number uint64) merge.Ranges {
	if set = set.Clone(); set.Add(number) == nil {
		return set
	}
	var one merge.Ranges
	if one.Add(number) != nil {
		return set // no number at all: it does not count
	}
	return set.Union(one)
}

// refuseOrdered names the rule that a transaction breaks by itself; empty if none.
func (r *round) refuseOrdered(at *orderedAt, tx *merge.Transaction, again bool) string {
	switch {
	case at.void != "":
		return at.void
	case again:
		return fmt.Sprintf("its number %d was given before", tx.Number)
	case tx.Marked():
		// Ordered transactions that a seal left out come again as new tries: their
		// place in the order decides, not their time.
		return "it claims to be issued again, and ordered ones are not marked"
	}
	if err := merge.CheckTime(tx, at.c.Past, r.me.Opening); err != nil {
		return err.Error()
	}
	return r.schemas.checkOrdered(at.entry.Ledger.Number, tx.Ops)
}

// foldOrdered judges a transaction on the rows that are there; reason names the rule
// that it breaks.
func (r *round) foldOrdered(d membership.Device, tx *merge.Transaction, ledger uint64) (reason string, err error) {
	_, err = r.v.ApplyOrdered(d.ID, d.Member, tx.Stamp(d.ID), tx.Ops, r.schemas.at(ledger))
	var invalid *view.InvalidError
	var rule *view.RuleError
	if errors.As(err, &invalid) || errors.As(err, &rule) {
		return err.Error(), nil
	}
	return "", err
}

// tellOrdered notes what became of a transaction.
func (r *round) tellOrdered(at *orderedAt, tx *merge.Transaction, reason string, again bool) error {
	if r.again {
		return nil
	}
	state := view.Pushed
	if reason != "" {
		state = view.Refused
	}
	if at.device.ID == r.me.Device {
		return r.tellOwn(tx, state, reason, again)
	}
	if reason != "" {
		r.res.Refused++
	}
	_, err := r.v.AppendLog(logRow(tx, at.device.ID, at.device.Member, state, reason))
	return err
}

// tellOwn: a transaction of this device stands in the order. One that came twice (an
// answer got lost, and the try before had landed) counts once and stays what it is.
func (r *round) tellOwn(tx *merge.Transaction, state view.State, reason string, again bool) error {
	row, err := r.v.Journal(tx.ID)
	switch {
	case err != nil && !errors.Is(err, view.ErrNotFound):
		return err
	case err == nil && again && row.State != view.Local:
		return nil
	case state == view.Refused:
		r.tellRefused(reason)
	}
	raw, encErr := merge.EncodeTransaction(tx)
	if encErr != nil {
		return encErr
	}
	if err != nil { // forgotten: the store was restored from a backup
		_, err := r.v.AppendJournal(view.JournalRow{ID: tx.ID, Number: tx.Number, Time: tx.Time, Ordered: true, State: state, Reason: reason, Tx: raw})
		if err != nil {
			return err
		}
		_, err = r.v.AppendLog(logRow(tx, r.me.Device, r.me.Member, state, reason))
		return err
	}
	if state == view.Refused {
		if err := r.keepRefused(row, tx, reason); err != nil {
			return err
		}
	}
	row.Number, row.Time, row.Tx, row.State, row.Reason, row.Ordered = tx.Number, tx.Time, raw, state, reason, true
	if err := r.v.SetJournal(row); err != nil {
		return err
	}
	return r.v.SetLogState(r.me.Device, tx.Number, tx.Number, state, reason)
}

func (r *round) tellRefused(reason string) {
	r.res.Refused++
	r.warn("an ordered transaction of this device had no effect: %s", firstLine(reason))
}

// noteOwn remembers where own transactions stand: what becomes of them when others
// have seen the place, or when a seal cuts before it, is said by place.
func (r *round) noteOwn(at *orderedAt) error {
	if at.device.ID != r.me.Device {
		return nil
	}
	ids := make([][16]byte, len(at.entry.Transactions))
	for i := range at.entry.Transactions {
		ids[i] = at.entry.Transactions[i].ID
	}
	o := r.epoch().O
	return putValue(r.v, bucketOrderOwn, append(o[:], wire.U64(at.index)...), ids)
}
