package merge

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// write is one transaction on one row: operations under one stamp.
type write struct {
	stamp Stamp
	ops   []Op
}

// folded is a row as a caller of ApplyOp keeps it: stamps and values.
type folded struct {
	state  RowState
	values map[uint32]string
}

func (f *folded) apply(t testing.TB, w write, opt TableOptions) {
	for i := range w.ops {
		before := f.state.Live()
		var change Change
		f.state, change = ApplyOp(f.state, w.stamp, &w.ops[i], opt)
		if change.WasLive != before || change.Live != f.state.Live() {
			t.Fatalf("change %+v of a row that was %t and is %t", change, before, f.state.Live())
		}
		for _, c := range change.Set {
			f.values[c.Column] = string(c.Value)
		}
		for _, c := range change.Cleared {
			delete(f.values, c)
		}
	}
}

// visible is what a reader sees; nil is no row.
func (f *folded) visible() map[uint32]string {
	if !f.state.Live() {
		return nil
	}
	return f.values
}

func fold(t testing.TB, writes []write, opt TableOptions) *folded {
	f := &folded{values: map[uint32]string{}}
	for _, w := range writes {
		f.apply(t, w, opt)
	}
	return f
}

// slowFold is the obvious model: all writes at once, in the order of their
// stamps, the deletes of a transaction after the rest of it.
func slowFold(writes []write, opt TableOptions) map[uint32]string {
	if opt.UpdateWins {
		return slowUpdateWins(writes)
	}
	alive, values := false, map[uint32]string{}
	for _, o := range inOrder(writes) {
		switch o.op.Kind {
		case Insert:
			alive = true
			put(values, o.op)
		case Update:
			put(values, o.op)
		case Delete:
			alive, values = false, map[uint32]string{}
		}
	}
	if !alive {
		return nil
	}
	return values
}

type stamped struct {
	stamp Stamp
	op    *Op
}

func inOrder(writes []write) (out []stamped) {
	for _, w := range writes {
		for i := range w.ops {
			out = append(out, stamped{w.stamp, &w.ops[i]})
		}
	}
	slices.SortStableFunc(out, func(a, b stamped) int {
		if c := a.stamp.Compare(b.stamp); c != 0 {
			return c
		}
		return deletes(a.op) - deletes(b.op)
	})
	return out
}

func deletes(op *Op) int {
	if op.Kind == Delete {
		return 1
	}
	return 0
}

// put sets what an operation sets: an edit's values are its documents'.
func put(values map[uint32]string, op *Op) {
	for _, c := range op.Cells {
		if op.Kind != Edit {
			values[c.Column] = string(c.Value)
		}
	}
}

// slowUpdateWins: the row is there if it was inserted and some winning write,
// the insert included, is above what every delete says it saw of that column.
func slowUpdateWins(writes []write) map[uint32]string {
	values, winners, saws := map[uint32]string{}, map[uint32]Stamp{}, []stamped{}
	for _, o := range inOrder(writes) {
		if o.op.Kind == Delete {
			saws = append(saws, o)
			continue
		}
		put(values, o.op)
		for _, c := range o.op.Cells {
			winners[c.Column] = o.stamp
		}
		if o.op.Kind == Insert {
			winners[0] = o.stamp
		}
	}
	if winners[0].IsZero() {
		return nil
	}
	for column, winner := range winners {
		if !slices.ContainsFunc(saws, func(d stamped) bool {
			return slices.ContainsFunc(d.op.Saw, func(s Saw) bool {
				return s.Column == column && !d.stamp.Less(s.Stamp) && !s.Stamp.Less(winner)
			})
		}) {
			return values
		}
	}
	return nil
}

