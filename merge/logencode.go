package merge

import (
	"encoding/binary"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

func (m Mark) appendKey(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, m.Time)
	b = binary.BigEndian.AppendUint64(b, m.before())
	b = append(b, m.Device[:]...)
	b = binary.BigEndian.AppendUint64(b, m.Number)
	return binary.BigEndian.AppendUint32(b, m.Index)
}

// ParseMarkKey takes what Mark.Key gives and nothing else.
func ParseMarkKey(b []byte) (m Mark, err error) {
	if len(b) != MarkKeySize {
		return m, fmt.Errorf("decoding mark: %w: %d bytes", wire.ErrMalformed, len(b))
	}
	m.Time, m.Before = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	copy(m.Device[:], b[16:])
	m.Number, m.Index = binary.BigEndian.Uint64(b[32:]), binary.BigEndian.Uint32(b[40:])
	if m.Time == 0 || m.Before < m.Time || m.Before > MaxTime || m.Device.IsZero() || m.Number == 0 || m.Number > MaxNumber || m.Index > MaxIndex {
		return Mark{}, fmt.Errorf("decoding mark: %w: no mark", wire.ErrMalformed)
	}
	return m, nil
}

// EncodeLogChange gives a change as bytes. It refuses what DecodeLogChange would.
//
//	first index, operations, value…
func EncodeLogChange(device wire.DeviceID, c *LogChange) ([]byte, error) {
	return encodeOps("log change", device, c.print, func(b []byte) error {
		_, err := DecodeLogChange(device, b)
		return err
	})
}

func (c *LogChange) print(w *opWriter) {
	w.uint(uint64(c.First))
	w.uint(uint64(len(c.Ops)))
	for _, v := range c.Ops {
		w.value(v)
	}
}

// DecodeLogChange takes what EncodeLogChange prints and nothing else.
func DecodeLogChange(device wire.DeviceID, b []byte) (*LogChange, error) {
	c := new(LogChange)
	err := decodeOps("log change", device, b, func(r *opReader) {
		c.First = r.index()
		n := r.count(1, "operations")
		if n > MaxIndex+1-int(c.First) {
			r.fail("more operations than names")
		}
		for i := 0; i < n && r.err == nil; i++ {
			c.Ops = append(c.Ops, r.scalar())
		}
	}, func(w *opWriter) { c.print(w) })
	if err != nil {
		return nil, err
	}
	return c, nil
}

// EncodeLog gives the log as bytes, the same for the same changes.
//
//	entries, (mark, value)…
func EncodeLog(l *Log) []byte {
	l.settle()
	return encodeState(func(w *stateWriter) {
		w.uint(uint64(len(l.entries)))
		for i := range l.entries {
			w.mark(l.entries[i].Mark)
			w.value(l.entries[i].Op)
		}
	})
}

// DecodeLog takes what EncodeLog prints and nothing else.
func DecodeLog(b []byte) (*Log, error) {
	l := new(Log)
	err := decodeState("log", b, func(r *stateReader) {
		n := r.count(minStateMark+1, "entries")
		for i := 0; i < n && r.err == nil; i++ {
			e := LogEntry{r.mark(), r.scalar()}
			if i > 0 && !l.entries[i-1].Less(e.Mark) {
				r.fail("entries do not ascend")
			}
			l.entries = append(l.entries, e)
		}
	}, func() []byte { return EncodeLog(l) })
	if err != nil {
		return nil, err
	}
	return l, nil
}
