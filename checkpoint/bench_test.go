package checkpoint

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/espace-git/espace-git/internal/wire"
)

// BenchmarkBuild makes a checkpoint of small records, anew and where nothing changed.
// Memory must not grow with the state, but for what a manifest holds.
func BenchmarkBuild(b *testing.B) {
	for _, count := range []int{10_000, 100_000} {
		records := rowsOf(count, 100)
		before := build(b, testPlace, nil, records)
		for name, prev := range map[string]*Manifest{"new": nil, "unchanged": before.Manifest} {
			b.Run(fmt.Sprintf("%s/records=%d", name, count), func(b *testing.B) {
				b.SetBytes(int64(before.Manifest.Bytes))
				b.ReportAllocs()
				for b.Loop() {
					builder := New(nextPlace, testCut, prev, testRand("bench"))
					builder.Emit = func(Page) error { return nil }
					for _, r := range records {
						if err := builder.Add(r.key, r.value); err != nil {
							b.Fatal(err)
						}
					}
					if _, err := builder.Finish(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkRead opens pages and checks all there is to check.
func BenchmarkRead(b *testing.B) {
	for _, count := range []int{10_000, 100_000} {
		built := build(b, testPlace, nil, rowsOf(count, 100))
		h := host{}
		h.take(built)
		b.Run(fmt.Sprintf("records=%d", count), func(b *testing.B) {
			b.SetBytes(int64(built.Manifest.Bytes))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(built.Manifest.Unread(), h.fetch, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestMemoryIsBounded builds a state that is far greater than what may live at once.
func TestMemoryIsBounded(t *testing.T) {
	const records, size = 2000, 60_000 // 120 MB
	value := make([]byte, size)
	testRand("value").Read(value)
	kept := 0
	b := New(testPlace, testCut, nil, testRand("r"))
	b.Emit = func(p Page) error { kept += len(p.Blob); return nil }
	var peak, start uint64
	for i := range records {
		copy(value, wire.U64(uint64(i)))
		if err := b.Add(wire.U64(uint64(i+1)), value); err != nil {
			t.Fatal(err)
		}
		if i%200 == 199 { // the compressor's own memory is there by then
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if start == 0 {
				start = m.HeapAlloc
			}
			peak = max(peak, m.HeapAlloc)
		}
	}
	built, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if kept < records*size/3 {
		t.Fatalf("%d bytes came out", kept)
	}
	if grown := int64(peak) - int64(start); grown > 8<<20 {
		t.Errorf("%d pages, the heap grew by %d bytes", len(built.Pages), grown)
	}
}
