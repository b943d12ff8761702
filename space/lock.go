package space

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/espace-git/espace-git/internal/filelock"
)

// syncPatience is how long a sync waits for another process that syncs.
const syncPatience = 2 * time.Minute

// lockSync: one process syncs at a time. What the other one did is on disk when
// this one begins.
func (s *Space) lockSync(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, syncPatience)
	defer cancel()
	unlock, err = filelock.Lock(ctx, filepath.Join(s.repo.Dir(), "espace.lock"))
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, join(ErrConflict, errors.New("another process is syncing this space"))
	}
	return unlock, err
}
