package hooks

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/espace-git/espace-git/gitstore"
)

// OpenPush opens a host's repository together with the objects of the push that
// waits for the hook's answer. dir is the repository (GIT_DIR), quarantine is
// GIT_QUARANTINE_PATH, empty where git keeps none. The caller closes it.
//
// The quarantine is an objects folder without a repository; one is put around
// it for as long as the check lasts.
func OpenPush(dir, quarantine string) (Repo, func() error, error) {
	base, err := gitstore.Open(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the repository: %w", err)
	}
	if quarantine == "" {
		return base, func() error { return nil }, nil
	}
	tmp, err := os.MkdirTemp("", "espace-hook-")
	if err != nil {
		return nil, nil, fmt.Errorf("opening the push: %w", err)
	}
	incoming, err := around(filepath.Join(tmp, "push.git"), quarantine)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the push: %w", errors.Join(err, os.RemoveAll(tmp)))
	}
	return Overlay{Incoming: incoming, Repo: base}, func() error { return os.RemoveAll(tmp) }, nil
}

func around(dir, quarantine string) (*gitstore.Repo, error) {
	objects, err := filepath.Abs(quarantine)
	if err != nil {
		return nil, err
	}
	if _, err := gitstore.Init(dir); err != nil {
		return nil, err
	}
	own := filepath.Join(dir, "objects")
	if err := errors.Join(os.RemoveAll(own), os.Symlink(objects, own)); err != nil {
		return nil, err
	}
	return gitstore.Open(dir)
}
