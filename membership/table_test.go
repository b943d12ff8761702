package membership

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every version of a table must stay what it was, and equal a plain map.
func TestTableAgainstMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	type version struct {
		table table[int, int]
		model map[int]int
	}
	now := version{newTable[int, int](cmp.Compare[int]), map[int]int{}}
	var all []version
	for i := range 3000 {
		k := rnd.IntN(1000)
		if i%3 == 0 {
			k = i // rising keys, as numbers are
		}
		now = version{now.table.set(k, i), maps.Clone(now.model)}
		now.model[k] = i
		if i%50 == 0 {
			all = append(all, now)
		}
	}
	for i, v := range all {
		checkTable(t, fmt.Sprintf("version %d", i), v.table, v.model)
	}
}

func checkTable(t *testing.T, name string, table table[int, int], model map[int]int) {
	t.Helper()
	if table.len() != len(model) {
		t.Fatalf("%s: %d keys, want %d", name, table.len(), len(model))
	}
	keys := []int{}
	for k, v := range table.all() {
		if keys = append(keys, k); model[k] != v {
			t.Fatalf("%s: key %d is %d, want %d", name, k, v, model[k])
		}
	}
	if !slices.IsSorted(keys) || table.has(-1) {
		t.Fatalf("%s: out of order", name)
	}
	checkBalance(t, table.root)
}

func checkBalance(t *testing.T, n *node[int, int]) (height int8) {
	if n == nil {
		return 0
	}
	l, r := checkBalance(t, n.left), checkBalance(t, n.right)
	if d := l - r; d < -1 || d > 1 || n.height != max(l, r)+1 || n.size != n.left.count()+n.right.count()+1 {
		t.Fatalf("node %d: heights %d and %d, own %d", n.key, l, r, n.height)
	}
	return n.height
}

func TestAtFindsEveryState(t *testing.T) {
	s := found(t, "alice")
	rosters := []*Roster{s.r}
	for range 130 {
		s.must("alice", &SchemaBody{Widens: true})
		rosters = append(rosters, s.r)
	}
	for i, r := range rosters {
		for j, want := range rosters {
			if got, ok := r.At(uint64(j)); ok != (j <= i) || ok && got != want {
				t.Fatalf("At(%d) of roster %d: another state", j, i)
			}
		}
	}
	if _, ok := s.r.HashAt(131); ok {
		t.Fatal("a hash beyond the head")
	}
}
