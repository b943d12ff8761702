// Command traces merges recorded editing histories and tells how long it took
// and whether the text is the expected one:
//
//	go run ./internal/traces FILE…
//
// Formats: see package trace. Each history is merged at once, and change by
// change; a sequential one is typed too, edit by edit. Times are the best of
// five runs, without reading the file. The exit code is 1 if a text is not the
// expected one.
package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/espace-git/espace-git/internal/traces/trace"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/merge"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(files []string, stdout, stderr io.Writer) int {
	if len(files) == 0 {
		fmt.Fprintln(stderr, "usage: traces FILE…")
		return 2
	}
	code := 0
	for _, file := range files {
		traces, err := trace.Load(file)
		if err == nil {
			err = report(stdout, file, traces)
		}
		if err != nil {
			fmt.Fprintf(stderr, "traces: %v\n", err)
			code = 1
		}
	}
	return code
}

// report sums up all histories of a file.
func report(w io.Writer, file string, traces []trace.Trace) error {
	events, sequential := 0, true
	for i := range traces {
		events += traces[i].Events()
		sequential = sequential && !traces[i].Concurrent
	}
	fmt.Fprintf(w, "%s: %d histories, %d events\n", file, len(traces), events)
	ways := []way{{"all at once", full}, {"change by change", streamed}}
	if sequential {
		ways = append(ways, way{"typed", typed})
	}
	wrong := 0
	for _, way := range ways {
		took, bad, err := way.measure(traces)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", file, way.name, err)
		}
		verdict := "text matches"
		if len(bad) > 0 {
			verdict = fmt.Sprintf("text DIFFERS in %d: %s", len(bad), bad[0])
			wrong++
		}
		fmt.Fprintf(w, "  %-17s %9.3f ms  %s\n", way.name, float64(took.Microseconds())/1000, verdict)
	}
	if wrong > 0 {
		return fmt.Errorf("%s: not the expected text", file)
	}
	return nil
}

// way is a way to merge a history; it leaves out of the time what prepare does.
type way struct {
	name    string
	prepare func([]*merge.TextChange) (func() (*merge.Text, error), error)
}

const runs = 5

// measure gives the best time for all histories, and those that ended in
// another text.
func (w way) measure(traces []trace.Trace) (best time.Duration, bad []string, err error) {
	for i := range traces {
		changes := changesOf(&traces[i])
		least := time.Duration(0)
		for range runs {
			replay, err := w.prepare(changes)
			if err != nil {
				return 0, nil, err
			}
			start := time.Now()
			text, err := replay()
			if err != nil {
				return 0, nil, err
			}
			if took := time.Since(start); least == 0 || took < least {
				least = took
			}
			if text.String() != traces[i].End {
				bad = append(bad, traces[i].Name)
				break
			}
		}
		best += least
	}
	return best, bad, nil
}

// full adds all changes beforehand and measures their merge.
func full(changes []*merge.TextChange) (func() (*merge.Text, error), error) {
	text := new(merge.Text)
	for _, c := range changes {
		if err := text.Add(c); err != nil {
			return nil, err
		}
	}
	return func() (*merge.Text, error) {
		text.Merge(nil)
		return text, nil
	}, nil
}

// streamed adds and merges one change after the other.
func streamed(changes []*merge.TextChange) (func() (*merge.Text, error), error) {
	return func() (*merge.Text, error) {
		text := new(merge.Text)
		for _, c := range changes {
			if err := text.Add(c); err != nil {
				return nil, err
			}
			text.Merge(nil)
		}
		return text, nil
	}, nil
}

// typed makes the edits of one device anew.
func typed(changes []*merge.TextChange) (func() (*merge.Text, error), error) {
	var edits []merge.TextOp
	for _, c := range changes {
		edits = append(edits, c.Ops...)
	}
	return func() (*merge.Text, error) {
		text, device := new(merge.Text), wire.DeviceID{1}
		for i := range edits {
			if err := text.Edit(device, edits[i].Pos, edits[i].Del, edits[i].Text); err != nil {
				return nil, err
			}
		}
		return text, nil
	}, nil
}

func changesOf(t *trace.Trace) []*merge.TextChange {
	out := make([]*merge.TextChange, len(t.Changes))
	for i := range t.Changes {
		c := &t.Changes[i]
		out[i] = &merge.TextChange{First: merge.TextID{Device: c.First.Agent, Seq: c.First.Seq}}
		for _, p := range c.Parents {
			out[i].Parents = append(out[i].Parents, merge.TextID{Device: p.Agent, Seq: p.Seq})
		}
		for _, p := range c.Patches {
			out[i].Ops = append(out[i].Ops, merge.TextOp{Pos: p.Pos, Del: p.Del, Text: p.Ins})
		}
	}
	return out
}
