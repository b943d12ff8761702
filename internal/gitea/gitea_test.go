package gitea

import (
	"os/exec"
	"strings"
	"testing"
)

func git(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := git(t, dir, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// work makes a repository with one commit that has origin's history as its own, if there is some.
func work(t *testing.T, url string) string {
	t.Helper()
	dir := t.TempDir()
	mustGit(t, dir, "clone", "-q", url, ".")
	mustGit(t, dir, "commit", "-q", "--allow-empty", "-m", "one")
	return dir
}

func TestGitea(t *testing.T) {
	s := Start(t)
	alice, bob := s.CreateUser(t, "alice"), s.CreateUser(t, "bob")

	t.Run("custom refs and atomic", func(t *testing.T) {
		s.Login(t, alice)
		r := s.CreateRepository(t, alice, "empty", Options{})
		dir := work(t, r.URL)
		mustGit(t, dir, "push", "--atomic", "origin", "HEAD:refs/heads/main", "HEAD:refs/espace/0-0011223344556677/keys")
		if out := mustGit(t, dir, "ls-remote", "origin"); !strings.Contains(out, "refs/espace/0-0011223344556677/keys") {
			t.Errorf("the host shows no custom ref:\n%s", out)
		}
		mustGit(t, r.Dir, "-c", "safe.directory=*", "rev-parse", "refs/heads/main")
	})
	t.Run("README and protected branch", func(t *testing.T) {
		s.Login(t, alice)
		dir := work(t, s.CreateRepository(t, alice, "protected", Options{README: true, Protected: true}).URL)
		mustGit(t, dir, "cat-file", "-e", "HEAD~1:README.md")
		if out, err := git(t, dir, "push", "origin", "HEAD:refs/heads/main"); err == nil {
			t.Errorf("a protected branch took a push:\n%s", out)
		}
		mustGit(t, dir, "push", "origin", "HEAD:refs/heads/espace/main")
	})
	t.Run("only collaborators push", func(t *testing.T) {
		r := s.CreateRepository(t, alice, "shared", Options{README: true})
		s.Login(t, bob)
		if out, err := git(t, t.TempDir(), "clone", r.URL, "."); err == nil {
			t.Errorf("a stranger cloned a private repository:\n%s", out)
		}
		s.AddCollaborator(t, r, bob)
		mustGit(t, work(t, r.URL), "push", "origin", "HEAD:refs/heads/main")
	})
}
