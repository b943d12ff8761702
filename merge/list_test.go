package merge

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// listEdit draws the operations of one transaction and holds each against what
// its author must see then.
type listEdit struct {
	*rapid.T
	l     *List
	stamp Stamp
	index uint32
	c     *ListChange
	// guesses: somebody named what was to come, so nobody knows what to expect
	guesses bool
}

func (e *listEdit) do(op ListOp, err error) {
	if err != nil {
		e.Fatal(err)
	}
	e.l.Apply(e.stamp, &ListChange{[]ListOp{op}})
	e.c.Ops = append(e.c.Ops, op)
	e.index += max(1, uint32(len(op.Values)))
}

func (e *listEdit) want(what string, want []ListItem) {
	same := func(a, b ListItem) bool { return a.ID == b.ID && string(a.Value) == string(b.Value) }
	if got := itemsOf(e.l); !e.guesses && !slices.EqualFunc(got, want, same) {
		e.Fatalf("%s gives\n%v, want\n%v", what, got, want)
	}
}

func (e *listEdit) insert(have []ListItem) {
	i := rapid.IntRange(0, len(have)).Draw(e.T, "at")
	values := rapid.SliceOfN(scalarGen(), 1, 3).Draw(e.T, "values")
	var fresh []ListItem
	for k, v := range values {
		fresh = append(fresh, ListItem{ID: Dot{e.stamp.Device, e.stamp.Number, e.index + uint32(k)}, Value: v})
	}
	e.do(e.l.Insert(i, e.index, values...))
	e.want("insert", slices.Insert(have, i, fresh...))
}

func (e *listEdit) move(have []ListItem) {
	from := rapid.IntRange(0, len(have)-1).Draw(e.T, "from")
	to := rapid.IntRange(0, len(have)-1).Draw(e.T, "to")
	it := have[from]
	e.do(e.l.Move(from, to, e.index))
	e.want("move", slices.Insert(slices.Delete(have, from, from+1), to, it))
}

func (e *listEdit) set(have []ListItem) {
	i := rapid.IntRange(0, len(have)-1).Draw(e.T, "item")
	have[i].Value = scalarGen().Draw(e.T, "value")
	e.do(e.l.Set(i, e.index, have[i].Value))
	e.want("set", have)
}

func (e *listEdit) delete(have []ListItem) {
	i := rapid.IntRange(0, len(have)-1).Draw(e.T, "item")
	e.do(e.l.Delete(i))
	e.want("delete", slices.Delete(have, i, i+1))
}

// hostile names places and items that nobody showed it, perhaps its own.
func (e *listEdit) hostile() {
	dot := func() Dot {
		return Dot{device(byte(rapid.IntRange(1, 3).Draw(e.T, "of"))), uint64(rapid.IntRange(1, 6).Draw(e.T, "number")), uint32(rapid.IntRange(0, 3).Draw(e.T, "index"))}
	}
	op := ListOp{Kind: ListKind(rapid.IntRange(0, 3).Draw(e.T, "kind")), Index: e.index}
	switch op.Kind {
	case ListInsert, ListMove:
		op.At = ListAt{Parent: dot(), Left: rapid.Bool().Draw(e.T, "left")}
		if !op.At.Left && rapid.Bool().Draw(e.T, "right") {
			op.At.Right = dot()
		}
	}
	if op.Kind != ListInsert {
		op.Item = dot()
	}
	if op.Kind == ListInsert || op.Kind == ListSet {
		op.Values = [][]byte{scalarGen().Draw(e.T, "value")}
	}
	if op.Kind == ListDelete {
		op.Index = 0
	}
	e.do(op, nil)
}

