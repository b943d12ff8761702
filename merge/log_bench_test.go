package merge

import (
	"fmt"
	"testing"
)

// BenchmarkLog brings a reducer's state up to date: after an entry at the end,
// and with one that comes behind only half of the last 200, in logs of some lengths. Neither
// must grow with the length.
func BenchmarkLog(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		for _, late := range []int{0, 100} {
			b.Run(fmt.Sprintf("late-%d/%d", late, n), func(b *testing.B) {
				var l Log
				add := func(time int, d byte, number int) {
					l.Apply(Stamp{Time: uint64(time), Device: device(d), Number: uint64(number)}, &LogChange{0, [][]byte{value(nil)}})
				}
				for i := range n {
					add(2*i+2, 1, i+1)
				}
				fold := Fold[int]{Step: func(n int, _ LogEntry) int { return n + 1 }}
				fold.State(&l)
				steps := 0
				for i := n; b.Loop(); i++ {
					add(2*i+2, 1, i+1)
					if late > 0 {
						add(2*(i-late)+3, 2, i)
					}
					_, s := fold.State(&l)
					steps += s
				}
				b.ReportMetric(float64(steps)/float64(b.N), "steps")
			})
		}
	}
}

// BenchmarkLogFetch takes in 1,000 entries that come late among 100,000.
func BenchmarkLogFetch(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		var l Log
		for i := range 100_000 {
			l.Apply(Stamp{Time: uint64(2*i + 1), Device: device(1), Number: uint64(i + 1)}, &LogChange{0, [][]byte{value(nil)}})
		}
		l.Changed()
		b.StartTimer()
		for i := range 1000 {
			l.Apply(Stamp{Time: uint64(200*i + 2), Device: device(2), Number: uint64(i + 1)}, &LogChange{0, [][]byte{value(nil)}})
		}
		l.Changed()
	}
}
