//go:build unix

package gitea

import (
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// Gitea refuses to run as root; a root that tests (a container, mostly) runs it as this user.
const unprivileged = "nobody"

func isRoot() bool { return os.Geteuid() == 0 }

func runUser() string {
	if isRoot() {
		return unprivileged
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}

func credential() (*syscall.Credential, error) {
	u, err := user.Lookup(unprivileged)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// runAs gives cmd the unprivileged user, where we are root. Without one it stays root, and Gitea says what it thinks of it.
func runAs(cmd *exec.Cmd) {
	if !isRoot() {
		return
	}
	if c, err := credential(); err == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c}
	}
}

// giveAway makes the unprivileged user the owner of paths, where we are root.
func giveAway(paths ...string) error {
	if !isRoot() {
		return nil
	}
	c, err := credential()
	if err != nil {
		return err
	}
	for _, p := range paths {
		if err := os.Chown(p, int(c.Uid), int(c.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// readableByOthers reports whether the user who runs Gitea can reach and run p.
func readableByOthers(p string) bool {
	if !isRoot() {
		return true
	}
	for {
		info, err := os.Stat(p)
		if err != nil || info.Mode()&0o001 == 0 || (info.Mode().Type()&fs.ModeDir == 0 && info.Mode()&0o004 == 0) {
			return false
		}
		up := filepath.Dir(p)
		if up == p {
			return true
		}
		p = up
	}
}

func interrupt(p *os.Process) { p.Signal(syscall.SIGTERM) }
