package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/espace-git/espace-git/internal/wire"
)

// agentHome is a protected home with an agent that lives for life.
func agentHome(t *testing.T, life time.Duration) (*Vault, wire.Hash) {
	t.Helper()
	if !agentSupported {
		t.Skip("no agent on this system")
	}
	home := newHome(t)
	v, err := CreateVault(home, []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	tag := tagOfHome(t, home)
	if err := startAgent(SelfAgent(), home, tag, v.key, life); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = Lock(home) })
	return v, tag
}

func tagOfHome(t *testing.T, home string) wire.Hash {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(home, protectedName))
	if err != nil {
		t.Fatal(err)
	}
	return tagOf(file)
}

func TestAgentServes(t *testing.T) {
	v, tag := agentHome(t, time.Hour)
	u, ok := askAgent(v.home, tag)
	if !ok || u.id().String() != v.key.id().String() {
		t.Error("the agent gave another key")
	}
	if _, ok := askAgent(v.home, wire.Hash{1}); ok {
		t.Error("the agent gave the key for another identity file")
	}
	if _, err := OpenVault(v.home, Unlock{}); err != nil {
		t.Errorf("with an agent: %v", err)
	}
	if _, err := OpenVault(v.home, Unlock{NoAgent: true}); !errors.Is(err, ErrLocked) {
		t.Errorf("without asking the agent: %v", err)
	}
	info, err := os.Lstat(socketPath(v.home))
	if err != nil || info.Mode().Perm() != fileMode {
		t.Errorf("socket: %v, %v", info.Mode(), err)
	}
}

// TestAgentJunk: what is no request gets no key and does not stop the agent.
func TestAgentJunk(t *testing.T) {
	v, tag := agentHome(t, time.Hour)
	key := []byte("AGE-SECRET-KEY")
	for _, junk := range []string{"", "k", "\x00", "x" + string(tag[:]), "k" + string(make([]byte, 32)), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", strings.Repeat("A", 100000)} {
		c, err := net.Dial("unix", socketPath(v.home))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, junk)
		_ = c.(*net.UnixConn).CloseWrite()
		answer, _ := io.ReadAll(c)
		if bytes.Contains(answer, key) || len(answer) > 1 {
			t.Errorf("%.20q is answered with %d bytes", junk, len(answer))
		}
		c.Close()
	}
	if _, ok := askAgent(v.home, tag); !ok {
		t.Error("the agent is gone")
	}
}

// TestAgentEnds: at its time, when the identity file changes, and when the home is gone.
func TestAgentEnds(t *testing.T) {
	for name, end := range map[string]func(v *Vault) error{
		"time":      func(*Vault) error { time.Sleep(1100 * time.Millisecond); return nil },
		"changed":   func(v *Vault) error { return os.WriteFile(filepath.Join(v.home, protectedName), []byte("x"), fileMode) },
		"home-gone": func(v *Vault) error { return os.Remove(filepath.Join(v.home, protectedName)) },
		"opened-up": func(v *Vault) error { return os.Chmod(filepath.Join(v.home, protectedName), 0o644) },
		"rekey":     func(v *Vault) error { return v.Rekey([]byte("new")) },
		"lock":      func(v *Vault) error { return Lock(v.home) },
	} {
		t.Run(name, func(t *testing.T) {
			life := time.Hour
			if name == "time" {
				life = time.Second
			}
			v, tag := agentHome(t, life)
			if err := end(v); err != nil {
				t.Fatal(err)
			}
			if name == "rekey" || name == "lock" { // those wait until it has ended
				release, err := lockFile(socketPath(v.home)+".lock", 0)
				if err != nil {
					t.Fatalf("the agent's process is still there: %v", err)
				}
				release()
			}
			if _, ok := askAgent(v.home, tag); ok {
				t.Error("the agent still gives the key")
			}
			release, err := lockFile(socketPath(v.home)+".lock", 5*time.Second)
			if err != nil {
				t.Fatalf("the agent's process is still there: %v", err)
			}
			release()
		})
	}
}

// TestAgentLife: neither a clock that is turned back nor a long start message makes an
// agent live longer than it may.
func TestAgentLife(t *testing.T) {
	v, tag := agentHome(t, time.Hour)
	now := time.Now()
	start := startWire{Identity: filepath.Join(v.home, protectedName), Tag: tag}
	for _, c := range []struct {
		name         string
		until, begun time.Time
		over         bool
	}{
		{"young", now.Add(time.Hour), now, false}, {"wall clock", now.Add(-time.Second), now, true},
		{"monotonic clock", now.Add(time.Hour), now.Add(-keepFor), true}, {"far end", now.Add(1000 * time.Hour), now.Add(-keepFor), true},
	} {
		a := agent{start: start, until: c.until, begun: c.begun}
		if got := a.over(now); got != c.over {
			t.Errorf("%s: over is %v", c.name, got)
		}
	}
}

