package gitstore

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/espace-git/espace-git/internal/filelock"
)

// disk is the seam at which tests make a disk fail: every step that writes
// goes through it, nothing that reads does.
type disk interface {
	// Create makes a new file that must not exist. While it is open, in whatever
	// process, sweepPacks leaves it.
	Create(name string) (file, error)
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir makes the names in a directory durable.
	SyncDir(name string) error
}

type file interface {
	io.Writer
	io.WriterAt
	io.ReaderAt
	Sync() error
	Close() error
	Name() string
}

type realDisk struct{}

// Create leaves the permissions to the user's umask, as git does: the space's
// own directory is closed to others (Init), a shared host may be open.
func (realDisk) Create(name string) (file, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	// Where files can't be locked, nothing is swept either.
	_, _ = filelock.Try(f)
	return f, nil
}

func (realDisk) Rename(from, to string) error { return os.Rename(from, to) }
func (realDisk) Remove(name string) error     { return os.Remove(name) }

// SyncDir is a no-op where directories can't be synced.
func (realDisk) SyncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
func isExist(err error) bool    { return errors.Is(err, fs.ErrExist) }
