package gitstore

import (
	"bytes"
	"container/heap"
	"strconv"

	"github.com/espace-git/espace-git/internal/wire"
)

// reach finds what a host that has everything under haves lacks of tips.
//
// Commits are walked from both sides at once, newest first, and the walk ends
// when only such are left that the host has: the cost is that of what is new,
// not of history (go-git's push walks all of it: 14 s on 400,000 objects). Dates
// come from others, so a wrong one can make the walk longer or the push larger,
// never make it lack something.
type reach struct {
	repo    *Repo
	haves   map[wire.ObjectID]bool
	queue   dateHeap
	state   map[wire.ObjectID]*reachCommit
	fresh   int // commits in the queue that the host may lack
	painted bool
	order   []*reachCommit
	sent    map[wire.ObjectID]bool
	out     []wire.ObjectID
}

type reachCommit struct {
	id      wire.ObjectID
	tree    wire.ObjectID
	parents []wire.ObjectID
	date    int64
	has     bool // the host has it
	queued  bool
}

// paintAfter is how many commits are taken for new before the haves are painted
// too. Until then it is enough that the walk stops where it meets one: reading a
// thousand other refs for a push of one commit would cost more than the push.
const paintAfter = 256

// missing gives the names of the objects to send. Haves that the store lacks
// are skipped.
func (r *Repo) missing(tips, haves []wire.ObjectID) ([]wire.ObjectID, error) {
	w := &reach{repo: r, haves: idSet(haves), state: map[wire.ObjectID]*reachCommit{}, sent: map[wire.ObjectID]bool{}}
	for _, id := range tips {
		if err := w.tip(id); err != nil {
			return nil, err
		}
	}
	if err := w.walk(); err != nil {
		return nil, err
	}
	err := w.collect()
	return w.out, err
}

// tip starts from a commit, or takes whatever else a ref may point to.
func (w *reach) tip(id wire.ObjectID) error {
	if w.haves[id] {
		return nil
	}
	k, data, err := w.repo.object(id, MaxObject)
	if err != nil {
		return err
	}
	if k == kindCommit {
		return w.add(id, false)
	}
	if w.sent[id] {
		return nil
	}
	links, err := objectLinks(k, data)
	if err != nil {
		return err
	}
	w.send(id)
	for _, l := range links {
		if err := w.tip(l); err != nil {
			return err
		}
	}
	return nil
}

// add queues a commit, or marks one that was found before as the host's.
func (w *reach) add(id wire.ObjectID, has bool) error {
	c := w.state[id]
	has = has || w.haves[id]
	if c == nil {
		raw, err := w.repo.CommitBytes(id)
		if err != nil {
			return err
		}
		c = &reachCommit{id: id, date: commitDate(raw), has: has}
		if c.tree, c.parents, err = commitLinks(raw); err != nil {
			return err
		}
		w.state[id] = c
		w.push(c)
		return nil
	}
	if has && !c.has {
		if c.has = true; c.queued {
			w.fresh--
		} else {
			w.push(c) // its ancestors are to be marked, too
		}
	}
	return nil
}

func (w *reach) push(c *reachCommit) {
	c.queued = true
	if !c.has {
		w.fresh++
	}
	heap.Push(&w.queue, c)
}

func (w *reach) walk() error {
	for w.fresh > 0 {
		c := heap.Pop(&w.queue).(*reachCommit)
		if c.queued = false; !c.has {
			w.fresh--
			w.order = append(w.order, c)
		}
		if len(w.order) == paintAfter && !w.painted {
			w.paint()
		}
		for _, p := range c.parents {
			if err := w.add(p, c.has); err != nil && !c.has {
				return err
			}
		}
	}
	return nil
}

// paint queues all haves; what is no commit or not here can't spare anything.
func (w *reach) paint() {
	w.painted = true
	for id := range w.haves {
		_ = w.add(id, true)
	}
}

// collect names the objects of the commits that the host lacks, parents first.
func (w *reach) collect() error {
	for i := len(w.order) - 1; i >= 0; i-- {
		c := w.order[i]
		if c.has || w.sent[c.id] {
			continue
		}
		var before []wire.ObjectID
		for _, p := range c.parents {
			if pc := w.state[p]; pc != nil && pc.has {
				before = append(before, pc.tree)
			}
		}
		w.send(c.id)
		if err := w.tree(c.tree, before); err != nil {
			return err
		}
	}
	return nil
}

func (w *reach) send(id wire.ObjectID) {
	w.sent[id] = true
	w.out = append(w.out, id)
}

// tree sends what differs from the trees before, reading only what differs.
func (w *reach) tree(id wire.ObjectID, before []wire.ObjectID) error {
	for _, b := range before {
		if b == id {
			return nil
		}
	}
	if w.sent[id] {
		return nil
	}
	k, data, err := w.repo.object(id, MaxObject)
	if err != nil {
		return err
	}
	w.send(id)
	if k != kindTree {
		return nil
	}
	entries, err := scanTree(data)
	if err != nil {
		return err
	}
	old := w.oldEntries(before)
	for _, e := range entries {
		if err := w.entry(e, old[e.Name]); err != nil {
			return err
		}
	}
	return nil
}

func (w *reach) entry(e TreeEntry, old []wire.ObjectID) error {
	switch {
	case e.Mode == modeLink:
		return nil
	case e.Mode == ModeDir:
		return w.tree(e.ID, old)
	}
	for _, o := range old {
		if o == e.ID {
			return nil
		}
	}
	if !w.sent[e.ID] {
		w.send(e.ID)
	}
	return nil
}

func (w *reach) oldEntries(trees []wire.ObjectID) map[string][]wire.ObjectID {
	old := map[string][]wire.ObjectID{}
	for _, t := range trees {
		b, err := w.repo.typed(t, kindTree, MaxTreeBytes)
		if err != nil {
			continue
		}
		entries, _ := scanTree(b)
		for _, e := range entries {
			old[e.Name] = append(old[e.Name], e.ID)
		}
	}
	return old
}

// commitDate reads the committer's time, 0 when there is none.
func commitDate(raw []byte) int64 {
	_, line, ok := bytes.Cut(raw, []byte("\ncommitter "))
	if !ok {
		return 0
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	_, line, _ = bytes.Cut(line, []byte("> "))
	digits, _, _ := bytes.Cut(line, []byte(" "))
	t, _ := strconv.ParseInt(string(digits), 10, 64)
	return t
}

type dateHeap []*reachCommit

func (h dateHeap) Len() int           { return len(h) }
func (h dateHeap) Less(i, j int) bool { return h[i].date > h[j].date }
func (h dateHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dateHeap) Push(x any)        { *h = append(*h, x.(*reachCommit)) }
func (h *dateHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
