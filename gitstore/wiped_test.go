package gitstore

import (
	"os"
	"testing"
)

// A host on disk that lost everything and was made anew at the same place gets
// everything again, from a program that has spoken with it before.
func TestHostMadeAnew(t *testing.T) {
	needGit(t)
	isolate(t)
	side := pathSide(t)
	alice := newRepo(t)
	m := dial(t, alice, side.url, InProcess)
	main := addChain(t, alice, "ledger", 3)
	mustPush(t, m, RefUpdate{"refs/heads/main", none, main})
	if err := os.RemoveAll(side.dir); err != nil {
		t.Fatal(err)
	}
	git(t, t.TempDir(), "init", "--quiet", "--bare", side.dir)
	mustPush(t, m, RefUpdate{"refs/heads/main", none, main})
	fsck(t, side.dir)
}
