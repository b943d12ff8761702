package gitstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// quarantine is a directory beside the objects where a fetch works. Nothing in
// it is visible to readers of the store; all of it goes when the fetch ends,
// and what a killed process left is swept a day later.
//
//	host ──pack──▶ importer ──▶ quarantine pack ──walk from the tips──▶ store
//	                  │ a limit or a flaw                 │ a ref that lacks something
//	                  ▼                                   ▼
//	            nothing is kept                  only the other refs' objects are kept
type quarantine struct {
	repo *Repo
	dir  string
	pack *pack
	w    *packWriter
	sum  wire.ObjectID
}

const quarantineAge = 24 * time.Hour

func (r *Repo) newQuarantine() (*quarantine, error) {
	root := filepath.Join(r.dir, "quarantine")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("making quarantine: %w", err)
	}
	sweep(root)
	dir := filepath.Join(root, randomName())
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making quarantine: %w", err)
	}
	return &quarantine{repo: r, dir: dir}, nil
}

func sweep(root string) {
	names, _ := os.ReadDir(root)
	for _, n := range names {
		if st, err := n.Info(); err == nil && time.Since(st.ModTime()) > quarantineAge {
			os.RemoveAll(filepath.Join(root, n.Name()))
		}
	}
}

func (q *quarantine) close() {
	if q.w != nil {
		q.w.discard()
	}
	if q.pack != nil {
		q.pack.f.Close()
	}
	os.RemoveAll(q.dir)
}

// take imports foreign packs, one after the other, into one pack of our form.
func (q *quarantine) take(l Limits, packs ...io.Reader) error {
	w, err := newPackWriter(q.repo.disk, q.dir, -1)
	if err != nil {
		return fmt.Errorf("storing fetched pack: %w", err)
	}
	q.w = w
	m := newImporter(w, l)
	m.external = func(id wire.ObjectID) (kind, []byte, error) { return q.repo.object(id, MaxObject) }
	for _, r := range packs {
		m.places = map[uint64]wire.ObjectID{}
		if err := m.read(r); err != nil {
			return err
		}
	}
	return q.finish()
}

func (q *quarantine) finish() error {
	var err error
	if q.sum, err = q.w.finish(); err != nil {
		return err
	}
	x, err := parseIdx(encodeIdx(q.w.records, q.sum))
	if err != nil {
		return err
	}
	f, err := os.Open(q.w.f.Name())
	if err != nil {
		return err
	}
	q.pack = &pack{base: q.w.f.Name(), f: f, size: int64(q.w.offset) + 20, idx: x}
	return nil
}

// object reads from the quarantine only; its bytes were named by the importer.
func (q *quarantine) object(id wire.ObjectID) (kind, []byte, bool, error) {
	if q.pack == nil {
		return 0, nil, false, nil
	}
	i, ok := q.pack.idx.find(id)
	if !ok {
		return 0, nil, false, nil
	}
	k, data, err := q.pack.object(i, MaxObject, func(wire.ObjectID) (kind, []byte, error) { return 0, nil, errEntry })
	return k, data, true, err
}

// check walks from each tip and says which of them are whole: every object they
// reach is in the quarantine or in the store. (What is in the store came with all
// it points to.) good is what may move in.
func (q *quarantine) check(tips []wire.ObjectID) (bad map[wire.ObjectID]error, good map[wire.ObjectID]bool) {
	c := &closure{q: q, verdict: map[wire.ObjectID]error{}}
	bad = map[wire.ObjectID]error{}
	for _, tip := range tips {
		if err := c.visit(tip); err != nil {
			bad[tip] = err
		}
	}
	good = map[wire.ObjectID]bool{}
	for id, err := range c.verdict {
		if err == nil && !c.inStore[id] {
			good[id] = true
		}
	}
	return bad, good
}

