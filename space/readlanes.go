package space

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// readLanes reads the lanes of this device's epoch, and applies what can be applied.
func (r *round) readLanes(ctx context.Context, host *display) error {
	if r.secret.IsZero() {
		return nil
	}
	if err := r.loadLanes(host); err != nil {
		return err
	}
	if lacks := r.lacks(); len(lacks) > 0 {
		r.warn("upgrade needed: this space requires %v; what others write is kept, and read when this program can", lacks)
		return r.saveLanes()
	}
	if err := r.applyAll(ctx); err != nil {
		return err
	}
	if err := r.noteHeld(); err != nil {
		return err
	}
	if r.applied {
		if err := seenChanged(r.v); err != nil {
			return err
		}
		if err := r.unpark(); err != nil {
			return err
		}
	}
	return r.settled(ctx)
}

// saveLanes keeps what was read and not applied.
func (r *round) saveLanes() error {
	for _, d := range r.order {
		if l := r.lanes[d]; l.changed {
			if err := l.save(r.v, r.epoch().O); err != nil {
				return err
			}
		}
	}
	return nil
}

// loadLanes reads what the host shows of the lanes, and applies nothing.
func (r *round) loadLanes(host *display) error {
	r.lanes, r.order = map[wire.DeviceID]*lane{}, nil
	devices, err := r.laneDevices()
	if err != nil {
		return err
	}
	over := r.closedOver(host)
	for _, d := range devices {
		l, err := r.loadLane(d)
		if err != nil {
			return err
		}
		l.limit = r.limitOf(d.ID)
		r.lanes[d.ID] = l
		r.order = append(r.order, d.ID)
		ref := r.s.refs.Lane(r.epoch(), d.ID)
		if tip, ok := host.tip(ref); ok && !(tip == over.commit && over.parents[r.tips[ref]] && l.reader.Head().Len == l.limit) {
			if err := r.readLane(l, ref, tip); err != nil {
				return err
			}
		}
	}
	r.strangers(host)
	return nil
}

// closed is the commit on the `close` of the epoch after this one, and its parents.
type closed struct {
	commit  wire.ObjectID
	parents map[wire.ObjectID]bool
}

// closedOver lets lanes be passed over on which nothing is new but the closing commit,
// right on top of all that the cut names: each of a thousand lanes would read its
// thousand parents. Whatever that commit is, it adds nothing before the cut.
func (r *round) closedOver(host *display) (out closed) {
	next, ok := r.sealed()
	if !ok {
		return out
	}
	tip, ok := host.tip(r.s.refs.Close(next.Epoch))
	if !ok {
		return out
	}
	raw, err := r.s.repo.CommitBytes(tip)
	if err != nil {
		return out
	}
	out.commit, out.parents = tip, map[wire.ObjectID]bool{}
	for line := range strings.Lines(string(raw)) {
		if hex, ok := strings.CutPrefix(line, "parent "); ok {
			if id, err := wire.ParseObjectID(strings.TrimSpace(hex)); err == nil {
				out.parents[id] = true
			}
		} else if !strings.HasPrefix(line, "tree ") {
			break
		}
	}
	return out
}

// settled ends a reading of lanes: the clock is kept, and a view that holds what
// turned out to have no effect is made anew.
func (r *round) settled(ctx context.Context) error {
	if err := r.clock.save(r.v); err != nil || !r.stale {
		return err
	}
	r.stale = false
	anew, err := r.s.rebuildLanes(ctx, r.v)
	if err != nil {
		return err
	}
	if err := anew.foldJournal(r.back); err != nil {
		return err
	}
	if err := errors.Join(r.layWaiting(), r.tellVoid()); err != nil {
		return err
	}
	return r.clockBack()
}

// clockBack lets the clock stand where what has effect is, and what waits. Further
// on, what is written next would be dated ahead of what others know, and be refused
// like the one before.
func (r *round) clockBack() error {
	r.clock.Past = 0
	for l, err := range laneStates(r.v, r.epoch().O) {
		if err != nil {
			return err
		}
		r.clock.observe(l.Past)
	}
	rows, err := r.pending()
	if err != nil {
		return err
	}
	for _, row := range rows {
		r.clock.observe(row.Time)
	}
	if err := r.observeOrder(); err != nil {
		return err
	}
	return r.clock.save(r.v)
}

// laneDevices are those that may have a lane in this device's epoch: they were
// active at its opening, or became so later.
func (r *round) laneDevices() (out []membership.Device, err error) {
	last := r.lastRoster()
	first, _ := last.At(openingAt(last, last.Head().Number).At)
	for _, d := range last.Devices() {
		joined, ok := last.At(d.AddedAt)
		has := last.MayWriteLane(d.ID) || first.MayWriteLane(d.ID) || ok && d.AddedAt > first.Head().Number && joined.MayWriteLane(d.ID)
		if !has {
			if _, has, err = r.v.Get(bucketLane, laneKey(r.epoch().O, d.ID)); err != nil {
				return nil, err
			}
		}
		if has {
			out = append(out, d)
		}
	}
	return out, nil
}

// limitOf is where a device's lane ends, if the epoch was sealed: what lies beyond
// the cut does not exist.
func (r *round) limitOf(d wire.DeviceID) uint64 {
	next, ok := r.sealed()
	if !ok {
		return math.MaxUint64
	}
	head, _ := next.Cut.Lane(d)
	return head.Len
}

// strangers reports refs among the lanes that no active device owns.
func (r *round) strangers(host *display) {
	for name := range host.refs {
		if n, ok := r.s.refs.Parse(name); ok && n.Kind == wire.RefLane && n.EpochName == r.epoch().Name() && r.lanes[n.Device] == nil {
			r.warn("%s: ignored, no active device owns it", name)
		}
	}
}
