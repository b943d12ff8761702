package view

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// A story of some devices that edit the same documents, each in a store of its own that
// two processes have open. What others write comes in any causal order, some of it
// twice; what nobody has yet may get other numbers.
type docStory struct {
	t       *rapid.T
	tb      testing.TB
	devices []*docDevice
	opening uint64
	model   map[docKey]merge.Document // what the epoch began with
}

type docDevice struct {
	id      wire.DeviceID
	handles []*DB // of one store
	log     []*docTx
	have    []int // of each device's log
	time    uint64
	number  uint64
}

type docTx struct {
	stamp merge.Stamp
	ops   []merge.Op
	seen  []int
}

func (s *docStory) choose(n int, what string) int { return rapid.IntRange(0, n-1).Draw(s.t, what) }

// db is the store as one of two processes has it.
func (s *docStory) db(d *docDevice) *DB { return d.handles[s.choose(len(d.handles), "process")] }

func (s *docStory) apply(d *docDevice, tx *docTx) {
	update(s.tb, s.db(d), func(v *Tx) error {
		_, err := v.Apply(tx.stamp.Device, wire.MemberIDOf(tx.stamp.Device), tx.stamp, tx.ops)
		return err
	})
	d.time = max(d.time, tx.stamp.Time)
}

// write lets a device change up to three documents in one transaction.
func (s *docStory) write(n int) {
	d := s.devices[n]
	d.time, d.number = max(d.time, s.opening)+1, d.number+1
	tx := &docTx{stamp: merge.Stamp{Time: d.time, Device: d.id, Number: d.number}, seen: slices.Clone(d.have)}
	update(s.tb, s.db(d), func(v *Tx) error {
		for i := range 1 + s.choose(3, "operations") {
			op := s.op(v, tx, uint32(100*i))
			tx.ops = append(tx.ops, op)
			if _, err := v.Apply(d.id, wire.MemberIDOf(d.id), tx.stamp, tx.ops); err != nil {
				return err
			}
		}
		return nil
	})
	d.log = append(d.log, tx)
	d.have[n]++
}

func (s *docStory) op(v *Tx, tx *docTx, index uint32) merge.Op {
	row := rid(1 + s.choose(2, "row"))
	switch s.choose(12, "kind") {
	case 0:
		return insertOp(row)
	case 1:
		return deleteOp(row)
	}
	column := uint32(bodyColumn + s.choose(treeColumn-titleColumn, "column"))
	doc, err := v.Document(1, row, column)
	if err != nil {
		s.t.Fatal(err)
	}
	change, err := s.change(doc, tx.stamp.Device, index)
	if err != nil {
		s.t.Fatal(err)
	}
	if change == nil {
		return insertOp(row)
	}
	return editOp(row, column, change)
}

// change is something that a device does to a document as it stands.
func (s *docStory) change(doc merge.Document, by wire.DeviceID, index uint32) ([]byte, error) {
	word := value(s.tb, []string{"a", "b", "c"}[s.choose(3, "value")])
	switch d := doc.(type) {
	case *merge.TextDoc:
		pos := s.choose(d.Len()+1, "position")
		return d.Splice(by, pos, s.choose(min(3, d.Len()-pos)+1, "deleted"), fmt.Sprintf("%x", index))
	case *merge.CounterDoc:
		return merge.EncodeCounterOp(int64(s.choose(20, "delta") - 10)), nil
	case *merge.ListDoc:
		op, err := s.listOp(&d.List, index, word)
		return changeCell(merge.EncodeListChange(by, &merge.ListChange{Ops: []merge.ListOp{op}}))(err)
	case *merge.SetDoc:
		op := d.Add(word, index)
		if s.choose(2, "remove") == 0 {
			var ok bool
			if op, ok = d.Remove(word); !ok {
				return nil, nil
			}
		}
		return changeCell(merge.EncodeSetChange(by, &merge.SetChange{Ops: []merge.SetOp{op}}))(nil)
	case *merge.FlagDoc:
		c, ok := d.Disable()
		if !ok {
			c = d.Enable(index)
		}
		return changeCell(merge.EncodeFlagChange(by, &c))(nil)
	case *merge.LogDoc:
		return changeCell(merge.EncodeLogChange(by, &merge.LogChange{First: index, Ops: [][]byte{word}}))(nil)
	case *merge.TreeDoc:
		op, err := s.treeOp(&d.Tree, index, word)
		return changeCell(merge.EncodeTreeChange(by, &merge.TreeChange{Ops: []merge.TreeOp{op}}))(err)
	}
	return nil, fmt.Errorf("no driver: %T", doc)
}

func changeCell(b []byte, err error) func(error) ([]byte, error) {
	return func(before error) ([]byte, error) { return merge.ChangeCell(b, errors.Join(before, err)) }
}

