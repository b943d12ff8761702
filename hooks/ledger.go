package hooks

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
)

// readme is the one file of main besides the entries. It is for people who find
// the repository, and each program version has its words.
const readme = "README.md"

// ledgerState is the ledger up to some commit: the roster, nil before genesis,
// and for each entry the blob that holds it.
type ledgerState struct {
	roster *membership.Roster
	blobs  []wire.ObjectID
}

// ledgerBefore reads what lies on main: every file at the place of an entry in
// every commit below the tip, whoever made it.
func (c *check) ledgerBefore(tip wire.ObjectID) (*ledgerState, *Refusal) {
	if l, ok := c.recallLedger(tip); ok {
		return l, nil
	}
	var geneses, others [][]byte
	for number, envelopes := range c.envelopes(tip) {
		if number == 0 {
			geneses = envelopes
		} else {
			others = append(others, envelopes...)
		}
	}
	l := &ledgerState{}
	for _, env := range geneses {
		r, e, err := membership.Genesis(env)
		if err != nil {
			continue
		}
		if l.roster != nil && l.roster.Space() != r.Space() {
			return nil, refuse(c.refs.Ledger, OtherSpace, "two spaces begin on this branch")
		}
		l.take(r, e)
	}
	if l.roster == nil {
		return l, nil
	}
	reading := l.roster.Read(others)
	for _, e := range reading.Accepted {
		l.blobs = append(l.blobs, gitstore.BlobID(e.Envelope))
	}
	l.roster = reading.Roster
	if reading.Split != nil {
		return nil, refuse(c.refs.Ledger, Forked, "entry %d exists twice", l.roster.Head().Number+1)
	}
	return l, nil
}

func (l *ledgerState) take(r *membership.Roster, e *membership.Entry) {
	l.roster = r
	l.blobs = append(l.blobs[:e.Number:e.Number], gitstore.BlobID(e.Envelope))
}

// envelopes are the files at the places of entries below tip, by number.
func (c *check) envelopes(tip wire.ObjectID) map[uint64][][]byte {
	out := map[uint64][][]byte{}
	folders, blobs := map[place]bool{}, map[place]bool{}
	visit := func(f place) {
		n, ok := entryNumber(f.path)
		if !ok || blobs[f] {
			return
		}
		blobs[f] = true
		env, err := c.repo.Blob(f.id, wire.MaxEnvelope)
		if err != nil {
			return // not an entry; it was there before
		}
		if u, err := membership.Parse(env); err == nil && u.Number == n {
			out[n] = append(out[n], env)
		}
	}
	for _, raw := range c.ancestors(tip) {
		if tree, err := gitstore.CommitTree(raw); err == nil {
			w := walk{repo: c.repo, seen: folders, left: maxFiles, visit: visit}
			_ = w.folder(place{id: tree}, 1) // junk from before the hook is passed over
		}
	}
	return out
}

func entryNumber(path string) (uint64, bool) {
	file := path[strings.LastIndexByte(path, '/')+1:]
	n, err := strconv.ParseUint(strings.TrimSuffix(file, ".json"), 10, 53)
	return n, err == nil && membership.Path(n) == path
}

// ledger checks a push to main: only the next valid entries are added. Who
// pushes does not matter, since each entry is its author's.
func (c *check) ledger(u gitstore.RefUpdate) *Refusal {
	l, r := c.ledgerBefore(c.commitOrNone(u.Old))
	if r != nil {
		return r
	}
	c.before = l.roster
	commits, r := c.added(u)
	if r != nil {
		return r
	}
	for _, commit := range commits {
		if r := c.ledgerCommit(u.Name, l, commit); r != nil {
			return r
		}
	}
	c.after = l.roster
	c.rememberLedger(u.New, l)
	return nil
}

