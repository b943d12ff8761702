// Package trace reads recorded editing histories, to measure and to test how
// texts are merged. Four formats, each as JSON, plain or gzipped:
//
//	sequential   {startContent, endContent, txns: [{patches: [[pos, del, ins]…]}]}
//	concurrent   the same, each transaction with parents (indexes of others) and agent
//	conformance  one history a line: {endContent, txns: [{span: [from, to],
//	             parents: [events], agent, seqStart, ops: [[pos, del, ins]…]}]}
//	cases        [{events: [{parents: [events], agent, seq, pos, ch}…], fuguemax: text}…]
//
// Positions count code points at the version of the parents.
package trace

import (
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

// maxEvents bounds the events of a history, so that a file cannot ask for more
// memory than a machine has.
const maxEvents = 1 << 27

// ErrFormat: not a file of one of the formats.
var ErrFormat = errors.New("not a trace")

type rawTrace struct {
	Kind         string  `json:"kind"`
	StartContent string  `json:"startContent"`
	EndContent   *string `json:"endContent"`
	Txns         []rawTx `json:"txns"`

	Hist json.RawMessage `json:"hist"` // of a causal graph, which has no text
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
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if len(parts) != 3 || p.Pos < 0 || p.Pos > maxEvents || p.Del < 0 || p.Del > maxEvents {
		return fmt.Errorf("%w: patch %.40s", ErrFormat, b)
	}
	return nil
}

// rawCase is a small history, event by event.
type rawCase struct {
	Events []struct {
		Parents []int           `json:"parents"`
		Agent   json.RawMessage `json:"agent"`
		Seq     uint32          `json:"seq"`
		Pos     int             `json:"pos"`
		Ch      string          `json:"ch"`
	} `json:"events"`
	FugueMax *string `json:"fuguemax"`
}

// trace makes a transaction of each event.
func (c *rawCase) trace() rawTrace {
	raw := rawTrace{EndContent: c.FugueMax}
	for i, e := range c.Events {
		raw.Txns = append(raw.Txns, rawTx{Parents: e.Parents, Agent: e.Agent, SeqStart: e.Seq,
			Span: &[2]int{i, i + 1}, Ops: []rawPatch{{Patch{Pos: e.Pos, Ins: e.Ch}}}})
	}
	return raw
}

// Root is the folder with test data: ESPACE_TESTDATA, or else ../shared/data
// beside the repository that holds the given folder.
func Root(dir string) string {
	if root := os.Getenv("ESPACE_TESTDATA"); root != "" {
		return root
	}
	return filepath.Join(dir, "..", "shared", "data")
}

// Load reads all histories of a file: at least one.
func Load(path string) ([]Trace, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	raw, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var out []Trace
	for i := range raw {
		t, err := raw[i].trace()
		if err != nil {
			return nil, fmt.Errorf("%s: history %d: %w", path, i, err)
		}
		t.Name = fmt.Sprintf("%s/%d", filepath.Base(path), i)
		out = append(out, t)
	}
	return out, nil
}

// parse takes a file apart, whatever its format.
func parse(b []byte) (out []rawTrace, err error) {
	if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		if b, err = unzip(b); err != nil {
			return nil, err
		}
	}
	if trimmed := bytes.TrimSpace(b); bytes.HasPrefix(trimmed, []byte("[")) {
		var cases []rawCase
		if err := json.Unmarshal(trimmed, &cases); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		for i := range cases {
			out = append(out, cases[i].trace())
		}
	} else if out, err = parseLines(b); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: no history in it", ErrFormat)
	}
	return out, nil
}

func unzip(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err == nil {
		b, err = io.ReadAll(z)
	}
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	return b, nil
}

func parseLines(b []byte) (out []rawTrace, err error) {
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		var raw rawTrace
		if err := d.Decode(&raw); errors.Is(err, io.EOF) {
			return out, nil
		} else if errors.Is(err, ErrFormat) {
			return nil, err
		} else if err != nil {
			return nil, fmt.Errorf("%w: history %d: %w", ErrFormat, len(out), err)
		}
		out = append(out, raw)
	}
}

// trace gives every event its name.
func (raw *rawTrace) trace() (Trace, error) {
	if raw.EndContent == nil && raw.Hist != nil {
		return Trace{}, fmt.Errorf("%w: a causal graph without a text", ErrFormat)
	}
	if raw.EndContent == nil {
		return Trace{}, fmt.Errorf("%w: it does not say in which text it ends", ErrFormat)
	}
	t := Trace{End: *raw.EndContent, Concurrent: raw.Kind == "concurrent"}
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
		if c.events() > maxEvents-len(events) {
			return t, fmt.Errorf("%w: more than %d events", ErrFormat, maxEvents)
		}
		n := uint32(c.events())
		if s := tx.Span; s != nil && (s[0] != len(events) || s[1]-s[0] != int(n) || tx.SeqStart != c.First.Seq) {
			return t, fmt.Errorf("%w: transaction %d has other events than it says", ErrFormat, i)
		}
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
