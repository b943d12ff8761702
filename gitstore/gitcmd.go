package gitstore

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// safeGitVars are the only GIT_* variables that a child inherits: how the user
// reaches hosts and proves who they are. What says which repository, index,
// objects, configuration keys or hooks to use is dropped: it was meant for
// another git (we may run inside a hook), or is an attack (ATTACKS 12).
var safeGitVars = map[string]bool{
	"GIT_SSH": true, "GIT_SSH_COMMAND": true, "GIT_SSH_VARIANT": true,
	"GIT_ASKPASS": true, "GIT_SSL_CAINFO": true, "GIT_SSL_CAPATH": true,
	"GIT_SSL_CERT": true, "GIT_SSL_KEY": true, "GIT_PROXY_SSL_CAINFO": true,
	"GIT_CONFIG_GLOBAL": true, "GIT_CONFIG_SYSTEM": true, "GIT_CONFIG_NOSYSTEM": true,
}

// secretVars never reach a child (DESIGN 6).
var secretVars = map[string]bool{"ESPACE_PASSPHRASE": true}

// childEnv is the environment for git and ssh.
func childEnv(interactive bool) []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		upper := strings.ToUpper(name)
		if strings.HasPrefix(upper, "GIT_") && !safeGitVars[upper] || secretVars[upper] ||
			strings.HasPrefix(upper, "ESPACE_PASS") || upper == "LC_ALL" || upper == "LANGUAGE" {
			continue
		}
		env = append(env, kv)
	}
	env = append(env, "LC_ALL=C", "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0",
		// One allocation of git's can't be larger than this: a delta that claims 4 GiB
		// ends git, not the machine.
		"GIT_ALLOC_LIMIT="+strconv.Itoa(256<<20))
	if !interactive {
		env = append(env, "GIT_TERMINAL_PROMPT=0", "GCM_INTERACTIVE=never", "SSH_ASKPASS_REQUIRE=never")
	}
	return env
}

// childOptions hold for every git that we run: no hooks, no file-system
// monitor, no background work, none but the protocol that was asked for.
func childOptions(allow scheme) []string {
	opts := []string{
		"-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false", "-c", "gc.auto=0",
		"-c", "maintenance.auto=false", "-c", "fetch.negotiationAlgorithm=skipping",
		"-c", "protocol.allow=never", "-c", "push.gpgSign=false", "-c", "fetch.recurseSubmodules=false",
		"-c", "push.recurseSubmodules=no", "-c", "push.followTags=false", "-c", "remote.pushDefault=",
		"-c", "transfer.bundleURI=false", "-c", "credential.interactive=auto",
	}
	if allow != "" {
		opts = append(opts, "-c", "protocol."+string(allow)+".allow=always")
	}
	return opts
}

// gitCommand prepares git in dir (or anywhere). Its process group ends with ctx.
func gitCommand(ctx context.Context, interactive bool, allow scheme, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", append(childOptions(allow), args...)...)
	cmd.Env = childEnv(interactive)
	cmd.WaitDelay = 5 * time.Second
	prepareChild(cmd, interactive)
	return cmd
}

// tail keeps the last bytes of what a child says, safe for several writers.
type tail struct {
	mu  sync.Mutex
	buf []byte
	on  func(string) // each line, or nil
}

const tailBytes = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailBytes; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	if t.on != nil {
		t.on(clean(string(p)))
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
