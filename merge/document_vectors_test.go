package merge

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ---------- edits ----------

func sampleEdits() map[string]*LaneEntry {
	change := func(b ...byte) []byte { return value(b) }
	return map[string]*LaneEntry{
		"1 edits": {Ledger: position(1), Transactions: []Transaction{
			{Number: 1, ID: row(0x11), Time: 111411200000 << 16, Ops: []Op{
				{Kind: Edit, Table: 1, Row: row(1), Cells: []Cell{{1, value(int64(-5))}, {70000, change(0, 0, 1, 4, 0, 1, 'a')}}},
				{Kind: Edit, Table: 1<<31 + 1, Row: row(2), Cells: []Cell{{3, change()}}},
			}},
		}},
		"2 insert and edit, re-issued": {Ledger: position(2), Transactions: []Transaction{
			{Number: 2, ID: row(0x12), Time: 5, Before: 9, Ops: []Op{
				{Kind: Insert, Table: 1, Row: row(1)},
				{Kind: Edit, Table: 1, Row: row(1), Cells: []Cell{{2, value(int64(1<<63 - 1))}}},
			}},
		}},
	}
}

func TestEditVectors(t *testing.T) { checkEntryVectors(t, "edit.json", sampleEdits()) }

func TestEditVectorsRefused(t *testing.T) {
	const file = "edit-refused.json"
	if *update {
		writeVectors(t, file, []vector{
			{Name: "kind 5", Hex: txWith("840501" + hexRow + "a0"), Refuse: "above 4"},
			{Name: "edit of nothing", Hex: txWith("840401" + hexRow + "a0"), Refuse: "edit of nothing"},
			{Name: "edit of 3 fields", Hex: txWith("830401" + hexRow), Refuse: "3 fields"},
			{Name: "edit of 5 fields", Hex: txWith("850401" + hexRow + "a10101a0"), Refuse: "5 fields"},
			{Name: "edit by a text", Hex: txWith("840401" + hexRow + "a1016161"), Refuse: "no change"},
			{Name: "edit by null", Hex: txWith("840401" + hexRow + "a101f6"), Refuse: "no change"},
			{Name: "edit by a float", Hex: txWith("840401" + hexRow + "a101f93c00"), Refuse: "no change"},
			{Name: "edit of a column twice", Hex: txWith("840401" + hexRow + "a201010101"), Refuse: "out of order"},
			{Name: "columns descend", Hex: txWith("840401" + hexRow + "a202010101"), Refuse: "out of order"},
			{Name: "column 0", Hex: txWith("840401" + hexRow + "a10001"), Refuse: "out of order"},
		})
	}
	checkRefused(t, file, func(b []byte) error { _, err := DecodeEntry(b); return err })
}

// ---------- texts ----------

// textDocVector is an epoch of a text: the sealed state that it starts with, the
// cells of its edits, what is read then, who wrote what, and the sealed state
// that it ends with.
type textDocVector struct {
	Name    string          `json:"name"`
	Starts  string          `json:"starts"`
	Changes []textDocChange `json:"changes"`
	Reads   string          `json:"reads"`
	Blame   []string        `json:"blame"`
	Sealed  string          `json:"sealed"`
}

type textDocChange struct {
	Device string `json:"device"`
	Minute uint64 `json:"minute"`
	Cell   string `json:"cell"`
}

// sampleTextEpochs lists splices by device and minute, for epochs that follow
// each other.
func sampleTextEpochs() map[string][]struct {
	by     byte
	minute int64
	TextSplice
} {
	type s = []struct {
		by     byte
		minute int64
		TextSplice
	}
	return map[string]s{
		"1 nobody wrote":        {},
		"2 one wrote":           {{1, 29_000_000, TextSplice{0, 0, "héllo"}}, {1, 29_000_000, TextSplice{5, 0, "!"}}},
		"3 two wrote":           {{2, 29_000_007, TextSplice{1, 1, "e"}}, {1, 29_000_003, TextSplice{6, 0, " 😀"}}, {2, 29_000_008, TextSplice{0, 1, "H"}}},
		"4 all of it went":      {{2, 29_000_009, TextSplice{0, 8, ""}}},
		"5 written once again":  {{1, 0, TextSplice{0, 0, "ab"}}, {2, 1 << 30, TextSplice{1, 0, "c"}}},
		"6 and left unchanged ": {},
	}
}

