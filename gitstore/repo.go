package gitstore

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// Repo is a bare git repository. Its methods may be called from several
// goroutines, and several processes may have the same directory open.
type Repo struct {
	dir      string
	disk     disk
	scanning sync.Mutex
	packs    atomic.Pointer[packSet]
}

// config is what a new repository says about itself. Ciphertext has no deltas
// and does not compress, and only Consolidate repacks.
const config = `[core]
	repositoryformatversion = 0
	bare = true
	filemode = false
	compression = 0
	bigFileThreshold = 64k
	logAllRefUpdates = false
	fsync = all
[gc]
	auto = 0
[maintenance]
	auto = false
[pack]
	window = 0
	compression = 0
	writeReverseIndex = false
[receive]
	unpackLimit = 1
	autogc = false
[fetch]
	unpackLimit = 1
	writeCommitGraph = false
`

// Init makes a repository at dir, whose parent must exist. What is there
// already stays, so an interrupted Init can be repeated.
func Init(dir string) (*Repo, error) {
	for _, d := range []string{"", "objects", "objects/pack", "objects/info", "refs", "refs/heads", "refs/tags"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil && !isExist(err) {
			return nil, fmt.Errorf("making repository: %w", err)
		}
	}
	r := &Repo{dir: dir, disk: realDisk{}}
	// HEAD comes last: it is what makes a directory a repository.
	for _, f := range []struct{ name, text string }{{"config", config}, {"HEAD", "ref: refs/heads/main\n"}} {
		if err := r.writeOnce(f.name, f.text); err != nil {
			return nil, fmt.Errorf("making repository: %w", err)
		}
	}
	return Open(dir)
}

func (r *Repo) writeOnce(name, text string) error {
	path := filepath.Join(r.dir, name)
	if st, err := os.Stat(path); err == nil && st.Size() > 0 {
		return nil
	}
	return r.replaceFile(path, []byte(text))
}

// replaceFile puts a whole new file in the place of path, durably.
func (r *Repo) replaceFile(path string, data []byte) error {
	f, err := r.disk.Create(path + ".tmp" + randomName())
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = firstError(err, f.Sync(), f.Close())
	if err == nil {
		err = r.disk.Rename(f.Name(), path)
	}
	if err != nil {
		r.disk.Remove(f.Name())
		return err
	}
	return r.disk.SyncDir(filepath.Dir(path))
}

// Open opens a bare repository that Init or git made.
func Open(dir string) (*Repo, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := checkLayout(abs); err != nil {
		return nil, fmt.Errorf("opening %s: %w", dir, err)
	}
	return &Repo{dir: abs, disk: realDisk{}}, nil
}

func checkLayout(dir string) error {
	head, err := os.ReadFile(filepath.Join(dir, "HEAD"))
	if isNotExist(err) || errors.Is(err, os.ErrInvalid) {
		return ErrNotRepository
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotRepository, err)
	}
	st, err := os.Stat(filepath.Join(dir, "objects"))
	if err != nil || !st.IsDir() || len(head) == 0 {
		return ErrNotRepository
	}
	return checkFormat(dir)
}

// checkFormat refuses repositories whose extensions we can't read (another
// hash, another ref storage).
func checkFormat(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, "config"))
	if err != nil && !isNotExist(err) {
		return err
	}
	for line := range strings.Lines(strings.ToLower(string(b))) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[extensions") || strings.HasPrefix(line, "objectformat") || strings.HasPrefix(line, "refstorage") {
			return fmt.Errorf("%w of the format that this program reads (%s)", ErrNotRepository, line)
		}
	}
	return nil
}

// Dir is the repository's directory.
func (r *Repo) Dir() string { return r.dir }

func randomName() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
