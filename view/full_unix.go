//go:build !windows

package view

import "golang.org/x/sys/unix"

// free is how many bytes the file system of dir has left for this user.
func free(dir string) (bytes uint64, ok bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return uint64(st.Bavail) * uint64(st.Bsize), true
}