func editList(guesses bool) func(t *rapid.T, l *List, stamp Stamp) (*ListChange, bool) {
	return func(t *rapid.T, l *List, stamp Stamp) (*ListChange, bool) {
		e := &listEdit{t, l, stamp, 0, new(ListChange), guesses}
		for range rapid.IntRange(1, 3).Draw(t, "operations") {
			have := itemsOf(l)
			what := rapid.IntRange(0, 9).Draw(t, "what")
			switch {
			case what == 9 && guesses:
				e.hostile()
			case len(have) == 0 || what < 4:
				e.insert(have)
			case what < 6:
				e.move(have)
			case what < 8:
				e.set(have)
			default:
				e.delete(have)
			}
		}
		e.c.Renumber(stamp.Device, stamp.Number, 0)
		return e.c, true
	}
}

func listDriver(guesses bool) driver[*List, *ListChange] {
	return driver[*List, *ListChange]{
		fresh:  func() *List { return new(List) },
		apply:  (*List).Apply,
		edit:   editList(guesses),
		print:  EncodeList,
		read:   DecodeList,
		encode: EncodeListChange,
		decode: DecodeListChange,
		seal:   (*List).Seal,
		reissue: func(old *List, c *ListChange, _, lowered Stamp, sealed *List) (*ListChange, bool) {
			again, _, ok := old.Reissue(c, lowered, sealed)
			return again, ok
		},
		check: checkList,
	}
}

func TestList(t *testing.T) {
	t.Run("honest", func(t *testing.T) { testDriver(t, listDriver(false)) })
	t.Run("hostile", func(t *testing.T) { testDriver(t, listDriver(true)) })
}

// Who had seen all that a seal covers sees the same list once its own changes
// are issued again: no item is lost, doubled or out of its place.
func TestListReissueKeepsTheList(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newStory(rt, listDriver(false))
		s.draw(10)
		s.settle()
		r := s.replicas[1]
		base := s.replicas[0].state.Seal(s.opening + 3)
		first := len(s.log)
		for range rapid.IntRange(1, 5).Draw(rt, "late") {
			s.write(r)
		}
		for _, w := range s.log[first:] {
			if _, lost, _ := r.state.Reissue(w.change, w.stamp.Lower(s.opening+3), base); len(lost) > 0 {
				rt.Fatalf("lost %v", lost)
			}
		}
		same := func(a, b ListItem) bool { return a.ID == b.ID && string(a.Value) == string(b.Value) }
		if want, got := itemsOf(r.state), itemsOf(base); !slices.EqualFunc(want, got, same) {
			rt.Fatalf("(-want +got):\n%s", cmp.Diff(want, got))
		}
	})
}

func list3(t *testing.T) (*List, []ListItem) {
	l := new(List)
	op, err := l.Insert(0, 0, value("a"), value("b"), value("c"))
	if err != nil {
		t.Fatal(err)
	}
	l.Apply(Stamp{Time: 1, Device: device(1), Number: 1}, &ListChange{[]ListOp{op}})
	return l, itemsOf(l)
}

func read(l *List) (out string) {
	for _, it := range l.All() {
		v, _ := DecodeValue(it.Value)
		out += v.(string)
	}
	return out
}

