package merge

import (
	"testing"
	"unicode/utf8"

	"github.com/espace-git/espace-git/internal/traces/trace"
	"github.com/espace-git/espace-git/internal/wire"
)

func benchTrace(b *testing.B, name string) (*trace.Trace, []*TextChange) {
	b.Helper()
	tr := loadTraces(b, "traces/"+name+".json.gz")
	return &tr[0], changesOf(&tr[0])
}

// BenchmarkTextType types a sequential trace, edit by edit.
func BenchmarkTextType(b *testing.B) {
	for _, name := range []string{"automerge-paper", "seph-blog1"} {
		b.Run(name, func(b *testing.B) {
			tr, changes := benchTrace(b, name)
			var edits []TextOp
			for _, c := range changes {
				edits = append(edits, c.Ops...)
			}
			b.ReportAllocs()
			for b.Loop() {
				var t Text
				d := wire.DeviceID{1}
				for i := range edits {
					if err := t.Edit(d, edits[i].Pos, edits[i].Del, edits[i].Text); err != nil {
						b.Fatal(err)
					}
				}
				if t.Len() != utf8.RuneCountInString(tr.End) {
					b.Fatal("wrong text")
				}
			}
		})
	}
}

// BenchmarkTextMerge merges a concurrent trace whose changes are all known:
// at once, and one after the other; and the last hundredth alone.
func BenchmarkTextMerge(b *testing.B) {
	for _, name := range []string{"automerge-paper", "seph-blog1", "friendsforever", "clownschool"} {
		_, changes := benchTrace(b, name)
		b.Run(name+"/full", func(b *testing.B) {
			var log Text
			for _, c := range changes {
				mustAdd(b, &log, c)
			}
			for b.Loop() {
				t := Text{graph: log.graph, lanes: log.lanes, log: log.log}
				t.Merge(nil)
			}
		})
		b.Run(name+"/add+full", func(b *testing.B) {
			for b.Loop() {
				var t Text
				for _, c := range changes {
					mustAdd(b, &t, c)
				}
				t.Merge(nil)
			}
		})
		b.Run(name+"/streamed", func(b *testing.B) {
			for b.Loop() {
				var t Text
				for _, c := range changes {
					mustAdd(b, &t, c)
					t.Merge(nil)
				}
			}
		})
		b.Run(name+"/last-1%", func(b *testing.B) {
			cut := len(changes) * 99 / 100
			for b.Loop() {
				b.StopTimer()
				var t Text
				for _, c := range changes[:cut] {
					mustAdd(b, &t, c)
				}
				t.Merge(nil)
				b.StartTimer()
				for _, c := range changes[cut:] {
					mustAdd(b, &t, c)
				}
				t.Merge(nil)
			}
		})
	}
}

// BenchmarkTextOpen opens a saved text: to read it alone, and with its history.
func BenchmarkTextOpen(b *testing.B) {
	for _, name := range []string{"automerge-paper", "friendsforever"} {
		_, changes := benchTrace(b, name)
		var t Text
		for _, c := range changes {
			mustAdd(b, &t, c)
		}
		saved, err := SaveText(&t)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name+"/read", func(b *testing.B) {
			for b.Loop() {
				if _, err := ReadText(saved); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(saved)), "saved-B")
		})
		b.Run(name+"/load", func(b *testing.B) {
			for b.Loop() {
				if _, err := LoadText(saved); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/save", func(b *testing.B) {
			for b.Loop() {
				if _, err := SaveText(&t); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
