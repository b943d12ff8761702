package space

import (
	"bytes"
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

// truncate goes back to the first n entries.
func (l *ledger) truncate(n int) {
	l.entries, l.envelopes = l.entries[:n], l.envelopes[:n]
	if n == 0 {
		l.roster = nil
		return
	}
	l.roster, _ = l.roster.At(uint64(n - 1))
}

// clone may be added to and truncated without changing l.
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
	start  int                    // entries verified before this reading
	blobs  map[wire.ObjectID]bool // looked at already
	forks  []fork
	junk   []string
	anchor wire.ObjectID // the last commit whose tree holds the ledger as it is read so far
}

// fork is two valid entries at one number.
type fork struct {
	number   uint64
	ours     []byte
	theirs   []byte
	declared bool // its author said in this ledger that it lost a race: no offence
	atOnce   bool // neither was verified before: nothing after the split is applied
}

// read takes the entries that are new in tip's ancestors, oldest commit first.
func (lr *ledgerReader) read(commits []gitstore.CommitRef) {
	for _, c := range commits {
		if c.Err != nil {
			lr.junk = append(lr.junk, fmt.Sprintf("object %.10s: %v", c.ID, c.Err))
			continue
		}
		files, err := lr.files(c.Tree)
		if err != nil {
			lr.junk = append(lr.junk, fmt.Sprintf("commit %.10s: %v", c.ID, err))
			continue
		}
		for _, f := range files {
			if stop := lr.file(f); stop {
				return
			}
		}
		if lr.whole(c.Tree) {
			lr.anchor = c.ID
		}
	}
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

// ledgerFile is one file at the place of an entry.
type ledgerFile struct {
	number    uint64
	dir, blob wire.ObjectID
}

// files lists what stands at the places of entries in a tree, by number. What
// was looked at before is left out.
func (lr *ledgerReader) files(tree wire.ObjectID) ([]ledgerFile, error) {
	root, err := lr.repo.Tree(tree)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(root, func(e gitstore.TreeEntry) bool { return e.Name == "ledger" && e.Mode == gitstore.ModeDir })
	if i < 0 {
		if lr.ledger.len() > 0 {
			return nil, errors.New("it holds no ledger")
		}
		return nil, nil // what the host made before the space was founded
	}
	dirs, err := lr.repo.Tree(root[i].ID)
	if err != nil {
		return nil, err
	}
	var out []ledgerFile
	for _, d := range dirs {
		if lr.blobs[d.ID] || d.Mode != gitstore.ModeDir {
			continue
		}
		lr.blobs[d.ID] = true
		entries, err := lr.repo.Tree(d.ID)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if n, ok := entryNumber(d.Name, e.Name); ok && e.Mode == gitstore.ModeFile && !lr.blobs[e.ID] {
				lr.blobs[e.ID] = true
				out = append(out, ledgerFile{n, d.ID, e.ID})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b ledgerFile) int { return int(int64(a.number) - int64(b.number)) })
	return out, nil
}

func entryNumber(dir, name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, ".json")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return n, err == nil && membership.Path(n) == "ledger/"+dir+"/"+name
}

// file judges one file. It reports whether reading must stop, at a fork of which
// this reader knew neither branch.
func (lr *ledgerReader) file(f ledgerFile) (stop bool) {
	switch head := uint64(lr.ledger.len()); {
	case f.number > head:
		// A later commit may bring what lies between; then it is read again.
		delete(lr.blobs, f.blob)
		delete(lr.blobs, f.dir)
		return false
	case f.number < head && gitstore.BlobID(lr.ledger.envelopes[f.number]) == f.blob:
		return false
	}
	envelope, err := lr.repo.Blob(f.blob, wire.MaxEnvelope)
	if err != nil {
		lr.junk = append(lr.junk, fmt.Sprintf("entry %d: %v", f.number, err))
		return false
	}
	if f.number < uint64(lr.ledger.len()) {
		return lr.contradiction(f.number, envelope)
	}
	if err := lr.next(envelope); err != nil {
		lr.junk = append(lr.junk, fmt.Sprintf("entry %d: %v", f.number, firstLine(err.Error())))
	}
	return false
}

func (lr *ledgerReader) next(envelope []byte) error {
	if lr.ledger.len() == 0 {
		u, err := membership.Parse(envelope)
		if err != nil {
			return err
		}
		if u.Hash != lr.space {
			return fmt.Errorf("it begins another space, %.16s…", u.Hash)
		}
	}
	return lr.ledger.add(envelope)
}

// contradiction judges another entry for a number that is taken. One that its
// author could have made there is a fork: whoever verified one before goes on
// with it and keeps the other as evidence; who meets both at once applies nothing
// after the split (DESIGN 3).
func (lr *ledgerReader) contradiction(number uint64, envelope []byte) (stop bool) {
	ev, ok := lr.ledger.roster.Contradicts(envelope)
	if !ok {
		if !bytes.Equal(envelope, lr.ledger.envelopes[number]) {
			lr.junk = append(lr.junk, fmt.Sprintf("entry %d: replaced by something else", number))
		}
		return false
	}
	f := fork{number: number, ours: lr.ledger.envelopes[number], theirs: envelope, declared: ev.Declared}
	if int(number) >= lr.start && !ev.Declared {
		f.atOnce = true
		lr.ledger.truncate(int(number))
	}
	lr.forks = append(lr.forks, f)
	return f.atOnce
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
	lr := &ledgerReader{repo: r.s.repo, ledger: r.ledger, space: r.s.id, start: r.ledger.len(), blobs: map[wire.ObjectID]bool{}}
	lr.read(commits)
	for _, j := range lr.junk {
		r.warn("ledger: ignoring %s", j)
	}
	for _, f := range lr.forks {
		if err := r.ledgerFork(f); err != nil {
			return err
		}
	}
	r.res.Fetched += max(0, r.ledger.len()-lr.start)
	r.doubtTimes(min(lr.start, r.ledger.len()))
	if err := r.ledger.save(r.v, lr.start); err != nil {
		return err
	}
	if !stands && r.ledger.len() <= lr.start {
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
