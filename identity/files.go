package identity

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// readFile is a regular file of at most max bytes that only this user can read, and
// what identifies this version of it. The mode is checked on the open file: no window
// in which another could be put in its place.
func readFile(path string, max int) ([]byte, fs.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is not a file", path)
	}
	if err := checkMode(path, info, fileMode); err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(max)+1))
	if err != nil {
		return nil, nil, err
	}
	if len(b) > max {
		return nil, nil, fmt.Errorf("%s: %w: limit %d bytes", path, ErrTooBig, max)
	}
	return b, info, nil
}

// sameFile reports whether two looks at a path saw one version: every write here makes
// a new file.
func sameFile(a, b fs.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// disk writes files. Its zero value does; tests put themselves around each step.
type disk struct {
	around func(step string, do func() error) error
}

func (d disk) step(name string, do func() error) error {
	if d.around == nil {
		return do()
	}
	return d.around(name, do)
}

// tempPrefix begins the names of files in the making.
const tempPrefix = ".tmp-"

// write replaces path as a whole: after a crash at any step the old or the new content
// is there, and when write returns nil the new one is on disk. An error leaves either.
func (d disk) write(path string, content []byte) error {
	dir := filepath.Dir(path)
	var f *os.File
	err := d.step("create", func() (err error) {
		f, err = createTemp(dir)
		return err
	})
	if err != nil {
		return err
	}
	defer f.Close()
	err = d.steps(
		step{"write", func() error { _, err := io.Copy(f, bytes.NewReader(content)); return err }},
		step{"sync", f.Sync},
		step{"close", f.Close},
		step{"rename", func() error { return replace(f.Name(), path) }},
	)
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return d.step("syncdir", func() error { return syncDir(dir) })
}

// remove deletes path, durably.
func (d disk) remove(path string) error {
	return d.steps(
		step{"remove", func() error { return os.Remove(path) }},
		step{"syncdir", func() error { return syncDir(filepath.Dir(path)) }},
	)
}

type step struct {
	name string
	do   func() error
}

func (d disk) steps(all ...step) error {
	for _, s := range all {
		if err := d.step(s.name, s.do); err != nil {
			return err
		}
	}
	return nil
}

// createTemp makes a new file for this user alone, beside the one it will replace:
// a rename must not cross file systems.
func createTemp(dir string) (*os.File, error) {
	var b [8]byte
	rand.Read(b[:])
	name := filepath.Join(dir, tempPrefix+hex.EncodeToString(b[:]))
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
}

// sweep removes what a crashed writer left. The caller holds dir's lock, so nobody is
// writing there.
func sweep(dir string) {
	old, _ := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
	for _, path := range old {
		os.Remove(path)
	}
}