// What two people do at once.
func TestListRaces(t *testing.T) {
	type ops func(*List) (ListOp, error)
	move := func(from, to int) ops { return func(l *List) (ListOp, error) { return l.Move(from, to, 0) } }
	set := func(i int, v string) ops { return func(l *List) (ListOp, error) { return l.Set(i, 0, value(v)) } }
	del := func(i int) ops { return func(l *List) (ListOp, error) { return l.Delete(i) } }
	insert := func(i int, v ...string) ops {
		return func(l *List) (ListOp, error) {
			var values [][]byte
			for _, s := range v {
				values = append(values, value(s))
			}
			return l.Insert(i, 0, values...)
		}
	}
	for _, tt := range []struct {
		name       string
		one, other ops // at 5 by device 2, at 6 by device 3
		want       string
	}{
		{"move and move of one item", move(0, 1), move(0, 2), "bca"},
		{"move and move of two items", move(0, 2), move(1, 2), "cab"},
		{"move and delete", move(0, 2), del(0), "bc"},
		{"delete and move", del(0), move(0, 2), "bc"},
		{"delete and set", del(0), set(0, "x"), "bc"},
		{"set and set", set(0, "x"), set(0, "y"), "ybc"},
		{"set and move", set(0, "x"), move(0, 2), "bcx"},
		{"delete and delete", del(1), del(1), "ac"},
		{"insert beside a deleted one", del(1), insert(2, "x"), "axc"},
		{"insert behind a moved one", move(0, 2), insert(1, "x"), "xbca"},
		{"runs at one place", insert(1, "1", "2", "3"), insert(1, "x", "y", "z"), "a123xyzbc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var changes [2]*ListChange
			for i, f := range []ops{tt.one, tt.other} {
				l, _ := list3(t)
				op, err := f(l)
				if err != nil {
					t.Fatal(err)
				}
				changes[i] = &ListChange{[]ListOp{op}}
			}
			stamps := [2]Stamp{{Time: 5, Device: device(2), Number: 1}, {Time: 6, Device: device(3), Number: 1}}
			for _, order := range [][]int{{0, 1}, {1, 0}, {0, 1, 0}, {1, 1, 0}} {
				l, _ := list3(t)
				for _, i := range order {
					l.Apply(stamps[i], changes[i])
				}
				if got := read(l); got != tt.want {
					t.Errorf("%v: %q, want %q", order, got, tt.want)
				}
			}
		})
	}
}

// A list without moves is in the order of a text: the driver that passes the
// published conformance cases.
func TestListIsInTheOrderOfText(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newTextStory(3)
		s.draw(rt)
		var x Text
		var l List
		for _, c := range s.changes {
			listOfText(rt, &l, &x, c)
			mustAddRapid(rt, &x, c)
		}
		x.Merge(nil)
		if got := read(&l); got != x.String() {
			rt.Fatalf("list %q, text %q", got, x.String())
		}
	})
}

func mustAddRapid(t *rapid.T, x *Text, c *TextChange) {
	if err := x.Add(c); err != nil {
		t.Fatal(err)
	}
}

// listOfText makes a text's change in a list, at the version that its author
// had: a list that its author would have.
func listOfText(t *rapid.T, l *List, x *Text, c *TextChange) {
	mine := listAt(t, x, c.Parents)
	seq := c.First.Seq
	for _, op := range c.Ops {
		for i := range op.Del {
			at := op.Pos
			if op.Back {
				at -= i
			}
			if del, err := mine.Delete(at); err == nil {
				applyBoth(mine, l, c, seq, del)
			}
			seq++
		}
		for i, r := range []rune(op.Text) {
			if ins, err := mine.Insert(op.Pos+i, 0, value(string(r))); err == nil {
				applyBoth(mine, l, c, seq, ins)
			}
			seq++
		}
	}
}

func applyBoth(a, b *List, c *TextChange, seq uint32, op ListOp) {
	stamp := Stamp{Time: 1, Device: c.First.Device, Number: uint64(seq) + 1}
	if op.Kind == ListDelete {
		stamp.Time = 2 // after all that its author can have seen
	}
	a.Apply(stamp, &ListChange{[]ListOp{op}})
	b.Apply(stamp, &ListChange{[]ListOp{op}})
}

// listAt is the list of all events in the past of a version.
func listAt(t *rapid.T, x *Text, version []TextID) *List {
	l := new(List)
	if len(version) == 0 {
		return l
	}
	missing := x.Since(version)
	var y Text
	for _, c := range x.Since(nil) {
		if known := without(c, missing); known != nil {
			listOfText(t, l, &y, known)
			mustAddRapid(t, &y, known)
		}
	}
	return l
}

