package merge

import "github.com/espace-git/espace-git/internal/wire"

// EncodeListChange gives a change as bytes, of which its author's device is no
// part. It refuses what DecodeListChange would.
//
//	operations, operation…
//	insert   8·(values-1) + 4·left, index, parent, [right], value…
//	move     4·left + 1, index, parent, [right], item
//	set      2, index, item, value
//	delete   3, item
func EncodeListChange(device wire.DeviceID, c *ListChange) ([]byte, error) {
	return encodeOps("list change", device, c.print, func(b []byte) error {
		_, err := DecodeListChange(device, b)
		return err
	})
}

func (c *ListChange) print(w *opWriter) {
	w.uint(uint64(len(c.Ops)))
	for i := range c.Ops {
		c.Ops[i].print(w)
	}
}

func (op *ListOp) print(w *opWriter) {
	head := uint64(op.Kind)
	if op.At.Left {
		head |= 4
	}
	if op.Kind == ListInsert {
		head |= uint64(len(op.Values)-1) << 3
	}
	w.uint(head)
	if op.Kind != ListDelete {
		w.uint(uint64(op.Index))
	}
	if op.Kind == ListInsert || op.Kind == ListMove {
		w.dot(op.At.Parent)
		if !op.At.Left {
			w.dot(op.At.Right)
		}
	}
	if op.Kind != ListInsert {
		w.dot(op.Item)
	}
	for _, v := range op.Values {
		w.value(v)
	}
}

// DecodeListChange takes what EncodeListChange prints and nothing else.
func DecodeListChange(device wire.DeviceID, b []byte) (*ListChange, error) {
	c := new(ListChange)
	err := decodeOps("list change", device, b, func(r *opReader) {
		n := r.count(2, "operations")
		for i := 0; i < n && r.err == nil; i++ {
			c.Ops = append(c.Ops, r.listOp())
		}
	}, func(w *opWriter) { c.print(w) })
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (r *opReader) listOp() (op ListOp) {
	head := r.uint(uint64(len(r.b))<<3|7, "operation")
	op.Kind, op.At.Left = ListKind(head&3), head&4 != 0
	n := 0
	switch more := int(head >> 3); {
	case op.Kind == ListInsert:
		n = more + 1
	case more > 0 || op.At.Left && op.Kind != ListMove:
		r.fail("operation")
	case op.Kind == ListSet:
		n = 1
	}
	if op.Kind != ListDelete {
		op.Index = r.index()
	}
	if op.Kind == ListInsert || op.Kind == ListMove {
		r.listAt(&op.At)
	}
	if op.Kind != ListInsert {
		op.Item = r.dot(false)
	}
	if n > len(r.b) || n > MaxIndex+1-int(op.Index) {
		r.fail("more values than bytes or names")
	}
	for i := 0; i < n && r.err == nil; i++ {
		op.Values = append(op.Values, r.scalar())
	}
	return op
}

// listAt reads a place; nothing is before the begin.
func (r *opReader) listAt(at *ListAt) {
	at.Parent = r.dot(!at.Left)
	if !at.Left {
		at.Right = r.dot(true)
	}
}
