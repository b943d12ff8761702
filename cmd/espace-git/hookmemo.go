package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/espace-git/espace-git/internal/wire"
)

// memoDir lies in the repository, next to git's own files.
const memoDir = "espace-hook"

// dirMemo is a hooks.Memo in a folder, which is made when something is to be kept. It
// has 4096 places and forgets what another commit takes the place of.
type dirMemo string

func (m dirMemo) path(tip wire.ObjectID) string { return filepath.Join(string(m), tip.String()[:3]) }

// Load gives what was kept for this commit.
func (m dirMemo) Load(tip wire.ObjectID) ([]byte, bool) {
	b, err := os.ReadFile(m.path(tip))
	if err != nil || len(b) < len(tip) || wire.ObjectID(b[:len(tip)]) != tip {
		return nil, false
	}
	return b[len(tip):], true
}

// Store keeps state, whole or not at all. Without it the next push only takes
// longer, so that failing is no error.
func (m dirMemo) Store(tip wire.ObjectID, state []byte) {
	f, err := os.CreateTemp(string(m), "new-")
	if errors.Is(err, fs.ErrNotExist) {
		if os.Mkdir(string(m), 0o755) != nil {
			return
		}
		f, err = os.CreateTemp(string(m), "new-")
	}
	if err != nil {
		return
	}
	_, err = f.Write(append(tip[:], state...))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), m.path(tip))
	}
	if err != nil {
		os.Remove(f.Name())
	}
}
