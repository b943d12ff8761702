package merge

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What readers see of a file: nothing, one version, and several.
func TestFileDocValue(t *testing.T) {
	d := new(FileDoc)
	put := func(number uint64, by byte, op FileOp) {
		t.Helper()
		c, err := ChangeCell(EncodeFileChange(device(by), &FileChange{[]FileOp{op}}))
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckChange(FileDocument, device(by), c); err != nil {
			t.Fatal(err)
		}
		if err := d.Apply(Stamp{Time: number, Device: device(by), Number: number}, c); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.Value(); !cmp.Equal(got, json.RawMessage("null")) || !d.Empty() {
		t.Errorf("of nothing: %s", got)
	}
	content := text("hi")
	content.Name, content.Modified = "a \"b\".txt", time.Date(2026, 11, 23, 1, 2, 3, 4000, time.UTC).UnixNano()
	put(5, 1, d.Write(0, content))
	one := `{"executable":false,"modified":"2026-11-23T01:02:03.000004Z","name":"a \"b\".txt","size":2,"version":"` + (Dot{device(1), 5, 0}).String() + `"}`
	if d := cmp.Diff(one, string(d.Value().(json.RawMessage))); d != "" {
		t.Error(d)
	}
	other := text("longer")
	other.Executable = true
	put(6, 2, FileOp{Content: other})
	var got struct {
		Executable bool
		Size       int
		Others     []map[string]any
	}
	if err := json.Unmarshal(d.Value().(json.RawMessage), &got); err != nil || !got.Executable || got.Size != 6 || len(got.Others) != 1 || got.Others[0]["name"] != content.Name {
		t.Errorf("%+v, %v", got, err)
	}
	put(7, 1, d.Write(0, FileState{Gone: true}))
	if got := d.Value(); !cmp.Equal(got, json.RawMessage("null")) || d.Empty() {
		t.Errorf("deleted: %s", got)
	}
	sealed, err := d.Seal(100).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := DecodeSealed(FileDocument, sealed); err != nil || !cmp.Equal(back.Value(), d.Value()) {
		t.Errorf("sealed: %v, %v", back, err)
	}
}