func (s *docStory) listOp(l *merge.List, index uint32, word []byte) (merge.ListOp, error) {
	if l.Len() == 0 {
		return l.Insert(0, index, word, word)
	}
	i := s.choose(l.Len(), "item")
	switch s.choose(5, "list") {
	case 0:
		return l.Delete(i)
	case 1:
		return l.Move(i, s.choose(l.Len(), "to"), index)
	case 2:
		return l.Set(i, index, word)
	}
	return l.Insert(i, index, word)
}

func (s *docStory) treeOp(tree *merge.Tree, index uint32, word []byte) (merge.TreeOp, error) {
	nodes := []merge.Dot{{}}
	for n := range tree.All() {
		nodes = append(nodes, n.ID)
	}
	node := nodes[s.choose(len(nodes), "node")]
	if node == (merge.Dot{}) || s.choose(3, "tree") == 0 {
		return tree.Create(node, index, fmt.Sprintf("n%d", s.choose(3, "name")), word)
	}
	if op, err := tree.Move(node, nodes[s.choose(len(nodes), "folder")], index); err == nil {
		return op, nil
	}
	return tree.Rename(node, index, "other")
}

// deliver brings a device the next transaction of another, if it has what its author
// had; sometimes once more what it has, or in a transaction that is taken back.
func (s *docStory) deliver(to *docDevice, from int) bool {
	if to.have[from] == len(s.devices[from].log) {
		return false
	}
	tx := s.devices[from].log[to.have[from]]
	for i, n := range tx.seen {
		if to.have[i] < n {
			return false
		}
	}
	if s.choose(8, "taken back") == 0 {
		undo := errors.New("undo")
		err := s.db(to).Update(s.tb.Context(), func(v *Tx) error {
			if _, err := v.Apply(tx.stamp.Device, wire.MemberIDOf(tx.stamp.Device), tx.stamp, tx.ops); err != nil {
				return err
			}
			return errors.Join(v.flush(), undo)
		})
		if !errors.Is(err, undo) {
			s.t.Fatal(err)
		}
	}
	s.apply(to, tx)
	to.have[from]++
	if s.choose(8, "again") == 0 {
		s.apply(to, s.devices[from].log[s.choose(to.have[from], "which")])
	}
	return true
}

// renumber gives what nobody else has of a device other numbers.
func (s *docStory) renumber(n int) {
	d, first := s.devices[n], 0
	for i, other := range s.devices {
		if i != n {
			first = max(first, other.have[n])
		}
	}
	tail := d.log[first:]
	update(s.tb, s.db(d), func(v *Tx) error {
		for _, tx := range tail {
			if err := v.Withdraw(d.id, tx.stamp.Number); err != nil {
				return err
			}
		}
		for i, tx := range tail {
			old := tx.stamp
			d.number++
			tx.stamp.Number = d.number
			for _, later := range tail[i:] {
				if err := resettleOps(later.ops, old, tx.stamp); err != nil {
					return err
				}
			}
			if _, err := v.Apply(d.id, wire.MemberIDOf(d.id), tx.stamp, tx.ops); err != nil {
				return err
			}
		}
		return nil
	})
}

func resettleOps(ops []merge.Op, old, settled merge.Stamp) error {
	for i := range ops {
		for k := range ops[i].Cells {
			c := &ops[i].Cells[k]
			again, err := merge.ResettleChange(documentOf(c.Column), settled.Device, c.Value, old, settled)
			if err != nil {
				return err
			}
			*c = merge.Cell{Column: c.Column, Value: bytes.Clone(again)}
		}
	}
	return nil
}

func documentOf(column uint32) merge.DocumentType {
	return []merge.DocumentType{
		merge.TextDocument, merge.ListDocument, merge.SetDocument, merge.CounterDocument, merge.FlagDocument, merge.LogDocument, merge.TreeDocument,
	}[column-bodyColumn]
}

// meet brings everything to everybody.
func (s *docStory) meet() {
	for again := true; again; {
		again = false
		for _, to := range s.devices {
			for from := range s.devices {
				for s.deliver(to, from) {
					again = true
				}
			}
		}
	}
}

// causal is an order of all transactions that each device could have got.
func (s *docStory) causal() (out []*docTx) {
	have := make([]int, len(s.devices))
	for {
		var next []int
		for i, d := range s.devices {
			if have[i] < len(d.log) && !slices.ContainsFunc(indexes(have), func(k int) bool { return have[k] < d.log[have[i]].seen[k] }) {
				next = append(next, i)
			}
		}
		if len(next) == 0 {
			return out
		}
		i := next[s.choose(len(next), "next")]
		out = append(out, s.devices[i].log[have[i]])
		have[i]++
	}
}

