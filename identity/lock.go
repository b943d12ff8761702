package identity

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/espace-git/espace-git/internal/filelock"
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

// lockFile takes the lock of path. ErrBusy: somebody held it for longer than wait.
func lockFile(path string, wait time.Duration) (release func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	release, err = filelock.Lock(ctx, path)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("locking %s: %w", path, ErrBusy)
	}
	return release, err
}
