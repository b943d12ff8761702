package merge

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
	"github.com/google/go-cmp/cmp"
)

func sampleChanges() map[string]*TextChange {
	d, other := device(9), device(3)
	return map[string]*TextChange{
		"1 first": {First: TextID{d, 0}, Ops: []TextOp{{Text: "héllo"}}},
		"2 goes on": {First: TextID{d, 5}, Parents: []TextID{{d, 4}}, Ops: []TextOp{
			{Pos: 5, Text: " wörld"}, {Pos: 10, Del: 2, Back: true}, {Pos: 0, Del: 1, Text: "H"}, {Pos: 3, Del: 2},
		}},
		"3 merges":         {First: TextID{d, 300}, Parents: []TextID{{other, 70000}, {device(4), 0}, {d, 299}}, Ops: []TextOp{{Pos: 100_000, Text: "😀"}}},
		"4 of others only": {First: TextID{d, 1}, Parents: []TextID{{other, 2}}, Ops: []TextOp{{Pos: 1, Del: MaxTextEvents}}},
		"5 nothing":        {First: TextID{d, 7}},
	}
}

func sayChange(c *TextChange) map[string]any {
	parents, ops := []any{}, []any{}
	for _, p := range c.Parents {
		parents = append(parents, []any{p.Device.String(), p.Seq})
	}
	for _, op := range c.Ops {
		ops = append(ops, []any{op.Pos, op.Del, op.Back, op.Text})
	}
	return map[string]any{"seq": c.First.Seq, "parents": parents, "ops": ops}
}

func TestTextChangeVectors(t *testing.T) {
	const file = "text-change.json"
	if *update {
		var out []vector
		samples := sampleChanges()
		for _, name := range sortedKeys(samples) {
			b, err := EncodeTextChange(samples[name])
			if err != nil {
				t.Fatal(name, err)
			}
			out = append(out, vector{Name: name, Hex: hex.EncodeToString(b), Says: sayChange(samples[name])})
		}
		writeVectors(t, file, out)
	}
	for _, v := range readVectors(t, file) {
		t.Run(v.Name, func(t *testing.T) {
			c, err := DecodeTextChange(device(9), unhex(t, v.Hex))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(v.Says, jsonOf(t, sayChange(c))); d != "" {
				t.Error(d)
			}
			if b, err := EncodeTextChange(c); err != nil || hex.EncodeToString(b) != v.Hex {
				t.Errorf("encoded again: %x, %v", b, err)
			}
		})
	}
}

func TestTextChangeRefused(t *testing.T) {
	const file = "text-change-refused.json"
	if *update {
		writeVectors(t, file, []vector{
			{Name: "empty", Hex: "", Refuse: "number"},
			{Name: "number too long", Hex: "80000000", Refuse: "canonical"},
			{Name: "number too great", Hex: "ffffffff0f0000", Refuse: "number"},
			{Name: "own parent of the first", Hex: "000100", Refuse: "no event before"},
			{Name: "parents do not ascend", Hex: "0004" + hex.EncodeToString(bytes.Repeat([]byte{1}, 16)) + "01" + hex.EncodeToString(bytes.Repeat([]byte{1}, 16)) + "0100", Refuse: "ascend"},
			{Name: "own parent twice", Hex: "0503" + hex.EncodeToString(bytes.Repeat([]byte{9}, 16)) + "0400", Refuse: "a parent twice"},
			{Name: "more operations than bytes", Hex: "000009", Refuse: "operations"},
			{Name: "nothing inserted", Hex: "0000010000", Refuse: "code points"},
			{Name: "before the begin", Hex: "0000010501", Refuse: "code points"},
			{Name: "backspaces beyond the begin", Hex: "0000010a00", Refuse: "code points"},
			{Name: "not UTF-8", Hex: "000001040001ff", Refuse: "text"},
			{Name: "surrogate", Hex: "000001040003eda080", Refuse: "text"},
			{Name: "other length", Hex: "0000010800016100", Refuse: "text"},
			{Name: "replaced by nothing", Hex: "000001070000", Refuse: "text"},
			{Name: "something behind", Hex: "00000000", Refuse: "behind"},
		})
	}
	for _, v := range readVectors(t, file) {
		_, err := DecodeTextChange(device(9), unhex(t, v.Hex))
		if !errors.Is(err, wire.ErrMalformed) || !contains(err.Error(), v.Refuse) {
			t.Errorf("%s: %v, want %q", v.Name, err, v.Refuse)
		}
	}
}