// without cuts a change where the first of its events is missing, nil if all are.
func without(c TextChange, missing []TextChange) *TextChange {
	stop := c.First.Seq + uint32(countEvents(&c))
	for _, m := range missing {
		if m.First.Device == c.First.Device {
			stop = min(stop, max(m.First.Seq, c.First.Seq))
		}
	}
	if stop == c.First.Seq {
		return nil
	}
	out := TextChange{First: c.First, Parents: c.Parents}
	left := int(stop - c.First.Seq)
	for _, op := range c.Ops {
		n := min(left, op.Del)
		if left -= n; n > 0 {
			out.Ops = append(out.Ops, TextOp{Pos: op.Pos, Del: n, Back: op.Back})
		}
		if text := []rune(op.Text); left > 0 && len(text) > 0 {
			n := min(left, len(text))
			out.Ops = append(out.Ops, TextOp{Pos: op.Pos, Text: string(text[:n])})
			left -= n
		}
	}
	return &out
}

func countEvents(c *TextChange) (n int) {
	for _, op := range c.Ops {
		n += op.Del + len([]rune(op.Text))
	}
	return n
}

func TestListIndexes(t *testing.T) {
	l, _ := list3(t)
	_, insert := l.Insert(4, 0, value("x"))
	_, move := l.Move(0, 3, 0)
	_, from := l.Move(3, 0, 0)
	_, set := l.Set(3, 0, value("x"))
	_, del := l.Delete(-1)
	for i, err := range []error{insert, move, from, set, del} {
		if !errors.Is(err, ErrListIndex) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if _, ok := l.Index(Dot{device(9), 1, 0}); ok {
		t.Error("an item that is not there is found")
	}
}

func sampleListChange() *ListChange {
	other := Dot{device(2), 9, 1}
	return &ListChange{[]ListOp{
		{Kind: ListInsert, Values: [][]byte{value("a"), value("b")}},
		{Kind: ListInsert, Index: 2, At: ListAt{Parent: Dot{device(1), 0, 0}, Right: Dot{device(1), 0, 1}}, Values: [][]byte{value("c")}},
		{Kind: ListInsert, Index: 3, At: ListAt{Parent: Dot{device(1), 0, 1}, Left: true}, Values: [][]byte{value("d")}},
		{Kind: ListMove, Index: 4, Item: Dot{device(1), 0, 0}, At: ListAt{Parent: Dot{device(1), 0, 1}}},
		{Kind: ListMove, Index: 5, Item: other, At: ListAt{Parent: Dot{device(1), 3, 0}, Left: true}},
		{Kind: ListSet, Index: 300, Item: Dot{device(1), 0, 1}, Values: [][]byte{value("é")}},
		{Kind: ListDelete, Item: Dot{device(1), 0, 2}},
		{Kind: ListDelete, Item: other},
	}}
}

func sampleList() *List {
	l := new(List)
	l.Apply(Stamp{Time: 100, Device: device(1), Number: 4}, sampleListChange())
	l.Apply(Stamp{Time: 90, Before: 120, Device: device(2), Number: 9}, &ListChange{[]ListOp{{Kind: ListInsert, Values: [][]byte{value("x"), value("y")}}}})
	l.Apply(Stamp{Time: 130, Device: device(3), Number: 1}, &ListChange{[]ListOp{{Kind: ListSet, Item: Dot{device(3), 2, 0}, Values: [][]byte{value("z")}}}})
	return l
}

func FuzzDecodeList(f *testing.F) {
	f.Add(EncodeList(new(List)))
	f.Add(EncodeList(sampleList()))
	f.Add(EncodeList(sampleList().Seal(95)))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkDecoder(t, b, DecodeList, EncodeList)
		if l, err := DecodeList(b); err == nil {
			for i, it := range l.All() {
				if k, ok := l.Index(it.ID); !ok || k != i {
					t.Fatalf("item %d is found at %d", i, k)
				}
			}
			checkDecoder(t, EncodeList(l.Seal(7)), DecodeList, EncodeList)
		}
	})
}

