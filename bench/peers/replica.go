package main

import (
	"fmt"
	"slices"
	"time"
)

// replica is one device's copy of a text at a peer.
type replica interface {
	// edit makes one edit; a position beyond the end is brought to the end.
	edit(e edit) error
	// update gives what edits since the last update made, for pull.
	update() ([]byte, error)
	// pull takes updates in, all of them before the text is read again.
	pull(updates [][]byte) error
	length() (int, error)
	// save gives the text with its history.
	save() ([]byte, error)
}

// newReplica makes an empty copy for the n-th device.
type newReplica func(device int) (replica, error)

// opener is a replica that opens what save gave: load with its history, read the text alone.
type opener interface {
	load(saved []byte) (int, error)
	read(saved []byte) (int, error)
}

// warm is a replica that can merge a log in memory.
type warm interface {
	// log takes all updates without merging; the result merges them.
	log(updates [][]byte) (func() (int, error), error)
}

// result is one figure: milliseconds, or bytes.
type result struct {
	Story   string  `json:"story"`
	Measure string  `json:"measure"`
	Value   float64 `json:"value"`
}

// enough says for how long a measurement is repeated at most, and budget for how
// long a peer may work on one that is done once.
const (
	enough = 3 * time.Second
	least  = 5
)

// best gives the least time of several runs, in milliseconds. Each run prepares
// first, which does not count.
func best(prepare func() (func() error, error)) (float64, error) {
	shortest := time.Duration(0)
	start := time.Now()
	for i := 0; i < least || time.Since(start) < enough/3; i++ {
		if i > 0 && time.Since(start) > enough {
			break
		}
		run, err := prepare()
		if err != nil {
			return 0, err
		}
		begin := time.Now()
		if err := run(); err != nil {
			return 0, err
		}
		if took := time.Since(begin); shortest == 0 || took < shortest {
			shortest = took
		}
	}
	return shortest.Seconds() * 1000, nil
}