// sampleText has two branches, a void event and text of all lengths in UTF-8.
func sampleText(t testing.TB) *Text {
	var x Text
	a, b := device(9), device(3)
	add := func(d wire.DeviceID, parents []TextID, ops ...TextOp) {
		if err := x.Add(&TextChange{x.Next(d), parents, ops}); err != nil {
			t.Fatal(err)
		}
	}
	add(a, nil, TextOp{Text: "héllo"}, TextOp{Pos: 9, Text: "?"})
	add(a, []TextID{{a, 5}}, TextOp{Pos: 5, Text: " wörld"}, TextOp{Pos: 1, Del: 1, Text: "e"})
	add(b, []TextID{{a, 3}}, TextOp{Pos: 4, Text: "😀€"}, TextOp{Pos: 3, Del: 3, Back: true})
	add(a, []TextID{{b, 4}, {a, 13}}, TextOp{Pos: 0, Text: "x"})
	return &x
}

// TestTextSavedVectors reads what was saved earlier. How DEFLATE compresses is
// up to the writer, so the bytes are not made again.
func TestTextSavedVectors(t *testing.T) {
	const file = "text-saved.json"
	say := func(x *Text) any {
		changes := []any{}
		for _, c := range x.Since(nil) {
			changes = append(changes, []any{c.First.Device.String(), sayChange(&c)})
		}
		return map[string]any{"text": x.String(), "changes": changes}
	}
	if *update {
		var out []vector
		for _, x := range []struct {
			name string
			text *Text
		}{{"1 empty", new(Text)}, {"2 branches", sampleText(t)}} {
			b, err := SaveText(x.text)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, vector{Name: x.name, Hex: hex.EncodeToString(b), Says: say(x.text)})
		}
		writeVectors(t, file, out)
	}
	for _, v := range readVectors(t, file) {
		t.Run(v.Name, func(t *testing.T) {
			x, err := LoadText(unhex(t, v.Hex))
			if err != nil {
				t.Fatal(err)
			}
			checkText(t, x)
			if d := cmp.Diff(v.Says, jsonOf(t, say(x))); d != "" {
				t.Error(d)
			}
		})
	}
}

func FuzzDecodeTextChange(f *testing.F) {
	seed(f, "text-change.json", "text-change-refused.json")
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeTextChange(device(9), b)
		if err != nil {
			return
		}
		again, err := EncodeTextChange(c)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x printed as %x, %v", b, again, err)
		}
	})
}

func FuzzLoadText(f *testing.F) {
	seed(f, "text-saved.json")
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := LoadText(b)
		if err != nil {
			return
		}
		checkText(t, x)
		checkSaved(t, x)
	})
}

// FuzzLoadTextColumns fuzzes what lies behind the compression.
func FuzzLoadTextColumns(f *testing.F) {
	x := sampleText(f)
	x.Merge(nil)
	c := x.columns()
	f.Add([]byte(c[0]), []byte(c[1]), []byte(c[2]), []byte(c[3]), []byte(x.String()), x.dead())
	f.Add([]byte{}, []byte{0, 0}, []byte{}, []byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, devices, graph, kinds, positions, text, dead []byte) {
		b := appendPacked([]byte{textVersion}, text, nil, 9)
		b = appendPacked(b, dead, tailOf(text), 9)
		for _, column := range [][]byte{devices, graph, kinds, positions} {
			b = appendPacked(b, column, nil, 9)
		}
		x, err := LoadText(b)
		if err != nil {
			return
		}
		checkText(t, x)
		checkSaved(t, x)
	})
}
