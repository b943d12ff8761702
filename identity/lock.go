package identity

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// lockWait is how long a process waits for another: far longer than a write takes.
const lockWait = 20 * time.Second

// locked runs do while no other process or goroutine is within locked for dir. The lock
// is the operating system's, so a crash releases it.
func locked(dir string, do func() error) error {
	release, err := lockFile(filepath.Join(dir, "lock"), lockWait)
	if err != nil {
		return err
	}
	defer release()
	return do()
}

// lockFile takes the lock of path, which is made if need be and never removed: removing
// it would let two processes hold "the" lock on two files.
func lockFile(path string, wait time.Duration) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(wait); ; time.Sleep(5 * time.Millisecond) {
		ok, err := tryLock(f)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		if ok {
			return func() { f.Close() }, nil // closing the file ends the lock
		}
		if !time.Now().Before(end) {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", path, ErrBusy)
		}
	}
}
