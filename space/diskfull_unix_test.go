//go:build unix

package space_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/espace-git/espace-git/space"
)

// TestDiskFull writes and syncs in a process that may not make a file longer than
// some size: what a full disk does, at another byte each time. Whatever was
// acknowledged is there afterwards, and when there is room again all goes on.
func TestDiskFull(t *testing.T) {
	if dir := os.Getenv("ESPACE_TEST_FULL_DISK"); dir != "" {
		useFullDisk(t, dir)
		return
	}
	t.Parallel()
	h, alice, bob := two(t)
	w := pack(t, h, alice, bob)
	failed := 0
	for _, kilobytes := range []int{0, 8, 64, 400, 700} {
		t.Run(fmt.Sprint(kilobytes, "kB"), func(t *testing.T) {
			_, people := w.unpack(t, "alice", "bob")
			alice, bob := people[0], people[1]
			bob.insert(space.Row{"title": "to fetch"})
			bob.sync()
			dir := alice.s.Dir()
			alice.s.Close()
			cmd := exec.Command(os.Args[0], "-test.run=^TestDiskFull$", "-test.v")
			cmd.Env = append(os.Environ(), "ESPACE_TEST_FULL_DISK="+dir, "ESPACE_TEST_HOME="+alice.home, "ESPACE_TEST_LIMIT="+strconv.Itoa(kilobytes<<10))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
			acked := strings.Count(string(out), "acknowledged")
			failed += strings.Count(string(out), "failed:")
			alice.open(dir)
			if got := len(alice.rows()); got < 3+acked {
				t.Errorf("%d writes were acknowledged, and there are %d rows\n%s", acked, got, out)
			}
			agree(t, len(alice.rows())+missing(alice), alice, bob)
			if err := filepath.WalkDir(filepath.Join(dir, ".espace"), func(path string, d os.DirEntry, err error) error {
				if strings.Contains(path, ".lock") && !strings.HasSuffix(path, "espace.lock") {
					t.Errorf("left behind: %s", path)
				}
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	if failed == 0 {
		t.Error("nothing failed: the limit has no effect")
	}
}

// missing is 1 if bob's row has not come yet.
func missing(p *person) int {
	for _, r := range p.rows() {
		if r["title"] == "to fetch" {
			return 0
		}
	}
	return 1
}

// useFullDisk is the child process.
func useFullDisk(t *testing.T, dir string) {
	limit, err := strconv.ParseUint(os.Getenv("ESPACE_TEST_LIMIT"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ) // then writes fail, as on a full disk
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		t.Fatal(err)
	}
	s, err := space.Open(t.Context(), dir, space.Options{Home: os.Getenv("ESPACE_TEST_HOME"), NoPassphrase: true, NoAgent: true, Git: "inprocess"})
	if err != nil {
		fmt.Println("failed: opening:", err)
		return
	}
	defer s.Close()
	for i := range 6 {
		if i%3 == 2 {
			if _, err := s.Sync(t.Context()); err != nil {
				fmt.Println("failed: syncing:", err)
			}
			continue
		}
		if _, err := s.Insert(t.Context(), "tasks", space.Row{"title": strings.Repeat("long ", 30_000)}); err != nil {
			fmt.Println("failed: writing:", err)
		} else {
			fmt.Println("acknowledged", i)
		}
	}
}
