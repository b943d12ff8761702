package merge

import (
	"github.com/espace-git/espace-git/internal/wire"
)

// EncodeSetChange gives a change as bytes, of which its author's device is no
// part. It refuses what DecodeSetChange would.
//
//	operations, (value, 2·names + add, [index], name…)…
func EncodeSetChange(device wire.DeviceID, c *SetChange) ([]byte, error) {
	return encodeOps("set change", device, c.print, func(b []byte) error {
		_, err := DecodeSetChange(device, b)
		return err
	})
}

func (c *SetChange) print(w *opWriter) {
	w.uint(uint64(len(c.Ops)))
	for i := range c.Ops {
		w.value(c.Ops[i].Value)
		w.toggle(c.Ops[i].Add, c.Ops[i].Index, c.Ops[i].Saw)
	}
}

// toggle prints what happens to one presence.
func (w *opWriter) toggle(add bool, index uint32, saw []Dot) {
	head := uint64(len(saw)) << 1
	if add {
		w.uint(head | 1)
		w.uint(uint64(index))
	} else {
		w.uint(head)
	}
	w.dots(saw)
}

// DecodeSetChange takes what EncodeSetChange prints and nothing else.
func DecodeSetChange(device wire.DeviceID, b []byte) (*SetChange, error) {
	c := new(SetChange)
	err := decodeOps("set change", device, b, func(r *opReader) {
		n := r.count(2, "operations")
		for i := 0; i < n && r.err == nil; i++ {
			op := SetOp{Value: r.scalar()}
			op.Add, op.Index, op.Saw = r.toggle()
			c.Ops = append(c.Ops, op)
		}
	}, func(w *opWriter) { c.print(w) })
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (r *opReader) toggle() (add bool, index uint32, saw []Dot) {
	head := r.uint(uint64(2*len(r.b)+1), "names")
	if add = head&1 == 1; add {
		index = r.index()
	}
	saw = r.dots(int(head >> 1))
	if r.err == nil && !add && len(saw) == 0 {
		r.fail("a remove that saw nothing")
	}
	return add, index, saw
}

// EncodeSet gives the set as bytes, the same for the same changes.
//
//	elements, (value, presence)…
func EncodeSet(s *Set) []byte { return encodeState(s.print) }

func (s *Set) print(w *stateWriter) {
	keys := s.keys()
	w.uint(uint64(len(keys)))
	for _, k := range keys {
		w.value([]byte(k))
		w.presence(s.elements[k])
	}
}

// DecodeSet takes what EncodeSet prints and nothing else.
func DecodeSet(b []byte) (*Set, error) {
	s := new(Set)
	err := decodeState("set", b, func(r *stateReader) {
		n := r.count(1+1+1+minStateMark, "elements")
		for i := 0; i < n && r.err == nil; i++ {
			e := s.element(r.scalar())
			if *e = r.presence(); r.err == nil && e.live.len()+e.dead.len() == 0 {
				r.fail("an element that nobody added or removed")
			}
			s.count(false, e.is())
		}
	}, func() []byte { return EncodeSet(s) })
	if err != nil {
		return nil, err
	}
	return s, nil
}
