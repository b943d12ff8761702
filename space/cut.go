package space

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// laneEnd is where a lane ends in a cut.
type laneEnd struct {
	device wire.DeviceID
	head   wire.LogHead
	commit wire.ObjectID // that says exactly this
}

// closedCut finds, for every lane, the greatest length that was applied here and that
// a signed commit says, such that all that its entries have seen is in the cut too.
func (r *round) closedCut() ([]laneEnd, error) {
	ends := map[wire.DeviceID]laneEnd{}
	whole := true
	for _, id := range r.order {
		l := r.lanes[id]
		n := l.log.Len()
		if len(r.lacks()) > 0 {
			n = l.reader.Cut().Len // what this program can't read counts all the same
		}
		if n == 0 {
			continue
		}
		end, err := r.endOf(l, n)
		if err == nil && end.head.Len < n {
			end, err = r.endAfter(l, n, end)
		}
		if err != nil {
			return nil, err
		}
		whole = whole && end.head.Len >= n || len(r.lacks()) > 0
		ends[id] = end
	}
	for closed := whole; !closed; {
		closed = true
		for id := range ends {
			n, err := r.dependable(r.lanes[id], ends)
			if err != nil {
				return nil, err
			}
			if n == ends[id].head.Len {
				continue
			}
			if ends[id], err = r.endOf(r.lanes[id], n); err != nil {
				return nil, err
			}
			closed = false
		}
	}
	var out []laneEnd
	for _, id := range r.order {
		if end := ends[id]; end.head.Len > 0 {
			out = append(out, end)
		}
	}
	return out, nil
}

// endOf is the last commit of a lane that says a length of at most n.
func (r *round) endOf(l *lane, n uint64) (laneEnd, error) {
	end := laneEnd{device: l.device.ID}
	if n == 0 {
		return end, nil
	}
	tip := r.tips[r.s.refs.Lane(r.epoch(), l.device.ID)]
	if r.says(l, tip, n) {
		root, _ := l.reader.RootAt(n)
		end.head, end.commit = wire.LogHead{Len: n, Root: root}, tip
		return end, nil
	}
	commits, err := r.s.repo.Commits(known(tip), nil, maxCommits)
	if err != nil {
		return end, fmt.Errorf("the lane of %s: %w", r.deviceName(l.device.ID), err)
	}
	for _, c := range slices.Backward(commits) {
		v, err := r.laneCommit(l, c)
		if err != nil || v.Log.Len == 0 || v.Log.Len > n || v.Log.Len <= end.head.Len {
			continue
		}
		if root, ok := l.reader.RootAt(v.Log.Len); ok && root == v.Log.Root {
			end.head, end.commit = *v.Log, c.ID
			if v.Log.Len == n {
				break
			}
		}
	}
	return end, nil
}

// endAfter is the first commit of a lane that says more than its first n entries. What
// it has beyond them has no effect for anybody: it is wrong, or waits for what is not
// there. Its author put it into one commit with what counts, on which others stand.
func (r *round) endAfter(l *lane, n uint64, end laneEnd) (laneEnd, error) {
	commits, err := r.s.repo.Commits(known(r.tips[r.s.refs.Lane(r.epoch(), l.device.ID)]), nil, maxCommits)
	if err != nil {
		return end, fmt.Errorf("the lane of %s: %w", r.deviceName(l.device.ID), err)
	}
	for _, c := range commits {
		v, err := r.laneCommit(l, c)
		if err != nil || v.Log.Len <= n || end.head.Len > n && v.Log.Len >= end.head.Len {
			continue
		}
		if root, ok := l.reader.RootAt(v.Log.Len); ok && root == v.Log.Root {
			end.head, end.commit = *v.Log, c.ID
		}
	}
	return end, nil
}

// says reports whether a commit is the lane's and says exactly its first n entries.
func (r *round) says(l *lane, id wire.ObjectID, n uint64) bool {
	raw, err := r.s.repo.CommitBytes(id)
	if err != nil {
		return false
	}
	v, err := r.laneCommit(l, gitstore.CommitRef{ID: id, Raw: raw})
	root, ok := l.reader.RootAt(n)
	return err == nil && ok && *v.Log == wire.LogHead{Len: n, Root: root}
}

