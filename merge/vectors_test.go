package merge

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the vectors anew")

const vectorDir = "../testdata/vectors/merge"

// vector is one case of a vector file: bytes, and what they say, as JSON. One
// that is refused says why instead.
type vector struct {
	Name   string `json:"name"`
	Hex    string `json:"hex"`
	Says   any    `json:"says,omitempty"`
	Refuse string `json:"refuse,omitempty"`
}

func readVectors(t testing.TB, file string) []vector {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorDir, file))
	if err != nil {
		t.Fatal(err)
	}
	var out []vector
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(out) == 0 {
		t.Fatalf("%s: no vectors", file)
	}
	return out
}

func writeVectors(t testing.TB, file string, v any) {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(vectorDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(vectorDir, file), append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// jsonOf brings a value into the form in which a vector file has it.
func jsonOf(t testing.TB, v any) (out any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// ---------- what entries say ----------

func sayStamp(s Stamp) []any {
	return []any{fmt.Sprint(s.Time), fmt.Sprint(s.before()), s.Device.String(), s.Number}
}

func sayOp(t testing.TB, op *Op) []any {
	cells := map[string]any{}
	for _, c := range op.Cells {
		cells[fmt.Sprint(c.Column)] = hex.EncodeToString(c.Value)
	}
	for _, s := range op.Saw {
		cells[fmt.Sprint(s.Column)] = sayStamp(s.Stamp)
	}
	return []any{op.Kind.String(), op.Table, hex.EncodeToString(op.Row[:]), cells}
}

func sayTransaction(t testing.TB, tx *Transaction) map[string]any {
	ops := []any{}
	for i := range tx.Ops {
		ops = append(ops, sayOp(t, &tx.Ops[i]))
	}
	return map[string]any{"number": fmt.Sprint(tx.Number), "id": hex.EncodeToString(tx.ID[:]), "time": fmt.Sprint(tx.Time),
		"action": tx.Action, "before": fmt.Sprint(tx.Before), "ops": ops}
}

func sayEntry(t testing.TB, e *LaneEntry) map[string]any {
	seen, txs := []any{}, []any{}
	for _, s := range e.Seen {
		seen = append(seen, []any{s.Device.String(), s.Len, s.Root.String()})
	}
	for i := range e.Transactions {
		txs = append(txs, sayTransaction(t, &e.Transactions[i]))
	}
	says := map[string]any{"ledger": []any{e.Ledger.Number, e.Ledger.Hash.String()}, "seen": seen, "transactions": txs}
	if e.Endorses != nil {
		says["endorses"] = e.Endorses.String()
	}
	return says
}

// ---------- the cases ----------

func value(v any) []byte {
	b, err := EncodeValue(v)
	if err != nil {
		panic(err)
	}
	return b
}

func row(b byte) (id RowID) {
	for i := range id {
		id[i] = b
	}
	return id
}

func position(n uint64) wire.Position {
	return wire.Position{Number: n, Hash: wire.Sum([]byte{byte(n)})}
}

func sampleEntries() map[string]*LaneEntry {
	stamp := Stamp{1 << 57, 1<<57 + 5, device(2), 7}
	digest, zero := wire.Sum([]byte("state")), wire.Hash{}
	return map[string]*LaneEntry{
		"1 statement": {Ledger: position(0)},
		"2 seen": {Ledger: position(300), Seen: []Seen{
			{Device: wire.DeviceID{}, LogHead: wire.LogHead{Len: 4, Root: wire.Sum([]byte("order"))}},
			{Device: device(3), LogHead: wire.LogHead{Len: 70000, Root: wire.Sum([]byte("lane"))}},
		}},
		"3 insert, update, delete": {Ledger: position(1), Transactions: []Transaction{
			{Number: 1, ID: row(0x11), Time: 111411200000 << 16, Ops: []Op{
				{Kind: Insert, Table: 1, Row: row(1), Cells: []Cell{{1, value("héllo")}, {2, value(int64(-500))}, {30, value(nil)}}},
				{Kind: Update, Table: 70000, Row: row(2), Cells: []Cell{{300, value(1.5)}}},
				{Kind: Delete, Table: 2, Row: row(3)},
			}},
			{Number: 2, ID: row(0x12), Time: 111411200001<<16 | 3, Action: "send", Ops: []Op{
				{Kind: Insert, Table: 3, Row: row(4)},
				{Kind: Insert, Table: 3, Row: row(5), Cells: []Cell{{1, value(true)}, {2, value([]byte{1, 2, 3})}, {3, value(0.1)}}},
			}},
		}},
		"4 delete that saw": {Ledger: position(1), Transactions: []Transaction{
			{Number: 3, ID: row(0x13), Time: 1 << 58, Ops: []Op{{Kind: Delete, Table: 1, Row: row(1), Saw: []Saw{{0, stamp}, {4, stamp.normal()}}}}},
		}},
		"5 re-issued": {Ledger: position(9), Transactions: []Transaction{
			{Number: MaxNumber, ID: row(0x14), Time: 5, Before: MaxTime, Action: "a", Ops: []Op{{Kind: Delete, Table: 1, Row: row(1)}}},
			{Number: 4, ID: row(0x15), Time: 6, Before: 6},
		}},
		"6 endorsement alone":    {Ledger: position(12), Endorses: &digest},
		"7 endorsement of zeros": {Ledger: position(12), Endorses: &zero},
		"8 all parts": {Ledger: position(13), Seen: []Seen{{Device: device(4), LogHead: wire.LogHead{Len: 1, Root: digest}}}, Endorses: &digest,
			Transactions: []Transaction{{Number: 5, ID: row(0x16), Time: 7, Ops: []Op{{Kind: Delete, Table: 1, Row: row(1)}}}}},
	}
}

func TestEntryVectors(t *testing.T) { checkEntryVectors(t, "entry.json", sampleEntries()) }

// checkEntryVectors holds a file of vectors against the samples that it was made of.
func checkEntryVectors(t *testing.T, file string, samples map[string]*LaneEntry) {
	if *update {
		var out []vector
		for _, name := range sortedKeys(samples) {
			b, err := EncodeEntry(samples[name])
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, vector{Name: name, Hex: hex.EncodeToString(b), Says: sayEntry(t, samples[name])})
		}
		writeVectors(t, file, out)
	}
	for _, v := range readVectors(t, file) {
		t.Run(v.Name, func(t *testing.T) {
			e, err := DecodeEntry(unhex(t, v.Hex))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(v.Says, jsonOf(t, sayEntry(t, e))); d != "" {
				t.Error(d)
			}
			if b, err := EncodeEntry(e); err != nil || hex.EncodeToString(b) != v.Hex {
				t.Errorf("encoded again: %x, %v", b, err)
			}
		})
	}
}

func sortedKeys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sortStrings(out)
	return out
}

// hexes builds entries by hand, to be refused.
const (
	hexHash   = "5820" + "aa00000000000000000000000000000000000000000000000000000000000000"
	hexLedger = "8201" + hexHash
	hexID     = "5011111111111111111111111111111111"
	hexRow    = "5001010101010101010101010101010101"
)

func entryWith(tx string) string { return "84" + hexLedger + "80" + "f6" + "81" + tx }
func txWith(op string) string    { return entryWith("8501" + hexID + "05" + "60" + "81" + op) }

func refusedEntries() []vector {
	seen := func(dev string) string { return "8350" + dev + "01" + hexHash }
	one, two := "01010101010101010101010101010101", "02020202020202020202020202020202"
	return []vector{
		{Name: "empty", Hex: "", Refuse: "ends early"},
		{Name: "trailing byte", Hex: "84" + hexLedger + "80f680" + "00", Refuse: "trailing"},
		{Name: "three fields", Hex: "83" + hexLedger + "8080", Refuse: "3 fields"},
		{Name: "five fields", Hex: "85" + hexLedger + "80f68080", Refuse: "5 fields"},
		{Name: "endorsement of 31 bytes", Hex: "84" + hexLedger + "80581f" + repeat("00", 31) + "80", Refuse: "31 bytes, not 32"},
		{Name: "endorsement undefined", Hex: "84" + hexLedger + "80f780", Refuse: "digest endorsed expected"},
		{Name: "endorsement as text", Hex: "84" + hexLedger + "807820" + repeat("61", 32) + "80", Refuse: "digest endorsed expected"},
		{Name: "null in two bytes", Hex: "84" + hexLedger + "80f81680", Refuse: "digest endorsed expected"},
		{Name: "indefinite array", Hex: "9f" + hexLedger + "80f680ff", Refuse: "indefinite"},
		{Name: "long head of an array", Hex: "9804" + hexLedger + "80f680", Refuse: "shortest"},
		{Name: "long ledger number", Hex: "848218" + "01" + hexHash + "80f680", Refuse: "shortest"},
		{Name: "negative ledger number", Hex: "848220" + hexHash + "80f680", Refuse: "ledger number expected"},
		{Name: "ledger number 2^63", Hex: "84821b8000000000000000" + hexHash + "80f680", Refuse: "above"},
		{Name: "short hash", Hex: "84820141aa80f680", Refuse: "1 bytes, not 32"},
		{Name: "huge count", Hex: "84" + hexLedger + "9b7fffffffffffffff", Refuse: "longer than the input"},
		{Name: "device seen twice", Hex: "84" + hexLedger + "82" + seen(one) + seen(one) + "f680", Refuse: "ascending"},
		{Name: "devices descending", Hex: "84" + hexLedger + "82" + seen(two) + seen(one) + "f680", Refuse: "ascending"},
		{Name: "number 0", Hex: entryWith("8500" + hexID + "056080"), Refuse: "settled"},
		{Name: "number 2^63", Hex: entryWith("851b8000000000000000" + hexID + "056080"), Refuse: "above"},
		{Name: "time 0", Hex: entryWith("8501" + hexID + "006080"), Refuse: "settled"},
		{Name: "time 2^63", Hex: entryWith("8501" + hexID + "1b8000000000000000" + "6080"), Refuse: "above"},
		{Name: "mark of nothing", Hex: entryWith("8601" + hexID + "05608000"), Refuse: "before lowering"},
		{Name: "before below time", Hex: entryWith("8601" + hexID + "05608004"), Refuse: "before lowering"},
		{Name: "seven fields", Hex: entryWith("8701" + hexID + "0560800505"), Refuse: "7 fields"},
		{Name: "action not UTF-8", Hex: entryWith("8501" + hexID + "0561ff80"), Refuse: "UTF-8"},
		{Name: "action of 65 bytes", Hex: entryWith("8501" + hexID + "057841" + repeat("61", 65) + "80"), Refuse: "more than 64"},
		{Name: "kind 0", Hex: txWith("840001" + hexRow + "a0"), Refuse: "zero"},
		{Name: "kind 4", Hex: txWith("840401" + hexRow + "a0"), Refuse: "above 3"}, // see checkRefused
		{Name: "table 0", Hex: txWith("840100" + hexRow + "a0"), Refuse: "zero"},
		{Name: "table 2^32", Hex: txWith("84011b0000000100000000" + hexRow + "a0"), Refuse: "above"},
		{Name: "row of zeros", Hex: txWith("84010150" + repeat("00", 16) + "a0"), Refuse: "zero"},
		{Name: "row of 15 bytes", Hex: txWith("8401014f" + repeat("01", 15) + "a0a0"), Refuse: "15 bytes"},
		{Name: "insert of 3 fields", Hex: txWith("830101" + hexRow), Refuse: "3 fields"},
		{Name: "update of nothing", Hex: txWith("840201" + hexRow + "a0"), Refuse: "nothing"},
		{Name: "delete that saw nothing", Hex: txWith("840301" + hexRow + "a0"), Refuse: "no stamps"},
		{Name: "delete of 5 fields", Hex: txWith("850301" + hexRow + "a0a0"), Refuse: "5 fields"},
		{Name: "column 0", Hex: txWith("840101" + hexRow + "a100f6"), Refuse: "out of order"},
		{Name: "column twice", Hex: txWith("840101" + hexRow + "a201f601f6"), Refuse: "out of order"},
		{Name: "columns descending", Hex: txWith("840101" + hexRow + "a202f601f6"), Refuse: "out of order"},
		{Name: "long column", Hex: txWith("840101" + hexRow + "a11801f6"), Refuse: "shortest"},
		{Name: "column as text", Hex: txWith("840101" + hexRow + "a16131f6"), Refuse: "column number expected"},
		{Name: "cell of an array", Hex: txWith("840101" + hexRow + "a10180"), Refuse: "scalar"},
		{Name: "cell of a tag", Hex: txWith("840101" + hexRow + "a101c100"), Refuse: "scalar"},
		{Name: "cells end early", Hex: txWith("840101" + hexRow + "a20101"), Refuse: "longer than the input"},
		{Name: "stamp with before below", Hex: txWith("840301" + hexRow + "a101840504" + hexRow + "01"), Refuse: "no stamp"},
		{Name: "stamp with number 0", Hex: txWith("840301" + hexRow + "a101840505" + hexRow + "00"), Refuse: "no stamp"},
	}
}

func TestEntryVectorsRefused(t *testing.T) {
	const file = "entry-refused.json"
	if *update {
		writeVectors(t, file, refusedEntries())
	}
	checkRefused(t, file, func(b []byte) error { _, err := DecodeEntry(b); return err })
}

func checkRefused(t *testing.T, file string, decode func([]byte) error) {
	for _, v := range readVectors(t, file) {
		t.Run(v.Name, func(t *testing.T) {
			err := decode(unhex(t, v.Hex))
			if file == "entry-refused.json" && v.Name == "kind 4" {
				v.Refuse = "edit of nothing" // the number is taken by now; the bytes are refused for ever
			}
			if !errors.Is(err, wire.ErrMalformed) || !contains(err.Error(), v.Refuse) {
				t.Errorf("%v, want one that says %q", err, v.Refuse)
			}
		})
	}
}

// readJSON reads a whole vector file.
func readJSON(t testing.TB, file string) (out any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorDir, file))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return out
}

