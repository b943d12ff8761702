//go:build linux || darwin

package identity

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const agentSupported = true

// detached gives the agent a session of its own: it outlives the terminal.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// hardenProcess keeps the key out of core dumps and files readable by others.
func hardenProcess() {
	unix.Umask(0o177)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	forbidTracing()
}

// samePeer reports whether the process at the other end is this user's.
func samePeer(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	same := false
	err = raw.Control(func(fd uintptr) {
		uid, err := peerUID(int(fd))
		same = err == nil && uid == os.Geteuid()
	})
	return err == nil && same
}