// permutations calls f with every order of 0 … n-1.
func permutations(n int, f func([]int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var swap func(int)
	swap = func(k int) {
		if k == n {
			f(order)
			return
		}
		for i := k; i < n; i++ {
			order[k], order[i] = order[i], order[k]
			swap(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	swap(0)
}

// checkOrders folds a history in every order and holds each against the model.
func checkOrders(t testing.TB, history []write, opt TableOptions) {
	want := slowFold(history, opt)
	var state string
	shuffled := make([]write, len(history))
	permutations(len(history), func(order []int) {
		for i, j := range order {
			shuffled[i] = history[j]
		}
		f := fold(t, shuffled, opt)
		encoded := string(AppendRowState(nil, &f.state))
		if state == "" {
			state = encoded
		}
		if got := f.visible(); !equal(got, want) || state != encoded {
			t.Fatalf("history %s in order %v: %v, want %v; state %x, before %x", tell(history), order, got, want, encoded, state)
		}
	})
}

func equal(a, b map[uint32]string) bool {
	if (a == nil) != (b == nil) || len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

func tell(history []write) (out string) {
	for _, w := range history {
		out += fmt.Sprintf("[%d/%x", w.stamp.Time, w.stamp.Device[0])
		for _, op := range w.ops {
			out += fmt.Sprintf(" %s %v %v", op.Kind, op.Cells, op.Saw)
		}
		out += "]"
	}
	return out
}

// ---------- all small histories ----------

// move is one step of a history: which lane does what, after having seen
// everything so far, or only its own writes.
type move struct {
	lane   int
	synced bool
	kind   int // 0 insert with column 1; 1, 2 set that column; 3 delete
}

func moveOf(n, lanes int) move { return move{n % lanes, n/lanes%2 == 1, n / lanes / 2 % 4} }

// play gives the moves their stamps and what their authors saw.
func play(t testing.TB, moves []move, opt TableOptions) []write {
	const opening = 1000
	var history []write
	views := make([][]write, 3)
	for i, m := range moves {
		if m.synced {
			views[m.lane] = slices.Clone(history)
		}
		past := uint64(0)
		for _, w := range views[m.lane] {
			past = max(past, w.stamp.Time)
		}
		view := fold(t, views[m.lane], opt)
		stamp := Stamp{NextTime(0, past, opening), 0, device(byte(m.lane + 1)), uint64(i + 1)}.normal()
		w := write{stamp, []Op{moveOp(m.kind, byte(i), &view.state, opt)}}
		history = append(history, w)
		views[m.lane] = append(views[m.lane], w)
	}
	return history
}

func moveOp(kind int, mark byte, seen *RowState, opt TableOptions) Op {
	op := Op{Kind: Update, Table: 1, Row: row(1), Cells: []Cell{{uint32(max(kind, 1)), []byte{mark}}}}
	switch kind {
	case 0:
		op.Kind = Insert
	case 3:
		op.Kind, op.Cells = Delete, nil
		if opt.UpdateWins {
			op.Saw = seen.Saw()
		}
	}
	return op
}

func bothOptions(t *testing.T, f func(*testing.T, TableOptions)) {
	for _, wins := range []bool{false, true} {
		t.Run(fmt.Sprintf("update_wins=%t", wins), func(t *testing.T) { f(t, TableOptions{UpdateWins: wins}) })
	}
}

// Every history of 1 to 3 moves of 3 lanes, in every order of arrival.
func TestAllSmallHistories(t *testing.T) {
	bothOptions(t, func(t *testing.T, opt TableOptions) {
		const lanes = 3
		for length, all := 1, lanes*8; length <= 3; length, all = length+1, all*lanes*8 {
			for n := range all {
				moves := make([]move, length)
				for i, rest := 0, n; i < length; i, rest = i+1, rest/(lanes*8) {
					moves[i] = moveOf(rest%(lanes*8), lanes)
				}
				checkOrders(t, play(t, moves, opt), opt)
			}
		}
	})
}

// Longer ones drawn at random: 4 to 6 moves, all orders up to 5, some of 6.
func TestRandomHistories(t *testing.T) {
	bothOptions(t, func(t *testing.T, opt TableOptions) {
		rapid.Check(t, func(rt *rapid.T) {
			n := rapid.IntRange(4, 6).Draw(rt, "length")
			moves := make([]move, n)
			for i := range moves {
				moves[i] = moveOf(rapid.IntRange(0, 23).Draw(rt, "move"), 3)
			}
			checkOrders(t, play(t, moves, opt), opt)
		})
	})
}

// A write beats every one that its author had seen: a set that has seen all
// others of its column shows, unless the row is gone for its author too.
func TestSeenRowWritesLose(t *testing.T) {
	bothOptions(t, func(t *testing.T, opt TableOptions) {
		rapid.Check(t, func(rt *rapid.T) {
			moves := make([]move, rapid.IntRange(1, 6).Draw(rt, "length"))
			for i := range moves {
				moves[i] = moveOf(rapid.IntRange(0, 23).Draw(rt, "move"), 3)
			}
			kind := rapid.IntRange(0, 3).Draw(rt, "last")
			history := play(t, append(moves, move{0, true, kind}), opt)
			f := fold(t, history, opt)
			last := byte(len(history) - 1)
			switch column := uint32(max(kind, 1)); {
			case kind == 3 && f.visible() != nil:
				rt.Fatalf("a delete that has seen everything loses: %s", tell(history))
			case kind == 0 && f.visible() == nil:
				rt.Fatalf("an insert that has seen everything loses: %s", tell(history))
			case kind < 3 && f.values[column] != string([]byte{last}):
				rt.Fatalf("a set that has seen everything loses: %s", tell(history))
			}
		})
	})
}

// ---------- arbitrary transactions ----------

func drawWrite(t *rapid.T, number uint64, wins bool) write {
	w := write{stamp: drawStamp(t)}
	w.stamp.Number = number
	for range rapid.IntRange(1, 3).Draw(t, "ops") {
		op := Op{Kind: Kind(rapid.IntRange(1, 4).Draw(t, "kind")), Table: 1, Row: row(1)}
		if op.Kind == Edit {
			op.Cells = []Cell{{5, value([]byte{1})}}
		}
		for c := uint32(0); c < 4; c++ {
			if !rapid.Bool().Draw(t, "column") {
				continue
			}
			if op.Kind == Delete && wins {
				saw := drawStamp(t)
				saw.Number = rapid.Uint64Range(1, 5).Draw(t, "saw")
				op.Saw = append(op.Saw, Saw{c, saw.normal()})
			} else if op.Kind < Delete && c > 0 {
				op.Cells = append(op.Cells, Cell{c, []byte{rapid.Byte().Draw(t, "value")}})
			}
		}
		w.ops = append(w.ops, op)
	}
	return w
}

// Transactions with several operations, with false statements of what was
// seen, shuffled and delivered more than once.
func TestRandomSchedules(t *testing.T) {
	bothOptions(t, func(t *testing.T, opt TableOptions) {
		rapid.Check(t, func(rt *rapid.T) {
			var history []write
			for i := range rapid.IntRange(0, 5).Draw(rt, "transactions") {
				history = append(history, drawWrite(rt, uint64(i+1), opt.UpdateWins))
			}
			want := slowFold(history, opt)
			first := fold(t, history, opt)
			schedule := append(slices.Clone(history), history[:len(history)/2]...)
			schedule = rapid.Permutation(schedule).Draw(rt, "schedule")
			got := fold(t, schedule, opt)
			if !equal(first.visible(), want) || !equal(got.visible(), want) {
				rt.Fatalf("%s: %v and %v, want %v", tell(schedule), first.visible(), got.visible(), want)
			}
			if d := cmp.Diff(AppendRowState(nil, &first.state), AppendRowState(nil, &got.state)); d != "" {
				rt.Fatalf("%s: %s", tell(schedule), d)
			}
			checkRowCodec(rt, &got.state)
		})
	})
}

func checkRowCodec(t interface{ Fatalf(string, ...any) }, s *RowState) {
	b := AppendRowState([]byte("x"), s)
	back, err := DecodeRowState(b[1:])
	if err != nil || string(AppendRowState([]byte("x"), &back)) != string(b) {
		t.Fatalf("%x decoded as %+v, %v", b, back, err)
	}
	if back.Live() != s.Live() || len(back.Cells) != len(s.Cells) {
		t.Fatalf("%+v came back as %+v", s, back)
	}
}

func TestSeal(t *testing.T) {
	insert := Op{Kind: Insert, Table: 1, Row: row(1), Cells: []Cell{{1, value("a")}, {2, value("b")}}}
	set := Op{Kind: Update, Table: 1, Row: row(1), Cells: []Cell{{2, value("c")}}}
	f := fold(t, []write{{Stamp{10, 0, device(1), 1}, []Op{insert}}, {Stamp{20, 0, device(2), 1}, []Op{set}}}, TableOptions{})
	sealed, ok := f.state.Seal(15)
	want := RowState{Inserted: Stamp{10, 10, device(1), 1}, Cells: []CellStamp{{1, Stamp{10, 10, device(1), 1}}, {2, Stamp{15, 20, device(2), 1}}}}
	if d := cmp.Diff(want, sealed); !ok || d != "" {
		t.Errorf("%t %s", ok, d)
	}
	gone, _ := ApplyOp(f.state, Stamp{30, 0, device(1), 2}, &Op{Kind: Delete, Table: 1, Row: row(1)}, TableOptions{})
	if _, ok := gone.Seal(40); ok {
		t.Error("a deleted row is sealed")
	}
}

// A delete that waits to be signed sees the own write before it, also when that
// gets another stamp.
func TestResaw(t *testing.T) {
	opt := TableOptions{UpdateWins: true}
	draft, settled := Stamp{10, 10, device(1), 1}, Stamp{20, 20, device(1), 5}
	insert := Op{Kind: Insert, Table: 1, Row: row(1), Cells: []Cell{{1, value("a")}}}
	seen, _ := ApplyOp(RowState{}, draft, &insert, opt)
	tx := Transaction{Number: 6, Time: 21, Ops: []Op{{Kind: Delete, Table: 1, Row: row(1), Saw: seen.Saw()}}}
	signed, _ := ApplyOp(RowState{}, settled, &insert, opt)
	signed, _ = ApplyOp(signed, tx.Stamp(device(1)), &tx.Ops[0], opt)
	if !signed.Live() {
		t.Fatal("gone by a delete that saw another stamp")
	}
	tx.Resaw(draft, settled)
	if signed, _ = ApplyOp(signed, tx.Stamp(device(1)), &tx.Ops[0], opt); signed.Live() {
		t.Error("the row is still there")
	}
}

// ---------- vectors ----------

func rowStories() map[string][]write {
	insert := func(n uint64, dev byte, cells ...Cell) write {
		return write{Stamp{n << 40, n << 40, device(dev), n}, []Op{{Kind: Insert, Table: 1, Row: row(1), Cells: cells}}}
	}
	set := func(n uint64, dev byte, cells ...Cell) write {
		w := insert(n, dev, cells...)
		w.ops[0].Kind = Update
		return w
	}
	del := func(n uint64, dev byte, saw ...Saw) write {
		return write{Stamp{n << 40, n << 40, device(dev), n}, []Op{{Kind: Delete, Table: 1, Row: row(1), Saw: saw}}}
	}
	a, b, c := Cell{1, value("a")}, Cell{2, value("b")}, Cell{300, value("c")}
	first := insert(1, 1, a, b)
	return map[string][]write{
		"1 insert":                            {first},
		"2 two writers":                       {first, set(3, 2, b, c), set(2, 1, a, b)},
		"3 deleted":                           {first, del(2, 2)},
		"4 update beside a delete":            {first, del(2, 2), set(3, 1, b)},
		"5 inserted again":                    {first, del(2, 2), set(3, 1, b), insert(4, 2, a)},
		"6 update without insert":             {set(5, 3, c)},
		"7 update wins":                       {first, del(2, 2, Saw{0, first.stamp}, Saw{1, first.stamp}, Saw{2, first.stamp}), set(3, 1, b)},
		"8 update wins, all seen":             {first, del(2, 2, Saw{0, first.stamp}, Saw{1, first.stamp}, Saw{2, first.stamp})},
		"9 update wins, seen what is not yet": {first, del(2, 2, Saw{0, first.stamp}, Saw{1, Stamp{9 << 40, 9 << 40, device(9), 9}}, Saw{2, first.stamp})},
	}
}

type rowVector struct {
	Name       string `json:"name"`
	UpdateWins bool   `json:"update_wins"`
	Writes     []any  `json:"writes"` // each: stamp, operations
	Live       bool   `json:"live"`
	State      string `json:"state"` // hex
	Row        any    `json:"row"`   // column: value in hex
}

func sayRow(t testing.TB, name string, writes []write) rowVector {
	v := rowVector{Name: name, UpdateWins: contains(name, "wins")}
	for _, w := range writes {
		v.Writes = append(v.Writes, []any{sayStamp(w.stamp), sayOp(t, &w.ops[0])})
	}
	f := fold(t, writes, TableOptions{v.UpdateWins})
	shown := map[string]string{}
	for c, b := range f.visible() {
		shown[fmt.Sprint(c)] = fmt.Sprintf("%x", b)
	}
	v.Live, v.State, v.Row = f.state.Live(), fmt.Sprintf("%x", AppendRowState(nil, &f.state)), shown
	return v
}

func TestRowVectors(t *testing.T) {
	const file = "row.json"
	stories := rowStories()
	var out []rowVector
	for _, name := range sortedKeys(stories) {
		checkOrders(t, stories[name], TableOptions{contains(name, "wins")})
		out = append(out, sayRow(t, name, stories[name]))
	}
	if *update {
		writeVectors(t, file, out)
	}
	if d := cmp.Diff(readJSON(t, file), jsonOf(t, out)); d != "" {
		t.Error(d)
	}
}

func FuzzRowState(f *testing.F) {
	stories := rowStories()
	for _, name := range sortedKeys(stories) {
		folded := fold(f, stories[name], TableOptions{contains(name, "wins")})
		f.Add(AppendRowState(nil, &folded.state))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := DecodeRowState(b); err == nil {
			checkRowCodec(t, &s)
		}
	})
}

// ---------- benchmarks ----------

func BenchmarkApplyInsert(b *testing.B) {
	op := batch(1).Transactions[0].Ops[0]
	b.ReportAllocs()
	for i := uint64(1); b.Loop(); i++ {
		s, _ := ApplyOp(RowState{}, Stamp{i, i, device(1), i}, &op, TableOptions{})
		_ = s
	}
}

func BenchmarkApplyUpdate(b *testing.B) {
	op := batch(1).Transactions[0].Ops[0]
	s, _ := ApplyOp(RowState{}, Stamp{1, 1, device(1), 1}, &op, TableOptions{})
	op.Kind, op.Cells = Update, op.Cells[:1]
	buf := AppendRowState(nil, &s)
	b.ReportAllocs()
	for i := uint64(2); b.Loop(); i++ {
		old, err := DecodeRowState(buf)
		if err != nil {
			b.Fatal(err)
		}
		old, _ = ApplyOp(old, Stamp{i, i, device(1), i}, &op, TableOptions{})
		buf = AppendRowState(buf[:0], &old)
	}
	b.ReportMetric(float64(len(buf)), "bytes/state")
}