func measureGo(stories []*story, fresh newReplica, add func(result)) error {
	for _, s := range stories {
		note := func(measure string, value float64) { add(result{s.Name, measure, value}) }
		var err error
		switch s.Kind {
		case "sequential":
			err = measureTyping(s, fresh, note)
		case "concurrent":
			err = measureMerging(s, fresh, note)
		case "lanes":
			err = measureLanes(s, fresh, note)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

// must is an error if the length is not as expected.
func (s *story) must(n int, err error) error {
	if err == nil && n != s.Length {
		return fmt.Errorf("the text has %d code points, not %d", n, s.Length)
	}
	return err
}

func measureTyping(s *story, fresh newReplica, note func(string, float64)) error {
	typed, err := fresh(0)
	if err != nil {
		return err
	}
	took, err := best(func() (func() error, error) {
		if typed, err = fresh(0); err != nil {
			return nil, err
		}
		return func() error {
			for _, st := range s.Steps {
				for _, e := range st.Edits {
					if err := typed.edit(e); err != nil {
						return err
					}
				}
			}
			return s.must(typed.length())
		}, nil
	})
	if err != nil {
		return err
	}
	note("typed", took)
	update, err := typed.update()
	if err != nil {
		return err
	}
	return measureOpening(s, typed, fresh, [][]byte{update}, note)
}

func measureOpening(s *story, done replica, fresh newReplica, updates [][]byte, note func(string, float64)) error {
	saved, err := done.save()
	if err != nil {
		return err
	}
	note("saved", float64(len(saved)))
	if err := measureFull(s, fresh, updates, note); err != nil {
		return err
	}
	o, ok := done.(opener)
	if !ok {
		return nil
	}
	for measure, open := range map[string]func([]byte) (int, error){"read": o.read, "load": o.load} {
		took, err := best(func() (func() error, error) {
			return func() error { return s.must(open(saved)) }, nil
		})
		if err != nil {
			return err
		}
		note(measure, took)
	}
	return nil
}

// measureFull merges all updates in an empty copy, from their bytes and, where
// the peer has such a thing, from a log in memory.
func measureFull(s *story, fresh newReplica, updates [][]byte, note func(string, float64)) error {
	took, err := best(func() (func() error, error) {
		r, err := fresh(100)
		return func() error {
			if err := r.pull(updates); err != nil {
				return err
			}
			return s.must(r.length())
		}, err
	})
	if err != nil {
		return err
	}
	note("full", took)
	r, err := fresh(100)
	if err != nil {
		return err
	}
	w, ok := r.(warm)
	if !ok {
		return nil
	}
	took, err = best(func() (func() error, error) {
		replay, err := w.log(updates)
		return func() error { return s.must(replay()) }, err
	})
	note("log", took)
	return err
}

// live lets devices live a story; timed is told what each timed pull took.
func (s *story) live(fresh newReplica, timed func(string, time.Duration)) ([]replica, [][]byte, error) {
	devices, updates := make([]replica, s.Devices), make([][]byte, len(s.Steps))
	for i := range devices {
		var err error
		if devices[i], err = fresh(i); err != nil {
			return nil, nil, err
		}
	}
	for i, st := range s.Steps {
		r := devices[st.Device]
		if len(st.Pull) > 0 {
			var pulled [][]byte
			for _, k := range st.Pull {
				pulled = append(pulled, updates[k])
			}
			start := time.Now()
			if err := r.pull(pulled); err != nil {
				return nil, nil, fmt.Errorf("step %d: %w", i, err)
			}
			if timed != nil && st.Timed != "" {
				timed(st.Timed, time.Since(start))
			}
		}
		if len(st.Edits) == 0 {
			continue
		}
		for _, e := range st.Edits {
			if err := r.edit(e); err != nil {
				return nil, nil, fmt.Errorf("step %d: %w", i, err)
			}
		}
		var err error
		if updates[i], err = r.update(); err != nil {
			return nil, nil, fmt.Errorf("step %d: %w", i, err)
		}
	}
	return devices, updates, nil
}

func measureMerging(s *story, fresh newReplica, note func(string, float64)) error {
	_, updates, err := s.live(fresh, nil)
	if err != nil {
		return err
	}
	updates = slices.DeleteFunc(updates, func(b []byte) bool { return b == nil })
	all, err := fresh(100)
	if err == nil {
		err = all.pull(updates)
	}
	if err == nil {
		err = measureOpening(s, all, fresh, updates, note)
	}
	if err != nil {
		return err
	}
	took, err := best(func() (func() error, error) {
		r, err := fresh(100)
		return func() error {
			for i := range updates {
				if err := r.pull(updates[i : i+1]); err != nil {
					return err
				}
			}
			return s.must(r.length())
		}, err
	})
	if err != nil {
		return err
	}
	note("streamed", took)
	cut := len(updates) * 99 / 100
	took, err = best(func() (func() error, error) {
		r, err := fresh(100)
		if err == nil {
			err = r.pull(updates[:cut])
		}
		return func() error {
			if err := r.pull(updates[cut:]); err != nil {
				return err
			}
			return s.must(r.length())
		}, err
	})
	note("last 1 %", took)
	return err
}

// measureLanes lives the story several times and takes the least time of each
// merge.
func measureLanes(s *story, fresh newReplica, note func(string, float64)) error {
	var merges, away []time.Duration
	begin := time.Now()
	for round := 0; round < 3 && time.Since(begin) < 2*enough; round++ {
		i := 0
		if _, _, err := s.live(fresh, func(what string, took time.Duration) {
			switch {
			case what == "away":
				away = append(away, took)
			case round == 0:
				merges = append(merges, took)
			default:
				merges[i], i = min(merges[i], took), i+1
			}
		}); err != nil {
			return err
		}
	}
	slices.Sort(merges)
	note("p50", merges[len(merges)/2].Seconds()*1000)
	note("p99", merges[len(merges)*99/100].Seconds()*1000)
	note("away", slices.Min(away).Seconds()*1000)
	return nil
}
