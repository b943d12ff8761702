package space

import (
	"fmt"
	"path"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// orderUpdate is the commit with the ordered transactions that wait, or nothing. It
// is pushed compare-and-swap: on a lost race it is made anew on what the order holds
// then. So nothing of it is kept, but that its transactions go on waiting.
func (r *round) orderUpdate(b *gitstore.Batch, host map[string]wire.ObjectID) (gitstore.RefUpdate, error) {
	rows, err := r.v.PendingOrdered(pushBytes)
	if err == nil {
		rows, err = r.withChunks(rows)
	}
	if err != nil {
		return gitstore.RefUpdate{}, err
	}
	c, err := r.loadOrder()
	if err != nil {
		return gitstore.RefUpdate{}, err
	}
	ref := r.s.refs.Order(r.epoch())
	if join, err := r.joinOrder(b, c, host[ref]); err != nil || !join.IsZero() {
		return gitstore.RefUpdate{Name: ref, New: join}, err // what waits goes on top, in the next round
	}
	if len(rows) == 0 {
		return gitstore.RefUpdate{}, nil
	}
	if ok, err := r.maySign(r.lanes[r.me.Device]); !ok || err != nil || !r.mayPushOrder(c) {
		return gitstore.RefUpdate{}, err
	}
	txs, err := r.settleOrdered(c, rows)
	if err != nil {
		return gitstore.RefUpdate{}, err
	}
	return r.orderCommit(b, host[ref], c.reader.Log(), txs)
}

// joinOrder is a commit with two branches of the order below it, where the host shows
// one that does not stand on the branch that was verified here; else zero. It carries
// objects and proves nothing, so nobody signs it.
func (r *round) joinOrder(b *gitstore.Batch, c *orderLog, shown wire.ObjectID) (wire.ObjectID, error) {
	tip, ok := c.reader.Tip()
	if !ok || shown.IsZero() || len(c.reader.Evidence()) == 0 || c.reader.Stopped() || r.stands(shown, tip.ObjectID()) {
		return wire.ObjectID{}, nil
	}
	raw, err := r.s.repo.CommitBytes(shown)
	if err != nil {
		return wire.ObjectID{}, nil //nolint:nilerr // no commit: repair puts it right
	}
	time := chain.TimeAfter(r.now.Unix(), gitstore.CommitTime(raw))
	who := fmt.Sprintf("%s <%s@espace.invalid> %d +0000", r.me.Device, r.me.Device, time)
	return b.Commit(fmt.Appendf(nil, "tree %s\nparent %s\nparent %s\nauthor %s\ncommitter %s\n\njoins two branches\n",
		b.Tree(nil), shown, tip.ObjectID(), who, who)), nil
}

func (r *round) mayPushOrder(c *orderLog) bool {
	switch {
	case !r.roster().MayOrder(r.me.Device):
		r.warn("ordered transactions wait: the role %q may only read", r.me.Role)
	case c.reader.Stopped():
		r.warn("ordered transactions wait: the order has two branches, and no seal has named one yet")
	case c.waitsForLedger(r.now):
		r.warn("ordered transactions wait for the ledger that others have seen")
	default:
		return true
	}
	return false
}

// settleOrdered gives what waits its times: ascending along the order. A number
// changes only where it was taken meanwhile (a backup was restored).
func (r *round) settleOrdered(c *orderLog, rows []view.JournalRow) (txs []merge.Transaction, err error) {
	past, moved := c.Past, false
	r.clock.Wall = max(r.clock.Wall, merge.FromMillis(r.now.UnixMilli()))
	used, err := r.numbersUsed(r.me.Device)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		tx, err := merge.DecodeTransaction(row.Tx)
		if err != nil {
			return nil, fmt.Errorf("local store: journal: %w", err)
		}
		changed := tx.Before != 0
		if tx.Before = 0; merge.CheckTime(tx, past, r.me.Opening) != nil {
			tx.Time, changed = merge.NextTime(r.clock.Wall, past, r.me.Opening), true
		}
		if used.Has(tx.Number) {
			r.clock.Number = max(r.clock.Number, used.Max()) + 1
			tx.Number, changed = r.clock.Number, true
		}
		used = withNumber(used, tx.Number)
		if changed {
			moved = true
			if err := r.restamped(row, tx); err != nil {
				return nil, err
			}
		}
		past = tx.Time
		r.clock.observe(past)
		txs = append(txs, *tx)
	}
	if moved { // the view shows them with the stamps that they have now
		if err := r.liftOrdered(); err != nil {
			return nil, err
		}
		if err := r.layOrdered(); err != nil {
			return nil, err
		}
	}
	return txs, r.clock.save(r.v)
}

// numbersUsed are the numbers of a device that count no more in the order.
func (r *round) numbersUsed(d wire.DeviceID) (merge.Ranges, error) {
	var used merge.Ranges
	if _, err := getValue(r.v, bucketOrderNumber, laneKey(r.epoch().O, d), &used); err != nil {
		return used, err
	}
	sealed, err := loadSealed(r.v, d)
	if err != nil {
		return used, err
	}
	return used.Union(sealed), nil
}

func (r *round) restamped(row view.JournalRow, tx *merge.Transaction) (err error) {
	if row.Tx, err = merge.EncodeTransaction(tx); err != nil {
		return err
	}
	row.Number, row.Time = tx.Number, tx.Time
	return r.v.SetJournal(row)
}

// orderCommit signs entries with the transactions on top of a log.
func (r *round) orderCommit(b *gitstore.Batch, parent wire.ObjectID, log chain.Log, txs []merge.Transaction) (gitstore.RefUpdate, error) {
	var files []gitstore.TreeEntry
	ledger := r.roster().Head()
	for len(txs) > 0 {
		n, err := entryOf(txs)
		if err != nil {
			return gitstore.RefUpdate{}, err
		}
		stored, err := r.sealOrdered(&merge.LaneEntry{Ledger: ledger, Transactions: txs[:n]}, log.Len())
		if err != nil {
			return gitstore.RefUpdate{}, err
		}
		files = append(files, gitstore.TreeEntry{Name: path.Base(chain.EntryPath(log.Len())), Mode: gitstore.ModeFile, ID: b.Blob(stored)})
		log.Append(stored)
		txs = txs[n:]
	}
	ref, head := r.s.refs.Order(r.epoch()), log.Head()
	tree := b.Tree([]gitstore.TreeEntry{{Name: "entries", Mode: gitstore.ModeDir, ID: b.Tree(files)}})
	msg := r.message(chain.Order)
	msg.Ledger, msg.Log = &ledger, &head
	id, err := r.commit(b, ref, parent, tree, msg)
	return gitstore.RefUpdate{Name: ref, New: id}, err
}

// entryOf is how many of the transactions go into one entry.
func entryOf(txs []merge.Transaction) (n int, err error) {
	size := 0
	for i := range txs {
		raw, err := merge.EncodeTransaction(&txs[i])
		if err != nil {
			return 0, err
		}
		if size += len(raw); i > 0 && size > entryBytes {
			return i, nil
		}
	}
	return len(txs), nil
}

func (r *round) sealOrdered(e *merge.LaneEntry, index uint64) ([]byte, error) {
	plain, err := merge.EncodeEntry(e)
	if err != nil {
		return nil, err
	}
	key, ad := r.orderKey(wire.DeviceKeyHash(r.s.keys.Device().PublicKey()), index)
	return key.Seal(r.s.opts.Rand, ad, plain, wire.MinContent)
}