// dependable is how many entries of a lane see nothing beyond the ends of the others.
func (r *round) dependable(l *lane, ends map[wire.DeviceID]laneEnd) (uint64, error) {
	tip := r.tips[r.s.refs.Lane(r.epoch(), l.device.ID)]
	commits, err := r.s.repo.Commits(known(tip), nil, maxCommits)
	if err != nil {
		return 0, err
	}
	pieces, _, _ := r.readPieces(l, commits)
	end := ends[l.device.ID]
	entries, _, err := chain.ReadCut(r.s.id, r.epoch().O, l.device.Key, end.head, pieces)
	if errors.Is(err, chain.ErrNoCut) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	for i, stored := range entries[:min(uint64(len(entries)), l.log.Len())] {
		e, err := r.openAt(l, uint64(i), stored)
		if err != nil {
			return uint64(i), nil
		}
		beyond := func(s merge.Seen) bool { return !s.Device.IsZero() && s.Len > ends[s.Device].head.Len }
		if slices.ContainsFunc(e.Seen, beyond) {
			return uint64(i), nil
		}
	}
	return end.head.Len, nil
}

// heldSince is since when entries have been held without a break, by the own clock.
func (r *round) heldSince() (time.Time, error) {
	var ms int64
	ok, err := getValue(r.v, bucketMeta, []byte("held"), &ms)
	if err != nil || !ok {
		return r.now, err
	}
	return time.UnixMilli(ms), nil
}

// noteHeld keeps that time.
func (r *round) noteHeld() error {
	held := slices.ContainsFunc(r.order, func(id wire.DeviceID) bool { return r.lanes[id].blocked != "" && r.lanes[id].SetAside == "" })
	_, since, err := r.v.Get(bucketMeta, []byte("held"))
	switch {
	case err != nil || held == since:
		return err
	case held:
		return putValue(r.v, bucketMeta, []byte("held"), r.now.UnixMilli())
	}
	return r.v.Delete(bucketMeta, []byte("held"))
}

// closings are the closing commits of this epoch among commits of a lane or the
// order, and whether they hide the ledger: one by an admin, for an entry that `main`
// does not have yet.
func (r *round) closings(ref string, commits []gitstore.CommitRef) (found bool) {
	for _, c := range commits {
		if c.Err != nil {
			continue
		}
		u, err := chain.Parse(c.Raw)
		if err != nil || u.Claims().Kind != chain.Close || u.Claims().Epoch != r.epoch().O {
			continue
		}
		found = true
		r.judgeClosing(ref, u)
	}
	return found
}

func (r *round) judgeClosing(ref string, u chain.Unverified) {
	m := u.Claims()
	d, ok := r.roster().Device(m.Device)
	if !ok || m.Space != r.s.id {
		return
	}
	if _, err := u.Verify(d.Key); err != nil || !r.roster().MaySeal(d.ID) {
		return
	}
	if m.Ledger.Number > r.roster().Head().Number && !r.behind() && r.stillHidden(d.ID) {
		r.hidden = fmt.Sprintf("%s has sealed this epoch with ledger entry %d, which the host does not show: nothing is pushed", r.deviceName(d.ID), m.Ledger.Number)
		r.warn("%s: %s", ref, r.hidden)
	}
}

// hiddenFor is how long a device waits for a seal of which it has seen the closing
// commit alone.
const hiddenFor = 24 * time.Hour

// hiddenSeal is when a closing commit of a device was first seen without its entry, and
// where the ledger stood.
type hiddenSeal struct {
	_     struct{} `cbor:",toarray"`
	Since int64
	Head  uint64
}

// stillHidden notes when a closing commit by a device was first seen whose entry is not
// there. After a day this device goes on, and waits for no other of that device until
// it has really sealed: else it would stop all others for ever, with a new one each day.
func (r *round) stillHidden(by wire.DeviceID) bool {
	key := append([]byte("hidden"), by[:]...)
	var h hiddenSeal
	ok, err := getValue(r.v, bucketMeta, key, &h)
	if open := r.roster().Epoch(); err == nil && (!ok || open.Author == by && open.At > h.Head) {
		h = hiddenSeal{Since: r.now.UnixMilli(), Head: r.roster().Head().Number}
		err = putValue(r.v, bucketMeta, key, h)
	}
	return err == nil && r.now.Sub(time.UnixMilli(h.Since)) < hiddenFor
}
