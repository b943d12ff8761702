package space

import (
	"context"
	"slices"
	"time"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/view"
)

// Once a closing commit stands, the lanes and the order of the epoch that it ends are
// redundant as refs: everything is below it. A host shows every ref at every push, so
// a device that may seal clears them away a month later (DESIGN 1).

// sweepAfter is how long the refs of an epoch stay after its end, for those who are away.
const sweepAfter = 30 * 24 * time.Hour

// sweep is best effort: what it does not do today, another device does tomorrow.
func (s *Space) sweep(ctx context.Context) {
	over, closes := s.toSweep(ctx)
	if len(over) == 0 {
		return
	}
	host, err := s.host()
	if err != nil {
		return
	}
	var patterns []string
	for i, e := range over {
		patterns = append(patterns, s.refs.Lanes(e)+"*", s.refs.Order(e), s.refs.Close(closes[i]))
	}
	shown, err := host.Fetch(ctx, gitstore.FetchRequest{Patterns: patterns})
	if err != nil {
		return
	}
	_ = s.db.Update(ctx, func(v *view.Tx) error {
		var away []gitstore.RefUpdate
		for i, e := range over {
			if tip, ok := shown.Refs[s.refs.Close(closes[i])]; !ok || !s.isClose(v, closes[i], tip) {
				continue // without it the lanes are all there is
			}
			for ref, tip := range shown.Refs {
				if n, ok := s.refs.Parse(ref); ok && n.EpochName == e.Name() && (n.Kind == wire.RefLane || n.Kind == wire.RefOrder) {
					away = append(away, gitstore.RefUpdate{Name: ref, Old: tip})
				}
			}
		}
		if len(away) > 0 {
			pushed, err := host.Push(ctx, away, gitstore.PushOptions{})
			if err != nil {
				return err
			}
			away = slices.DeleteFunc(away, func(u gitstore.RefUpdate) bool { return pushed.Results[u.Name] != nil })
		}
		for _, u := range away { // nobody brings them back
			if err := v.Delete(bucketPast, []byte(u.Name)); err != nil {
				return err
			}
		}
		return putValue(v, bucketMeta, []byte("swept"), over[len(over)-1].Number+1)
	})
}

// isClose: what the host shows is the closing commit that this device has followed.
func (s *Space) isClose(v *view.Tx, e wire.Epoch, tip wire.ObjectID) bool {
	ref := []byte(s.refs.Close(e))
	for _, bucket := range []string{bucketTip, bucketPast} {
		if known, ok, err := v.Get(bucket, ref); err == nil && ok && wire.ObjectID(known) == tip {
			return true
		}
	}
	return false
}

// toSweep are the epochs that ended more than a month ago and were not swept by this
// device, each with the one after it.
func (s *Space) toSweep(ctx context.Context) (over, closes []wire.Epoch) {
	_ = s.look(ctx, func(r *round) error {
		if r.roster() == nil || r.behind() || r.split || !r.roster().MaySeal(r.me.Device) {
			return nil
		}
		var swept uint64
		if _, err := getValue(r.v, bucketMeta, []byte("swept"), &swept); err != nil {
			return err
		}
		all := r.roster().Openings()
		for i := int(swept); i+1 < len(all); i++ {
			if r.now.Sub(all[i+1].Time) < sweepAfter {
				break
			}
			over, closes = append(over, all[i].Epoch), append(closes, all[i+1].Epoch)
		}
		return nil
	})
	return over, closes
}
