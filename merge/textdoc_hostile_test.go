package merge

import (
	"errors"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

func textCell(t *testing.T, c *TextChange) []byte {
	t.Helper()
	return mustChange(t)(ChangeCell(EncodeTextChange(c)))
}

// TestAttackTextNamesTheZeroDevice: what an epoch starts with is the insertion of
// the zero device, which nobody else is, and whose events nobody names.
func TestAttackTextNamesTheZeroDevice(t *testing.T) {
	d, n := typed(t, "hello")
	sealed := d.Seal(FromMillis(1 << 40)).(*TextDoc)
	for name, c := range map[string]*TextChange{
		"author": {First: TextID{Seq: 5}, Ops: []TextOp{{Text: "x"}}},
		"parent": {First: TextID{device(1), 0}, Parents: []TextID{{Seq: 2}}, Ops: []TextOp{{Pos: 1, Text: "x"}}},
		"itself": {First: TextID{device(1), 0}, Parents: []TextID{{device(1), 0}}, Ops: []TextOp{{Pos: 1, Text: "x"}}},
		"empty":  {First: TextID{device(1), 0}},
		"many":   {First: TextID{device(1), MaxTextEvents}, Ops: []TextOp{{Text: "x"}}},
	} {
		b, err := appendTextChange(nil, c)
		if err != nil {
			t.Fatal(err)
		}
		cell, _ := ChangeCell(b, nil)
		if err := CheckChange(TextDocument, c.First.Device, cell); err == nil {
			t.Errorf("%s: taken", name)
		}
		if err := sealed.Apply(Stamp{Time: 1, Device: c.First.Device, Number: n + 1}, cell); err == nil || sealed.String() != "hello" || !sealed.sealed() {
			t.Errorf("%s: %v, %q", name, err, sealed.String())
		}
	}
}

// TestAttackTextFilled: a change of a few bytes that claims to delete a billion
// code points of nothing has no effect, and so leaves room for all others.
func TestAttackTextFilled(t *testing.T) {
	d, n := typed(t, "hello")
	m := device(7)
	claim := textCell(t, &TextChange{First: TextID{m, 0}, Parents: d.Version(), Ops: []TextOp{{Del: MaxTextEvents - 1}}})
	for i := range uint64(9) {
		if err := d.Apply(Stamp{Time: 1, Device: m, Number: i + 1}, claim); !errors.Is(err, ErrTextChange) {
			t.Fatal(err)
		}
	}
	// Deleting everything again and again, as if it had not seen that it is gone.
	for i := range uint32(3) {
		err := d.Apply(Stamp{Time: 1, Device: m, Number: 20}, textCell(t, &TextChange{First: TextID{m, 5 * i}, Parents: []TextID{{device(1), 4}}, Ops: []TextOp{{Del: 5}}}))
		if (err != nil) != (i > 0) {
			t.Errorf("deleted %d times: %v", i+1, err)
		}
	}
	apply(t, d, device(1), n+1, mustChange(t)(d.Splice(device(1), 0, 0, "still here")))
	if d.String() != "still here" {
		t.Error(d.String())
	}
}

// TestTextDocFull: more than a text takes leaves what the epoch started with, in
// any order.
func TestTextDocFull(t *testing.T) {
	d, _ := typed(t, "hello")
	base := d.Seal(1)
	huge := &TextDoc{}
	huge.restart("hello", base.(*TextDoc).base.runs)
	// Not written out: a text that is nearly full by its claims.
	fill := func(d *TextDoc) {
		d.author(device(8)).claims.inserts, d.claims.inserts = MaxTextEvents-6, MaxTextEvents-6
	}
	x := textCell(t, &TextChange{First: TextID{device(1), 0}, Ops: []TextOp{{Text: "x"}}})
	y := textCell(t, &TextChange{First: TextID{device(2), 0}, Ops: []TextOp{{Text: "y"}}})
	fill(huge)
	for i, c := range [][]byte{x, y} {
		if err := huge.Apply(Stamp{Time: 1, Device: device(byte(i + 1)), Number: 1}, c); err != nil {
			t.Fatal(err)
		}
	}
	if !huge.full || huge.String() != "hello" {
		t.Fatalf("full: %t, %q", huge.full, huge.String())
	}
	if _, err := huge.Splice(device(1), 0, 0, "z"); !errors.Is(err, ErrTextFull) {
		t.Error(err)
	}
	back, err := CloneDocument(huge)
	if err != nil || back.Value() != "hello" || !back.(*TextDoc).full {
		t.Fatal(back, err)
	}
	b, err := back.Seal(2).Encode()
	want, _ := base.Encode()
	if err != nil || string(b) != string(want) {
		t.Error("sealed full, it is not what the epoch started with")
	}
}

// TestAttackTextBuildsOnWhatIsToCome: an author names events that it can't have
// seen. Whoever heard of those first, or later, ends with the same text.
func TestAttackTextBuildsOnWhatIsToCome(t *testing.T) {
	a, m := device(1), device(7)
	var d TextDoc
	honest := []docTx{
		{Stamp{Time: 1, Device: a, Number: 1}, textCell(t, &TextChange{First: TextID{a, 0}, Ops: []TextOp{{Text: "abc"}}}), nil},
		{Stamp{Time: 2, Device: a, Number: 2}, textCell(t, &TextChange{First: TextID{a, 3}, Parents: []TextID{{a, 2}}, Ops: []TextOp{{Pos: 3, Text: "def"}}}), nil},
	}
	hostile := []docTx{
		{Stamp{Time: 1, Device: m, Number: 1}, textCell(t, &TextChange{First: TextID{m, 0}, Parents: []TextID{{a, 5}}, Ops: []TextOp{{Pos: 6, Text: "X"}}}), nil},
		{Stamp{Time: 2, Device: m, Number: 2}, textCell(t, &TextChange{First: TextID{m, 0}, Ops: []TextOp{{Text: "Y"}}}), nil},
		{Stamp{Time: 3, Device: m, Number: 3}, textCell(t, &TextChange{First: TextID{m, 1}, Parents: []TextID{{m, 0}}, Ops: []TextOp{{Text: "Z"}}}), nil},
	}
	for _, order := range []string{"hhmmm", "mmmhh", "hmmmh", "mhmhm"} {
		h, m := honest, hostile
		d = TextDoc{}
		for _, c := range order {
			from := &h
			if c == 'm' {
				from = &m
			}
			_ = d.Apply((*from)[0].stamp, (*from)[0].change)
			*from = (*from)[1:]
		}
		if got := d.String(); got != "ZabcdefX" || d.waits != 0 || d.Waits(device(7)) {
			t.Errorf("%s: %q, %d wait", order, got, d.waits)
		}
	}
}

// TestTextDocAfterARefusedChange: where a device's own change has no effect, as
// when a rule refuses it, those that build on it have none; what it writes then
// has.
func TestTextDocAfterARefusedChange(t *testing.T) {
	d, n := typed(t, "hello")
	a := device(1)
	mine, err := CloneDocument(d)
	if err != nil {
		t.Fatal(err)
	}
	own := mine.(*TextDoc)
	apply(t, own, a, n+1, mustChange(t)(own.Splice(a, 5, 0, " refused")))
	builds := mustChange(t)(own.Splice(a, 13, 0, "!"))
	if err := d.Apply(Stamp{Time: 1, Device: a, Number: n + 2}, builds); !errors.Is(err, ErrTextMissing) || d.String() != "hello" {
		t.Fatal(err, d.String())
	}
	apply(t, d, a, n+3, mustChange(t)(d.Splice(a, 5, 0, "?")))
	if d.String() != "hello?" {
		t.Error(d.String())
	}
}

// ---------- fuzz ----------

func seedTextDocs(f *testing.F) {
	for _, d := range sampleTextDocs() {
		b, err := d.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

// sampleTextDocs are a new one, an open one, one whose changes wait, and sealed ones.
func sampleTextDocs() (out []*TextDoc) {
	a, b := device(1), device(2)
	open := new(TextDoc)
	cell := func(c *TextChange) []byte {
		out, _ := ChangeCell(EncodeTextChange(c))
		return out
	}
	at := func(by wire.DeviceID, minute int64, n uint64) Stamp {
		return Stamp{Time: FromMillis(minute * 60_000), Device: by, Number: n}
	}
	_ = open.Apply(at(a, 5, 1), cell(&TextChange{First: TextID{a, 0}, Ops: []TextOp{{Text: "héllo"}}}))
	_ = open.Apply(at(b, 7, 1), cell(&TextChange{First: TextID{b, 0}, Parents: []TextID{{a, 4}}, Ops: []TextOp{{Pos: 1, Del: 2, Text: "😀"}}}))
	out = append(out, new(TextDoc), open, open.Seal(1).(*TextDoc))
	waits := open.Seal(1).(*TextDoc)
	_ = waits.Apply(at(b, 8, 2), cell(&TextChange{First: TextID{b, 0}, Parents: []TextID{{a, 9}}, Ops: []TextOp{{Text: "w"}}}))
	_ = waits.Apply(at(b, 8, 3), cell(&TextChange{First: TextID{b, 1}, Parents: []TextID{{b, 0}}, Ops: []TextOp{{Text: "w"}}}))
	_ = waits.Apply(at(a, 9, 2), cell(&TextChange{First: TextID{a, 0}, Ops: []TextOp{{Pos: 4, Text: "!"}}}))
	return append(out, waits, waits.Seal(1).(*TextDoc))
}

// FuzzDecodeTextDoc: what is taken is printed alike where it is sealed, and can be
// read, changed and sealed.
func FuzzDecodeTextDoc(f *testing.F) {
	seedTextDocs(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		doc, err := DecodeDocument(TextDocument, b)
		if err != nil {
			return
		}
		d := doc.(*TextDoc)
		if again, err := d.Encode(); d.sealed() && (err != nil || string(again) != string(b)) {
			t.Fatalf("%x is taken, and printed as %x", b, again)
		}
		n := 0
		for _, r := range d.Blame() {
			n += r.N
		}
		if n != d.Len() || n != runes(d.String()) {
			t.Fatalf("%d code points have an author, %d are there", n, d.Len())
		}
		if change, err := d.Splice(device(1), d.Len(), 0, "x"); err == nil {
			_ = d.Apply(Stamp{Time: 1, Device: device(1), Number: 1}, change)
		}
		sealed, err := d.Seal(1).Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodeSealed(TextDocument, sealed); err != nil || back.Value() != d.String() {
			t.Fatal(err)
		}
	})
}

// FuzzTextDocChanges lets three devices make changes of any bytes: each other
// order between them gives the same.
func FuzzTextDocChanges(f *testing.F) {
	for _, c := range sampleChanges() {
		b, err := EncodeTextChange(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, []byte{0, 0, 1, 7, 'a'}, b)
	}
	f.Add([]byte{0, 0, 1, 4, 0, 1, 'x'}, []byte{0, 1, 1, 4, 0, 1, 'y'}, []byte{1, 1, 1, 5, 0})
	f.Fuzz(func(t *testing.T, x, y, z []byte) {
		base, _ := typedBase()
		var seen []string
		for _, order := range []string{"xxyyzz", "zzyyxx", "xyzxyz", "zyxyzx"} {
			d := base.Seal(1).(*TextDoc)
			for i, c := range order {
				by := map[rune]byte{'x': 1, 'y': 2, 'z': 3}[c]
				b := map[rune][]byte{'x': x, 'y': y, 'z': z}[c]
				if strings.ContainsRune(order[:i], c) && len(b) > 0 { // a second change of other bytes
					b = append([]byte{b[0] + 1}, b[1:]...)
				}
				cell, _ := ChangeCell(b, nil)
				_ = d.Apply(Stamp{Time: uint64(i + 1), Device: device(by), Number: uint64(i + 1)}, cell)
			}
			seen = append(seen, d.String())
		}
		for _, s := range seen {
			if s != seen[0] {
				t.Fatalf("%q", seen)
			}
		}
	})
}

func typedBase() (*TextDoc, error) {
	var d TextDoc
	c, err := d.Splice(device(9), 0, 0, "base")
	if err == nil {
		err = d.Apply(Stamp{Time: 1, Device: device(9), Number: 1}, c)
	}
	return &d, err
}
