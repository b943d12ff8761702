package gitstore

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestSweepPacks: the pack of a writer that was killed goes after an hour, and that of
// one that lives and gets no bytes stays.
func TestSweepPacks(t *testing.T) {
	if dir := os.Getenv("GITSTORE_SWEEP_DIR"); dir != "" {
		writeHalf(dir)
	}
	r := newRepo(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestSweepPacks$")
	cmd.Env = append(os.Environ(), "GITSTORE_SWEEP_DIR="+r.Dir())
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer cmd.Process.Kill()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(r.packDir(), "mine")
	must(t, os.WriteFile(other, nil, 0o600))
	age(t, other, 2*tempPackAge)
	swept(t, r, 2*tempPackAge, false) // it lives
	must(t, cmd.Process.Kill())
	cmd.Wait()
	swept(t, r, tempPackAge/2, false)
	swept(t, r, 2*tempPackAge, true)
	if !exists(other) {
		t.Error("a file of another kind is gone")
	}
}

// swept consolidates when the one temporary pack is old.
func swept(t *testing.T, r *Repo, old time.Duration, gone bool) {
	t.Helper()
	temp, _ := filepath.Glob(filepath.Join(r.packDir(), tempPack+"*"))
	if len(temp) != 1 {
		t.Fatalf("temporary packs: %v", temp)
	}
	age(t, temp[0], old)
	must(t, r.Consolidate(t.Context()))
	if exists(temp[0]) == gone {
		t.Errorf("gone: %v, want %v", !gone, gone)
	}
}

func age(t *testing.T, path string, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	must(t, os.Chtimes(path, then, then))
}

// writeHalf begins a pack and waits to be killed.
func writeHalf(dir string) {
	r, err := Open(dir)
	if err != nil {
		os.Exit(1)
	}
	data, b := []byte("half"), r.Blobs()
	fmt.Println(b.Add(BlobID(data), data))
	time.Sleep(time.Minute)
	b.Close()
	os.Exit(1)
}
