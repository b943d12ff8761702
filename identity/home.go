package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/espace-git/espace-git/internal/wire"
)

const (
	fileMode fs.FileMode = 0o600
	dirMode  fs.FileMode = 0o700
)

// Home is the absolute path of the directory that holds a user's keys: dir, or where
// dir is empty $ESPACE_HOME, or else espace-git in the user's configuration directory.
// It is made if it is missing. A *PermissionError refuses one that others can enter.
func Home(dir string) (string, error) {
	dir, err := homePath(dir)
	if err != nil {
		return "", fmt.Errorf("finding the keys: %w", err)
	}
	if err := makeDir(dir); err != nil {
		return "", fmt.Errorf("finding the keys: %w", err)
	}
	return dir, nil
}

func homePath(dir string) (string, error) {
	if dir == "" {
		dir = os.Getenv("ESPACE_HOME")
	}
	if dir == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(config, "espace-git")
	}
	return filepath.Abs(dir)
}

// makeDir makes dir and what is missing above it, for this user alone, and makes its
// entry durable; a directory that exists is checked.
func makeDir(dir string) error {
	err := checkDir(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return err
	}
	// A directory above that may be entered and not read, as /home often is, can't be synced.
	if err := syncDir(filepath.Dir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return checkDir(dir)
}

// checkDir refuses what is no directory or is open to others.
func checkDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	return checkMode(dir, info, dirMode)
}

// spaceDir is where the keys of one space lie.
func spaceDir(home string, space wire.Hash) string {
	return filepath.Join(home, "spaces", space.String())
}
