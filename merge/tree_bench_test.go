package merge

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchTree is a tree of n nodes, each in a folder made before it, at even times.
func benchTree(n int) *Tree {
	t, r := new(Tree), rand.New(rand.NewPCG(1, 2))
	for i := range n {
		parent := Dot{}
		if i > 0 {
			parent = Dot{device(1), uint64(r.IntN(i) + 1), 0}
		}
		op := TreeOp{Kind: TreeCreate, Parent: parent, Name: fmt.Sprint("n", i), Value: value(nil)}
		t.Apply(Stamp{Time: uint64(2*i + 2), Device: device(1), Number: uint64(i + 1)}, &TreeChange{[]TreeOp{op}})
	}
	t.settle()
	return t
}

// BenchmarkTree puts late moves among those of a tree of 10,000 nodes: 1,000 at
// once, as after a fetch, and one by one; and works on trees of other sizes.
func BenchmarkTree(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		t := benchTree(n)
		stored := EncodeTree(t)
		late := func(i int, r *rand.Rand) (Stamp, *TreeChange) {
			op := TreeOp{Kind: TreeMove, Node: Dot{device(1), uint64(r.IntN(n) + 1), 0}, Parent: Dot{device(1), uint64(r.IntN(n) + 1), 0}}
			return Stamp{Time: uint64(2*r.IntN(n) + 3), Device: device(2), Number: uint64(i + 1)}, &TreeChange{[]TreeOp{op}}
		}
		fresh := func(b *testing.B) *Tree {
			b.StopTimer()
			x, err := DecodeTree(stored)
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			return x
		}
		b.Run(fmt.Sprintf("late-1000/%d", n), func(b *testing.B) {
			for b.Loop() {
				x, r := fresh(b), rand.New(rand.NewPCG(3, 4))
				for i := range 1000 {
					x.Apply(late(i, r))
				}
				x.settle()
			}
		})
		b.Run(fmt.Sprintf("late-one/%d", n), func(b *testing.B) {
			x, r := fresh(b), rand.New(rand.NewPCG(3, 4))
			for i := 0; b.Loop(); i++ {
				x.Apply(late(i, r))
				x.settle()
			}
		})
		b.Run(fmt.Sprintf("list/%d", n), func(b *testing.B) {
			for b.Loop() {
				t.kids = nil
				t.list()
			}
		})
		b.Run(fmt.Sprintf("encode/%d", n), func(b *testing.B) {
			for b.Loop() {
				EncodeTree(t)
			}
			b.ReportMetric(float64(len(stored))/float64(n), "B/node")
		})
		b.Run(fmt.Sprintf("decode/%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := DecodeTree(stored); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
