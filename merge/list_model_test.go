package merge

import (
	"reflect"
	"slices"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// listModel is the slow list: all operations, looked through for every question.
// A place knows its neighbours; which of two comes first is found by walking
// down from the begin to both.
type listModel struct {
	places  map[Dot]placing
	sets    []modelListSet
	deletes []modelListDelete
}

type modelListSet struct {
	Mark
	item  Dot
	value []byte
}

type modelListDelete struct {
	Stamp
	item Dot
}

func newListModel(base *List, done []written[*ListChange]) *listModel {
	m := &listModel{places: map[Dot]placing{}}
	before := Dot{}
	var inserted []Mark
	for _, it := range base.All() {
		m.places[it.Placed.Dot()] = placing{Mark: it.Placed, at: ListAt{Parent: before}, item: it.ID}
		before = it.Placed.Dot()
		m.sets = append(m.sets, modelListSet{it.Set, it.ID, it.Value})
		inserted = append(inserted, base.living(it.ID).inserted)
	}
	for _, in := range inserted { // beside the end, where nobody sees it: that it was inserted
		m.inserted(in)
	}
	for _, w := range done {
		for _, op := range w.change.Ops {
			m.add(w.stamp.normal(), op)
		}
	}
	return m
}

// inserted notes an insert whose place is gone or noted by itself.
func (m *listModel) inserted(mark Mark) {
	if p, ok := m.places[mark.Dot()]; ok {
		p.insert = true
		m.places[mark.Dot()] = p
		return
	}
	m.places[mark.Dot()] = placing{Mark: mark, item: mark.Dot(), insert: true, bare: true}
}

func (m *listModel) add(stamp Stamp, op ListOp) {
	mark, item := Mark{stamp, op.Index}, op.Item.in(stamp)
	at := ListAt{op.At.Parent.in(stamp), op.At.Left, op.At.Right.in(stamp)}
	switch op.Kind {
	case ListInsert:
		right := at.Right
		if at.Left {
			right = at.Parent
		}
		for _, v := range op.Values {
			m.put(placing{Mark: mark, at: at, item: mark.Dot(), insert: true})
			m.sets = append(m.sets, modelListSet{mark, mark.Dot(), v})
			at = ListAt{Parent: mark.Dot(), Right: right}
			mark.Index++
		}
	case ListMove:
		m.put(placing{Mark: mark, at: at, item: item})
	case ListSet:
		m.sets = append(m.sets, modelListSet{mark, item, op.Values[0]})
	case ListDelete:
		m.deletes = append(m.deletes, modelListDelete{stamp, item})
	}
}

func (m *listModel) put(p placing) {
	if _, ok := m.places[p.Dot()]; !ok {
		m.places[p.Dot()] = p
	}
}

// tree is the set of the places whose neighbours are there, and theirs, and so
// on.
func (m *listModel) tree() map[Dot]bool {
	in := map[Dot]bool{{}: true}
	for grew := true; grew; {
		grew = false
		for d, p := range m.places {
			if !p.bare && !in[d] && in[p.at.Parent] && in[p.at.Right] {
				in[d], grew = true, true
			}
		}
	}
	return in
}

// path is the way from the begin down to a place.
func (m *listModel) path(d Dot) (out []Dot) {
	for ; !d.IsZero(); d = m.places[d].at.Parent {
		out = append(out, d)
	}
	slices.Reverse(out)
	return out
}

func (m *listModel) before(a, b Dot) bool {
	x, y := m.path(a), m.path(b)
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	switch {
	case len(x) == 0 && len(y) == 0:
		return false
	case len(x) == 0:
		return !m.places[y[0]].at.Left
	case len(y) == 0:
		return m.places[x[0]].at.Left
	}
	p, q := m.places[x[0]].at, m.places[y[0]].at
	switch {
	case p.Left != q.Left:
		return p.Left
	case p.Left || p.Right == q.Right:
		return x[0].Compare(y[0]) < 0
	case p.Right.IsZero() || q.Right.IsZero():
		return p.Right.IsZero()
	}
	return m.before(q.Right, p.Right)
}

// items is the list as it must read.
func (m *listModel) items() (out []ListItem) {
	best, in := map[Dot]placing{}, m.tree()
	for d, p := range m.places {
		if in[d] && best[p.item].Mark.Less(p.Mark) {
			best[p.item] = p
		}
	}
	for id, p := range best {
		if insert, ok := m.places[id]; !ok || !insert.insert || !insert.bare && !in[id] || m.deleted(id, insert.Stamp) {
			continue
		}
		it := ListItem{ID: id, Placed: p.Mark}
		for _, s := range m.sets {
			if s.item == id && it.Set.Less(s.Mark) {
				it.Set, it.Value = s.Mark, s.value
			}
		}
		out = append(out, it)
	}
	slices.SortFunc(out, func(a, b ListItem) int {
		if m.before(a.Placed.Dot(), b.Placed.Dot()) {
			return -1
		}
		return 1
	})
	return out
}

func (m *listModel) deleted(id Dot, inserted Stamp) bool {
	return slices.ContainsFunc(m.deletes, func(d modelListDelete) bool { return d.item == id && !d.Less(inserted) })
}

func itemsOf(l *List) (out []ListItem) {
	for _, it := range l.All() {
		out = append(out, it)
	}
	return out
}

func checkList(t *rapid.T, base, l *List, done []written[*ListChange]) {
	want := newListModel(base, done).items()
	if got := itemsOf(l); !reflect.DeepEqual(want, got) {
		t.Fatalf("items (-want +got):\n%s", cmp.Diff(want, got))
	}
	for i, it := range want {
		at, err := l.At(i)
		if k, ok := l.Index(it.ID); err != nil || !ok || k != i || at.ID != it.ID {
			t.Fatalf("item %d is %v, found at %d, %t: %v", i, at.ID, k, ok, err)
		}
	}
	if l.Len() != len(want) {
		t.Fatalf("%d items, want %d", l.Len(), len(want))
	}
}
