package merge

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Tables of the tests here: column 9 of a wish refers to the list that it is
// on and goes with it; in a vote updates win.
const (
	lists  = 1
	wishes = 2
	votes  = 3

	onList = 9
)

func optionsOf(table uint32) TableOptions { return TableOptions{UpdateWins: table == votes} }

// rows is a state that the tests can fold into and look at. The zero value is
// not ready: use make.
type rows map[place]*folded

func (s rows) Refers(table, column uint32) (uint32, bool) {
	return lists, table == wishes && column == onList
}

func (s rows) Document(uint32, uint32) (DocumentType, bool) { return 0, false }

func (s rows) Documents(uint32, RowID, uint32) (old, onto Document, ok bool) { return nil, nil, false }

func (s rows) Row(table uint32, id RowID) (RowState, bool) {
	f := s[place{table, id}]
	if f == nil || !f.state.Live() || s.hidden(table, f) {
		return RowState{}, false
	}
	return f.state, true
}

// hidden: the list that it is on does not show.
func (s rows) hidden(table uint32, f *folded) bool {
	v, ok := f.values[onList]
	if table != wishes || !ok || v == string(value(nil)) {
		return false
	}
	list := s[place{lists, RowID([]byte(v)[1:])}]
	return list == nil || !list.state.Live()
}

func (s rows) apply(t testing.TB, stamp Stamp, ops []Op) {
	for _, op := range ops {
		p := place{op.Table, op.Row}
		if s[p] == nil {
			s[p] = &folded{values: map[uint32]string{}}
		}
		s[p].apply(t, write{stamp, []Op{op}}, optionsOf(op.Table))
	}
}

// seal is the state as the next epoch starts with it.
func (s rows) seal(opening uint64) rows {
	out := rows{}
	for p, f := range s {
		if _, shows := s.Row(p.table, p.row); !shows {
			continue
		}
		state, _ := f.state.Seal(opening)
		out[p] = &folded{state, mapsClone(f.values)}
	}
	return out
}

func (s rows) clone() rows {
	out := rows{}
	for p, f := range s {
		state := f.state
		state.Cells, state.Covered = slices.Clone(state.Cells), slices.Clone(state.Covered)
		out[p] = &folded{state, mapsClone(f.values)}
	}
	return out
}