// admit moves the good objects into the store: the quarantine's pack as it is
// when it holds nothing else, else a pack with only them.
func (q *quarantine) admit(good map[wire.ObjectID]bool) error {
	if len(good) == 0 {
		return nil
	}
	if len(good) == len(q.w.records) {
		return q.admitWriter(q.w, q.sum)
	}
	w, err := newPackWriter(q.repo.disk, q.dir, len(good))
	if err != nil {
		return fmt.Errorf("storing fetched pack: %w", err)
	}
	defer w.discard()
	order, ends, err := q.pack.layout()
	if err != nil {
		return err
	}
	for n, i := range order {
		if id := q.pack.idx.name(i); good[id] {
			entry, err := q.pack.rawEntry(i, ends[n])
			if err == nil {
				err = w.raw(id, entry)
			}
			if err != nil {
				return fmt.Errorf("storing fetched pack: %w", err)
			}
		}
	}
	sum, err := w.finish()
	if err != nil {
		return err
	}
	return q.admitWriter(w, sum)
}

func (q *quarantine) admitWriter(w *packWriter, sum wire.ObjectID) error {
	if err := w.keep(q.repo.packDir(), sum); err != nil {
		return err
	}
	q.repo.rescan(q.repo.packs.Load())
	return nil
}

// closure walks objects depth first, without recursion: a host may nest trees
// as deep as it likes.
type closure struct {
	q       *quarantine
	verdict map[wire.ObjectID]error // nil: whole
	inStore map[wire.ObjectID]bool
	stack   []closureFrame
}

type closureFrame struct {
	id    wire.ObjectID
	links []wire.ObjectID
	err   error
}

// visit gives the verdict on id. A hash can't contain itself, so there are no
// cycles but those of a collision, which the importer refuses.
func (c *closure) visit(id wire.ObjectID) error {
	if err, done := c.verdict[id]; done {
		return err
	}
	c.push(id)
	for len(c.stack) > 0 {
		top := &c.stack[len(c.stack)-1]
		if top.err != nil || len(top.links) == 0 {
			c.verdict[top.id] = top.err
			c.stack = c.stack[:len(c.stack)-1]
			continue
		}
		next := top.links[len(top.links)-1]
		if err, done := c.verdict[next]; done {
			top.links, top.err = top.links[:len(top.links)-1], err
			continue
		}
		c.push(next)
	}
	return c.verdict[id]
}

func (c *closure) push(id wire.ObjectID) {
	links, err := c.links(id)
	c.stack = append(c.stack, closureFrame{id, links, err})
}

func (c *closure) links(id wire.ObjectID) ([]wire.ObjectID, error) {
	k, data, here, err := c.q.object(id)
	if !here {
		if c.q.repo.Has(id) {
			if c.inStore == nil {
				c.inStore = map[wire.ObjectID]bool{}
			}
			c.inStore[id] = true
			return nil, nil
		}
		return nil, fmt.Errorf("%w: %s", ErrMissing, id)
	}
	if err != nil {
		return nil, err
	}
	return objectLinks(k, data)
}

// objectLinks names what an object points to.
func objectLinks(k kind, data []byte) ([]wire.ObjectID, error) {
	switch k {
	case kindCommit:
		tree, parents, err := commitLinks(data)
		return append(parents, tree), err
	case kindTree:
		entries, err := scanTree(data)
		return treeLinks(entries), err
	case kindTag:
		id, _, ok := linkLine(data, "object ")
		if !ok {
			return nil, fmt.Errorf("%w: tag without an object", ErrCorrupt)
		}
		return []wire.ObjectID{id}, nil
	}
	return nil, nil
}

func treeLinks(entries []TreeEntry) []wire.ObjectID {
	links := make([]wire.ObjectID, 0, len(entries))
	for _, e := range entries {
		if e.Mode != modeLink {
			links = append(links, e.ID)
		}
	}
	return links
}

// splittable: asking for fewer refs may help, since one of them may be at fault.
func splittable(err error) bool {
	return errors.Is(err, ErrTooBig) || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrRefused) ||
		errors.Is(err, ErrProtocol) || errors.Is(err, ErrMissing)
}