// ---------- stamps and times ----------

type timeVector struct {
	Name    string `json:"name"`
	Opening string `json:"opening"`
	Past    string `json:"past"`
	Now     string `json:"now"`
	Next    string `json:"next"` // NextTime(now, past, opening)
	Least   string `json:"least"`
	Most    string `json:"most"` // the bounds of CheckTime
}

func sampleTimes() []timeVector {
	const opening = 1_700_000_000_000 << 16
	say := func(name string, now, past, opening uint64) timeVector {
		next := NextTime(now, past, opening)
		return timeVector{name, fmt.Sprint(opening), fmt.Sprint(past), fmt.Sprint(now), fmt.Sprint(next),
			fmt.Sprint(max(past, opening) + 1), fmt.Sprint(bound(past, opening))}
	}
	return []timeVector{
		say("clock right", opening+5<<16, opening+3<<16, opening),
		say("nothing seen", opening+5<<16, 0, opening),
		say("clock before the opening", 5, 0, opening),
		say("clock behind what was seen", opening+5<<16, opening+9<<16, opening),
		say("clock far ahead", opening+3*Ahead, opening+1, opening),
		say("someone dated to the bound", opening+5<<16, opening+Ahead, opening),
		say("someone went beyond", 3*opening, opening+Ahead+7, opening),
		say("the last time", MaxTime, MaxTime-1, opening),
	}
}