func mapsClone[K comparable, V any](m map[K]V) map[K]V {
	out := map[K]V{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// shown is what a reader sees, as text.
func (s rows) shown() string {
	var out []string
	for p, f := range s {
		if _, ok := s.Row(p.table, p.row); ok {
			out = append(out, fmt.Sprintf("%d/%x: %x", p.table, p.row[0], f.values))
		}
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}

// digest tells two states apart by anything that a later fold could read.
func (s rows) digest() string {
	var out []string
	for p, f := range s {
		out = append(out, fmt.Sprintf("%d/%x: %x %x", p.table, p.row[0], AppendRowState(nil, &f.state), f.values))
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}

// ---------- one by one ----------

func listRef(b byte) []byte {
	id := row(b)
	return value(id[:])
}

// sealedSample: list 1 with a name by another device, written late; wish 2 on
// it. Times are before the opening at 100.
func sealedSample(t testing.TB) rows {
	s := rows{}
	s.apply(t, Stamp{10, 10, device(1), 1}, []Op{{Kind: Insert, Table: lists, Row: row(1), Cells: []Cell{{1, value("name")}, {2, value("note")}}}})
	s.apply(t, Stamp{90, 90, device(2), 1}, []Op{{Kind: Update, Table: lists, Row: row(1), Cells: []Cell{{1, value("newer")}}}})
	s.apply(t, Stamp{20, 20, device(1), 2}, []Op{{Kind: Insert, Table: wishes, Row: row(2), Cells: []Cell{{1, value("wish")}, {onList, listRef(1)}}}})
	return s.seal(100)
}

func TestReissue(t *testing.T) {
	set := func(table uint32, r byte, cells ...Cell) Op {
		return Op{Kind: Update, Table: table, Row: row(r), Cells: cells}
	}
	insert := func(table uint32, r byte, cells ...Cell) Op {
		return Op{Kind: Insert, Table: table, Row: row(r), Cells: cells}
	}
	del := func(table uint32, r byte) Op { return Op{Kind: Delete, Table: table, Row: row(r)} }
	name, note, text := Cell{1, value("mine")}, Cell{2, value("my note")}, Cell{1, value("x")}
	for _, c := range []struct {
		name    string
		ops     []Op
		verdict Verdict
		again   []Op
		dropped []string
	}{
		{"all new", []Op{insert(lists, 5, name), set(lists, 5, note)}, Again, []Op{insert(lists, 5, name), set(lists, 5, note)}, nil},
		{"one set lost", []Op{set(lists, 1, name, note)}, Again, []Op{set(lists, 1, note)}, []string{"1/1 column 1: a newer value won"}},
		{"every set lost", []Op{set(lists, 1, name)}, Conflict, nil, []string{"1/1 column 1: a newer value won"}},
		{"another operation left", []Op{set(lists, 1, name), insert(lists, 5)}, Again, []Op{insert(lists, 5)}, []string{"1/1 column 1: a newer value won"}},
		{"row is gone", []Op{set(lists, 7, name, note)}, Conflict, nil, []string{"1/7 column 1: the row is gone", "1/7 column 2: the row is gone"}},
		{"delete", []Op{del(lists, 1)}, Again, []Op{del(lists, 1)}, nil},
		{"delete of what is gone", []Op{del(lists, 7), del(wishes, 1)}, Moot, nil, nil},
		{"delete of what is gone, and more", []Op{del(lists, 7), set(lists, 1, note)}, Again, []Op{set(lists, 1, note)}, nil},
		{"delete of what is gone, and a lost set", []Op{del(lists, 7), set(lists, 1, name)}, Conflict, nil, []string{"1/1 column 1: a newer value won"}},
		{"inserted by somebody else too", []Op{insert(lists, 1, name, note)}, Again, []Op{insert(lists, 1, note)}, []string{"1/1 column 1: a newer value won"}},
		{"inserted too, all lost", []Op{insert(lists, 1, name)}, Again, []Op{insert(lists, 1)}, []string{"1/1 column 1: a newer value won"}},
		{"hangs from what is gone", []Op{insert(lists, 5), insert(wishes, 6, text, Cell{onList, listRef(7)})}, Conflict, nil,
			[]string{"2/6 column 9: the row that it refers to is gone"}},
		{"moved to what is gone", []Op{set(wishes, 2, text, Cell{onList, listRef(7)})}, Conflict, nil, []string{"2/2 column 9: the row that it refers to is gone"}},
		{"hangs from its own", []Op{insert(wishes, 6, Cell{onList, listRef(5)}), insert(lists, 5)}, Again,
			[]Op{insert(wishes, 6, Cell{onList, listRef(5)}), insert(lists, 5)}, nil},
		{"hangs from what shows", []Op{insert(wishes, 6, Cell{onList, listRef(1)})}, Again, []Op{insert(wishes, 6, Cell{onList, listRef(1)})}, nil},
		{"hangs from nothing", []Op{insert(wishes, 6, Cell{onList, value(nil)})}, Again, []Op{insert(wishes, 6, Cell{onList, value(nil)})}, nil},
		{"nothing at all", nil, Again, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			tx := &Transaction{Number: 7, ID: row(0x33), Time: 50, Action: "act", Ops: c.ops}
			before, _ := EncodeTransaction(tx)
			again, dropped, verdict := Reissue(tx, device(3), 100, sealedSample(t))
			if verdict != c.verdict || (again != nil) != (verdict == Again) {
				t.Fatalf("%s, want %s", verdict, c.verdict)
			}
			var told []string
			for _, d := range dropped {
				told = append(told, fmt.Sprintf("%d/%x column %d: %s", d.Table, d.Row[0], d.Column, d.Reason))
			}
			if d := cmp.Diff(c.dropped, told); d != "" {
				t.Error(d)
			}
			if again != nil {
				if d := cmp.Diff(&Transaction{7, row(0x33), 50, "act", c.again, 50}, again); d != "" {
					t.Error(d)
				}
			}
			if after, _ := EncodeTransaction(tx); string(after) != string(before) {
				t.Error("the original was changed")
			}
		})
	}
}

// The time is lowered once, to the first opening that follows; each later seal
// leaves it. Where no seal lies between, it is an ordinary write again.
func TestReissueTime(t *testing.T) {
	time := func(tx Transaction, openings ...uint64) (uint64, uint64) {
		tx.Ops = []Op{{Kind: Insert, Table: lists, Row: row(1)}}
		for _, o := range openings {
			again, _, verdict := Reissue(&tx, device(1), o, rows{})
			if verdict != Again {
				t.Fatal(verdict)
			}
			tx = *again
		}
		return tx.Time, tx.Before
	}
	for _, c := range []struct {
		time, before uint64
		openings     []uint64
		want, was    uint64
	}{
		{50, 0, []uint64{100}, 50, 50},
		{150, 0, []uint64{100}, 100, 150},
		{150, 0, []uint64{100, 120, 200}, 100, 150},
		{100, 150, []uint64{120}, 100, 150},
		{100, 0, []uint64{100}, 100, 100},
		{150, 0, []uint64{0}, 150, 0},
		{100, 150, []uint64{0}, 150, 0},
	} {
		if got, was := time(Transaction{Number: 1, Time: c.time, Before: c.before}, c.openings...); got != c.want || was != c.was {
			t.Errorf("%d (%d) after %v: %d (%d), want %d (%d)", c.time, c.before, c.openings, got, was, c.want, c.was)
		}
	}
}

func TestNeeds(t *testing.T) {
	s := rows{}
	s.apply(t, Stamp{10, 10, device(4), 6}, []Op{{Kind: Insert, Table: lists, Row: row(1)}, {Kind: Insert, Table: lists, Row: row(2)}})
	s.apply(t, Stamp{11, 11, device(2), 8}, []Op{{Kind: Insert, Table: wishes, Row: row(3), Cells: []Cell{{onList, listRef(1)}}}})
	s.apply(t, Stamp{12, 12, device(2), 7}, []Op{{Kind: Insert, Table: wishes, Row: row(4)}})
	s.apply(t, Stamp{13, 13, device(9), 1}, []Op{{Kind: Update, Table: wishes, Row: row(4), Cells: []Cell{{1, value("by another")}}}})
	tx := &Transaction{Number: 1, Ops: []Op{
		{Kind: Insert, Table: wishes, Row: row(5), Cells: []Cell{{1, value("x")}, {onList, listRef(2)}}},
		{Kind: Update, Table: wishes, Row: row(3), Cells: []Cell{{1, value("y")}}},
		{Kind: Delete, Table: wishes, Row: row(4)},
		{Kind: Insert, Table: lists, Row: row(6)},
		{Kind: Update, Table: wishes, Row: row(5), Cells: []Cell{{onList, listRef(6)}}},
		{Kind: Update, Table: wishes, Row: row(77), Cells: []Cell{{onList, value(nil)}}},
	}}
	want := []TxRef{{device(2), 7}, {device(2), 8}, {device(4), 6}}
	if d := cmp.Diff(want, Needs(tx, device(1), s)); d != "" {
		t.Error(d)
	}
	if got := Needs(tx, device(1), s.seal(5)); !slices.Equal(got, want) {
		t.Errorf("sealed: %v", got)
	}
}

// ---------- any transaction, any state ----------

// drawOps are operations on few rows, so that they meet.
func drawOps(t *rapid.T, view rows, most int) (ops []Op) {
	for range rapid.IntRange(1, most).Draw(t, "ops") {
		op := Op{Kind: Kind(rapid.IntRange(1, 3).Draw(t, "kind")), Table: rapid.Uint32Range(lists, votes).Draw(t, "table"),
			Row: row(rapid.ByteRange(1, 3).Draw(t, "row"))}
		for _, c := range []uint32{1, 2, onList} {
			switch {
			case op.Kind == Delete || !rapid.Bool().Draw(t, "column"):
			case c == onList:
				op.Cells = append(op.Cells, Cell{c, listRef(rapid.ByteRange(1, 3).Draw(t, "list"))})
			default:
				op.Cells = append(op.Cells, Cell{c, value(int64(rapid.Byte().Draw(t, "value")))})
			}
		}
		if op.Kind == Update && len(op.Cells) == 0 {
			op.Cells = []Cell{{1, value(true)}}
		}
		if op.Kind == Delete && op.Table == votes {
			if state, ok := view.Row(votes, op.Row); ok {
				op.Saw = state.Saw()
			}
		}
		ops = append(ops, op)
	}
	return ops
}

// What is left out would have had no effect: the transaction as it was, lowered,
// and what is issued again give the same state. And it is whole: each operation
// and each cell of it is issued again, in order, or named as dropped, or the
// whole of it goes to conflicts (invariant I10 of the model).
func TestReissueIsWholeAndLosesNothing(t *testing.T) {
	const opening = 1000
	rapid.Check(t, func(rt *rapid.T) {
		past, onto := rows{}, rows{}
		for n := range rapid.Uint64Range(0, 6).Draw(rt, "past") {
			stamp := Stamp{rapid.Uint64Range(1, 1005).Draw(rt, "time"), 0, device(rapid.ByteRange(1, 4).Draw(rt, "device")), n + 1}
			ops := drawOps(rt, onto, 2)
			onto.apply(t, stamp, ops)
			if rapid.Bool().Draw(rt, "seen") {
				past.apply(t, stamp, ops)
			}
		}
		onto = onto.seal(opening)
		tx := &Transaction{Number: 99, ID: row(9), Time: rapid.Uint64Range(1, 1010).Draw(rt, "time"), Ops: drawOps(rt, past, 4)}
		again, dropped, verdict := Reissue(tx, device(3), opening, onto)
		checkWhole(rt, tx, again, dropped, verdict)
		hangs := slices.ContainsFunc(dropped, func(d Dropped) bool { return d.Reason == ReasonReference })
		if hangs != (verdict == Conflict && hangs) {
			rt.Fatalf("%s, though a row would hang from nothing", verdict)
		}
		if hangs {
			return
		}
		full, left := onto.clone(), onto.clone()
		lowered := *tx
		lowered.Ops = slices.Clone(tx.Ops)
		for i := range lowered.Ops {
			lowered.Ops[i].Saw = (&reissue{opening: opening}).lowered(lowered.Ops[i].Saw)
		}
		full.apply(t, tx.Stamp(device(3)).Lower(opening), lowered.Ops)
		if again != nil {
			left.apply(t, again.Stamp(device(3)), again.Ops)
			if CheckTime(again, opening+5, opening) != nil {
				rt.Fatalf("issued again at %d, which has no effect", again.Time)
			}
		}
		if full.shown() != left.shown() {
			rt.Fatalf("%s of %v onto %s:\n%s, not\n%s", verdict, tx.Ops, onto.shown(), left.shown(), full.shown())
		}
	})
}

func checkWhole(t *rapid.T, tx, again *Transaction, dropped []Dropped, verdict Verdict) {
	if (again != nil) != (verdict == Again) || verdict == Conflict && len(dropped) == 0 || verdict == Moot && len(dropped) > 0 {
		t.Fatalf("%s with %d dropped", verdict, len(dropped))
	}
	if again == nil {
		return // nothing of it is issued: the caller keeps the whole
	}
	if again.Number != tx.Number || again.ID != tx.ID || again.Action != tx.Action || !again.Marked() {
		t.Fatalf("issued again as %+v", again)
	}
	left, lost := again.Ops, dropped
	for _, op := range tx.Ops {
		var got Op
		if len(left) > 0 && left[0].Kind == op.Kind && left[0].Table == op.Table && left[0].Row == op.Row {
			got = left[0]
		}
		cells := got.Cells
		for _, c := range op.Cells {
			switch {
			case len(cells) > 0 && cells[0].Column == c.Column && string(cells[0].Value) == string(c.Value):
				cells = cells[1:]
			case len(lost) > 0 && lost[0].Column == c.Column && lost[0].Row == op.Row && string(lost[0].Value) == string(c.Value):
				lost = lost[1:]
			default:
				t.Fatalf("column %d of %v is neither issued nor named: %v, %v", c.Column, op, again.Ops, dropped)
			}
		}
		if got.Kind != 0 && (op.Kind != Update || len(got.Cells) > 0) {
			left = left[1:]
		} else if op.Kind == Insert {
			t.Fatalf("an insert is left out: %v", again.Ops)
		}
	}
	if len(left) > 0 || len(lost) > 0 {
		t.Fatalf("more than there was: %v, %v", left, lost)
	}
}

// What a delete has seen is lowered with what it saw: it covers the same
// writes before a seal and after it.
func TestReissuedDeleteCoversTheSame(t *testing.T) {
	const begin, end = 1000, 2000
	rapid.Check(t, func(rt *rapid.T) {
		state, seen := rows{}, rows{}
		for n := range rapid.Uint64Range(1, 5).Draw(rt, "writes") {
			stamp := drawEpochStamp(rt, begin, end)
			stamp.Number = n + 1
			ops := []Op{{Kind: Insert, Table: votes, Row: row(1), Cells: []Cell{{uint32(rapid.IntRange(1, 2).Draw(rt, "column")), value(int64(n))}}}}
			state.apply(t, stamp, ops)
			if rapid.Bool().Draw(rt, "seen") {
				seen.apply(t, stamp, ops)
			}
		}
		row1, ok := seen.Row(votes, row(1))
		if !ok {
			return
		}
		tx := &Transaction{Number: 50, Time: max(row1.Last().Time, begin) + 1, Ops: []Op{{Kind: Delete, Table: votes, Row: row(1), Saw: row1.Saw()}}}
		at := rapid.Uint64Range(begin+1, end+500).Draw(rt, "opening")
		sealed := state.seal(at)
		again, _, verdict := Reissue(tx, device(9), at, sealed)
		if verdict != Again {
			rt.Fatal(verdict)
		}
		state.apply(t, tx.Stamp(device(9)), tx.Ops)
		sealed.apply(t, again.Stamp(device(9)), again.Ops)
		if (state.shown() == "[]") != (sealed.shown() == "[]") {
			rt.Fatalf("%s before the seal, %s after it", state.shown(), sealed.shown())
		}
	})
}

// drawEpochStamp is a stamp that may stand in an epoch: marked and at most its
// opening, or written within it.
func drawEpochStamp(t *rapid.T, begin, end uint64) Stamp {
	s := Stamp{Time: rapid.Uint64Range(begin-3, begin+3).Draw(t, "time"), Device: device(rapid.ByteRange(1, 3).Draw(t, "device"))}
	if rapid.Bool().Draw(t, "late") {
		s.Time = rapid.Uint64Range(end-3, end+600).Draw(t, "late time")
	}
	if s.Time <= begin {
		s.Before = s.Time + rapid.SampledFrom([]uint64{0, 1, 2, 5000, 1 << 60}).Draw(t, "before")
	}
	return s.normal()
}

// A seal keeps the order of all stamps that can stand in an epoch, forged marks
// included; whoever writes after it beats them all.
func TestLowerKeepsTheOrderOfAnEpoch(t *testing.T) {
	const begin, end = 1000, 2000
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawEpochStamp(t, begin, end), drawEpochStamp(t, begin, end)
		a.Number, b.Number = 1, 2
		at := rapid.Uint64Range(begin+1, end+500).Draw(t, "opening")
		if a.Compare(b) != a.Lower(at).Compare(b.Lower(at)) {
			t.Fatalf("%v and %v change their order at %d", a, b, at)
		}
		if later := (Stamp{Time: at + 1, Device: device(0), Number: 1}); !a.Lower(at).Less(later) {
			t.Fatalf("%v wins over a write after the seal at %d", a, at)
		}
	})
}

// BenchmarkReissue asks for the needs of transactions and issues them again; the
// cost of one does not grow with their number.
func BenchmarkReissue(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			onto, txs := pending(b, n)
			sealed := onto.seal(100)
			b.ReportAllocs()
			for b.Loop() {
				for i := range txs {
					if len(Needs(&txs[i], device(2), onto)) == 0 {
						b.Fatal("needs nothing")
					}
					if _, _, verdict := Reissue(&txs[i], device(2), 100, sealed); verdict != Again {
						b.Fatal(verdict)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/transaction")
		})
	}
}

// pending are transactions that each set a cell of one row and hang another row
// from it.
func pending(b *testing.B, n int) (onto rows, txs []Transaction) {
	onto = rows{}
	for i := range uint64(n) {
		id := row(1)
		id[0], id[1] = byte(i>>8), byte(i)
		onto.apply(b, Stamp{10, 10, device(1), i + 1}, []Op{{Kind: Insert, Table: lists, Row: id, Cells: []Cell{{1, value("a")}, {2, value("b")}}}})
		fresh := id
		fresh[15] = 2
		txs = append(txs, Transaction{Number: i + 1, Time: 50 + i, Ops: []Op{
			{Kind: Update, Table: lists, Row: id, Cells: []Cell{{1, value("c")}}},
			{Kind: Insert, Table: wishes, Row: fresh, Cells: []Cell{{1, value("d")}, {onList, value(id[:])}}},
		}})
	}
	return onto, txs
}

var _ Rows = rows{}
