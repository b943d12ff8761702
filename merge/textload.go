package merge

import (
	"bytes"

	"github.com/espace-git/espace-git/internal/wire"
)

// loadEvents takes the columns apart. The operations must insert just so many
// code points; their text is made up.
func (t *Text) loadEvents(c [4]column, inserted int) error {
	devices := columnReader{b: c[0]}
	for devices.more() {
		var d wire.DeviceID
		copy(d[:], devices.bytes(len(d), "device"))
		if t.lanes.lane(d) >= 0 {
			devices.fail("device twice")
		}
		t.lanes.ensure(d)
	}
	if devices.err != nil {
		return devices.err
	}
	graph := columnReader{b: c[1]}
	t.loadOwners(&graph)
	t.loadGraph(&graph)
	if graph.err != nil {
		return graph.err
	}
	return t.loadOps(&columnReader{b: c[2]}, &columnReader{b: c[3]}, inserted)
}

// loadOwners reads who made which events, and counts them in log.end.
func (t *Text) loadOwners(r *columnReader) {
	for next := int32(0); r.err == nil; {
		lane := r.uint(uint64(max(len(t.lanes.lanes), 1)-1), "device")
		n := int32(r.uint(uint64(MaxTextEvents-next), "events"))
		if n == 0 {
			return
		}
		if len(t.lanes.lanes) == 0 {
			r.fail("events of nobody")
			return
		}
		t.lanes.push(int32(lane), next, n)
		next += n
		t.log.end = next
	}
}

func (t *Text) loadGraph(r *columnReader) {
	events := t.log.end
	for r.more() {
		from := t.graph.len()
		n := int32(r.uint(uint64(events-from), "events"))
		parents := make([]int32, r.count(1, "parents"))
		for i := range parents {
			parents[i] = from - int32(r.uint(uint64(from), "parent"))
			if parents[i] == from || i > 0 && parents[i] <= parents[i-1] {
				r.fail("parents of event %d do not ascend", from)
			}
		}
		if n == 0 || r.err != nil {
			r.fail("run of the graph at event %d", from)
			return
		}
		if count := len(parents); len(t.graph.reduce(parents)) < count || !t.graph.push(n, parents) {
			r.fail("run of the graph at event %d has needless parents", from)
			return
		}
	}
	if t.graph.len() != events {
		r.fail("%d events have parents, %d have a device", t.graph.len(), events)
	}
}

func (t *Text) loadOps(kinds, positions *columnReader, inserted int) error {
	events, cursor, run := t.log.end, int32(0), 0
	t.log.end = 0
	made := bytes.Repeat([]byte{'x'}, inserted)
	for kinds.more() {
		lv := t.log.end
		head := kinds.uint(uint64(events-lv)<<2|3, "operation")
		r := textOpRun{lv, 0, int32(inserted - len(made)), -1, uint8(head & 3)}
		pos, n := int64(cursor)+int64(positions.int("position")), int32(head>>2)
		if n == 0 || r.kind > textErase || pos < 0 || pos > MaxTextEvents || r.kind == textErase && int64(n) > pos+1 {
			kinds.fail("operation of event %d", lv)
		}
		if r.kind == textInsert {
			if int(n) > len(made) {
				kinds.fail("more is inserted than there is text")
			} else {
				made = made[n:]
			}
		}
		for run < len(t.graph.runs) && t.graph.runs[run].to <= lv {
			run++
		}
		if kinds.err == nil && (run == len(t.graph.runs) || lv+n > t.graph.runs[run].to) {
			kinds.fail("operation of event %d goes beyond its run of the graph", lv)
		}
		if kinds.err != nil {
			return kinds.err
		}
		r.pos = int32(pos)
		t.log.runs, t.log.end = append(t.log.runs, r), lv+n
		cursor = r.cursor(n)
	}
	if positions.more() || t.log.end != events || len(made) > 0 {
		positions.fail("operations, events and text do not agree")
	}
	t.log.content = bytes.Repeat([]byte{'x'}, inserted)
	return positions.err
}