func FuzzDecodeListChange(f *testing.F) {
	f.Add(encoded(f, sampleListChange(), EncodeListChange))
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeListChange(device(1), b)
		if err != nil {
			return
		}
		if again := encoded(t, c, EncodeListChange); string(again) != string(b) {
			t.Fatalf("%x is taken, and printed as %x", b, again)
		}
		l := sampleList() // folds without a fault whatever it says
		l.Apply(Stamp{Time: 140, Device: device(1), Number: 5}, c)
		checkDecoder(t, EncodeList(l), DecodeList, EncodeList)
	})
}

// What a re-issue leaves out: moves and sets that lost, or whose item is gone, are
// told; a delete of what is gone is not.
func TestListReissueLost(t *testing.T) {
	const opening = 50
	old, _ := list3(t)
	late := new(ListChange)
	do := func(l *List, stamp Stamp, op ListOp, err error) ListOp {
		if err != nil {
			t.Fatal(err)
		}
		l.Apply(stamp, &ListChange{[]ListOp{op}})
		return op
	}
	cut, _ := list3(t)
	mine, other := Stamp{Time: 20, Device: device(1), Number: 2}, Stamp{Time: 30, Device: device(2), Number: 1}
	for _, make := range []func(l *List) (ListOp, error){
		func(l *List) (ListOp, error) { return l.Move(0, 2, 0) }, // loses to the cut's
		func(l *List) (ListOp, error) { return l.Set(0, 1, value("mine")) },
		func(l *List) (ListOp, error) { return l.Set(2, 2, value("A")) }, // stays
		func(l *List) (ListOp, error) { return l.Set(1, 3, value("gone")) },
		func(l *List) (ListOp, error) { return l.Move(1, 0, 4) },
		func(l *List) (ListOp, error) { return l.Delete(0) }, // is gone
	} {
		op, err := make(old)
		late.Ops = append(late.Ops, do(old, mine, op, err))
	}
	for i, make := range []func(l *List) (ListOp, error){
		func(l *List) (ListOp, error) { return l.Move(0, 1, 0) },
		func(l *List) (ListOp, error) { return l.Set(0, 1, value("theirs")) },
		func(l *List) (ListOp, error) { return l.Delete(2) },
	} {
		op, err := make(cut)
		other.Number = uint64(i + 1)
		do(cut, other, op, err)
	}
	sealed := cut.Seal(opening)
	again, lost, ok := old.Reissue(late, mine.Lower(opening), sealed)
	if !ok || len(again.Ops) != 1 || again.Ops[0].Index != 2 {
		t.Errorf("issued again: %v, %t", again, ok)
	}
	var indexes []uint32
	for _, op := range lost {
		indexes = append(indexes, op.Index)
	}
	if d := cmp.Diff([]uint32{0, 1, 3, 4}, indexes); d != "" {
		t.Errorf("lost (-want +got):\n%s", d)
	}
	if got := read(sealed); got != "theirsA" {
		t.Errorf("the list reads %q", got)
	}
}

// Many places at one spot, made without having seen each other, cost no more each
// than few.
func TestListManyAtOneSpot(t *testing.T) {
	var l, backwards List
	var changes []written[*ListChange]
	for i := range uint64(20_000) {
		op := ListOp{Kind: ListInsert, Values: [][]byte{value("x")}}
		changes = append(changes, written[*ListChange]{Stamp{Time: 1, Device: device(byte(1 + i%7)), Number: i*7919%20_011 + 1}, &ListChange{[]ListOp{op}}})
	}
	for _, w := range changes {
		l.Apply(w.stamp, w.change)
	}
	for _, w := range slices.Backward(changes) {
		backwards.Apply(w.stamp, w.change)
	}
	if l.Len() != len(changes) || string(EncodeList(&l)) != string(EncodeList(&backwards)) {
		t.Errorf("%d items, or another state in another order", l.Len())
	}
}
