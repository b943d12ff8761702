package merge

import (
	"bytes"
	"cmp"
	"sort"

	"github.com/espace-git/espace-git/internal/wire"
)

// TextID names one event of a text for ever: who, and the how manieth of that
// device's events in this text, from 0. An event inserts or deletes one code
// point.
type TextID struct {
	Device wire.DeviceID
	Seq    uint32
}

// Compare orders by device, then by number.
func (a TextID) Compare(b TextID) int {
	if c := bytes.Compare(a.Device[:], b.Device[:]); c != 0 {
		return c
	}
	return cmp.Compare(a.Seq, b.Seq)
}

// textLane lists what one device wrote.
type textLane struct {
	device wire.DeviceID
	next   int32         // its next sequence number
	runs   []textLaneRun // ascending in seq
	work   int           // see Text.Work
}

type textLaneRun struct{ seq, lv, n int32 }

// textOwner says who wrote the events from lv to the next owner's.
type textOwner struct{ lv, lane, seq int32 }

// textLanes translates between names of events and local event numbers.
type textLanes struct {
	lanes  []textLane
	index  map[wire.DeviceID]int32
	owners []textOwner // ascending in lv
	last   int32       // the lane asked for last
}

// lane is the device's lane, or -1.
func (t *textLanes) lane(d wire.DeviceID) int32 {
	if int(t.last) < len(t.lanes) && t.lanes[t.last].device == d {
		return t.last
	}
	l, ok := t.index[d]
	if !ok {
		return -1
	}
	t.last = l
	return l
}

// ensure makes the lane if there is none.
func (t *textLanes) ensure(d wire.DeviceID) int32 {
	if l := t.lane(d); l >= 0 {
		return l
	}
	if t.index == nil {
		t.index = map[wire.DeviceID]int32{}
	}
	l := int32(len(t.lanes))
	t.lanes = append(t.lanes, textLane{device: d})
	t.index[d] = l
	return l
}

// next is the first number that the device has not used.
func (t *textLanes) next(d wire.DeviceID) int32 {
	if l := t.lane(d); l >= 0 {
		return t.lanes[l].next
	}
	return 0
}

// push notes that the events lv … lv+n-1 are the lane's next.
func (t *textLanes) push(lane, lv, n int32) {
	l := &t.lanes[lane]
	if k := len(l.runs); k > 0 && l.runs[k-1].lv+l.runs[k-1].n == lv {
		l.runs[k-1].n += n
	} else {
		l.runs = append(l.runs, textLaneRun{l.next, lv, n})
		t.owners = append(t.owners, textOwner{lv, lane, l.next})
	}
	l.next += n
}

// find is the local number of an event, or -1.
func (t *textLanes) find(id TextID) int32 {
	l := t.lane(id.Device)
	if l < 0 || id.Seq >= uint32(t.lanes[l].next) {
		return -1
	}
	seq, runs := int32(id.Seq), t.lanes[l].runs
	i := len(runs) - 1
	if runs[i].seq > seq {
		i = sort.Search(len(runs), func(i int) bool { return runs[i].seq > seq }) - 1
	}
	return runs[i].lv + seq - runs[i].seq
}

// owner is the index of the owner of lv.
func (t *textLanes) owner(lv int32) int {
	i := len(t.owners) - 1
	if t.owners[i].lv > lv {
		i = sort.Search(len(t.owners), func(i int) bool { return t.owners[i].lv > lv }) - 1
	}
	return i
}

// id is the name of a local event.
func (t *textLanes) id(lv int32) TextID {
	o := t.owners[t.owner(lv)]
	return TextID{t.lanes[o.lane].device, uint32(o.seq + lv - o.lv)}
}

// less breaks the tie between two concurrent insertions at one place: by bytes
// that never change, so not by names, local numbers or arrival.
func (t *textLanes) less(a, b int32) bool { return t.id(a).Compare(t.id(b)) < 0 }