func TestTextDocVectors(t *testing.T) {
	const file = "text-document.json"
	if *update {
		var out []textDocVector
		d, n, samples := new(TextDoc), uint64(0), sampleTextEpochs()
		for _, name := range sortedKeys(samples) {
			v := textDocVector{Name: name, Starts: hexOf(t, d), Changes: []textDocChange{}}
			for _, s := range samples[name] {
				n++
				change := mustChange(t)(d.Splices(device(s.by), s.TextSplice))
				v.Changes = append(v.Changes, textDocChange{device(s.by).String(), uint64(s.minute), hex.EncodeToString(change)})
				stamp := Stamp{Time: FromMillis(s.minute*60_000) + 1, Device: device(s.by), Number: n}
				if err := d.Apply(stamp, change); err != nil {
					t.Fatal(err)
				}
			}
			v.Reads, v.Blame = d.String(), sayRuns(d.Blame())
			d = d.Seal(1).(*TextDoc)
			v.Sealed = hexOf(t, d)
			out = append(out, v)
		}
		writeVectors(t, file, out)
	}
	var all []textDocVector
	readInto(t, file, &all)
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) { v.check(t) })
	}
}

func (v *textDocVector) check(t *testing.T) {
	doc, err := DecodeSealed(TextDocument, unhex(t, v.Starts))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range v.Changes {
		stamp := Stamp{Time: FromMillis(int64(c.Minute)*60_000) + 9, Number: uint64(i + 1)}
		if err := stamp.Device.UnmarshalText([]byte(c.Device)); err != nil {
			t.Fatal(err)
		}
		if err := doc.Apply(stamp, unhex(t, c.Cell)); err != nil {
			t.Fatal(err)
		}
	}
	d := doc.(*TextDoc)
	if d.String() != v.Reads || hexOf(t, d.Seal(1)) != v.Sealed {
		t.Errorf("reads %q, sealed %s", d.String(), hexOf(t, d.Seal(1)))
	}
	if diff := cmp.Diff(v.Blame, sayRuns(d.Blame())); diff != "" {
		t.Error(diff)
	}
}

func hexOf(t *testing.T, d Document) string {
	b, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

func sayRuns(runs []TextRun) []string {
	out := []string{}
	for _, r := range runs {
		out = append(out, fmt.Sprintf("%d by %s in minute %d", r.N, r.Device, r.Minute))
	}
	return out
}

func TestTextDocVectorsRefused(t *testing.T) {
	const file = "text-document-refused.json"
	one := "01" + repeat("01", 16)
	if *update {
		writeVectors(t, file, []vector{
			{Name: "empty", Hex: "", Refuse: "version"},
			{Name: "another version", Hex: "030000", Refuse: "version 3"},
			{Name: "text longer than the input", Hex: "010005", Refuse: "text"},
			{Name: "not UTF-8", Hex: "01" + one + "01ff01010002", Refuse: "UTF-8"},
			{Name: "text of nobody", Hex: "0100016100", Refuse: "nobody"},
			{Name: "one code point of nobody", Hex: "01" + one + "0261620101" + "00" + "02", Refuse: "nobody"},
			{Name: "run of nothing", Hex: "01" + one + "0161" + "01" + "000002", Refuse: "run"},
			{Name: "run beyond the end", Hex: "01" + one + "0161" + "01" + "020002", Refuse: "run"},
			{Name: "two runs that are one", Hex: "01" + one + "026162" + "02" + "010002" + "010000", Refuse: "two runs"},
			{Name: "minute below 0", Hex: "01" + one + "0161" + "01" + "010001", Refuse: "no time"},
			{Name: "unknown device", Hex: "01" + one + "0161" + "01" + "010102", Refuse: "nobody"},
			{Name: "unused device", Hex: "01" + one + "0000", Refuse: "canonical"},
			{Name: "the zero device", Hex: "01" + "01" + repeat("00", 16) + "0161" + "01" + "010002", Refuse: "nobody"},
			{Name: "something behind it", Hex: "0100000000", Refuse: "behind"},
			{Name: "an open text", Hex: openText(t), Refuse: "version 2"},
		})
	}
	checkRefused(t, file, func(b []byte) error { _, err := DecodeSealed(TextDocument, b); return err })
}

// openText is a text that is not sealed.
func openText(t *testing.T) string {
	d, _ := typed(t, "x")
	return hexOf(t, d)
}
