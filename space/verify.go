package space

import (
	"context"
	"errors"
	"fmt"

	"github.com/espace-git/espace-git/chain"
	"github.com/espace-git/espace-git/gitstore"
	"github.com/espace-git/espace-git/internal/wire"
	"github.com/espace-git/espace-git/membership"
	"github.com/espace-git/espace-git/merge"
	"github.com/espace-git/espace-git/view"
)

// VerifyOptions say how much is verified.
type VerifyOptions struct {
	// Full folds all operations anew, too, and compares the result with the view.
	Full bool
}

// VerifyResult is what an audit found.
type VerifyResult struct {
	OK         bool     `json:"ok"`
	Entries    int      `json:"entries"`    // of the ledger
	Lanes      int      `json:"lanes"`      // that have entries
	Operations int      `json:"operations"` // in them; in full those of sealed epochs, too
	From       uint64   `json:"from"`       // the first epoch that was read: in full all that this device has the secrets of
	Problems   []string `json:"problems"`   // never null
}

// Verify reads what is stored in git again from the first commit: every signature,
// hash and root, and every entry's content. It trusts nothing that was noted
// before, and asks a host only in full, for sealed epochs that are not here. Problems, and evidence that was kept earlier, make the
// error ErrViolation; the result is complete all the same.
func (s *Space) Verify(ctx context.Context, o VerifyOptions) (*VerifyResult, error) {
	res := &VerifyResult{Problems: []string{}}
	if o.Full {
		if err := s.beginByHistory(ctx); err != nil {
			return res, classify(err)
		}
	}
	// The view's check repairs what it finds, in a transaction that is taken back: an
	// audit changes nothing.
	err := s.undone(ctx, func(v *view.Tx) error {
		a := &audit{s: s, v: v, res: res}
		return a.run(ctx)
	})
	if err == nil && o.Full {
		err = errors.Join(s.foldAgain(ctx, res), s.foldHistory(ctx, res))
	}
	if err != nil {
		return res, classify(err)
	}
	if res.OK = len(res.Problems) == 0; !res.OK {
		return res, join(ErrViolation, fmt.Errorf("%d problems: %s", len(res.Problems), res.Problems[0]))
	}
	return res, nil
}

// audit is one reading of everything, from nothing.
type audit struct {
	s   *Space
	v   *view.Tx
	res *VerifyResult
	r   *round // what the store says

	lacks []string // the problems that are git's
}

// lack is a problem of git alone: what was verified is not in it.
func (a *audit) lack(format string, args ...any) {
	a.problem(format+": `espace-git doctor` fetches it anew", args...)
	a.lacks = append(a.lacks, fmt.Sprintf(format, args...))
}

func (a *audit) problem(format string, args ...any) {
	a.res.Problems = append(a.res.Problems, fmt.Sprintf(format, args...))
}

func (a *audit) run(ctx context.Context) (err error) {
	if a.r, err = a.s.newRound(a.v, &SyncResult{}); err != nil {
		return err
	}
	if a.r.roster() == nil {
		return errNoLedger
	}
	a.res.From = a.r.epoch().Number
	a.ledger()
	for _, d := range a.r.roster().Devices() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.lane(d); err != nil {
			return err
		}
		a.s.opts.Progress(Progress{Phase: "verifying lanes", Done: int64(a.res.Lanes)})
	}
	if err := errors.Join(a.order(), a.closings()); err != nil {
		return err
	}
	problems, err := a.v.Check()
	a.res.Problems = append(a.res.Problems, problems...)
	if err != nil {
		return err
	}
	return a.kept()
}

// ledger: the commits of `main` give exactly the ledger that is in force here.
func (a *audit) ledger() {
	a.res.Entries = a.r.ledger.len()
	tip, ok := a.r.tips[a.s.refs.Ledger]
	if !ok {
		return // not on a host yet
	}
	commits, err := a.s.repo.Commits([]wire.ObjectID{tip}, nil, maxCommits)
	if err != nil {
		a.lack("ledger: %v", err)
		return
	}
	lr := &ledgerReader{repo: a.s.repo, ledger: new(ledger), space: a.s.id, blobs: map[wire.ObjectID]bool{}}
	for _, c := range commits {
		if c.Err == nil {
			_, _ = lr.files(c.Tree) // a stranger's tree: what it holds is junk
		}
	}
	want := a.r.ledger.envelopes
	for i, envelope := range want {
		if !lr.blobs[gitstore.BlobID(envelope)] {
			a.lack("ledger: git does not have entry %d, which was verified before", i)
		}
	}
	if roster, _, err := membership.Fold(nil, want); err != nil {
		a.problem("ledger: %v", err)
	} else if roster.Space() != a.s.id {
		a.problem("ledger: it is of another space")
	}
}

// lane: the commits give the log that was verified, and every entry opens.
func (a *audit) lane(d membership.Device) error {
	ref := a.s.refs.Lane(a.r.epoch(), d.ID)
	tip, ok := a.r.tips[ref]
	if !ok || a.r.secret.IsZero() {
		return nil
	}
	name := a.r.deviceName(d.ID)
	l, err := a.r.loadLane(d)
	if err != nil {
		a.problem("lane of %s: %v", name, err)
		return nil
	}
	commits, err := a.s.repo.Commits([]wire.ObjectID{tip}, nil, maxCommits)
	if err != nil {
		a.lack("lane of %s: %v", name, err)
		return nil
	}
	fresh := &lane{device: d, reader: chain.NewLaneReader(a.s.id, a.r.epoch().O, d.Key), log: new(chain.Log)}
	pieces, _, _ := a.r.readPieces(fresh, commits)
	entries, _ := fresh.reader.Read(pieces)
	if root, ok := fresh.reader.RootAt(l.reader.Head().Len); !ok || root != l.reader.Head().Root {
		a.lack("lane of %s: git does not have the %d entries that were verified before", name, l.reader.Head().Len)
	}
	a.entries(name, l, fresh, entries)
	if l.SetAside != "" {
		a.problem("lane of %s is set aside: %s", name, l.SetAside)
	}
	return nil
}

