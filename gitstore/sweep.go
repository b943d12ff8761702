package gitstore

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/espace-git/espace-git/internal/filelock"
)

const tempPack = "tmp_pack_"

// tempPackAge covers the moments in which a writer does not hold the file: before it
// has the lock, and between closing and renaming.
const tempPackAge = time.Hour

// sweepPacks removes packs that killed processes left half written. A writer holds a
// lock on its own as long as it lives, however slowly its bytes come.
func (r *Repo) sweepPacks() {
	names, _ := os.ReadDir(r.packDir())
	for _, n := range names {
		if !strings.HasPrefix(n.Name(), tempPack) {
			continue
		}
		path := filepath.Join(r.packDir(), n.Name())
		if st, err := n.Info(); err == nil && time.Since(st.ModTime()) > tempPackAge && unheld(path) {
			r.disk.Remove(path)
		}
	}
}

// unheld says that no process has the lock of a file.
func unheld(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	ok, err := filelock.Try(f)
	return ok && err == nil
}
