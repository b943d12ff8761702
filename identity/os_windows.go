package identity

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// checkMode: Windows has no permission bits; the user's profile is protected by its
// access control lists, which new files inherit.
func checkMode(string, fs.FileInfo, fs.FileMode) error { return nil }

// replace puts one file in the place of another. A reader that has the old one open at
// that moment makes the system refuse; it is done in a moment.
func replace(from, to string) error {
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := os.Rename(from, to)
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

// syncDir: NTFS journals renames; a directory can't be synced.
func syncDir(string) error { return nil }

// tryLock takes an exclusive lock of the whole file, if nobody has it.
func tryLock(f *os.File) (bool, error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
