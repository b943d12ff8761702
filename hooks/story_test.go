package hooks_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/hooks"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/space"
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

// checkHost checks all refs of a host as if they came in one push to an empty one,
// as those come that heal: closing commits hold the lanes of ended epochs.
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
	ended := map[wire.ObjectID]bool{}
	kinds := map[wire.RefKind]int{}
	for name, tip := range tips {
		n, _ := wire.DefaultRefs.Parse(name)
		kinds[n.Kind]++
		ended[tip] = ended[tip] || n.Kind == wire.RefClose
	}
	if kinds[wire.RefLedger] != 1 || kinds[wire.RefKeys] != 3 || kinds[wire.RefOrder] != 3 || kinds[wire.RefClose] != 2 || kinds[wire.RefLane] != 6 {
		t.Errorf("the host has %v", kinds)
	}
	var all []gitstore.RefUpdate
	for name, tip := range tips {
		if n, _ := wire.DefaultRefs.Parse(name); n.Kind == wire.RefClose || !ended[tip] {
			all = append(all, gitstore.RefUpdate{Name: name, New: tip})
		}
	}
	if err := hooks.Check(empty{repo}, wire.DefaultRefs, all, nil); err != nil {
		t.Error(err)
	}
}

// empty has the objects of a host and none of its refs.
type empty struct{ *gitstore.Repo }

func (empty) Ref(string) (id wire.ObjectID, ok bool, err error) { return id, false, nil }

// A stock git with the hook installed: clients work as ever, and what an
// outsider pushes is refused with the rule.
func TestHookInStockGit(t *testing.T) {
	host := stockHost(t)
	git := func(dir string, args ...string) (string, error) {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	workWithHook(t, host)
	checkHost(t, host)
	outsider(t, host, git)
}

// workWithHook is alice's space on the host, joined by bob; both write.
func workWithHook(t *testing.T, host string) {
	t.Helper()
	dir, ctx := t.TempDir(), t.Context()
	options := func(name string) space.Options {
		return space.Options{Home: filepath.Join(dir, name+"-home"), NoPassphrase: true, NoAgent: true, Git: "git"}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	alice, _, err := space.Create(ctx, filepath.Join(dir, "alice"), space.CreateOptions{Name: "Team", As: "alice", Remote: host, Schema: []byte(schema)}, options("alice"))
	must(err)
	defer alice.Close()
	invite, err := alice.Invite(ctx, space.InviteOptions{})
	must(err)
	bob, _, err := space.Join(ctx, filepath.Join(dir, "bob"), invite.Link, space.JoinOptions{As: "bob"}, options("bob"))
	must(err)
	defer bob.Close()
	for epoch := range 3 {
		for range 2 {
			for _, s := range []*space.Space{alice, bob} {
				_, _ = s.Insert(ctx, "notes", space.Row{"text": "hello"}) // bob can write once he was let in
				_, err := s.Sync(ctx)
				must(err)
			}
		}
		if epoch < 2 {
			_, err := alice.Seal(ctx, space.SealOptions{})
			must(err)
		}
	}
}

// outsider may push but does not belong.
func outsider(t *testing.T, host string, git func(dir string, args ...string) (string, error)) {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "clone")
	if out, err := git(".", "clone", "-q", host, clone); err != nil {
		t.Fatal(out)
	}
	if out, err := git(clone, "-c", "user.name=M", "-c", "user.email=m@example.org", "commit", "-q", "--allow-empty", "-m", "hello"); err != nil {
		t.Fatal(out)
	}
	for ref, rule := range map[string]hooks.Rule{"refs/heads/main": hooks.Malformed, "refs/heads/other": hooks.UnknownRef} {
		out, err := git(clone, "push", "-q", "origin", "HEAD:"+ref)
		if err == nil || !strings.Contains(out, string(rule)) {
			t.Errorf("pushing to %s: %v, want %s:\n%s", ref, err, rule, out)
		}
	}
	refs, err := git(host, "for-each-ref", "--format=%(refname)", "refs/espace")
	i := strings.LastIndex(refs, "/lanes/")
	if err != nil || i < 0 {
		t.Fatal(refs, err)
	}
	lane := refs[strings.LastIndex(refs[:i], "\n")+1:]
	if out, err := git(clone, "push", "-q", "origin", ":"+strings.Fields(lane)[0]); err == nil || !strings.Contains(out, string(hooks.Deletion)) {
		t.Errorf("deleting a lane: %v\n%s", err, out)
	}
}
