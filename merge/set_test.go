package merge

import (
	"reflect"
	"slices"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// modelAdd is one add of the slow model, which looks through all operations for
// every question.
type modelAdd struct {
	mark  Mark
	value string
}

// modelSet lists the adds that live, of a base and of changes.
func modelSet(base *Set, done []written[*SetChange]) (live []modelAdd) {
	for v := range base.Values() {
		for _, m := range base.Adds(v) {
			live = append(live, modelAdd{m, string(v)})
		}
	}
	for _, w := range done {
		for _, op := range w.change.Ops {
			if op.Add {
				live = append(live, modelAdd{Mark{w.stamp.normal(), op.Index}, string(op.Value)})
			}
		}
	}
	return slices.DeleteFunc(live, func(a modelAdd) bool { return modelRemoved(a, done) })
}

func modelRemoved(a modelAdd, done []written[*SetChange]) bool {
	for _, w := range done {
		for _, op := range w.change.Ops {
			if string(op.Value) != a.value || w.stamp.Less(a.mark.Stamp) {
				continue
			}
			for _, d := range op.Saw {
				if d.in(w.stamp) == a.mark.Dot() {
					return true
				}
			}
		}
	}
	return false
}

func checkSet(t *rapid.T, base, s *Set, done []written[*SetChange]) {
	want := map[string][]Mark{}
	for _, a := range modelSet(base, done) {
		if !slices.Contains(want[a.value], a.mark) {
			want[a.value] = append(want[a.value], a.mark)
		}
	}
	got := map[string][]Mark{}
	for v := range s.Values() {
		got[string(v)] = s.Adds(v)
		slices.SortFunc(want[string(v)], func(a, b Mark) int { return a.Dot().Compare(b.Dot()) })
	}
	if !reflect.DeepEqual(want, got) || s.Len() != len(want) {
		t.Fatalf("%d elements (-want +got):\n%s", s.Len(), cmp.Diff(want, got))
	}
}

func editSet(t *rapid.T, s *Set, stamp Stamp) (*SetChange, bool) {
	c := new(SetChange)
	for i := range rapid.IntRange(1, 3).Draw(t, "operations") {
		v := scalarGen().Draw(t, "element")
		op, ok := s.Remove(v)
		switch {
		case !ok || rapid.Bool().Draw(t, "add"):
			op = s.Add(v, uint32(i))
		case rapid.IntRange(0, 3).Draw(t, "guess") == 0: // names that nobody showed it
			op.Saw = guessedDots(t)
		}
		s.Apply(stamp, &SetChange{[]SetOp{op}})
		c.Ops = append(c.Ops, op)
	}
	c.Renumber(stamp.Device, stamp.Number, 0)
	return c, true
}

func guessedDots(t *rapid.T) []Dot {
	out := []Dot{{device(byte(rapid.IntRange(1, 4).Draw(t, "of"))), uint64(rapid.IntRange(1, 9).Draw(t, "number")), 0}}
	return append(out, Dot{out[0].Device, out[0].Number, 1})
}

func setDriver() driver[*Set, *SetChange] {
	return driver[*Set, *SetChange]{
		fresh:  func() *Set { return new(Set) },
		apply:  (*Set).Apply,
		edit:   editSet,
		print:  EncodeSet,
		read:   DecodeSet,
		encode: EncodeSetChange,
		decode: DecodeSetChange,
		seal:   (*Set).Seal,
		reissue: func(_ *Set, c *SetChange, stamp, _ Stamp, sealed *Set) (*SetChange, bool) {
			return c.Reissue(stamp, sealed)
		},
		check: checkSet,
	}
}

func TestSet(t *testing.T) { testDriver(t, setDriver()) }

// Nobody removes what others will add, by naming it beforehand.
func TestSetRemoveOfWhatIsToCome(t *testing.T) {
	x := value("x")
	var s Set
	s.Apply(Stamp{Time: 5, Device: device(1), Number: 1}, &SetChange{[]SetOp{{Value: x, Saw: []Dot{{device(2), 1, 0}, {device(2), 2, 0}}}}})
	s.Apply(Stamp{Time: 4, Device: device(2), Number: 1}, &SetChange{[]SetOp{s.Add(x, 0)}})
	if s.Has(x) {
		t.Error("an add that the remove can have seen stays")
	}
	s.Apply(Stamp{Time: 6, Device: device(2), Number: 2}, &SetChange{[]SetOp{s.Add(x, 0)}})
	if !s.Has(x) {
		t.Error("a remove took an add that it can't have seen")
	}
}

// An add and a remove of the same element, made apart: the add stays. The names
// of adds outlive a seal, so that a remove from before it finds them.
func TestSetSeal(t *testing.T) {
	x := value("x")
	var s Set
	s.Apply(Stamp{Time: 5, Device: device(1), Number: 1}, &SetChange{[]SetOp{s.Add(x, 0)}})
	remove, _ := s.Remove(x)
	sealed := s.Seal(6)
	again, ok := (&SetChange{[]SetOp{remove}}).Reissue(Stamp{Time: 6, Device: device(2), Number: 1}, sealed)
	if !ok {
		t.Fatal("nothing to issue again")
	}
	add := sealed.Add(x, 0)
	sealed.Apply(Stamp{Time: 7, Device: device(1), Number: 2}, &SetChange{[]SetOp{add}})
	sealed.Apply(Stamp{Time: 6, Device: device(2), Number: 1}, again)
	if got := sealed.names(x); !slices.Equal(got, []Dot{{device(1), 2, 0}}) {
		t.Errorf("kept by %v", got)
	}
	if b, err := DecodeSet(EncodeSet(s.Seal(6))); err != nil || len(b.elements) != 1 {
		t.Error(err)
	}
	s.Apply(Stamp{Time: 9, Device: device(2), Number: 1}, &SetChange{[]SetOp{remove}})
	if b := EncodeSet(s.Seal(10)); len(b) != 3 {
		t.Errorf("a removed element leaves %x", b)
	}
	if _, ok := (&SetChange{[]SetOp{remove}}).Reissue(Stamp{Time: 6, Device: device(3), Number: 1}, s.Seal(10)); ok {
		t.Error("a remove of what is gone is issued again")
	}
}

func sampleSetChange() *SetChange {
	return &SetChange{[]SetOp{
		{Value: value("héllo"), Add: true, Index: 0},
		{Value: value(int64(7)), Add: true, Index: 300, Saw: []Dot{{device(1), 0, 2}, {device(1), 5, 0}, {device(2), 9, 1}}},
		{Value: value(nil), Saw: []Dot{{device(9), MaxNumber, MaxIndex}}},
	}}
}

func sampleSet() *Set {
	s := new(Set)
	s.Apply(Stamp{Time: 100, Device: device(1), Number: 6}, sampleSetChange())
	s.Apply(Stamp{Time: 90, Before: 120, Device: device(3), Number: 1}, &SetChange{[]SetOp{s.Add(value(int64(7)), 0), s.Add(value("b"), 1)}})
	return s
}

func FuzzDecodeSet(f *testing.F) {
	f.Add(EncodeSet(new(Set)))
	f.Add(EncodeSet(sampleSet()))
	f.Add(EncodeSet(sampleSet().Seal(95)))
	f.Fuzz(func(t *testing.T, b []byte) { checkDecoder(t, b, DecodeSet, EncodeSet) })
}

func FuzzDecodeSetChange(f *testing.F) {
	b, err := EncodeSetChange(device(1), sampleSetChange())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, b []byte) {
		checkDecoder(t, b, func(b []byte) (*SetChange, error) { return DecodeSetChange(device(1), b) }, func(c *SetChange) []byte {
			return encoded(t, c, EncodeSetChange)
		})
	})
}

