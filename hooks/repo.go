package hooks

import (
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
)

// Objects are the git objects of a host. All methods give an error for what is
// not there or not of that type, and check bytes against names.
type Objects interface {
	// CommitBytes is a commit as it is stored.
	CommitBytes(id wire.ObjectID) ([]byte, error)
	// Tree is a tree of the one form; an error also for any other form.
	Tree(id wire.ObjectID) ([]gitstore.TreeEntry, error)
	// Blob is a blob of at most max bytes; an error beyond, before reading it.
	Blob(id wire.ObjectID, max int) ([]byte, error)
}

// Repo is a host's repository. *gitstore.Repo is one.
type Repo interface {
	Objects
	// Ref is the object that a ref names; false when there is no such ref.
	Ref(name string) (wire.ObjectID, bool, error)
}

// Memo remembers what was computed for a commit, so that a push to a long lane
// need not read all of it. It is as trusted as the hook itself, and may forget.
type Memo interface {
	Load(tip wire.ObjectID) ([]byte, bool)
	Store(tip wire.ObjectID, state []byte)
}

// Overlay is a repository with further objects in front: during pre-receive git
// keeps those of the push in a quarantine (githooks(5), git-receive-pack(1)).
type Overlay struct {
	Incoming Objects
	Repo     Repo
}

// CommitBytes is of the push, or else of the repository.
func (o Overlay) CommitBytes(id wire.ObjectID) ([]byte, error) {
	if b, err := o.Incoming.CommitBytes(id); err == nil {
		return b, nil
	}
	return o.Repo.CommitBytes(id)
}

// Tree is of the push, or else of the repository.
func (o Overlay) Tree(id wire.ObjectID) ([]gitstore.TreeEntry, error) {
	if t, err := o.Incoming.Tree(id); err == nil {
		return t, nil
	}
	return o.Repo.Tree(id)
}

// Blob is of the push, or else of the repository.
func (o Overlay) Blob(id wire.ObjectID, max int) ([]byte, error) {
	if b, err := o.Incoming.Blob(id, max); err == nil {
		return b, nil
	}
	return o.Repo.Blob(id, max)
}

// Ref is the repository's: a push has moved none yet.
func (o Overlay) Ref(name string) (wire.ObjectID, bool, error) { return o.Repo.Ref(name) }