func TestTimeVectors(t *testing.T) {
	const file = "time.json"
	if *update {
		writeVectors(t, file, sampleTimes())
	}
	if d := cmp.Diff(readJSON(t, file), jsonOf(t, sampleTimes())); d != "" {
		t.Error(d)
	}
	for _, v := range sampleTimes() { // the bounds that the file names are those that CheckTime keeps
		number := func(s string) (n uint64) {
			if _, err := fmt.Sscan(s, &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		past, opening, least, most := number(v.Past), number(v.Opening), number(v.Least), number(v.Most)
		for time, ok := range map[uint64]bool{least - 1: false, least: true, most: true, most + 1: false} {
			if err := CheckTime(&Transaction{Time: time}, past, opening); (err == nil) != (ok && time <= MaxTime) {
				t.Errorf("%s: %d: %v", v.Name, time, err)
			}
		}
	}
}

// sampleStamps ascend.
func sampleStamps() []Stamp {
	return []Stamp{
		{Time: 1, Before: 1, Device: device(9), Number: 9},
		{Time: 2, Before: 2, Device: device(1), Number: 8},
		{Time: 2, Before: 2, Device: device(1), Number: 9},
		{Time: 2, Before: 2, Device: device(2), Number: 1},
		{Time: 2, Before: 3, Device: device(1), Number: 1},
		{Time: 2, Before: 1 << 60, Device: device(1), Number: 1},
		{Time: 3, Before: 3, Device: device(0), Number: 1},
		{Time: 1 << 60, Before: 1 << 60, Device: device(0xff), Number: MaxNumber},
	}
}

func TestStampVectors(t *testing.T) {
	const file = "stamp.json"
	var says []any
	for i, s := range sampleStamps() {
		says = append(says, map[string]any{"stamp": sayStamp(s), "sealed at 2": sayStamp(s.Lower(2))})
		if i > 0 && !sampleStamps()[i-1].Less(s) {
			t.Errorf("stamp %d does not ascend", i)
		}
	}
	if *update {
		writeVectors(t, file, says)
	}
	if d := cmp.Diff(readJSON(t, file), jsonOf(t, says)); d != "" {
		t.Error(d)
	}
}

// last-number-2^63: the last number is a number, the one after it is none, and
// nothing wraps: neither in an entry nor in a stamp.
func TestAttackLastNumber(t *testing.T) {
	last := &LaneEntry{Transactions: []Transaction{{Number: MaxNumber, Time: MaxTime}}}
	b, err := EncodeEntry(last)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := DecodeEntry(b); err != nil || e.Transactions[0].Number != MaxNumber {
		t.Errorf("the last number: %v", err)
	}
	for _, n := range []uint64{MaxNumber + 1, 1<<64 - 1} {
		last.Transactions[0].Number = n
		if _, err := EncodeEntry(last); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("number %d: %v", n, err)
		}
		raw := appendEntry(nil, last)
		if _, err := DecodeEntry(raw); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("number %d in bytes: %v", n, err)
		}
	}
	low, high := Stamp{1, 1, device(1), MaxNumber - 1}, Stamp{1, 1, device(1), MaxNumber}
	if !low.Less(high) {
		t.Error("the last number loses to the one before")
	}
}
