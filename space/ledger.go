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

// take adds entries that were judged to follow, and the roster after them.
func (l *ledger) take(roster *membership.Roster, entries []*membership.Entry) {
	for _, e := range entries {
		l.entries, l.envelopes = append(l.entries, e), append(l.envelopes, e.Envelope)
	}
	l.roster = roster
}

// clone may be added to without changing l.
func (l *ledger) clone() *ledger {
	n := l.len()
	return &ledger{roster: l.roster, entries: l.entries[:n:n], envelopes: l.envelopes[:n:n]}
}

// within is l if the store has all of it, else an empty ledger: what a transaction
// wrote that failed later is not in the store.
func (l *ledger) within(v *view.Tx) (*ledger, error) {
	if l == nil || l.len() == 0 {
		return new(ledger), nil
	}
	last := l.len() - 1
	stored, _, err := v.Get(bucketLedger, wire.U64(uint64(last)))
	if err != nil || bytes.Equal(stored, l.envelopes[last]) {
		return l, err
	}
	return new(ledger), nil
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
// decide, and only which ones there are: who made the commits, in which order they
// come, and what else their trees hold, does not matter.
type ledgerReader struct {
	repo   *gitstore.Repo
	ledger *ledger
	space  wire.Hash
	blobs  map[wire.ObjectID]bool // looked at already
	batch  [][]byte               // envelopes to be judged
	all    [][]byte               // that were judged
	size   int                    // bytes of them

	places func(*membership.Split) map[wire.DeviceID][]wire.Position // that members signed; nil: unknown

	forks   []*membership.ForkEvidence
	split   *membership.Split
	refused []membership.Refusal
	junk    []string
}

// ledgerBatch bounds what is in memory to be judged at once. A ledger is much
// smaller; beyond it somebody wants to fill the memory.
const ledgerBatch = 64 << 20

// read takes the entries that are new in tip's ancestors.
func (lr *ledgerReader) read(commits []gitstore.CommitRef) {
	for _, c := range commits {
		if c.Err != nil {
			lr.ignore("object %.10s: %v", c.ID, c.Err)
			continue
		}
		files, err := lr.files(c.Tree)
		if err != nil {
			lr.ignore("commit %.10s: %v", c.ID, err)
			continue
		}
		for _, f := range files {
			lr.file(f)
		}
	}
	lr.judge()
}

func (lr *ledgerReader) ignore(format string, args ...any) {
	if len(lr.junk) < maxWarnings {
		lr.junk = append(lr.junk, fmt.Sprintf(format, args...))
	}
}

// judge reads what was collected. What a split ledger waits for stays collected.
func (lr *ledgerReader) judge() {
	batch := lr.batch
	lr.batch, lr.size = nil, 0
	if len(batch) == 0 || !lr.begin(batch) {
		return
	}
	lr.all = append(lr.all, batch...)
	got := lr.ledger.roster.Read(batch)
	lr.refused = append(lr.refused, got.Refused...)
	for lr.take(got) {
		got = lr.ledger.roster.Read(lr.all) // what stands on the branch that counts
	}
	lr.batch = rivals(lr.split)
}

// take adds what was read; again says that a split in it was settled.
func (lr *ledgerReader) take(got membership.Reading) (again bool) {
	lr.ledger.take(got.Roster, got.Accepted)
	lr.forks, lr.split = append(lr.forks, got.Forks...), got.Split
	if got.Split == nil {
		return false
	}
	b, ok := lr.settled(got.Split)
	if ok {
		lr.ledger.take(b.Roster, b.Entries)
		lr.split = nil
	}
	return ok
}

// settled: both branches were met at once. An owner of both may have settled it, or all
// members who belong on both, and say anything, stand on one (DESIGN 3).
func (lr *ledgerReader) settled(s *membership.Split) (membership.Branch, bool) {
	if b, ok := s.Resolved(); ok || lr.places == nil {
		return b, ok
	}
	return s.Named(lr.places(s))
}

// rivals are the entries of all branches.
func rivals(s *membership.Split) (out [][]byte) {
	if s == nil {
		return nil
	}
	for _, b := range s.Branches {
		for _, e := range b.Entries {
			out = append(out, e.Envelope)
		}
	}
	return out
}

// begin finds the entry that founded the space, if nothing was read yet.
func (lr *ledgerReader) begin(batch [][]byte) bool {
	for _, envelope := range batch {
		if lr.ledger.len() > 0 {
			break
		}
		if u, err := membership.Parse(envelope); err != nil || u.Hash != lr.space {
			continue
		}
		if err := lr.ledger.add(envelope); err != nil {
			lr.ignore("entry 0: %v", err)
		}
	}
	return lr.ledger.len() > 0
}

// anchor is the last commit whose tree holds the ledger as it was read.
func (lr *ledgerReader) anchor(commits []gitstore.CommitRef) wire.ObjectID {
	for _, c := range slices.Backward(commits) {
		if c.Err == nil && lr.whole(c.Tree) {
			return c.ID
		}
	}
	return wire.ObjectID{}
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
	number uint64
	blob   wire.ObjectID
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
				out = append(out, ledgerFile{n, e.ID})
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

// file collects what stands at the place of an entry.
func (lr *ledgerReader) file(f ledgerFile) {
	if f.number < uint64(lr.ledger.len()) && gitstore.BlobID(lr.ledger.envelopes[f.number]) == f.blob {
		return
	}
	envelope, err := lr.repo.Blob(f.blob, wire.MaxEnvelope)
	if err != nil {
		lr.ignore("entry %d: %v", f.number, err)
		return
	}
	switch u, err := membership.Parse(envelope); {
	case err != nil:
		lr.ignore("entry %d: %v", f.number, firstLine(err.Error()))
	case u.Space != lr.space:
		lr.ignore("entry %d: it is of another space, %.16s…", f.number, u.Space)
	case u.Number != f.number:
		lr.ignore("entry %d: it says that it is number %d", f.number, u.Number)
	default:
		lr.batch, lr.size = append(lr.batch, envelope), lr.size+len(envelope)
	}
	if lr.size > ledgerBatch {
		lr.judge()
	}
}

// readLedger reads what is new on `main`, with what an earlier reading left open.
func (r *round) readLedger(ref string, tip wire.ObjectID) error {
	start := r.ledger.len()
	lr := &ledgerReader{repo: r.s.repo, ledger: r.ledger, space: r.s.id, blobs: map[wire.ObjectID]bool{}, places: r.signedPlaces}
	for rival, err := range r.v.Each(bucketRival, nil) {
		if err != nil {
			return err
		}
		lr.batch = append(lr.batch, rival.Value)
	}
	if tip == r.tips[ref] && len(lr.batch) == 0 {
		return nil
	}
	var commits []gitstore.CommitRef
	stands := true
	if tip != r.tips[ref] {
		var err error
		if commits, stands, err = r.advance(ref, tip, "the ledger"); err != nil {
			return err
		}
	}
	lr.read(commits)
	if err := r.ledgerFindings(lr); err != nil {
		return err
	}
	r.res.Fetched += r.ledger.len() - start
	r.doubtTimes(start)
	if err := r.ledger.save(r.v, start); err != nil {
		return err
	}
	if !stands && r.ledger.len() <= start {
		return nil
	}
	return r.moveTip(ref, lr.anchor(commits))
}

// ledgerFindings reports what was not read, and keeps a split open: whichever
// branch the host shows next, neither counts before somebody settles it (DESIGN 3).
func (r *round) ledgerFindings(lr *ledgerReader) error {
	for _, f := range lr.forks {
		if err := r.ledgerFork(f); err != nil {
			return err
		}
	}
	for _, e := range lr.refused {
		if err := r.ledgerRefused(e); err != nil {
			return err
		}
	}
	for _, j := range lr.junk {
		r.warn("ledger: ignoring %s", j)
	}
	if r.split = lr.split != nil; !r.split {
		return r.keepRivals(lr.all)
	}
	r.warn(hintForks)
	if r.holdsBack(lr.split) {
		r.hidden = "a branch of the ledger has sealed this epoch"
	}
	for _, envelope := range rivals(lr.split) {
		key := wire.Sum(envelope)
		if err := r.v.Put(bucketRival, key[:], envelope); err != nil {
			return err
		}
	}
	return r.ledgerSplit(lr.split)
}

// forgetRivals forgets the branches of a split that is none any more.
func (r *round) forgetRivals() error {
	for rival, err := range r.v.Each(bucketRival, nil) {
		if err != nil {
			return err
		}
		if err := r.v.Delete(bucketRival, rival.Key); err != nil {
			return err
		}
	}
	return nil
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
