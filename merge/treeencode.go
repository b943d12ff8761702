package merge

import "github.com/espace-git/espace-git/internal/wire"

// EncodeTreeChange gives a change as bytes, of which its author's device is no
// part. It refuses what DecodeTreeChange would.
//
//	operations, operation…
//	create   0, index, parent, name, value
//	move     1, index, parent, node
//	rename   2, index, node, name
//	set      3, index, node, value
//	delete   4, node, what put it there, time, time before it was lowered - time
//	         the times only if that was another transaction
//	keep     5, index, node
//
// A name is its length and its bytes.
func EncodeTreeChange(device wire.DeviceID, c *TreeChange) ([]byte, error) {
	return encodeOps("tree change", device, c.print, func(b []byte) error {
		_, err := DecodeTreeChange(device, b)
		return err
	})
}

func (c *TreeChange) print(w *opWriter) {
	w.uint(uint64(len(c.Ops)))
	for i := range c.Ops {
		c.Ops[i].print(w)
	}
}

func (op *TreeOp) print(w *opWriter) {
	w.uint(uint64(op.Kind))
	if op.Kind != TreeDelete {
		w.uint(uint64(op.Index))
	}
	if op.Kind == TreeCreate || op.Kind == TreeMove {
		w.dot(op.Parent)
	}
	if op.Kind != TreeCreate {
		w.dot(op.Node)
	}
	if op.Kind == TreeCreate || op.Kind == TreeRename {
		w.text(op.Name)
	}
	if op.Kind == TreeCreate || op.Kind == TreeSet {
		w.value(op.Value)
	}
	if op.Kind == TreeDelete {
		w.dot(op.Saw.Dot())
		if op.Saw.Number != 0 {
			w.uint(op.Saw.Time)
			w.uint(op.Saw.before() - op.Saw.Time)
		}
	}
}

func (c *column) text(s string) {
	c.uint(uint64(len(s)))
	*c = append(*c, s...)
}

// DecodeTreeChange takes what EncodeTreeChange prints and nothing else.
func DecodeTreeChange(device wire.DeviceID, b []byte) (*TreeChange, error) {
	c := new(TreeChange)
	err := decodeOps("tree change", device, b, func(r *opReader) {
		n := r.count(3, "operations")
		for i := 0; i < n && r.err == nil; i++ {
			c.Ops = append(c.Ops, r.treeOp())
		}
	}, func(w *opWriter) { c.print(w) })
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (r *opReader) treeOp() (op TreeOp) {
	op.Kind = TreeKind(r.uint(uint64(TreeKeep), "operation"))
	if op.Kind != TreeDelete {
		op.Index = r.index()
	}
	if op.Kind == TreeCreate || op.Kind == TreeMove {
		op.Parent = r.dot(true)
	}
	if op.Kind != TreeCreate {
		op.Node = r.dot(false)
	}
	if op.Kind == TreeCreate || op.Kind == TreeRename {
		op.Name = r.name()
	}
	if op.Kind == TreeCreate || op.Kind == TreeSet {
		op.Value = r.scalar()
	}
	if op.Kind == TreeDelete {
		op.Saw = r.saw()
	}
	return op
}

func (r *columnReader) name() string {
	name := string(r.bytes(int(r.uint(MaxTreeName, "name")), "name"))
	if r.err == nil && CheckTreeName(name) != nil {
		r.fail("name %q", name)
	}
	return name
}

func (r *opReader) saw() Mark {
	d := r.dot(false)
	m := Mark{Stamp{Device: d.Device, Number: d.Number}, d.Index}
	if d.Number == 0 {
		return m
	}
	m.Time = r.uint(MaxTime, "time")
	m.Before = m.Time + r.uint(MaxTime-m.Time, "time before")
	if m.Time == 0 {
		r.fail("time")
	}
	return m
}
