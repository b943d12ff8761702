package space

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/view"
)

// ledger is the verified ledger: its roster, and the envelopes as they stand on
// the host.
type ledger struct {
	roster    *membership.Roster
	entries   []*membership.Entry
	envelopes [][]byte
}

// add takes the next entry.
func (l *ledger) add(envelope []byte) error {
	var roster *membership.Roster
	var entry *membership.Entry
	var err error
	if l.roster == nil {
		roster, entry, err = membership.Genesis(envelope)
	} else {
		roster, entry, err = l.roster.Apply(envelope)
	}
	if err != nil {
		return err
	}
	l.roster = roster
	l.entries = append(l.entries, entry)
	l.envelopes = append(l.envelopes, envelope)
	return nil
}

// clone may be added to without changing l.
func (l *ledger) clone() *ledger {
	n := l.len()
	return &ledger{roster: l.roster, entries: l.entries[:n:n], envelopes: l.envelopes[:n:n]}
}

func (l *ledger) len() int { return len(l.entries) }

// save stores the entries from number first on.
func (l *ledger) save(v *view.Tx, first int) error {
	for i := first; i < l.len(); i++ {
		if err := v.Put(bucketLedger, wire.U64(uint64(i)), l.envelopes[i]); err != nil {
			return err
		}
	}
	return nil
}

// ledgerReader reads a ledger out of the commits of `main`. Only the entries
// decide: who made the commits, and what else their trees hold, does not matter.
type ledgerReader struct {
	repo   *gitstore.Repo
	ledger *ledger
	space  wire.Hash
	blobs  map[wire.ObjectID]bool // looked at already
	found  [][]byte               // envelopes that the ledger does not have
	size   int                    // of found
	result membership.Reading
	junk   []string
	anchor wire.ObjectID // the last commit whose tree holds the head of what was read
}

// maxLedgerRead bounds the envelopes that one reading holds in memory.
const maxLedgerRead = 256 << 20

// read takes the entries that are new among the commits. Which commit brought
// them in which order makes no difference (DESIGN 3 "Reading a chain").
func (lr *ledgerReader) read(commits []gitstore.CommitRef) {
	for _, c := range commits {
		err := c.Err
		if err == nil {
			err = lr.collect(c.Tree)
		}
		if err != nil {
			lr.ignore("commit %.10s: %v", c.ID, err)
		}
	}
	lr.judge()
	for _, c := range slices.Backward(commits) {
		if c.Err == nil && lr.whole(c.Tree) {
			lr.anchor = c.ID
			return
		}
	}
}

func (lr *ledgerReader) ignore(format string, args ...any) {
	lr.junk = append(lr.junk, firstLine(fmt.Sprintf(format, args...)))
}

// judge folds what was found. The founding entry is the one that the space's ID
// is the hash of.
func (lr *ledgerReader) judge() {
	if lr.ledger.roster == nil {
		lr.found = slices.DeleteFunc(lr.found, func(envelope []byte) bool {
			u, err := membership.Parse(envelope)
			if lr.ledger.roster != nil || err != nil || u.Hash != lr.space {
				return false
			}
			return lr.ledger.add(envelope) == nil
		})
	}
	if lr.ledger.roster == nil {
		return
	}
	lr.result = lr.ledger.roster.Read(lr.found)
	for _, e := range lr.result.Accepted {
		lr.ledger.entries = append(lr.ledger.entries, e)
		lr.ledger.envelopes = append(lr.ledger.envelopes, e.Envelope)
	}
	lr.ledger.roster = lr.result.Roster
}

// collect reads what stands at the places of entries in a tree and is not the
// entry that is known there.
func (lr *ledgerReader) collect(tree wire.ObjectID) error {
	root, err := lr.repo.Tree(tree)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(root, func(e gitstore.TreeEntry) bool { return e.Name == "ledger" && e.Mode == gitstore.ModeDir })
	if i < 0 {
		if lr.ledger.len() > 0 {
			return errors.New("it holds no ledger")
		}
		return nil // what the host made before the space was founded
	}
	dirs, err := lr.repo.Tree(root[i].ID)
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if d.Mode != gitstore.ModeDir || lr.blobs[d.ID] {
			continue
		}
		lr.blobs[d.ID] = true
		files, err := lr.repo.Tree(d.ID)
		if err != nil {
			return err
		}
		for _, f := range files {
			if n, ok := entryNumber(d.Name, f.Name); ok && f.Mode == gitstore.ModeFile && !lr.blobs[f.ID] {
				lr.blobs[f.ID] = true
				lr.take(n, f.ID)
			}
		}
	}
	return nil
}

func entryNumber(dir, name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, ".json")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return n, err == nil && membership.Path(n) == "ledger/"+dir+"/"+name
}

func (lr *ledgerReader) take(number uint64, blob wire.ObjectID) {
	if number < uint64(lr.ledger.len()) && gitstore.BlobID(lr.ledger.envelopes[number]) == blob {
		return
	}
	envelope, err := lr.repo.Blob(blob, wire.MaxEnvelope)
	if err == nil && lr.size+len(envelope) > maxLedgerRead {
		err = errors.New("more than a ledger can hold")
	}
	if err != nil {
		lr.ignore("entry %d: %v", number, err)
		return
	}
	lr.size += len(envelope)
	lr.found = append(lr.found, envelope)
}

// whole reports whether a tree holds the head of what was read.
func (lr *ledgerReader) whole(tree wire.ObjectID) bool {
	n := lr.ledger.len()
	if n == 0 {
		return false
	}
	want := gitstore.BlobID(lr.ledger.envelopes[n-1])
	for name := range strings.SplitSeq(membership.Path(uint64(n-1)), "/") {
		entries, err := lr.repo.Tree(tree)
		if err != nil {
			return false
		}
		i := slices.IndexFunc(entries, func(e gitstore.TreeEntry) bool { return e.Name == name })
		if i < 0 {
			return false
		}
		tree = entries[i].ID
	}
	return tree == want
}

// readLedger reads what is new on `main`.
func (r *round) readLedger(ref string, tip wire.ObjectID) error {
	if tip == r.tips[ref] {
		return nil
	}
	commits, stands, err := r.advance(ref, tip, "the ledger")
	if err != nil {
		return err
	}
	lr := &ledgerReader{repo: r.s.repo, ledger: r.ledger, space: r.s.id, blobs: map[wire.ObjectID]bool{}}
	start := r.ledger.len()
	lr.read(commits)
	for _, j := range lr.junk {
		r.warn("ledger: ignoring %s", j)
	}
	if err := r.ledgerOutcome(lr.result); err != nil {
		return err
	}
	r.res.Fetched += r.ledger.len() - start
	r.doubtTimes(start)
	if err := r.ledger.save(r.v, start); err != nil {
		return err
	}
	if !stands && r.ledger.len() == start {
		return nil
	}
	return r.moveTip(ref, lr.anchor)
}

// doubtTimes shows claimed times that lie ahead. No verdict depends on them.
func (r *round) doubtTimes(first int) {
	for _, e := range r.ledger.entries[first:] {
		if e.Time.After(r.now.Add(time.Hour)) {
			r.warn("ledger entry %d by %s claims the time %s, which lies ahead of this device's clock", e.Number, r.deviceName(e.Author), e.Time.Format(time.RFC3339))
		}
	}
}

// errNoLedger: the host shows nothing that is this space's ledger.
var errNoLedger = errors.New("the host shows no ledger of this space")
