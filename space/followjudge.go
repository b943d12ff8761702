package space

import (
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
)

// judgeCut reports a cut that breaks its rules: it has to be causally closed, and to
// hold all that its author has verified. Whatever it is, it counts as far as it can.
func (f *following) judgeCut() error {
	r := f.r
	for _, c := range f.next.Cut.Lanes {
		if l := r.lanes[c.Device]; l.log.Len() < c.Len && l.SetAside == "" && f.saidShorter(l, c.Len) {
			text := fmt.Sprintf("the seal of epoch %d by %s names %d entries of %s, of which %d can't have effect: what they depend on was cut off",
				r.me.Epoch.Number, r.deviceName(f.next.Author), c.Len, r.deviceName(c.Device), c.Len-l.log.Len())
			if err := f.blame("cut-not-closed", text); err != nil {
				return err
			}
		}
	}
	author := r.lanes[f.next.Author]
	if author == nil {
		return nil
	}
	before, _ := r.roster().At(f.next.At - 1)
	after, _ := r.roster().At(f.next.At)
	short := func(id wire.DeviceID, had uint64) error {
		head, _ := f.next.Cut.Lane(id)
		l := r.lanes[id]
		if head.Len >= had || l == nil || l.SetAside != "" || !after.MayWriteLane(id) || after.RoleOf(id) < before.RoleOf(id) {
			return nil
		}
		return f.blame("cut-below-seen", fmt.Sprintf("the seal of epoch %d by %s ends the lane of %s at %d entries, and its author had seen %d: the rest is issued again",
			r.me.Epoch.Number, r.deviceName(f.next.Author), r.deviceName(id), head.Len, had))
	}
	for _, seen := range author.Seen {
		if seen.Device == orderDevice {
			if err := f.judgeOrder(seen.Len); err != nil {
				return err
			}
			continue
		}
		if err := short(seen.Device, seen.Len); err != nil {
			return err
		}
	}
	return short(f.next.Author, author.reader.Head().Len)
}

// saidShorter: a commit below X says a length at which the cut could have ended that
// lane, without what has no effect. If there is none, its author had no choice.
func (f *following) saidShorter(l *lane, n uint64) bool {
	if l.log.Len() == 0 {
		return true // it could have left it out
	}
	if err := f.look(); err != nil {
		return false
	}
	return slices.ContainsFunc(f.below[l.device.ID], func(c gitstore.CommitRef) bool {
		v, err := f.r.laneCommit(l, c)
		return err == nil && v.Log.Len >= l.log.Len() && v.Log.Len < n
	})
}

func (f *following) blame(kind, text string) error {
	entry := f.r.ledger.envelopes[f.next.At]
	return f.r.violation(evidence{Kind: kind, Text: text, Device: f.next.Author.String(), Signed: [][]byte{entry}})
}
