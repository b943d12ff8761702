package hooks_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/espace-git/espace-git/hooks"
	"github.com/espace-git/espace-git/internal/wire"
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

// stockHost is a repository of stock git with the hook in it.
func stockHost(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("git runs hooks by a shell")
	}
	host := filepath.Join(t.TempDir(), "host.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", "--initial-branch=main", host).CombinedOutput(); err != nil {
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
	return host
}