func indexes(list []int) (out []int) {
	for i := range list {
		out = append(out, i)
	}
	return out
}

// compare looks whether all show the same, and what the drivers alone would.
func (s *docStory) compare() {
	want := digest(s.tb, s.db(s.devices[0]))
	for _, d := range s.devices[1:] {
		if digest(s.tb, s.db(d)) != want {
			s.t.Fatalf("device %v has another digest", d.id)
		}
	}
	docs := s.fold()
	look(s.tb, s.db(s.devices[0]), func(v *Tx) error {
		for key, doc := range docs {
			k, c := v.layout.document(key)
			o, err := v.open(k, c)
			if err != nil {
				return err
			}
			got, err := v.current(o)
			if err != nil {
				return err
			}
			if d := cmp.Diff(doc.Value(), got.Value()); d != "" {
				s.t.Fatalf("%v: -model +view\n%s", key, d)
			}
		}
		return nil
	})
	update(s.tb, s.db(s.devices[1]), func(v *Tx) error {
		if problems, err := v.Check(); err != nil || len(problems) > 0 {
			s.t.Fatalf("%v %v", problems, err)
		}
		return nil
	})
}

// fold is the documents as the drivers make them of what all wrote.
func (s *docStory) fold() map[docKey]merge.Document {
	docs := map[docKey]merge.Document{}
	for key, base := range s.model {
		docs[key], _ = merge.CloneDocument(base)
	}
	for _, tx := range s.causal() {
		for i := range tx.ops {
			op := &tx.ops[i]
			if op.Kind != merge.Edit {
				continue
			}
			key := docKey{op.Table, idText(op.Row), op.Cells[0].Column}
			if docs[key] == nil {
				docs[key], _ = merge.NewDocument(documentOf(key.col))
			}
			_ = docs[key].Apply(tx.stamp, op.Cells[0].Value)
		}
	}
	return docs
}

// refold makes a device's view anew from the base, in another order.
func (s *docStory) refold(d *docDevice, base []record) {
	db := s.db(d)
	before := digest(s.tb, db)
	update(s.tb, db, func(v *Tx) error {
		if err := errors.Join(v.ClearRows(), importAll(v, base)); err != nil {
			return err
		}
		for _, tx := range s.causal() {
			if _, err := v.Apply(tx.stamp.Device, wire.MemberIDOf(tx.stamp.Device), tx.stamp, tx.ops); err != nil {
				return err
			}
		}
		return nil
	})
	if digest(s.tb, db) != before {
		s.t.Fatal("folded anew, the view has another digest")
	}
}

// seal ends the epoch for everybody, and says what it leaves.
func (s *docStory) seal() (first []record) {
	s.opening = 0
	for _, d := range s.devices {
		s.opening = max(s.opening, d.time+1)
	}
	docs := s.fold()
	for _, d := range s.devices {
		got := seal(s.tb, s.db(d), s.opening)
		if first == nil {
			first = got
		}
		if d := cmp.Diff(first, got); d != "" {
			s.t.Fatalf("another state:\n%s", d)
		}
		d.log, d.have = nil, make([]int, len(s.devices))
	}
	s.model = map[docKey]merge.Document{}
	look(s.tb, s.db(s.devices[0]), func(v *Tx) error {
		for key, doc := range docs {
			k, _ := v.layout.document(key)
			if up, err := v.isShown(k); err != nil || !up {
				continue
			}
			s.model[key] = doc.Seal(s.opening)
		}
		return nil
	})
	return first
}

// TestDocumentStories: whatever the order of arrival, the process, and what was taken
// back or came twice, all have the same documents.
func TestDocumentStories(t *testing.T) {
	s := &docStory{tb: t}
	for i := range 3 {
		d := &docDevice{id: dev(i + 1)}
		first := newStore(t, docSchema)
		second, err := Open(first.Path(), testKey)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { second.Close() })
		d.handles = []*DB{first, second}
		s.devices = append(s.devices, d)
	}
	rapid.Check(t, func(rt *rapid.T) {
		s.t, s.opening, s.model = rt, 1, nil
		for _, d := range s.devices {
			d.log, d.have, d.time, d.number = nil, make([]int, 3), 1, 0
			update(t, d.handles[0], (*Tx).ClearRows)
		}
		var base []record
		for range 1 + s.choose(2, "epochs") {
			for range s.choose(20, "steps") {
				switch n := s.choose(3, "device"); s.choose(6, "step") {
				case 0, 1, 2:
					s.write(n)
				case 3:
					s.renumber(n)
				default:
					s.deliver(s.devices[n], s.choose(3, "from"))
				}
			}
			s.meet()
			s.compare()
			s.refold(s.devices[2], base)
			base = s.seal()
			s.compare()
		}
	})
}
