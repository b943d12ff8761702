package space

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/view"
)

// When an epoch is sealed without anybody asking for it (DESIGN 5): at once for
// somebody who wants to leave or waits to be let in; by policy when it has become
// long. One device at a time, by rank: the others wait their turn.

// rankPatience is how long each device waits for the one before it in rank.
const rankPatience = 10 * time.Minute

// sealIfDue seals when it is this device's turn.
func (s *Space) sealIfDue(ctx context.Context, res *SyncResult) error {
	due := ""
	err := s.db.Update(ctx, func(v *view.Tx) error {
		r, err := s.newRound(v, res)
		if err != nil {
			return err
		}
		due, err = r.dueNow()
		return err
	})
	if err != nil || due == "" {
		return classify(err)
	}
	_, err = s.sealLocked(ctx, SealOptions{}, func(r *round) (membership.Body, map[string][]byte, error) {
		if again, err := r.dueNow(); err != nil || again == "" {
			return nil, nil, errors.Join(err, errNotDue)
		}
		return &membership.RotateBody{}, nil, nil
	})
	switch {
	case errors.Is(err, errNotDue):
		return s.syncLocked(ctx, res) // another device was faster
	case errors.Is(err, ErrConflict):
		res.warn("the epoch is due to be sealed (%s), and was not: %v", due, err)
		return nil
	case err != nil:
		return classify(err)
	}
	res.Sealed = true
	return s.syncLocked(ctx, res)
}

var errNotDue = errors.New("the epoch is not due to be sealed any more")

// dueNow says why this device should seal now; empty if it should not.
func (r *round) dueNow() (string, error) {
	if r.roster() == nil || r.split || r.hidden != "" || !r.started() || r.behind() && !r.orphan() || !r.roster().MaySeal(r.me.Device) {
		return "", nil
	}
	if ok, err := r.witnessed(); err != nil || !ok {
		return "", err
	}
	rank := slices.Index(r.roster().Sealers(), r.me.Device)
	if rank < 0 {
		return "", nil
	}
	if r.orphan() {
		return r.inTurn(rank, "nobody can open the epoch that was opened last")
	}
	if why := r.roster().WantsSeal(); len(why) > 0 {
		return why[0], nil // somebody waits for it: two that seal at once do no harm
	}
	why, err := r.longEpoch()
	if err != nil || why == "" {
		return "", errors.Join(err, r.v.Delete(bucketMeta, []byte("due")))
	}
	return r.inTurn(rank, why)
}

// inTurn lets a device seal when those before it have had their time.
func (r *round) inTurn(rank int, why string) (string, error) {
	var ms int64
	ok, err := getValue(r.v, bucketMeta, []byte("due"), &ms)
	if err != nil {
		return "", err
	}
	if !ok {
		ms = r.now.UnixMilli()
		if err := putValue(r.v, bucketMeta, []byte("due"), ms); err != nil {
			return "", err
		}
	}
	if r.now.Sub(time.UnixMilli(ms)) < time.Duration(rank)*rankPatience {
		return "", nil
	}
	return why, nil
}

// longEpoch: policy says that the open epoch has become too long.
func (r *round) longEpoch() (string, error) {
	p := r.roster().Policy().SealsAfter()
	transactions, size := uint64(0), uint64(0)
	for l, err := range laneStates(r.v, r.epoch().O) {
		if err != nil {
			return "", err
		}
		size += l.Bytes
		for span := range l.Used.All() {
			transactions += span.Last - span.First + 1
		}
	}
	age := r.now.Sub(r.roster().Epoch().Time)
	switch {
	case transactions == 0:
		return "", nil
	case age > time.Duration(p.Days)*24*time.Hour:
		return fmt.Sprintf("it is open for more than %d days", p.Days), nil
	case transactions > uint64(p.Transactions):
		return fmt.Sprintf("it has more than %d transactions", p.Transactions), nil
	case size > uint64(p.MiB)<<20:
		return fmt.Sprintf("it has more than %d MiB", p.MiB), nil
	}
	return "", nil
}
