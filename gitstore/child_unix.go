//go:build unix

package gitstore

import (
	"os/exec"
	"syscall"
)

// prepareChild gives the child a process group of its own, so that ending it
// ends the helpers it started too. Not when it may ask on the terminal: only
// the foreground group may read from there.
func prepareChild(cmd *exec.Cmd, interactive bool) {
	if interactive {
		return
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// ownedByUs: as git's safe.directory, a repository of another user is not ours
// to act for.
func ownedByUs(dir string) bool {
	var st syscall.Stat_t
	return syscall.Stat(dir, &st) == nil && int(st.Uid) == syscall.Geteuid()
}
