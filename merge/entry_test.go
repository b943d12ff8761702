package merge

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEncodeEntryRefuses(t *testing.T) {
	op := func(change func(*Op)) *LaneEntry {
		op := Op{Kind: Update, Table: 1, Row: row(1), Cells: []Cell{{1, value(nil)}, {2, value(nil)}}}
		change(&op)
		return &LaneEntry{Transactions: []Transaction{{Number: 1, Time: 1, Ops: []Op{op}}}}
	}
	tx := func(tx Transaction) *LaneEntry { return &LaneEntry{Transactions: []Transaction{tx}} }
	for name, e := range map[string]*LaneEntry{
		"no number":      tx(Transaction{Time: 1}),
		"no time":        tx(Transaction{Number: 1}),
		"number 2^63":    tx(Transaction{Number: MaxNumber + 1, Time: 1}),
		"before":         tx(Transaction{Number: 1, Time: 2, Before: 1}),
		"action":         tx(Transaction{Number: 1, Time: 2, Action: strings.Repeat("a", 65)}),
		"action bytes":   tx(Transaction{Number: 1, Time: 2, Action: "\xff"}),
		"kind":           op(func(o *Op) { o.Kind = 9 }),
		"table":          op(func(o *Op) { o.Table = 0 }),
		"row":            op(func(o *Op) { o.Row = RowID{} }),
		"no cells":       op(func(o *Op) { o.Cells = nil }),
		"columns":        op(func(o *Op) { o.Cells[1].Column = 1 }),
		"value":          op(func(o *Op) { o.Cells[1].Value = []byte{0x18, 1} }),
		"no value":       op(func(o *Op) { o.Cells[1].Value = nil }),
		"two values":     op(func(o *Op) { o.Cells[1].Value = []byte{0xf6, 0xf6} }),
		"delete cells":   op(func(o *Op) { o.Kind = Delete }),
		"update saw":     op(func(o *Op) { o.Saw = []Saw{{0, Stamp{1, 1, device(1), 1}}} }),
		"saw nothing":    op(func(o *Op) { *o = Op{Kind: Delete, Table: 1, Row: row(1), Saw: []Saw{{0, Stamp{}}}} }),
		"seen twice":     {Seen: []Seen{{Device: device(1)}, {Device: device(1)}}},
		"seen backwards": {Seen: []Seen{{Device: device(2)}, {Device: device(1)}}},
		"too big":        op(func(o *Op) { o.Cells[1].Value = value(make([]byte, wire.MaxEntry)) }),
	} {
		if b, err := EncodeEntry(e); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
}

func TestTransactionAlone(t *testing.T) {
	draft := &Transaction{ID: row(7), Action: "send", Ops: []Op{{Kind: Insert, Table: 1, Row: row(1), Cells: []Cell{{1, value("x")}}}}}
	b, err := EncodeTransaction(draft)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeTransaction(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(draft, got); d != "" {
		t.Error(d)
	}
	if _, err := DecodeTransaction(append(b, 0)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("trailing byte: %v", err)
	}
}

// A count of 2^28 operations in a short entry allocates nothing.
func TestHugeCountsAllocateNothing(t *testing.T) {
	for _, h := range []string{
		"84" + hexLedger + "9affffffff",
		"84" + hexLedger + "80f6" + "9affffffff",
		entryWith("8501" + hexID + "0560" + "9affffffff"),
		txWith("840101" + hexRow + "baffffffff"),
		txWith("840301" + hexRow + "baffffffff"),
	} {
		b := unhex(t, h)
		if n := testing.AllocsPerRun(10, func() { _, _ = DecodeEntry(b) }); n > 20 {
			t.Errorf("%s: %v allocations", h, n)
		}
	}
}

func TestTooLongEntry(t *testing.T) {
	if _, err := DecodeEntry(make([]byte, wire.MaxEntry+1)); !errors.Is(err, wire.ErrMalformed) {
		t.Error(err)
	}
}

// ---------- the library as a second decoder ----------

type libEntry struct {
	_      struct{} `cbor:",toarray"`
	Ledger struct {
		_      struct{} `cbor:",toarray"`
		Number uint64
		Hash   []byte
	}
	Seen []struct {
		_      struct{} `cbor:",toarray"`
		Device []byte
		Len    uint64
		Root   []byte
	}
	Endorses     *[]byte
	Transactions []wire.RawCBOR
}

type libOp struct {
	_     struct{} `cbor:",toarray"`
	Kind  uint8
	Table uint32
	Row   []byte
	Cells map[uint32]wire.RawCBOR
}

type libStamp struct {
	_            struct{} `cbor:",toarray"`
	Time, Before uint64
	Device       []byte
	Number       uint64
}

// slowDecode reads an entry with the library, piece by piece, and lets the
// encoder judge what came out. It shares no decoding with DecodeEntry.
func slowDecode(b []byte) (*LaneEntry, error) {
	var w libEntry
	if err := wire.UnmarshalCBOR(b, &w); err != nil {
		return nil, err
	}
	e := &LaneEntry{}
	e.Ledger.Number = w.Ledger.Number
	if len(w.Ledger.Hash) != 32 || w.Ledger.Number > MaxNumber {
		return nil, errors.New("ledger")
	}
	copy(e.Ledger.Hash[:], w.Ledger.Hash)
	for _, s := range w.Seen {
		if len(s.Device) != 16 || len(s.Root) != 32 || s.Len > MaxNumber {
			return nil, errors.New("seen")
		}
		e.Seen = append(e.Seen, Seen{wire.DeviceID(s.Device), wire.LogHead{Len: s.Len, Root: wire.Hash(s.Root)}})
	}
	if w.Endorses != nil {
		if len(*w.Endorses) != 32 {
			return nil, errors.New("endorses")
		}
		e.Endorses = (*wire.Hash)(*w.Endorses)
	}
	for _, raw := range w.Transactions {
		tx, err := slowTransaction(raw)
		if err != nil {
			return nil, err
		}
		e.Transactions = append(e.Transactions, *tx)
	}
	again, err := EncodeEntry(e)
	if err == nil && !bytes.Equal(again, b) {
		err = errors.New("another form")
	}
	return e, err
}

func slowTransaction(raw []byte) (*Transaction, error) {
	var fields []wire.RawCBOR
	if err := wire.UnmarshalCBOR(raw, &fields); err != nil {
		return nil, err
	}
	tx := &Transaction{}
	var id []byte
	var ops []wire.RawCBOR
	into := []any{&tx.Number, &id, &tx.Time, &tx.Action, &ops, &tx.Before}
	if len(fields) != 5 && len(fields) != 6 {
		return nil, errors.New("fields")
	}
	for i := range fields {
		if err := wire.UnmarshalCBOR(fields[i], into[i]); err != nil {
			return nil, err
		}
	}
	if len(id) != 16 {
		return nil, errors.New("id")
	}
	copy(tx.ID[:], id)
	for _, raw := range ops {
		op, err := slowOp(raw)
		if err != nil {
			return nil, err
		}
		tx.Ops = append(tx.Ops, *op)
	}
	return tx, nil
}

func slowOp(raw []byte) (*Op, error) {
	var short struct {
		_     struct{} `cbor:",toarray"`
		Kind  uint8
		Table uint32
		Row   []byte
	}
	var w libOp
	if err := wire.UnmarshalCBOR(raw, &w); err != nil {
		if err := wire.UnmarshalCBOR(raw, &short); err != nil {
			return nil, err
		}
		w.Kind, w.Table, w.Row = short.Kind, short.Table, short.Row
	}
	if len(w.Row) != 16 {
		return nil, errors.New("row")
	}
	op := &Op{Kind: Kind(w.Kind), Table: w.Table, Row: RowID(w.Row)}
	for c, v := range w.Cells {
		if op.Kind != Delete {
			op.Cells = append(op.Cells, Cell{c, v})
			continue
		}
		var s libStamp
		if err := wire.UnmarshalCBOR(v, &s); err != nil {
			return nil, err
		}
		if len(s.Device) != 16 || s.Before < s.Time {
			return nil, errors.New("stamp")
		}
		op.Saw = append(op.Saw, Saw{c, Stamp{s.Time, s.Before, wire.DeviceID(s.Device), s.Number}})
	}
	slices.SortFunc(op.Cells, func(a, b Cell) int { return cmp.Compare(a.Column, b.Column) })
	slices.SortFunc(op.Saw, func(a, b Saw) int { return cmp.Compare(a.Column, b.Column) })
	return op, nil
}

func agree(t interface{ Fatalf(string, ...any) }, b []byte) {
	got, err := DecodeEntry(b)
	want, slowErr := slowDecode(b)
	if (err == nil) != (slowErr == nil) {
		t.Fatalf("%x: %v; library %v", b, err, slowErr)
	}
	if err != nil {
		return
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Fatalf("%x: %s", b, d)
	}
}

func FuzzEntry(f *testing.F) {
	seed(f, "entry.json", "entry-refused.json")
	f.Fuzz(func(t *testing.T, b []byte) { agree(t, b) })
}

func FuzzTransaction(f *testing.F) {
	for _, name := range sortedKeys(sampleEntries()) {
		for _, tx := range sampleEntries()[name].Transactions {
			b, err := EncodeTransaction(&tx)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tx, err := DecodeTransaction(b)
		if err != nil {
			return
		}
		if again, err := EncodeTransaction(tx); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x printed as %x, %v", b, again, err)
		}
	})
}

// ---------- random entries ----------

func drawEntry(t *rapid.T) *LaneEntry {
	e := &LaneEntry{Ledger: position(rapid.Uint64Range(0, 500).Draw(t, "ledger"))}
	for _, d := range ascending(t, 3) {
		e.Seen = append(e.Seen, Seen{device(byte(d)), wire.LogHead{Len: rapid.Uint64Range(0, MaxNumber).Draw(t, "length")}})
	}
	if rapid.Bool().Draw(t, "endorses") {
		e.Endorses = new(wire.Sum([]byte{rapid.Byte().Draw(t, "digest")}))
	}
	for range rapid.IntRange(0, 3).Draw(t, "transactions") {
		tx := Transaction{Number: rapid.Uint64Range(1, MaxNumber).Draw(t, "number"), Time: rapid.Uint64Range(1, MaxTime).Draw(t, "time"),
			ID: row(rapid.Byte().Draw(t, "id")), Action: rapid.StringN(0, 20, MaxAction).Draw(t, "action")}
		if rapid.Bool().Draw(t, "marked") {
			tx.Before = rapid.Uint64Range(tx.Time, MaxTime).Draw(t, "before")
		}
		for range rapid.IntRange(0, 4).Draw(t, "ops") {
			tx.Ops = append(tx.Ops, drawOp(t))
		}
		e.Transactions = append(e.Transactions, tx)
	}
	return e
}

// ascending draws up to n different small numbers from 1.
func ascending(t *rapid.T, n int) []int {
	list := rapid.SliceOfNDistinct(rapid.IntRange(1, 70), 0, n, rapid.ID).Draw(t, "list")
	slices.Sort(list)
	return list
}

func drawOp(t *rapid.T) Op {
	op := Op{Kind: Kind(rapid.IntRange(1, 4).Draw(t, "kind")), Table: rapid.Uint32Range(1, 1<<32-1).Draw(t, "table"),
		Row: row(rapid.ByteRange(1, 9).Draw(t, "row"))}
	for _, c := range ascending(t, 4) {
		if op.Kind == Delete {
			op.Saw = append(op.Saw, Saw{uint32(c), drawStamp(t).normal()})
		} else if op.Kind == Edit {
			op.Cells = append(op.Cells, Cell{uint32(c), value(rapid.SampledFrom([]any{int64(-7), int64(1 << 40), []byte{}, []byte("change")}).Draw(t, "change"))})
		} else {
			op.Cells = append(op.Cells, Cell{uint32(c), value(rapid.SampledFrom(sampleValues()).Draw(t, "value"))})
		}
	}
	if len(op.Cells) == 0 && op.Kind == Update {
		op.Cells = []Cell{{1, value(nil)}}
	}
	if len(op.Cells) == 0 && op.Kind == Edit {
		op.Cells = []Cell{{1, value(int64(3))}}
	}
	return op
}

func TestEntriesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t)
		b, err := EncodeEntry(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeEntry(b)
		if d := gocmp.Diff(e, got); err != nil || d != "" {
			t.Fatalf("%v %s", err, d)
		}
		agree(t, b)
		damaged := slices.Clone(b) // one byte changed: both decoders think the same of it
		damaged[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		agree(t, damaged)
		agree(t, b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")])
	})
}

// ---------- benchmarks ----------

// batch is a lane entry of n inserts, each with a text, a number and a time.
func batch(n int) *LaneEntry {
	e := &LaneEntry{Ledger: position(3), Transactions: []Transaction{{Number: 1, Time: 1 << 57}}}
	for i := range n {
		r := row(1)
		r[14], r[15], r[13] = byte(i>>8), byte(i), byte(i>>16)
		e.Transactions[0].Ops = append(e.Transactions[0].Ops, Op{Kind: Insert, Table: 1, Row: r, Cells: []Cell{
			{1, value(fmt.Sprintf("message number %d", i))}, {2, value(int64(i))}, {3, value(int64(1_700_000_000_000_000))}, {4, value(false)},
		}})
	}
	return e
}

func BenchmarkDecodeEntry(b *testing.B) {
	for _, n := range []int{1, 1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			raw, err := EncodeEntry(batch(n))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeEntry(raw); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/op-decoded")
		})
	}
}

func BenchmarkDecodeEntryByLibrary(b *testing.B) {
	raw, err := EncodeEntry(batch(10_000))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := slowDecode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeEntry(b *testing.B) {
	e := batch(10_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := EncodeEntry(e); err != nil {
			b.Fatal(err)
		}
	}
}