func encoded[C any](t testing.TB, c C, encode func(wire.DeviceID, C) ([]byte, error)) []byte {
	b, err := encode(device(1), c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Many names of one element, as only a hostile device makes them, cost no more
// each than few.
func TestSetManyNames(t *testing.T) {
	var s, backwards Set
	var changes []written[*SetChange]
	const names = 20_000
	for i := range uint64(names) { // adds that replace nothing, and removes of others to come
		c := &SetChange{[]SetOp{{Value: value("x"), Add: true}, {Value: value("x"), Saw: []Dot{{device(2), 2*i*7919%names + 1, 0}, {device(3), 1, uint32(i)}}}}}
		changes = append(changes, written[*SetChange]{Stamp{Time: 1, Device: device(1), Number: i + 1}, c})
	}
	for _, w := range changes {
		s.Apply(w.stamp, w.change)
	}
	for _, w := range slices.Backward(changes) {
		backwards.Apply(w.stamp, w.change)
	}
	if n := len(s.Adds(value("x"))); n != names {
		t.Errorf("%d adds live", n)
	}
	b := EncodeSet(&s)
	if string(b) != string(EncodeSet(&backwards)) {
		t.Error("another state in another order")
	}
	checkDecoder(t, b, DecodeSet, EncodeSet)
	op := s.Add(value("x"), 0) // one add that replaces them all
	s.Apply(Stamp{Time: 9, Device: device(4), Number: 1}, &SetChange{[]SetOp{op}})
	if n := len(s.Adds(value("x"))); n != 1 {
		t.Errorf("%d adds live after one that replaces all", n)
	}
}
