// Package trace reads recorded editing histories, to measure and to test how
// texts are merged. Three formats, each as JSON, plain or gzipped:
//
//	sequential   {startContent, endContent, txns: [{patches: [[pos, del, ins]…]}]}
//	concurrent   the same, each transaction with parents (indexes of others) and agent
//	conformance  one history a line: {endContent, txns: [{span: [from, to],
//	             parents: [events], agent, seqStart, ops: [[pos, del, ins]…]}]}
//
// Positions count code points at the version of the parents.
package trace

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Event names one event: an agent, and the how manieth of its events it is.
type Event struct {
	Agent [16]byte
	Seq   uint32
}

// Patch replaces Del code points at Pos by Ins.
type Patch struct {
	Pos, Del int
	Ins      string
}

// Change is a run of one agent's patches. It takes one event for each code point
// that it deletes or inserts, from First on.
type Change struct {
	First   Event
	Parents []Event
	Patches []Patch
}

// Trace is a history and the text in which it ends.
type Trace struct {
	Name       string
	Concurrent bool
	Changes    []Change
	End        string
}

// Events is the number of events.
func (t *Trace) Events() (n int) {
	for i := range t.Changes {
		n += t.Changes[i].events()
	}
	return n
}

func (c *Change) events() (n int) {
	for _, p := range c.Patches {
		n += p.Del + len([]rune(p.Ins))
	}
	return n
}

type rawTrace struct {
	Kind         string  `json:"kind"`
	StartContent string  `json:"startContent"`
	EndContent   string  `json:"endContent"`
	Txns         []rawTx `json:"txns"`
}

type rawTx struct {
	Parents  []int           `json:"parents"`
	Agent    json.RawMessage `json:"agent"`
	Patches  []rawPatch      `json:"patches"`
	Ops      []rawPatch      `json:"ops"`
	Span     *[2]int         `json:"span"`
	SeqStart uint32          `json:"seqStart"`
}

type rawPatch struct{ Patch }

func (p *rawPatch) UnmarshalJSON(b []byte) error {
	parts := []any{&p.Pos, &p.Del, &p.Ins}
	return json.Unmarshal(b, &parts)
}

// Root is the folder with test data: ESPACE_TESTDATA, or else ../shared/data
// beside the repository that holds the given folder.
func Root(dir string) string {
	if root := os.Getenv("ESPACE_TESTDATA"); root != "" {
		return root
	}
	return filepath.Join(dir, "..", "shared", "data")
}

// Load reads all histories of a file.
func Load(path string) ([]Trace, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if b, err = io.ReadAll(z); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	var out []Trace
	for d := json.NewDecoder(bufio.NewReader(bytes.NewReader(b))); ; {
		var raw rawTrace
		if err := d.Decode(&raw); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		t, err := raw.trace()
		if err != nil {
			return nil, fmt.Errorf("%s: history %d: %w", path, len(out), err)
		}
		t.Name = fmt.Sprintf("%s/%d", filepath.Base(path), len(out))
		out = append(out, t)
	}
}

// trace gives every event its name.
func (raw *rawTrace) trace() (Trace, error) {
	t := Trace{End: raw.EndContent, Concurrent: raw.Kind == "concurrent"}
	txns := raw.Txns
	if raw.StartContent != "" {
		start := rawTx{Patches: []rawPatch{{Patch{Ins: raw.StartContent}}}}
		txns = append([]rawTx{start}, txns...)
	}
	next := map[[16]byte]uint32{}
	var events []Event  // of spans, by number
	var after [][]Event // the version after each transaction
	for i, tx := range txns {
		agent, err := agentOf(tx.Agent)
		if err != nil {
			return t, err
		}
		c := Change{First: Event{agent, next[agent]}}
		for _, p := range append(tx.Patches, tx.Ops...) {
			c.Patches = append(c.Patches, p.Patch)
		}
		switch {
		case tx.Span != nil:
			t.Concurrent = true
			err = c.named(tx.Parents, func(k int) []Event { return events[k : k+1] }, len(events))
		case raw.Kind == "concurrent":
			err = c.named(tx.Parents, func(k int) []Event { return after[k] }, i)
		case i > 0:
			c.Parents = after[i-1]
		}
		if err != nil {
			return t, fmt.Errorf("transaction %d: %w", i, err)
		}
		n := uint32(c.events())
		for k := range n {
			events = append(events, Event{agent, c.First.Seq + k})
		}
		if after = append(after, c.Parents); n > 0 {
			after[i] = []Event{{agent, c.First.Seq + n - 1}}
		}
		next[agent] += n
		t.Changes = append(t.Changes, c)
	}
	return t, nil
}

func (c *Change) named(parents []int, events func(int) []Event, bound int) error {
	for _, p := range parents {
		if p < 0 || p >= bound {
			return fmt.Errorf("parent %d of %d", p, bound)
		}
		c.Parents = append(c.Parents, events(p)...)
	}
	return nil
}

// agentOf keeps the order of agents: numbers by value, names by bytes.
func agentOf(raw json.RawMessage) (agent [16]byte, err error) {
	if len(raw) == 0 {
		return agent, nil
	}
	if raw[0] == '"' {
		var name string
		err = json.Unmarshal(raw, &name)
		if len(name) > len(agent) {
			return agent, fmt.Errorf("agent %q: name is too long", name)
		}
		copy(agent[:], name)
		return agent, err
	}
	var n uint32
	err = json.Unmarshal(raw, &n)
	for i := range 4 {
		agent[15-i] = byte(n >> (8 * i))
	}
	return agent, err
}
