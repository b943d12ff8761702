package gitstore

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// TestKilledWriter kills a process that commits without end, at uneven moments. Each
// time the ref is at a whole commit, git finds nothing wrong, and the next process
// goes on. (go-git's own refs were empty after 14 of 200 kills.)
func TestKilledWriter(t *testing.T) {
	needGit(t)
	if dir := os.Getenv("GITSTORE_KILL_DIR"); dir != "" {
		commitForever(dir)
	}
	isolate(t)
	r := newRepo(t)
	rounds := 30
	if testing.Short() {
		rounds = 5
	}
	last := 0
	for i := range rounds {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$")
		cmd.Env = append(os.Environ(), "GITSTORE_KILL_DIR="+r.Dir())
		must(t, cmd.Start())
		time.Sleep(time.Duration(20+i*i*7%90) * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		removeLocks(t, r.Dir()) // as after a minute (TestStaleLock)
		tip, ok, err := r.Ref("refs/heads/main")
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		if !ok {
			continue // killed before its first commit
		}
		list, err := r.Commits([]wire.ObjectID{tip}, nil, 0)
		if err != nil || len(list) < last || list[len(list)-1].Err != nil {
			t.Fatalf("kill %d: %d commits after %d, %v", i, len(list), last, err)
		}
		last = len(list)
	}
	if last == 0 {
		t.Skip("too slow a machine: killed each time before the first commit")
	}
	t.Logf("%d commits survived %d kills", last, rounds)
	fsck(t, r.Dir())
}

func commitForever(dir string) {
	r, err := Open(dir)
	for i := 0; err == nil; i++ {
		tip, ok, _ := r.Ref("refs/heads/main")
		var parents []wire.ObjectID
		if ok {
			parents = append(parents, tip)
		}
		b := r.Batch()
		tree := b.Tree([]TreeEntry{{"f", ModeFile, b.Blob(fmt.Append(nil, i, tip))}})
		id := b.Commit(commitText(tree, "m", parents...))
		if err = b.Flush(); err == nil {
			err = r.SetRef("refs/heads/main", tip, id)
		}
	}
	os.Exit(1)
}
