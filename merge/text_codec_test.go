package merge

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// checkSaved saves and loads a text.
func checkSaved(t textTB, x *Text) *Text {
	t.Helper()
	b, err := SaveText(x)
	if err != nil {
		t.Fatal(err)
	}
	checkText(t, x)
	text, err := ReadText(b)
	if err != nil || text != x.String() {
		t.Fatalf("read %q: %v, want %q", text, err, x.String())
	}
	y, err := LoadText(b)
	if err != nil {
		t.Fatal(err)
	}
	checkText(t, y)
	if y.String() != x.String() {
		t.Fatalf("loaded %q, want %q", y.String(), x.String())
	}
	if diff := cmp.Diff(x.Since(nil), y.Since(nil)); diff != "" {
		t.Fatalf("another history (-saved +loaded):\n%s", diff)
	}
	if diff := cmp.Diff(x.Version(), y.Version()); diff != "" {
		t.Fatal(diff)
	}
	return y
}

func TestTextSave(t *testing.T) {
	checkSaved(t, new(Text))
	rapid.Check(t, func(rt *rapid.T) {
		s := newTextStory(3)
		s.draw(rt)
		for _, d := range s.devices {
			d.text = *checkSaved(rt, &d.text)
			d.text.walker = nil
		}
		s.draw(rt) // goes on with what was loaded
		for _, c := range s.changes {
			b, err := EncodeTextChange(c)
			if err != nil {
				rt.Fatal(err)
			}
			back, err := DecodeTextChange(c.First.Device, b)
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(c, back, cmpEmpty); diff != "" {
				rt.Fatal(diff)
			}
		}
	})
}

var cmpEmpty = cmp.Transformer("nil", func(ids []TextID) []TextID { return append([]TextID{}, ids...) })

func TestTextSaveTraces(t *testing.T) {
	limits := map[string]int{"automerge-paper": 100_000, "friendsforever": 34_000, "clownschool": 38_000, "seph-blog1": 1 << 20}
	for name, limit := range limits {
		t.Run(name, func(t *testing.T) {
			tr := loadTraces(t, "traces/"+name+".json.gz")
			var x Text
			for _, c := range changesOf(&tr[0]) {
				mustAdd(t, &x, c)
			}
			b, err := SaveText(&x)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes for %d events and a text of %d bytes", len(b), x.Events(), len(tr[0].End))
			if len(b) > limit {
				t.Errorf("%d bytes, limit %d", len(b), limit)
			}
			if y := checkSaved(t, &x); y.String() != tr[0].End {
				t.Error("another text")
			}
		})
	}
}
