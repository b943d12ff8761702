package merge

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// laneStory lets devices type in bursts and meet at a hub, each at its own pace.
type laneStory struct {
	random  *rand.Rand
	texts   []*Text
	hub     Text
	merges  []time.Duration
	check   bool
	pending []int // bursts since the device met the hub
}

func newLaneStory(n int, seed uint64) *laneStory {
	s := &laneStory{random: rand.New(rand.NewPCG(seed, 1)), pending: make([]int, n)}
	for range n {
		s.texts = append(s.texts, new(Text))
	}
	return s
}

func (s *laneStory) device(i int) wire.DeviceID { return wire.DeviceID{byte(i + 1), 7} }

// burst types some words somewhere, with a few backspaces.
func (s *laneStory) burst(t testing.TB, i int) {
	x, d := s.texts[i], s.device(i)
	pos := s.random.IntN(x.Len() + 1)
	edit := func(pos, del int, text string) {
		if err := x.Edit(d, pos, del, text); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 + s.random.IntN(40) {
		switch k := s.random.IntN(20); {
		case k == 0 && pos > 4:
			for range 4 {
				pos--
				edit(pos, 1, "")
			}
		case k == 1 && x.Len() > pos+30:
			edit(pos, 20, "")
		default:
			edit(pos, 0, string(rune('a'+s.random.IntN(26))))
			pos++
		}
	}
	s.pending[i]++
}

// meet brings a device and the hub up to date.
func (s *laneStory) meet(t testing.TB, i int) {
	x := s.texts[i]
	for _, c := range x.Since(s.hub.names(s.hub.graph.tips())) {
		mustAdd(t, &s.hub, &c)
	}
	news := s.hub.Since(x.Version())
	start := time.Now()
	for k := range news {
		mustAdd(t, x, &news[k])
	}
	x.Merge(nil)
	s.merges = append(s.merges, time.Since(start))
	s.pending[i] = 0
	if s.check {
		checkText(t, x)
	}
}

// play goes on until so many events were made.
func (s *laneStory) play(t testing.TB, events int) {
	n := len(s.texts)
	for s.hub.Events() < events {
		i := min(s.random.IntN(n), s.random.IntN(n)) // uneven
		s.burst(t, i)
		if s.pending[i] > s.random.IntN(2+4*i) {
			s.meet(t, i)
		}
	}
}

func TestTextLanes(t *testing.T) {
	s := newLaneStory(5, 3)
	s.check = true
	s.play(t, 12_000)
	for round := range 2 {
		for i := range s.texts {
			s.meet(t, i)
			if checkText(t, s.texts[i]); round == 1 && s.texts[i].String() != s.texts[0].String() {
				t.Fatalf("device %d has another text", i)
			}
		}
	}
	var full Text
	for _, c := range s.hub.Since(nil) {
		mustAdd(t, &full, &c)
	}
	full.Merge(nil)
	if checkText(t, &full); full.String() != s.texts[0].String() {
		t.Fatal("merged at once: another text")
	}
}

// BenchmarkTextLanes measures single merges in a story of 8 devices, and the
// first merge of one that was away, as the least of all rounds.
func BenchmarkTextLanes(b *testing.B) {
	var best []time.Duration
	var away *Text
	for b.Loop() {
		s := newLaneStory(8, 1)
		s.play(b, 290_000)
		// The last device works alone while the others go on.
		last := len(s.texts) - 1
		s.meet(b, last)
		count := len(s.merges)
		for start := s.texts[last].Events(); s.texts[last].Events() < start+1000; {
			s.burst(b, last)
		}
		for start := s.hub.Events(); s.hub.Events() < start+5600; {
			i := s.random.IntN(last)
			s.burst(b, i)
			s.meet(b, i)
		}
		s.meet(b, last)
		took := append(s.merges[:count:count], s.merges[len(s.merges)-1])
		for i := range best {
			took[i] = min(took[i], best[i])
		}
		best, away = took, s.texts[last]
	}
	n := len(best) - 1
	b.ReportMetric(float64(best[n].Microseconds()), "away-us")
	sorted := slices.Sorted(slices.Values(best[:n]))
	b.ReportMetric(float64(n), "merges")
	b.ReportMetric(float64(sorted[n/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(sorted[n*99/100].Microseconds()), "p99-us")
	tree := &away.walker.tree
	index := len(tree.leaves.parts)*leavesPart*sizeLeaf + len(tree.nodes)*sizeNode + len(away.walker.targets)*16 +
		len(tree.ids.blocks)*260 + len(tree.ids.vals.parts)*valuesPart*4
	b.ReportMetric(float64(index)/float64(away.Events()), "index-B/event")
}

const (
	sizeLeaf = 12 + treeLeaf*24
	sizeNode = 8 + treeNode*12
)
