package merge

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func sampleDropped() map[string]*Dropped {
	mine, theirs := Stamp{1 << 40, 1 << 41, device(1), 9}, Stamp{1 << 40, 1 << 42, device(2), 300}
	return map[string]*Dropped{
		"1 a newer value won": {1, row(1), 2, value("mine"), mine, theirs, ReasonNewer},
		"2 the row is gone":   {70000, row(2), 300, value(nil), mine, Stamp{}, ReasonGone},
		"3 hangs":             {2, row(3), 9, listRef(7), mine, Stamp{}, ReasonReference},
	}
}

func sayDropped(x *Dropped) map[string]any {
	says := map[string]any{"table": x.Table, "row": hex.EncodeToString(x.Row[:]), "column": x.Column,
		"value": hex.EncodeToString(x.Value), "stamp": sayStamp(x.Stamp), "reason": x.Reason}
	if !x.By.IsZero() {
		says["by"] = sayStamp(x.By)
	}
	return says
}

func refusedDropped() []vector {
	stamp := "840505" + hexRow + "01"
	return []vector{
		{Name: "empty", Hex: "", Refuse: "ends early"},
		{Name: "six fields", Hex: "8601" + hexRow + "0101" + stamp + "f6", Refuse: "6 fields"},
		{Name: "table 0", Hex: "8700" + hexRow + "0101" + stamp + "f660", Refuse: "zero"},
		{Name: "column 0", Hex: "8701" + hexRow + "0001" + stamp + "f660", Refuse: "zero"},
		{Name: "row of zeros", Hex: "870150" + repeat("00", 16) + "0101" + stamp + "f660", Refuse: "zero"},
		{Name: "value of an array", Hex: "8701" + hexRow + "0180" + stamp + "f660", Refuse: "scalar"},
		{Name: "no stamp", Hex: "8701" + hexRow + "0101" + "f6" + "f660", Refuse: "stamp expected"},
		{Name: "stamp with number 0", Hex: "8701" + hexRow + "0101" + "840505" + hexRow + "00" + "f660", Refuse: "no stamp"},
		{Name: "reason of 257 bytes", Hex: "8701" + hexRow + "0101" + stamp + "f6790101" + repeat("61", 257), Refuse: "more than 256"},
		{Name: "trailing byte", Hex: "8701" + hexRow + "0101" + stamp + "f66000", Refuse: "trailing"},
	}
}

func TestDroppedVectors(t *testing.T) {
	const file, refused = "dropped.json", "dropped-refused.json"
	samples := sampleDropped()
	if *update {
		var out []vector
		for _, name := range sortedKeys(samples) {
			b, err := EncodeDropped(samples[name])
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, vector{Name: name, Hex: hex.EncodeToString(b), Says: sayDropped(samples[name])})
		}
		writeVectors(t, file, out)
		writeVectors(t, refused, refusedDropped())
	}
	for _, v := range readVectors(t, file) {
		x, err := DecodeDropped(unhex(t, v.Hex))
		if err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff(v.Says, jsonOf(t, sayDropped(x))); d != "" {
			t.Errorf("%s: %s", v.Name, d)
		}
		if b, err := EncodeDropped(x); err != nil || hex.EncodeToString(b) != v.Hex {
			t.Errorf("%s: encoded again: %x, %v", v.Name, b, err)
		}
	}
	checkRefused(t, refused, func(b []byte) error { _, err := DecodeDropped(b); return err })
}

func TestEncodeDroppedRefuses(t *testing.T) {
	for name, change := range map[string]func(*Dropped){
		"table":     func(x *Dropped) { x.Table = 0 },
		"row":       func(x *Dropped) { x.Row = RowID{} },
		"column":    func(x *Dropped) { x.Column = 0 },
		"no value":  func(x *Dropped) { x.Value = nil },
		"value":     func(x *Dropped) { x.Value = []byte{0x18, 1} },
		"stamp":     func(x *Dropped) { x.Stamp = Stamp{} },
		"reason":    func(x *Dropped) { x.Reason = strings.Repeat("a", maxReason+1) },
		"not UTF-8": func(x *Dropped) { x.Reason = "\xff" },
		"too big":   func(x *Dropped) { x.Value = value(make([]byte, wire.MaxEntry)) },
	} {
		x := *sampleDropped()["1 a newer value won"]
		change(&x)
		if b, err := EncodeDropped(&x); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
}

// What Reissue drops can be stored.
func TestDroppedComeBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		onto := rows{}
		onto.apply(t, Stamp{rapid.Uint64Range(1, 99).Draw(rt, "time"), 0, device(2), 1}, drawOps(rt, onto, 4))
		tx := &Transaction{Number: 5, Time: rapid.Uint64Range(1, 99).Draw(rt, "own time"), Ops: drawOps(rt, onto, 4)}
		_, dropped, _ := Reissue(tx, device(1), 50, onto.seal(50))
		for i := range dropped {
			b, err := EncodeDropped(&dropped[i])
			if err != nil {
				rt.Fatal(err)
			}
			back, err := DecodeDropped(b)
			if d := gocmp.Diff(&dropped[i], back); err != nil || d != "" {
				rt.Fatalf("%v %s", err, d)
			}
		}
	})
}

func FuzzDropped(f *testing.F) {
	seed(f, "dropped.json", "dropped-refused.json")
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := DecodeDropped(b)
		if err != nil {
			return
		}
		if again, err := EncodeDropped(x); err != nil || string(again) != string(b) {
			t.Fatalf("%x printed as %x, %v", b, again, err)
		}
	})
}
