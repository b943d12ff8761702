package merge

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/espace-git/espace-git/internal/wire"
)

// stateWriter prints a state. A first pass collects the devices, the second
// prints them by their place in that list, which ascends.
type stateWriter struct {
	column
	devices []wire.DeviceID
	first   bool
	time    uint64 // of the mark before
}

// encodeState prints a state with the function given, which must print the same
// twice.
//
//	version, devices, (16 bytes)…, body
func encodeState(print func(*stateWriter)) []byte {
	w := stateWriter{first: true}
	print(&w)
	slices.SortFunc(w.devices, func(a, b wire.DeviceID) int { return bytes.Compare(a[:], b[:]) })
	w.devices = slices.Compact(w.devices)
	w.first, w.time = false, 0
	w.column = append(w.column[:0], documentVersion)
	w.uint(uint64(len(w.devices)))
	for i := range w.devices {
		w.column = append(w.column, w.devices[i][:]...)
	}
	print(&w)
	return w.column
}

func (w *stateWriter) device(d wire.DeviceID) {
	if w.first {
		if n := len(w.devices); n == 0 || w.devices[n-1] != d {
			w.devices = append(w.devices, d)
		}
		return
	}
	i, _ := slices.BinarySearchFunc(w.devices, d, func(a, b wire.DeviceID) int { return bytes.Compare(a[:], b[:]) })
	w.uint(uint64(i))
}

func (w *stateWriter) dot(d Dot) {
	w.device(d.Device)
	w.uint(d.Number)
	w.uint(uint64(d.Index))
}

// at prints a stamp's times: the distance from the mark before, and what was
// lowered.
func (w *stateWriter) at(s Stamp) {
	w.column = binary.AppendVarint(w.column, int64(s.Time)-int64(w.time))
	w.uint(s.before() - s.Time)
	w.time = s.Time
}

func (w *stateWriter) mark(m Mark) {
	w.dot(m.Dot())
	w.at(m.Stamp)
}

func (w *stateWriter) value(v []byte) { w.column = append(w.column, v...) }

type stateReader struct {
	columnReader
	devices []wire.DeviceID
	time    uint64
}

// decodeState is the frame of all decoders of states.
func decodeState(what string, b []byte, read func(*stateReader), again func() []byte) error {
	r := stateReader{columnReader: columnReader{b: b}}
	if v := r.uint(255, "version"); r.err == nil && v != documentVersion {
		r.fail("version %d", v)
	}
	n := r.count(len(wire.DeviceID{}), "devices")
	r.devices = make([]wire.DeviceID, n)
	for i := range r.devices {
		copy(r.devices[i][:], r.bytes(len(wire.DeviceID{}), "device"))
	}
	read(&r)
	if r.err == nil && r.more() {
		r.fail("something behind it")
	}
	if r.err == nil && !bytes.Equal(again(), b) {
		r.fail("not the canonical encoding")
	}
	if r.err != nil {
		return fmt.Errorf("decoding %s: %w", what, r.err)
	}
	return nil
}

func (r *stateReader) dot() (d Dot) {
	i := r.uint(uint64(len(r.devices)), "device")
	if i >= uint64(len(r.devices)) {
		r.fail("device")
		return Dot{}
	}
	d.Device = r.devices[i]
	d.Number = r.uint(MaxNumber, "transaction number")
	d.Index = uint32(r.uint(MaxIndex, "index"))
	if r.err == nil && (d.Number == 0 || d.Device.IsZero()) {
		r.fail("name without number or device")
	}
	return d
}

// at reads the times of the stamp that made a dot.
func (r *stateReader) at(d Dot) Mark {
	step, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail("time")
		return Mark{}
	}
	r.b = r.b[size:]
	r.time += uint64(step)
	if r.time == 0 || r.time > MaxTime {
		r.fail("time")
		return Mark{}
	}
	before := r.time + r.uint(MaxTime-r.time, "time before")
	return Mark{Stamp{r.time, before, d.Device, d.Number}, d.Index}
}

func (r *stateReader) mark() Mark { return r.at(r.dot()) }
