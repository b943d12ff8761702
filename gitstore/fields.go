package gitstore

import (
	"bytes"
	"strconv"

	"github.com/espace-git/espace-git/internal/wire"
)

// CommitTree is the tree that a commit names, read as git reads it: whoever made
// the commit.
func CommitTree(raw []byte) (wire.ObjectID, error) {
	tree, _, err := commitLinks(raw)
	return tree, err
}

// CommitTime is the committer's time in Unix seconds, 0 if there is none to read.
// A child is not dated before it, or pushes become slow.
func CommitTime(raw []byte) int64 {
	head, _, _ := bytes.Cut(raw, []byte("\n\n"))
	_, line, ok := bytes.Cut(head, []byte("\ncommitter "))
	if !ok {
		return 0
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	fields := bytes.Fields(line[bytes.LastIndexByte(line, '>')+1:])
	if len(fields) == 0 {
		return 0
	}
	t, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0
	}
	return t
}

// TreeNames lists the names in a tree that somebody else may have made, in any
// form that git stores. They are only to be shown, escaped.
func (r *Repo) TreeNames(id wire.ObjectID) ([]string, error) {
	typ, data, err := r.Object(id, MaxTreeBytes)
	if err != nil {
		return nil, err
	}
	if typ != "tree" {
		return nil, ErrBadTree
	}
	entries, err := scanTree(data)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name
	}
	return names, nil
}