// TestAgentOnce: a second agent for one home does not start, and does not disturb.
func TestAgentOnce(t *testing.T) {
	v, tag := agentHome(t, time.Hour)
	if err := startAgent(SelfAgent(), v.home, tag, v.key, time.Hour); err == nil {
		t.Error("two agents serve one home")
	}
	if _, ok := askAgent(v.home, tag); !ok {
		t.Error("the first agent is gone")
	}
	if err := Lock(v.home); err != nil {
		t.Fatal(err)
	}
	if err := Lock(v.home); err != nil {
		t.Errorf("locking twice: %v", err)
	}
}

// TestAgentKilled: what a killed agent leaves does not stop the next one.
func TestAgentKilled(t *testing.T) {
	v, tag := agentHome(t, time.Hour)
	p, err := os.FindProcess(agentPID(t, v.home))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	release, err := lockFile(socketPath(v.home)+".lock", 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	release()
	asked := 0
	opts := pass("correct horse", &asked)
	opts.Agent = SelfAgent()
	if _, err := OpenVault(v.home, opts); err != nil || asked != 1 {
		t.Errorf("asked %d times, %v", asked, err)
	}
	if _, ok := askAgent(v.home, tag); !ok {
		t.Error("no agent was started in the place of the killed one")
	}
}

// TestAgentDoesNotStart: without an agent the passphrase still opens the keys.
func TestAgentDoesNotStart(t *testing.T) {
	home := newHome(t)
	if _, err := CreateVault(home, []byte("correct horse")); err != nil {
		t.Fatal(err)
	}
	for name, command := range map[string][]string{"missing": {"/does/not/exist"}, "wrong": {"/bin/false"}, "mute": {"/bin/cat"}} {
		asked := 0
		opts := pass("correct horse", &asked)
		opts.Agent = command
		if _, err := OpenVault(home, opts); err != nil || asked != 1 {
			t.Errorf("%s: asked %d times, %v", name, asked, err)
		}
	}
}

// TestAgentLongPath: a home whose path is too long for a socket has its agent elsewhere.
func TestAgentLongPath(t *testing.T) {
	if !agentSupported {
		t.Skip("no agent on this system")
	}
	home, err := Home(filepath.Join(t.TempDir(), strings.Repeat("long", 30)))
	if err != nil {
		t.Fatal(err)
	}
	v, err := CreateVault(home, []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	tag := tagOfHome(t, home)
	if err := startAgent(SelfAgent(), home, tag, v.key, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, ok := askAgent(home, tag); !ok {
		t.Error("no agent")
	}
	if err := Lock(home); err != nil {
		t.Error(err)
	}
	os.Remove(socketPath(home) + ".lock")
}

// TestAgentOtherUser: even where another user reaches the socket it gets no key.
func TestAgentOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs to become another user")
	}
	dir, err := os.MkdirTemp("/tmp", "espace-agent-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	l, err := listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(socket, 0o666)); err != nil {
		t.Fatal(err)
	}
	a := &agent{key: func() string { return "the key" }}
	for uid, want := range map[int]string{0: "othe key", 12345: ""} {
		answer := make(chan string)
		go func() { answer <- askAs(t, uid, socket) }()
		c, err := l.AcceptUnix()
		if err != nil {
			t.Fatal(err)
		}
		if a.answer(c) {
			t.Error("the agent stops")
		}
		if got := <-answer; got != want {
			t.Errorf("user %d gets %q, want %q", uid, got, want)
		}
	}
}

// askAs asks for the key with the tag zero from a thread that is another user's.
func askAs(t *testing.T, uid int, socket string) string {
	runtime.LockOSThread() // and never unlocked: the thread ends with its goroutine
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
		t.Error(errno)
	}
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Error(err)
		return err.Error()
	}
	defer c.Close()
	_, _ = c.Write(append([]byte{verbKey}, make([]byte, 32)...))
	answer, _ := io.ReadAll(c)
	return string(answer)
}

// agentPID asks the kernel who serves a home's socket.
func agentPID(t *testing.T, home string) int {
	t.Helper()
	c, err := net.Dial("unix", socketPath(home))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	pid := 0
	err = raw.Control(func(fd uintptr) { pid = peerPID(t, int(fd)) })
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// TestAttackEnvHasNoPassphrase: the agent's environment is empty and its arguments are the
// hidden verb alone, whatever the environment of the command that started it.
func TestAttackEnvHasNoPassphrase(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	t.Setenv("ESPACE_PASSPHRASE", "correct horse")
	t.Setenv("SOME_TOKEN", "hunter2")
	v, _ := agentHome(t, time.Hour)
	pid := agentPID(t, v.home)
	for _, file := range []string{"environ", "cmdline"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if errors.Is(err, os.ErrPermission) {
			continue // it is not dumpable: its own user can't read it either
		}
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		if file == "cmdline" {
			want = strings.Join(SelfAgent(), "\x00") + "\x00"
		}
		if string(b) != want {
			t.Errorf("%s is %q", file, b)
		}
	}
	if fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil && len(fds) > 12 {
		t.Errorf("the agent has %d open files", len(fds))
	}
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_CORE, nil, &limit); err != nil || limit.Cur != 0 {
		t.Errorf("core dumps: %d bytes, %v", limit.Cur, err)
	}
}

func peerPID(t *testing.T, fd int) int {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		t.Error(err)
		return 0
	}
	return int(cred.Pid)
}
