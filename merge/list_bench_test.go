package merge

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchList is a list of n items, appended one by one.
func benchList(b *testing.B, n int) *List {
	l := new(List)
	for i := range n {
		op, err := l.Insert(i, 0, value(int64(i)))
		if err != nil {
			b.Fatal(err)
		}
		l.Apply(Stamp{Time: uint64(i + 1), Device: device(1), Number: uint64(i + 1)}, &ListChange{[]ListOp{op}})
	}
	return l
}

// BenchmarkList works on lists of 10,000 items, and of 1,000 and 100,000 to show
// how the cost grows.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		l := benchList(b, n)
		r := rand.New(rand.NewPCG(1, 2))
		number := uint64(n)
		do := func(b *testing.B, op ListOp, err error) {
			if err != nil {
				b.Fatal(err)
			}
			number++
			l.Apply(Stamp{Time: number, Device: device(2), Number: number}, &ListChange{[]ListOp{op}})
		}
		b.Run(fmt.Sprintf("append/%d", n), func(b *testing.B) {
			for b.Loop() {
				benchList(b, n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/item")
		})
		b.Run(fmt.Sprintf("insert/%d", n), func(b *testing.B) {
			for b.Loop() {
				op, err := l.Insert(r.IntN(l.Len()), 0, value(int64(1)))
				do(b, op, err)
			}
		})
		b.Run(fmt.Sprintf("move/%d", n), func(b *testing.B) {
			for b.Loop() {
				op, err := l.Move(r.IntN(l.Len()), r.IntN(l.Len()), 0)
				do(b, op, err)
			}
		})
		l = benchList(b, n)
		stored := EncodeList(l)
		b.Run(fmt.Sprintf("encode/%d", n), func(b *testing.B) {
			for b.Loop() {
				EncodeList(l)
			}
			b.ReportMetric(float64(len(stored))/float64(n), "B/item")
		})
		b.Run(fmt.Sprintf("decode/%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := DecodeList(stored); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("seal/%d", n), func(b *testing.B) {
			for b.Loop() {
				l.Seal(uint64(n + 1))
			}
		})
	}
}

// BenchmarkListConcurrent merges what two devices did apart: each inserts 1,000
// items into the same 10,000, at random places.
func BenchmarkListConcurrent(b *testing.B) {
	base := EncodeList(benchList(b, 10_000))
	var changes []written[*ListChange]
	for d := byte(2); d < 4; d++ {
		l, err := DecodeList(base)
		if err != nil {
			b.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, uint64(d)))
		for i := range 1000 {
			op, err := l.Insert(r.IntN(l.Len()), 0, value(int64(i)))
			if err != nil {
				b.Fatal(err)
			}
			stamp := Stamp{Time: uint64(20_000 + i), Device: device(d), Number: uint64(i + 1)}
			changes = append(changes, written[*ListChange]{stamp, &ListChange{[]ListOp{op}}})
			l.Apply(stamp, changes[len(changes)-1].change)
		}
	}
	for b.Loop() {
		b.StopTimer()
		l, err := DecodeList(base)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		for _, w := range changes {
			l.Apply(w.stamp, w.change)
		}
	}
}
