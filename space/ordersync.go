package space

import (
	"context"
	"io"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// Many devices that write the order at once lose races to each other: each round
// somebody wins, so who tries at once again only makes the host work. Waiting for a
// random time, longer after each loss, lets the others through (Metcalfe and Boggs,
// CACM 19(7) 1976).
const (
	firstWait = 20 * time.Millisecond
	maxWait   = 2 * time.Second
)

// giveWay waits after a lost race.
func (s *Space) giveWay(ctx context.Context, tries int) error {
	if tries == 0 {
		return nil
	}
	bound := min(firstWait<<min(tries, 10), maxWait)
	var b [8]byte
	if _, err := io.ReadFull(s.opts.Rand, b[:]); err != nil {
		return err
	}
	timer := time.NewTimer(time.Duration(wire.ReadU64(b[:]) % uint64(bound)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// observeOrder lets the clock stand where the order's transactions do.
func (r *round) observeOrder() error {
	var st orderState
	o := r.epoch().O
	_, err := getValue(r.v, bucketOrder, o[:], &st)
	r.clock.observe(st.Past)
	return err
}

// order is what the audit says of the order: the commits give the log that was
// verified.
func (a *audit) order() error {
	r := a.r
	ref := r.s.refs.Order(r.epoch())
	tip, ok := r.tips[ref]
	if !ok || r.secret.IsZero() {
		return nil
	}
	known, err := r.loadOrder()
	if err != nil {
		a.problem("order: %v", err)
		return nil
	}
	commits, err := r.s.repo.Commits([]wire.ObjectID{tip}, nil, maxCommits)
	if err != nil {
		a.lack("order: %v", err)
		return nil
	}
	entries, err := r.orderOf(known.reader.Head(), r.orderPieces(new(orderLog), ref, commits).pieces)
	if err != nil {
		a.lack("order: git does not have the %d entries that were verified before", known.reader.Head().Len)
		return nil
	}
	for _, o := range entries {
		d, _ := r.roster().Device(o.Author)
		e, reason := r.orderedEntry(d, o)
		if e == nil {
			a.problem("order: entry %d by %s: %s", o.Index, r.deviceName(o.Author), reason)
			continue
		}
		for _, tx := range e.Transactions {
			a.res.Operations += len(tx.Ops)
		}
	}
	return nil
}
