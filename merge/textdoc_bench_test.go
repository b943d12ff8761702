package merge

import (
	"fmt"
	"strings"
	"testing"
)

// longTextDoc is a sealed text of so many bytes that two devices wrote by turns.
func longTextDoc(b *testing.B, size int) *TextDoc {
	b.Helper()
	text := strings.Repeat("some words, and some more. ", size/27+1)[:size]
	var runs []TextRun
	for left := size; left > 0; {
		n := min(left, 100)
		runs = append(runs, TextRun{device(byte(1 + len(runs)%2)), uint64(1000 + len(runs)), n})
		left -= n
	}
	return newTextDoc(text, runs)
}

func typeInto(b *testing.B, d *TextDoc, at int, n uint64) {
	change, err := d.Splice(device(1), at, 0, "x")
	if err == nil {
		err = d.Apply(Stamp{Time: 1 << 40, Device: device(1), Number: n}, change)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTextDocType makes and applies the change of one key; the length of
// the text does not matter.
func BenchmarkTextDocType(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			d, at := longTextDoc(b, size), size/2
			b.ReportAllocs()
			for n := uint64(1); b.Loop(); n++ {
				typeInto(b, d, at, n)
				at++
			}
		})
	}
}

// BenchmarkTextDocTypeHere and there: every key at another place.
func BenchmarkTextDocTypeHereAndThere(b *testing.B) {
	d, at := longTextDoc(b, 1<<20), 0
	for n := uint64(1); b.Loop(); n++ {
		typeInto(b, d, at, n)
		at = (at + 700_001) % d.Len()
	}
}

func editedTextDoc(b *testing.B, size, edits int) *TextDoc {
	d, at := longTextDoc(b, size), 0
	for n := range edits {
		typeInto(b, d, at, uint64(n+1))
		at = (at + size*2/3 + 1) % d.Len()
	}
	return d
}

// BenchmarkTextDocSeal seals a text of 1 MB after 10,000 edits, and encodes it.
func BenchmarkTextDocSeal(b *testing.B) {
	d := editedTextDoc(b, 1<<20, 10_000)
	d.Blame() // the first look replays the epoch
	b.Run("seal", func(b *testing.B) {
		for b.Loop() {
			d.Seal(1)
		}
	})
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			d.text.Forget()
			d.Seal(1)
		}
	})
	sealed := d.Seal(1)
	enc, err := sealed.Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportMetric(float64(len(enc)), "bytes")
		for b.Loop() {
			if _, err := sealed.Encode(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := DecodeSealed(TextDocument, enc); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkTextDocClone copies a text with edits of an open epoch, as a snapshot
// in a store does.
func BenchmarkTextDocClone(b *testing.B) {
	for _, edits := range []int{1, 1000, 10_000} {
		b.Run(fmt.Sprint(edits), func(b *testing.B) {
			d := editedTextDoc(b, 100<<10, edits)
			enc, err := d.Encode()
			if err != nil {
				b.Fatal(err)
			}
			b.Run("encode", func(b *testing.B) {
				b.ReportMetric(float64(len(enc)), "bytes")
				for b.Loop() {
					_, _ = d.Encode()
				}
			})
			b.Run("decode", func(b *testing.B) {
				for b.Loop() {
					_, _ = DecodeDocument(TextDocument, enc)
				}
			})
		})
	}
}

// BenchmarkTextDocReissue issues keys again, one transaction each.
func BenchmarkTextDocReissue(b *testing.B) {
	const keys = 1000
	base := longTextDoc(b, 1<<20)
	old := base.Seal(1).(*TextDoc)
	var changes [][]byte
	for n := range keys {
		change, err := old.Splice(device(1), 700*n, n%2, "x")
		if err == nil {
			err = old.Apply(Stamp{Time: 1 << 40, Device: device(1), Number: uint64(n + 1)}, change)
		}
		if err != nil {
			b.Fatal(err)
		}
		changes = append(changes, change)
	}
	for b.Loop() {
		onto := base.Seal(1)
		for n, c := range changes {
			s := Stamp{Time: 1 << 40, Device: device(1), Number: uint64(n + 1)}
			if _, _, ok := ReissueChange(old, onto, device(1), c, s, s.Lower(1<<39), 1<<39); !ok {
				b.Fatal("not issued again")
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/keys, "µs/key")
}
