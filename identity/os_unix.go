//go:build !windows

package identity

import (
	"io/fs"
	"os"
	"syscall"
)

// checkMode refuses permissions beyond want, and files of other users.
func checkMode(path string, info fs.FileInfo, want fs.FileMode) error {
	e := &PermissionError{Path: path, Mode: info.Mode().Perm(), Want: want}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		e.Owner = true
		return e
	}
	if e.Mode&^want != 0 {
		return e
	}
	return nil
}

// replace puts one file in the place of another.
func replace(from, to string) error { return os.Rename(from, to) }

// syncDir makes the entries of dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
