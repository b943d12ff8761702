package hooks

import (
	"errors"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
)

// Bounds of trees that are looked at file by file. A tree of a few kilobytes can
// name itself a thousand times on each level, so that what is counted is steps.
const (
	maxFiles = 1 << 17 // in one tree
	maxSteps = 1 << 24 // in all trees of a push; one that heals reads every entry of every kept epoch
	maxDepth = 4       // ledger/0000/00000000.json has 3
)

var errTree = errors.New("too many files, or folders in folders")

// place is an object at a path. Folders are passed over by place, not by name
// alone: the same folder elsewhere holds files of other paths.
type place struct {
	path string
	id   wire.ObjectID
}

// walk goes through a tree. It passes over folders that seen has, and adds those
// that it went through; a nil seen skips nothing.
type walk struct {
	repo  Repo
	seen  map[place]bool
	left  int
	visit func(place)
}

func (w *walk) folder(dir place, depth int) error {
	if w.seen[dir] {
		return nil
	}
	entries, err := w.repo.Tree(dir.id)
	if err != nil {
		return err
	}
	if w.left -= len(entries); depth > maxDepth || w.left < 0 {
		return errTree
	}
	for _, e := range entries {
		at := place{dir.path + e.Name, e.ID}
		if e.Mode != gitstore.ModeDir {
			w.visit(at)
			continue
		}
		if err := w.folder(place{at.path + "/", at.id}, depth+1); err != nil {
			return err
		}
	}
	if w.seen != nil {
		w.seen[dir] = true
	}
	return nil
}

// files are the files of a tree by path.
func (c *check) files(tree wire.ObjectID) (map[string]wire.ObjectID, error) {
	out := map[string]wire.ObjectID{}
	w := walk{repo: c.repo, left: min(maxFiles, c.steps), visit: func(f place) { out[f.path] = f.id }}
	before := w.left
	err := w.folder(place{id: tree}, 1)
	c.steps -= before - w.left
	return out, err
}

// filesOf are the files of a commit that anyone may have made; none if they
// cannot be read.
func (c *check) filesOf(commit wire.ObjectID) map[string]wire.ObjectID {
	raw, err := c.repo.CommitBytes(commit)
	if err != nil {
		return nil
	}
	tree, err := gitstore.CommitTree(raw)
	if err != nil {
		return nil
	}
	files, err := c.files(tree)
	if err != nil {
		return nil
	}
	return files
}
