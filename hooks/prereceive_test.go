package hooks_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/hooks"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/space"
)

// asHook makes this test program git's pre-receive hook.
const asHook = "ESPACE_TEST_AS_HOOK"

func TestMain(m *testing.M) {
	if os.Getenv(asHook) != "" {
		if err := preReceive(); err != nil {
			fmt.Fprintln(os.Stderr, "hook:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func preReceive() error {
	updates, err := hooks.ParseUpdates(os.Stdin)
	if err != nil {
		return err
	}
	repo, closeRepo, err := hooks.OpenPush(os.Getenv("GIT_DIR"), os.Getenv("GIT_QUARANTINE_PATH"))
	if err != nil {
		return err
	}
	defer closeRepo()
	return hooks.Check(repo, wire.DefaultRefs, updates, nil)
}

// A stock git with the hook installed: clients work as ever, and what an
// outsider pushes is refused with the rule.
func TestHookInStockGit(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("git runs hooks by a shell")
	}
	host := filepath.Join(t.TempDir(), "host.git")
	git := func(dir string, args ...string) (string, error) {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := git(".", "init", "-q", "--bare", "--initial-branch=main", host); err != nil {
		t.Skipf("git is needed for a host: %v %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s'\n", asHook, self)
	if err := os.WriteFile(filepath.Join(host, "hooks", "pre-receive"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
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
	for range 3 {
		for _, s := range []*space.Space{alice, bob} {
			_, _ = s.Insert(ctx, "notes", space.Row{"text": "hello"}) // bob can write once he was let in
			_, err := s.Sync(ctx)
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
	i := strings.Index(refs, "/lanes/")
	if err != nil || i < 0 {
		t.Fatal(refs, err)
	}
	lane := refs[strings.LastIndex(refs[:i], "\n")+1:]
	if out, err := git(clone, "push", "-q", "origin", ":"+strings.Fields(lane)[0]); err == nil || !strings.Contains(out, string(hooks.Deletion)) {
		t.Errorf("deleting a lane: %v\n%s", err, out)
	}
}
