package gitstore

import (
	"bytes"
	"container/heap"
	"fmt"

	"github.com/espace-git/espace-git/internal/wire"
)

// CommitRef is a commit as git sees it. Nothing in it is verified: Tree and
// Parents are what the first lines of Raw say.
type CommitRef struct {
	ID      wire.ObjectID
	Tree    wire.ObjectID
	Parents []wire.ObjectID
	Raw     []byte
	// Err says why this object, which somebody named as a tip or parent, is no
	// commit that can be read; then only ID is set (and Raw, if it is a commit).
	Err error
}

// maxWalk bounds Commits when the caller names no limit.
const maxWalk = 4 << 20

// Commits gives every commit among tips and their ancestors that is not among
// known and their ancestors, parents before children; of those that are free to
// come next the one with the smallest ID (Kahn's algorithm, CACM 5(11) 1962).
// DESIGN 3, "Reading a chain": git parents carry objects and prove nothing, so
// what is no commit is reported in Err and stops nobody. More than limit new
// commits (0: 4 Mi) are ErrTooBig.
func (r *Repo) Commits(tips, known []wire.ObjectID, limit int) ([]CommitRef, error) {
	if limit <= 0 {
		limit = maxWalk
	}
	old := idSet(known)
	found, rooted, err := r.walkNew(tips, old, limit)
	if err != nil {
		return nil, err
	}
	if rooted && len(known) > 0 {
		// A path ended in a first commit instead of in known: it may have gone
		// around known into what lies before it. Only then is that read too.
		r.dropAncestors(found, known)
	}
	return kahn(found), nil
}

func idSet(ids []wire.ObjectID) map[wire.ObjectID]bool {
	m := make(map[wire.ObjectID]bool, len(ids))
	for _, id := range ids {
		m[id] = true
	}
	return m
}

// walkNew collects what tips reach without passing through old. rooted: some
// path ended at a commit without parents.
func (r *Repo) walkNew(tips []wire.ObjectID, old map[wire.ObjectID]bool, limit int) (map[wire.ObjectID]*CommitRef, bool, error) {
	found, rooted := map[wire.ObjectID]*CommitRef{}, false
	todo := append([]wire.ObjectID(nil), tips...)
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if old[id] || found[id] != nil {
			continue
		}
		if len(found) >= limit {
			return nil, false, fmt.Errorf("more than %d new commits: %w", limit, ErrTooBig)
		}
		c := r.commitRef(id)
		found[id] = c
		todo = append(todo, c.Parents...)
		rooted = rooted || len(c.Parents) == 0
	}
	return found, rooted, nil
}

func (r *Repo) dropAncestors(found map[wire.ObjectID]*CommitRef, known []wire.ObjectID) {
	seen := map[wire.ObjectID]bool{}
	todo := append([]wire.ObjectID(nil), known...)
	for len(todo) > 0 && len(found) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		c := found[id]
		if delete(found, id); c == nil {
			c = r.commitRef(id)
		}
		todo = append(todo, c.Parents...)
	}
}

func (r *Repo) commitRef(id wire.ObjectID) *CommitRef {
	c := &CommitRef{ID: id}
	if c.Raw, c.Err = r.CommitBytes(id); c.Err == nil {
		c.Tree, c.Parents, c.Err = commitLinks(c.Raw)
	}
	return c
}

// commitLinks reads the tree and parent lines at the head of a commit, which
// is as far as git itself looks when it walks.
func commitLinks(raw []byte) (tree wire.ObjectID, parents []wire.ObjectID, err error) {
	tree, rest, ok := linkLine(raw, "tree ")
	if !ok {
		return tree, nil, fmt.Errorf("%w: commit without a tree line", ErrCorrupt)
	}
	for {
		id, next, ok := linkLine(rest, "parent ")
		if !ok {
			return tree, parents, nil
		}
		parents, rest = append(parents, id), next
	}
}

func linkLine(b []byte, word string) (id wire.ObjectID, rest []byte, ok bool) {
	b, ok = bytes.CutPrefix(b, []byte(word))
	if !ok || len(b) < 41 || b[40] != '\n' {
		return id, nil, false
	}
	id, err := wire.ParseObjectID(string(b[:40]))
	return id, b[41:], err == nil
}

// kahn sorts parents before children, the smallest ID first among the free.
func kahn(found map[wire.ObjectID]*CommitRef) []CommitRef {
	waits := make(map[wire.ObjectID]int, len(found))
	children := make(map[wire.ObjectID][]wire.ObjectID, len(found))
	var free idHeap
	for id, c := range found {
		for p := range idSet(c.Parents) {
			if found[p] != nil {
				waits[id]++
				children[p] = append(children[p], id)
			}
		}
		if waits[id] == 0 {
			free = append(free, id)
		}
	}
	heap.Init(&free)
	out := make([]CommitRef, 0, len(found))
	for len(free) > 0 {
		id := heap.Pop(&free).(wire.ObjectID)
		out = append(out, *found[id])
		for _, child := range children[id] {
			if waits[child]--; waits[child] == 0 {
				heap.Push(&free, child)
			}
		}
	}
	return out
}

type idHeap []wire.ObjectID

func (h idHeap) Len() int           { return len(h) }
func (h idHeap) Less(i, j int) bool { return bytes.Compare(h[i][:], h[j][:]) < 0 }
func (h idHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *idHeap) Push(x any)        { *h = append(*h, x.(wire.ObjectID)) }
func (h *idHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
