package hooks

import (
	"errors"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
)

// Bounds of a tree that is looked at file by file.
const (
	maxFiles = 1 << 20
	maxDepth = 4 // ledger/0000/00000000.json has 3
)

var errTree = errors.New("too many files, or folders in folders")

// place is an object at a path. Folders are passed over by place, not by name
// alone: the same folder elsewhere holds files of other paths.
type place struct {
	path string
	id   wire.ObjectID
}

// walk shows every file of a tree, but for folders that seen has; it adds those
// that it went through. A nil seen skips nothing.
func (c *check) walk(dir place, depth int, seen map[place]bool, visit func(place)) error {
	if seen[dir] {
		return nil
	}
	entries, err := c.repo.Tree(dir.id)
	if err != nil {
		return err
	}
	if depth > maxDepth || len(entries) > maxFiles {
		return errTree
	}
	for _, e := range entries {
		at := place{dir.path + e.Name, e.ID}
		if e.Mode != gitstore.ModeDir {
			visit(at)
			continue
		}
		if err := c.walk(place{at.path + "/", at.id}, depth+1, seen, visit); err != nil {
			return err
		}
	}
	if seen != nil {
		seen[dir] = true
	}
	return nil
}

// files are the files of a tree by path.
func (c *check) files(tree wire.ObjectID) (map[string]wire.ObjectID, error) {
	out := map[string]wire.ObjectID{}
	err := c.walk(place{id: tree}, 1, nil, func(f place) { out[f.path] = f.id })
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
