package sshdtest

import (
	"os/exec"
	"strings"
	"testing"
)

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestPushAndFetch(t *testing.T) {
	s := Start(t)
	s.Login(t)
	host, one := t.TempDir(), t.TempDir()
	git(t, host, "init", "-q", "--bare", ".")
	git(t, one, "init", "-q", ".")
	git(t, one, "commit", "-q", "--allow-empty", "-m", "one")
	git(t, one, "push", "--atomic", s.URL(host), "HEAD:refs/heads/main", "HEAD:refs/espace/a")
	if out := git(t, one, "ls-remote", s.URL(host)); !strings.Contains(out, "refs/espace/a") {
		t.Errorf("the custom ref did not arrive:\n%s", out)
	}
}

// The protocol's version travels in a variable that sshd must let through.
func TestProtocolVersion2(t *testing.T) {
	s := Start(t)
	s.Login(t)
	host := t.TempDir()
	git(t, host, "init", "-q", "--bare", ".")
	cmd := exec.Command("git", "-c", "protocol.version=2", "ls-remote", s.URL(host))
	cmd.Env = append(cmd.Environ(), "GIT_TRACE_PACKET=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "version 2") {
		t.Errorf("no protocol version 2: %v\n%s", err, out)
	}
}

func TestStrangerIsRefused(t *testing.T) {
	s, other := Start(t), Start(t)
	s.Key = other.Key
	s.Login(t)
	cmd := exec.Command("git", "ls-remote", s.URL(t.TempDir()))
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "Permission denied") {
		t.Errorf("a key that is not authorised got: %v\n%s", err, out)
	}
}
