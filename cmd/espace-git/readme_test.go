package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestReadme does what the README tells its reader to do in sixty seconds, in an empty folder. Blocks with a prompt show what
// comes out, and are left out.
func TestReadme(t *testing.T) {
	for _, program := range []string{"bash", "git", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the README's commands need %s", program)
		}
	}
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## Sixty seconds\n")
	section, _, ok2 := strings.Cut(section, "\n## ")
	if !ok || !ok2 {
		t.Fatal("the README has no sixty seconds")
	}
	script := "set -euo pipefail\n"
	blocks := strings.Split(section, "\n```")
	for i := 1; i < len(blocks); i += 2 { // outside, inside, outside, …
		if block := strings.TrimPrefix(blocks[i], "\n"); !strings.HasPrefix(block, "$ ") && !strings.HasPrefix(block, "go\n") {
			script += block + "\n"
		}
	}
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Count(string(out), `Good "git" signature`) < 6 {
		t.Errorf("stock git accepts too few commits:\n%s", out)
	}
}
