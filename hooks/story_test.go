package hooks_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/hooks"
	"github.com/espace-git/espace-git/internal/wire"
)

const schema = "tables:\n  notes:\n    columns:\n      text: {type: text}\n"

// Everything that real clients push passes, checked from an empty host on.
func TestHookTakesWhatClientsPush(t *testing.T) {
	host := filepath.Join(t.TempDir(), "host.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", "--initial-branch=main", host).CombinedOutput(); err != nil {
		t.Skipf("git is needed for a host: %v %s", err, out)
	}
	workWithHook(t, host)
	checkHost(t, host)
}

// checkHost checks all refs of a host as if they came in one push.
func checkHost(t *testing.T, host string) {
	t.Helper()
	repo, err := gitstore.Open(host)
	if err != nil {
		t.Fatal(err)
	}
	tips, err := repo.Refs("refs/")
	if err != nil {
		t.Fatal(err)
	}
	var all []gitstore.RefUpdate
	var kinds []wire.RefKind
	for name, tip := range tips {
		all = append(all, gitstore.RefUpdate{Name: name, New: tip})
		if n, ok := wire.DefaultRefs.Parse(name); ok {
			kinds = append(kinds, n.Kind)
		}
	}
	slices.Sort(kinds)
	if want := []wire.RefKind{wire.RefKeys, wire.RefLane, wire.RefLane, wire.RefLedger, wire.RefOrder}; !slices.Equal(kinds, want) {
		t.Errorf("the host has %v, want %v", kinds, want)
	}
	if err := hooks.Check(empty{repo}, wire.DefaultRefs, all, nil); err != nil {
		t.Error(err)
	}
}

// empty has the objects of a host and none of its refs.
type empty struct{ *gitstore.Repo }

func (empty) Ref(string) (id wire.ObjectID, ok bool, err error) { return id, false, nil }
