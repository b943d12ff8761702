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
	split  bool // two branches go on from here, and no resolve has ended that
}

// ledgerBefore reads what lies on main: every file at the place of an entry in
// every commit below the tip, whoever made it.
func (c *check) ledgerBefore(tip wire.ObjectID) (*ledgerState, *Refusal) {
	if l, ok := c.recallLedger(tip); ok {
		return l, nil
	}
	return c.readLedger(c.envelopes(tip))
}

// forked refuses to build on a ledger of which two branches lie there.
func (c *check) forked(l *ledgerState) *Refusal {
	if !l.split {
		return nil
	}
	return refuse(c.refs.Ledger, Forked, "entry %d exists twice", l.roster.Head().Number+1)
}

// readLedger is what a newcomer makes of envelopes, by number.
func (c *check) readLedger(byNumber map[uint64][][]byte) (*ledgerState, *Refusal) {
	l := &ledgerState{}
	for _, env := range byNumber[0] {
		r, e, err := membership.Genesis(env)
		if err != nil {
			continue
		}
		if l.roster != nil && l.roster.Space() != r.Space() {
			return nil, refuse(c.refs.Ledger, OtherSpace, "two spaces begin on this branch")
		}
		l.take(r, e)
	}
	if l.roster != nil {
		l.goOn(afterGenesis(byNumber))
	}
	return l, nil
}

func afterGenesis(byNumber map[uint64][][]byte) (out [][]byte) {
	for n, envelopes := range byNumber {
		if n > 0 {
			out = append(out, envelopes...)
		}
	}
	return out
}

// goOn takes what extends the ledger, over forks that a resolve has ended.
func (l *ledgerState) goOn(envelopes [][]byte) {
	for {
		reading := l.roster.Read(envelopes)
		l.takeAll(reading.Roster, reading.Accepted)
		if l.split = reading.Split != nil; !l.split {
			return
		}
		b, ok := reading.Split.Resolved()
		if !ok {
			return
		}
		l.takeAll(b.Roster, b.Entries)
	}
}

func (l *ledgerState) takeAll(r *membership.Roster, entries []*membership.Entry) {
	for _, e := range entries {
		l.take(r, e)
	}
	l.roster = r
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
// pushes does not matter, since each entry is its author's. A push may also end a
// fork (see resolve.go).
func (c *check) ledger(u gitstore.RefUpdate) *Refusal {
	commits, r := c.added(u)
	if r != nil {
		return r
	}
	l, r := c.ledgerBefore(u.Old)
	if r != nil {
		return r
	}
	c.before = l.roster
	if next := c.resolved(u, commits, l); next != nil {
		l = next
	}
	if r := c.forked(l); r != nil {
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
		_, entry := entryNumber(path) // those that count are in files: ledgerEntries compared them
		if _, stays := files[path]; ours && !stays && !entry {
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
