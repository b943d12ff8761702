package merge

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/espace-git/espace-git/internal/traces/trace"
	"github.com/espace-git/espace-git/internal/wire"
)

// loadTraces reads a file of the shared test data, which is not part of the
// project; without it, the test is skipped.
func loadTraces(t testing.TB, name string) []trace.Trace {
	t.Helper()
	path := filepath.Join(trace.Root(".."), name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no test data: %v (set ESPACE_TESTDATA)", err)
	}
	out, err := trace.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// changeOf is a trace's change as one of ours.
func changeOf(c *trace.Change) *TextChange {
	out := &TextChange{First: TextID{c.First.Agent, c.First.Seq}}
	for _, p := range c.Parents {
		out.Parents = append(out.Parents, TextID{p.Agent, p.Seq})
	}
	for _, p := range c.Patches {
		out.Ops = append(out.Ops, TextOp{Pos: p.Pos, Del: p.Del, Text: p.Ins})
	}
	return out
}

func changesOf(t *trace.Trace) (out []*TextChange) {
	for i := range t.Changes {
		out = append(out, changeOf(&t.Changes[i]))
	}
	return out
}

func mustAdd(t testing.TB, text *Text, c *TextChange) {
	if err := text.Add(c); err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

func TestTextConformance(t *testing.T) {
	graphs := loadTraces(t, "conformance/diamond-types-conformance.jsonl.gz")
	if len(graphs) != 1000 {
		t.Fatalf("%d graphs", len(graphs))
	}
	for i := range graphs {
		g := &graphs[i]
		var full, step Text
		for _, c := range changesOf(g) {
			mustAdd(t, &full, c)
			mustAdd(t, &step, c)
			step.Merge(nil)
			checkText(t, &step)
		}
		full.Merge(nil)
		checkText(t, &full)
		if full.String() != g.End || step.String() != g.End {
			t.Fatalf("graph %d: all at once %q, step by step %q, want %q", i, full.String(), step.String(), g.End)
		}
	}
}

func TestTextTraces(t *testing.T) {
	for _, name := range []string{"automerge-paper", "seph-blog1", "friendsforever", "clownschool"} {
		t.Run(name, func(t *testing.T) {
			for _, tr := range loadTraces(t, "traces/"+name+".json.gz") {
				changes := changesOf(&tr)
				var full, step Text
				for _, c := range changes {
					mustAdd(t, &full, c)
					mustAdd(t, &step, c)
					step.Merge(nil)
				}
				full.Merge(nil)
				checkText(t, &full)
				checkText(t, &step)
				if full.String() != tr.End {
					t.Error("merged at once: another text")
				}
				if step.String() != tr.End {
					t.Error("merged step by step: another text")
				}
			}
		})
	}
}

// TestTextFugueMax has the smallest histories in which FugueMax differs from
// Fugue.
func TestTextFugueMax(t *testing.T) {
	path := filepath.Join(trace.Root(".."), "conformance/fugue-vs-fuguemax-minimal.json")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no test data: %v (set ESPACE_TESTDATA)", err)
	}
	var cases []struct {
		Events []struct {
			Parents []int
			Agent   string
			Pos     int
			Ch      string
			Seq     uint32
		}
		FugueMax string
	}
	if err := json.Unmarshal(b, &cases); err != nil || len(cases) == 0 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	for i, c := range cases {
		var text Text
		var ids []TextID
		model := newTextModel()
		for _, e := range c.Events {
			ids = append(ids, TextID{wire.DeviceID{e.Agent[0]}, e.Seq})
			change := &TextChange{First: ids[len(ids)-1], Ops: []TextOp{{Pos: e.Pos, Text: e.Ch}}}
			for _, p := range e.Parents {
				change.Parents = append(change.Parents, ids[p])
			}
			mustAdd(t, &text, change)
			model.add(change)
		}
		text.Merge(nil)
		if text.String() != c.FugueMax || model.text(text.Version()) != c.FugueMax {
			t.Errorf("case %d: %q, model %q, want %q", i, text.String(), model.text(text.Version()), c.FugueMax)
		}
	}
}