func (c *check) ledgerCommit(ref string, l *ledgerState, commit chain.Unverified) *Refusal {
	files, err := c.files(commit.Git().Tree)
	if err != nil {
		return refuse(ref, Tree, "%w", err)
	}
	added, r := c.ledgerEntries(ref, l, files)
	if r != nil {
		return r
	}
	if r := c.ledgerFiles(ref, l, commit, files); r != nil {
		return r
	}
	return c.ledgerSigner(ref, l, commit, added)
}

// ledgerEntries applies the entries of a tree that are new, and compares those
// that are not. It gives the number of new ones.
func (c *check) ledgerEntries(ref string, l *ledgerState, files map[string]wire.ObjectID) (added int, r *Refusal) {
	for n, id := range l.blobs {
		if files[membership.Path(uint64(n))] != id {
			return 0, refuse(ref, Tree, "entry %d is taken out or replaced", n)
		}
	}
	for ; ; added++ {
		n := uint64(len(l.blobs))
		id, ok := files[membership.Path(n)]
		if !ok {
			return added, nil
		}
		if r := c.ledgerEntry(ref, l, n, id); r != nil {
			return 0, r
		}
	}
}

func (c *check) ledgerEntry(ref string, l *ledgerState, n uint64, id wire.ObjectID) *Refusal {
	env, err := c.repo.Blob(id, wire.MaxEnvelope)
	if err != nil {
		return refuse(ref, LedgerEntry, "entry %d: %w", n, err)
	}
	apply := membership.Genesis
	if l.roster != nil {
		apply = l.roster.Apply
	}
	next, e, err := apply(env)
	if err != nil {
		return refuse(ref, LedgerEntry, "entry %d: %w", n, err)
	}
	l.take(next, e)
	return nil
}

// ledgerFiles checks that nothing else is in the tree but what was there before,
// and that nothing of ours is gone. A foreign parent's own files may go.
func (c *check) ledgerFiles(ref string, l *ledgerState, commit chain.Unverified, files map[string]wire.ObjectID) *Refusal {
	var before map[string]wire.ObjectID
	ours := false
	if p := commit.Git().Parents; len(p) == 1 {
		before, ours = c.filesOf(p[0]), c.isLedgerCommit(p[0], l)
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		n, entry := entryNumber(path)
		if entry && n < uint64(len(l.blobs)) || path == readme || before[path] == files[path] {
			continue
		}
		return refuse(ref, Tree, "%q does not belong here", path)
	}
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if _, stays := files[path]; ours && !stays {
			return refuse(ref, Tree, "%q is taken out", path)
		}
	}
	return nil
}

func (c *check) isLedgerCommit(id wire.ObjectID, l *ledgerState) bool {
	raw, err := c.repo.CommitBytes(id)
	if err != nil {
		return false
	}
	u, err := chain.Parse(raw)
	return err == nil && l.roster != nil && u.Claims().Kind == chain.Ledger && u.Claims().Space == l.roster.Space()
}

// ledgerSigner checks who made the commit: a device that the ledger knows with
// what the commit brings; an active one if that is nothing.
func (c *check) ledgerSigner(ref string, l *ledgerState, commit chain.Unverified, added int) *Refusal {
	m := commit.Claims()
	if l.roster == nil {
		return refuse(ref, LedgerEntry, "the commit founds no space")
	}
	if m.Kind != chain.Ledger || m.Space != l.roster.Space() || !opened(l.roster, m.Epoch) {
		return refuse(ref, OtherPlace, "a commit of another kind, space or epoch")
	}
	d, ok := l.roster.Device(m.Device)
	if !ok || added == 0 && !d.Active {
		return refuse(ref, NotPermitted, "device %s does not belong to the space", m.Device)
	}
	if _, err := commit.Verify(d.Key); err != nil {
		return refuse(ref, Signature, "%w", err)
	}
	return nil
}

func opened(r *membership.Roster, o wire.Hash) bool {
	return slices.ContainsFunc(r.Openings(), func(e membership.Opening) bool { return e.O == o })
}
