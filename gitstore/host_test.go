package gitstore

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/internal/githost"
	"github.com/espace-git/espace-git/internal/sshdtest"
	"github.com/espace-git/espace-git/internal/wire"
)

// gitIn runs stock git with an input.
func gitIn(t testing.TB, dir, in string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// dropObject unpacks a host's repository and loses one object.
func dropObject(t testing.TB, dir string, id wire.ObjectID) {
	t.Helper()
	packs, _ := filepath.Glob(filepath.Join(dir, "objects/pack/*.pack"))
	for _, p := range packs {
		moved := filepath.Join(dir, filepath.Base(p))
		os.Rename(p, moved)
		os.Remove(strings.TrimSuffix(p, ".pack") + ".idx")
		b, err := os.ReadFile(moved)
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(moved)
		gitIn(t, dir, string(b), "unpack-objects", "-q")
	}
	name := id.String()
	if err := os.Remove(filepath.Join(dir, "objects", name[:2], name[2:])); err != nil {
		t.Fatal(err)
	}
}

// noLeftovers: nothing in the quarantine, no temporary file among the packs.
func noLeftovers(t testing.TB, r *Repo) {
	t.Helper()
	left, _ := filepath.Glob(filepath.Join(r.Dir(), "quarantine", "*"))
	temp, _ := filepath.Glob(filepath.Join(r.packDir(), "tmp_*"))
	locks, _ := filepath.Glob(filepath.Join(r.Dir(), "refs", "*", "*.lock"))
	if left = append(append(left, temp...), locks...); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// sshSide is OpenSSH's own server on loopback, reached as a user with a key and
// known hosts of their own reaches it.
func sshSide(t testing.TB) farSide {
	s := sshdtest.Start(t)
	t.Setenv("GIT_SSH_COMMAND", s.Command())
	h := githost.New(t.TempDir())
	must(t, h.Create("space.git"))
	return farSide{name: "ssh", url: s.URL(h.Path("space.git")), dir: h.Path("space.git")}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
