package identity

import (
	"io/fs"
	"os"
	"time"
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