func (a *audit) entries(name string, l, fresh *lane, entries [][]byte) {
	if len(entries) > 0 {
		a.res.Lanes++
	}
	for i, stored := range entries {
		if l.SetAside != "" && uint64(i) >= l.log.Len() {
			return // known to be wrong from here on
		}
		e, err := a.r.openEntry(fresh, stored)
		if err != nil {
			a.problem("lane of %s: %v", name, err)
			return
		}
		fresh.log.Append(stored)
		for _, tx := range e.Transactions {
			a.res.Operations += len(tx.Ops)
		}
	}
}

// kept: evidence of what can't be put right stays a problem.
func (a *audit) kept() error {
	list, err := loadEvidence(a.v)
	if err != nil {
		return err
	}
	open, err := a.r.rivalEnvelopes()
	for _, e := range list {
		// A fork that was settled is history; so is what a host took back and was put right.
		settled := len(open) == 0 && (e.Kind == kindFork || e.Kind == "ledger-branch")
		if e.Kind != "taken-back" && e.Kind != kindHidden && !settled {
			a.problem("%s (%s)", e.Text, e.Time.Format("2006-01-02"))
		}
	}
	return err
}

var errUndo = errors.New("undo")

// foldAgain folds everything from git and the journal in a transaction that is
// taken back, and compares the digest of the result with that of the view.
func (s *Space) foldAgain(ctx context.Context, res *VerifyResult) error {
	return s.undone(ctx, func(v *view.Tx) error {
		before, err := v.Digest()
		if err != nil {
			return err
		}
		if err := s.rebuild(ctx, v); err != nil {
			return err
		}
		after, err := v.Digest()
		if err == nil && before != after {
			res.Problems = append(res.Problems, "the view is not what git and the journal fold to: `espace-git doctor --rebuild`")
		}
		return err
	})
}

// undone runs fn in a transaction that is taken back.
func (s *Space) undone(ctx context.Context, fn func(*view.Tx) error) error {
	err := s.db.Update(ctx, func(v *view.Tx) error {
		if err := fn(v); err != nil {
			return err
		}
		return errUndo
	})
	if errors.Is(err, errUndo) {
		return nil
	}
	return err
}

// rebuild makes the view's rows anew from the state that the epoch started with, the
// lanes in git, and the journal.
func (s *Space) rebuild(ctx context.Context, v *view.Tx) error {
	r, err := s.rebuildLanes(ctx, v)
	if err != nil {
		return err
	}
	return r.foldJournal(nil)
}

// rebuildLanes is rebuild without what waits in the journal.
func (s *Space) rebuildLanes(ctx context.Context, v *view.Tx) (*round, error) {
	r, err := s.newRound(v, &SyncResult{})
	if err != nil {
		return nil, err
	}
	if err := r.resetEpoch(); err != nil {
		return nil, err
	}
	r.again = true
	local := &display{refs: map[string]wire.ObjectID{}}
	for ref, tip := range r.tips {
		if n, ok := s.refs.Parse(ref); ok && n.Kind == wire.RefLane {
			local.refs[ref] = tip
			delete(r.tips, ref)
		}
	}
	if err := r.rebuildOrder(); err != nil {
		return nil, err
	}
	return r, r.readLanes(ctx, local)
}

// foldJournal applies the own transactions that are not in the lane yet, but for those
// that edit documents if they were set back.
func (r *round) foldJournal(back *setBack) error {
	rows, err := r.v.PendingJournal(0)
	if err != nil {
		return err
	}
	for _, row := range rows {
		tx, err := merge.DecodeTransaction(row.Tx)
		if err != nil {
			return fmt.Errorf("local store: journal: %w", err)
		}
		if back != nil && edits(tx) {
			continue
		}
		if _, err := r.v.Apply(r.me.Device, r.me.Member, tx.Stamp(r.me.Device), tx.Ops); err != nil {
			return err
		}
	}
	return nil
}

// Doctor checks the local store and repairs what it can: objects that the disk
// lost it fetches anew; with rebuild it makes the view anew from git and the
// journal. It says what it did, also when it fails.
func (s *Space) Doctor(ctx context.Context, rebuild bool) (did []string, err error) {
	unlock, err := s.lockSync(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if did, err = s.restoreGit(ctx); err != nil {
		return did, classify(err)
	}
	made, err := s.restoreBase(ctx)
	if did = append(did, made...); err != nil {
		return did, classify(err)
	}
	if err := s.repo.Consolidate(ctx); err != nil {
		return did, err
	}
	did = append(did, "packed the local repository")
	err = s.db.Update(ctx, func(v *view.Tx) error {
		problems, err := v.Check()
		if err != nil {
			return err
		}
		for _, p := range problems {
			did = append(did, "found: "+p)
		}
		if !rebuild && len(problems) == 0 {
			did = append(did, "checked the local store: it is well")
			return nil
		}
		did = append(did, "made the view anew from git and the journal")
		return s.rebuild(ctx, v)
	})
	return did, classify(err)
}
