package space

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// A change of a text that builds on a refused one is void for everybody, and its author
// is told; what is written from then on has effect.
func TestTextBehindARefusedChange(t *testing.T) {
	host := filepath.Join(t.TempDir(), "host.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", "--initial-branch=main", host).CombinedOutput(); err != nil {
		t.Skipf("%v %s", err, out)
	}
	o := Options{Home: filepath.Join(t.TempDir(), "home"), NoPassphrase: true, NoAgent: true}
	s, _, err := Create(t.Context(), filepath.Join(t.TempDir(), "s"), CreateOptions{Name: "T", As: "alice", Remote: host}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text := s.Text("note")
	add := func(words string) {
		t.Helper()
		if _, err := text.Append(t.Context(), words); err != nil {
			t.Fatal(err)
		}
	}
	for _, words := range []string{"one", " two", " three"} {
		add(words)
	}
	spoilSecond(t, s)
	if _, err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	add(" four")
	if _, err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := text.String(t.Context()); err != nil || got != "one four" {
		t.Errorf("the text is %q, %v", got, err)
	}
	list, err := s.Conflicts(t.Context())
	if err != nil || len(list) != 2 || list[0].Values[0].Value == nil || list[1].Values[0].Value == nil {
		t.Fatalf("%+v, %v", list, err)
	}
	lost := map[any]bool{list[0].Values[0].Value: true, list[1].Values[0].Value: true}
	if !lost[" two"] || !lost[" three"] {
		t.Errorf("lost are %v", lost)
	}
	if r, err := s.Verify(t.Context(), VerifyOptions{Full: true}); err != nil {
		t.Errorf("%+v %v", r, err)
	}
}
