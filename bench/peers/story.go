package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/espace-git/espace-git/internal/traces/trace"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

// story is a history as every peer can live it: devices, each with a replica of
// its own, take in the edits of others and make edits.
type story struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"` // sequential, concurrent or lanes
	Devices int    `json:"devices"`
	Steps   []step `json:"steps"`
	// Length is that of the text in the end, in code points; not told of lanes.
	Length int `json:"length"`
}

// step lets a device take in the edits of earlier steps, in that order, and then
// make some: one after the other, as [position, deleted, inserted].
type step struct {
	Device int    `json:"device"`
	Pull   []int  `json:"pull,omitempty"`
	Timed  string `json:"timed,omitempty"` // merge or away: what the pull is measured as
	Edits  []edit `json:"edits,omitempty"`
}

type edit struct {
	Pos, Del int
	Ins      string
}

func (e edit) MarshalJSON() ([]byte, error) { return json.Marshal([]any{e.Pos, e.Del, e.Ins}) }

func (s *story) save(path string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

func loadStories(data string, lanes int) ([]*story, error) {
	if data == "" {
		data = trace.Root(filepath.Join("..", ".."))
	}
	var out []*story
	for _, name := range []string{"automerge-paper", "seph-blog1", "friendsforever", "clownschool"} {
		traces, err := trace.Load(filepath.Join(data, "traces", name+".json.gz"))
		if err != nil {
			return nil, err
		}
		out = append(out, storyOf(name, &traces[0]))
	}
	story, err := eightLanes(lanes)
	return append(out, story), err
}

// storyOf gives each agent of a trace a device.
func storyOf(name string, t *trace.Trace) *story {
	s := &story{Name: name, Kind: "sequential", Length: len([]rune(t.End))}
	if t.Concurrent {
		s.Kind = "concurrent"
	}
	devices, made := map[[16]byte]int{}, map[trace.Event]int{} // made: the step of an event that ends one
	var has [][]bool                                           // by device, steps
	past := make([][]int, len(t.Changes))                      // parents of steps
	for i := range t.Changes {
		c := &t.Changes[i]
		d, ok := devices[c.First.Agent]
		if !ok {
			d = len(devices)
			devices[c.First.Agent], has = d, append(has, make([]bool, len(t.Changes)))
		}
		st := step{Device: d}
		n := uint32(0)
		for _, p := range c.Patches {
			st.Edits = append(st.Edits, edit(p))
			n += uint32(p.Del + len([]rune(p.Ins)))
		}
		for _, p := range c.Parents {
			past[i] = append(past[i], made[p])
		}
		if s.Kind == "concurrent" {
			st.Pull = missing(past, has[d], past[i])
		}
		if n > 0 {
			made[trace.Event{Agent: c.First.Agent, Seq: c.First.Seq + n - 1}] = i
		}
		has[d][i] = true
		s.Steps = append(s.Steps, st)
	}
	s.Devices = len(devices)
	return s
}

// missing lists the steps up to the given ones that a device has not, ascending,
// and notes that it has them now.
func missing(past [][]int, has []bool, tips []int) []int {
	lowest := len(past)
	var open []int
	mark := func(steps []int) {
		for _, k := range steps {
			if !has[k] {
				has[k] = true
				open = append(open, k)
				lowest = min(lowest, k)
			}
		}
	}
	mark(tips)
	for i := 0; i < len(open); i++ {
		mark(past[open[i]])
	}
	fresh := make([]bool, len(past))
	for _, k := range open {
		fresh[k] = true
	}
	var out []int
	for k := lowest; k < len(past); k++ {
		if fresh[k] {
			out = append(out, k)
		}
	}
	return out
}

// lanesStory lets devices type in bursts and meet at a hub, each at its own
// pace, with a fixed seed.
type lanesStory struct {
	story
	random  *rand.Rand
	texts   []*merge.Text
	has     []int   // by device, how much of the hub it has
	hub     []int   // steps, in the order in which they came there
	own     [][]int // by device, steps that the hub has not
	changes []*merge.TextChange
	events  int // that the hub has
}

func eightLanes(events int) (*story, error) {
	const devices = 8
	s := &lanesStory{random: rand.New(rand.NewPCG(1, 1)), has: make([]int, devices), own: make([][]int, devices)}
	s.Name, s.Kind, s.Devices = "lanes", "lanes", devices
	for range devices {
		s.texts = append(s.texts, new(merge.Text))
	}
	away := devices - 1
	err := s.play(devices, "merge", func() bool { return s.events < events })
	if err == nil {
		err = s.meet(away, "merge")
	}
	for start := s.texts[away].Events(); err == nil && s.texts[away].Events() < start+1000; {
		err = s.burst(away)
	}
	start := s.events
	if err == nil {
		err = s.play(away, "", func() bool { return s.events < start+5600 })
	}
	if err == nil {
		err = s.meet(away, "away")
	}
	return &s.story, err
}

func (s *lanesStory) play(devices int, timed string, more func() bool) error {
	for more() {
		i := min(s.random.IntN(devices), s.random.IntN(devices)) // uneven
		if err := s.burst(i); err != nil {
			return err
		}
		if len(s.own[i]) > s.random.IntN(2+4*i) {
			if err := s.meet(i, timed); err != nil {
				return err
			}
		}
	}
	return nil
}

// burst types some words somewhere, with a few deletions.
func (s *lanesStory) burst(i int) error {
	x, version := s.texts[i], s.texts[i].Version()
	st, pos := step{Device: i}, s.random.IntN(x.Len()+1)
	var failed error
	apply := func(e edit) {
		failed = errors.Join(failed, x.Edit(wire.DeviceID{byte(i + 1), 7}, e.Pos, e.Del, e.Ins))
		st.Edits = append(st.Edits, e)
	}
	for range 20 + s.random.IntN(40) {
		switch k := s.random.IntN(20); {
		case k == 0 && pos > 4:
			for range 4 {
				pos--
				apply(edit{pos, 1, ""})
			}
		case k == 1 && x.Len() > pos+30:
			apply(edit{pos, 20, ""})
		default:
			apply(edit{pos, 0, string(rune('a' + s.random.IntN(26)))})
			pos++
		}
	}
	if failed != nil {
		return fmt.Errorf("making the story: %w", failed)
	}
	s.own[i] = append(s.own[i], len(s.Steps))
	s.Steps = append(s.Steps, st)
	s.changes = append(s.changes, &x.Since(version)[0])
	return nil
}

// meet brings a device and the hub up to date.
func (s *lanesStory) meet(i int, timed string) error {
	news := s.hub[s.has[i]:]
	for _, k := range s.own[i] {
		s.events += events(s.changes[k])
	}
	pull := step{Device: i, Timed: timed}
	for _, k := range news {
		if s.Steps[k].Device == i {
			continue
		}
		pull.Pull = append(pull.Pull, k)
		if err := s.texts[i].Add(s.changes[k]); err != nil {
			return fmt.Errorf("making the story: %w", err)
		}
	}
	s.texts[i].Merge(nil)
	s.hub = append(s.hub, s.own[i]...)
	s.has[i], s.own[i] = len(s.hub), nil
	if len(pull.Pull) > 0 {
		s.Steps, s.changes = append(s.Steps, pull), append(s.changes, nil)
	}
	return nil
}

func events(c *merge.TextChange) (n int) {
	for _, op := range c.Ops {
		n += op.Del + len([]rune(op.Text))
	}
	return n
}
