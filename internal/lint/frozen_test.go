package lint

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var freeze = flag.Bool("freeze", false, "add vector files that are new to testdata/vectors/frozen; those in it never change")

// unsettled vectors are of encodings that no column type uses yet.
var unsettled = []string{"merge/documents", "merge/text-"}

// TestVectorsAreFrozen: what a format once meant, it means for ever. A vector file that is listed in testdata/vectors/frozen
// may not change; a new form of bytes gets a new file, and a new format.
func TestVectorsAreFrozen(t *testing.T) {
	root, _ := module(t)
	dir := filepath.Join(root, "testdata", "vectors")
	list, err := os.ReadFile(filepath.Join(dir, "frozen"))
	if err != nil && !*freeze {
		t.Fatal(err)
	}
	frozen := map[string]string{}
	for line := range strings.Lines(string(list)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		frozen[name] = sum
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Rel(dir, f)
		name = filepath.ToSlash(name)
		if slices.ContainsFunc(unsettled, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		found[name] = fmt.Sprintf("%x", sha256.Sum256(b))
	}
	for name, sum := range frozen {
		if found[name] != sum {
			t.Errorf("testdata/vectors/%s changed or is gone: format 1 is frozen", name)
		}
	}
	if *freeze {
		write(t, filepath.Join(dir, "frozen"), found, frozen)
		return
	}
	for name := range found {
		if frozen[name] == "" {
			t.Errorf("testdata/vectors/%s is not frozen yet: `go test ./internal/lint -run Frozen -freeze`", name)
		}
	}
}

// write lists all files; what was frozen stays as it was.
func write(t *testing.T, path string, found, frozen map[string]string) {
	t.Helper()
	var lines []string
	for name, sum := range found {
		if old := frozen[name]; old != "" {
			sum = old
		}
		lines = append(lines, sum+"  "+name+"\n")
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o644); err != nil {
		t.Fatal(err)
	}
}
